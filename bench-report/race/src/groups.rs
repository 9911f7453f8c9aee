//! THE list of what the groups of workloads are about, in words for a reader in a hurry.

/// Each group, as its workloads name it, and the kind of work in it.
pub const GROUPS: &[(&str, &str)] = &[
    ("Scheduling", "short tasks, wake-ups"),
    ("Fairness", "turns of equal tasks"),
    ("Cancellation", "until tasks are gone"),
    ("Tasks that compute", "from none to much work"),
    ("Control loop", "bursts and gaps"),
    ("From outside", "work of other threads"),
    ("Timers", "many sleeps, timeouts"),
    ("Timer accuracy", "how late a sleep ends"),
    ("Busy neighbours", "ticks beside busy tasks"),
    ("Idling", "processor time of waiting"),
    ("Blocking jobs", "jobs on a pool"),
    ("Calls from threads", "block_on"),
    ("Start and end", "of a runtime"),
    ("Sockets", "echo, connecting"),
    ("Request latency", "how late a request ends"),
    ("Memory", "bytes of a task"),
];

/// Returns what a group is about; an empty text if it is not in the list.
pub fn about(group: &str) -> &'static str {
    GROUPS.iter().find(|(name, _)| *name == group).map_or("", |(_, about)| about)
}
