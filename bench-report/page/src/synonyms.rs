//! THE list of the words by which readers look for rows that do not have them: a search for "latency" finds what
//! measures lateness.

/// Parts of the words of a row, and the words that it is found by as well.
const SYNONYMS: &[(&[&str], &str)] = &[
    (&["late", "accuracy", "busy-", "requests"], "latency p99 p50 tail jitter starvation"),
    (&["sleepers", "idle-connections"], "memory bytes footprint ram"),
    (&["echo", "connect", "requests"], "web http network tcp server i/o io sockets"),
    (&["cancellation", "wait-timeout"], "cancel abort drop token select"),
    (&["sleep", "timer", "timeout", "idle"], "deadline delay interval"),
    (&["channel"], "mpsc queue"),
    (&["spawn", "fan-out", "skynet", "fibonacci"], "fork throughput"),
    (&["blocking"], "spawn_blocking pool file"),
    (&["idle"], "cpu power battery"),
    (&["wake", "ping-pong", "yield"], "notify context-switch"),
    (&["remote"], "cross-thread"),
    (&["lifecycle", "block-on"], "startup shutdown runtime block_on"),
    (&["fair"], "fairness starvation"),
];

/// Words that find something in most runs, for readers whose word finds nothing.
pub(super) const SUGGESTED: &str = "latency, timer, memory, web, cancel, blocking, or the name of a workload";

/// Returns the words that a row is found by, besides its own.
pub(super) fn of(words: &str) -> String {
    let words = words.to_lowercase();
    let found = SYNONYMS.iter().filter(|(parts, _)| parts.iter().any(|part| words.contains(part)));
    found.map(|(_, also)| *also).collect::<Vec<_>>().join(" ")
}
