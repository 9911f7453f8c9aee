//! THE list of known issues of lanes that a workload makes visible, to be read beside its figures.
//!
//! Each entry says what a reader may see, and why; none says a figure, which is for the run to tell. What has been
//! reported upstream has the issue's number; what is by design has none.

use results::{Executor, Known, Workload};

/// An issue of some lanes in some workloads.
#[derive(Debug)]
pub struct Entry {
    /// Names of the workloads.
    pub workloads: &'static [&'static str],
    /// Names of the lanes.
    pub lanes: &'static [&'static str],
    /// The symptom that a reader may see, and its cause, in a sentence or two.
    pub says: &'static str,
    /// The issue as people name it, and where it is; none if it is by design.
    pub issue: Option<(&'static str, &'static str)>,
}

/// The clock of tokio's timers.
const WHOLE_MILLISECONDS: (&str, &str) = ("tokio#5021", "https://github.com/tokio-rs/tokio/issues/5021");

/// Everything, in the order of the page.
pub const KNOWN: &[Entry] = &[
    Entry {
        workloads: &["busy-neighbour"],
        lanes: &["tokio", "tokio-current-thread"],
        says: "Deadlines are rounded up to whole milliseconds: a tick may be about one late without any neighbour, \
               at size 0. What a neighbour costs is the difference to that.",
        issue: Some(WHOLE_MILLISECONDS),
    },
    Entry {
        workloads: &["busy-neighbours"],
        lanes: &["tokio"],
        says: "What a worker woke last waits in a slot that no other worker takes from. If the next poll of \
               that worker is long, this one task may be late by all of it. An unstable option takes the slot away: the \
               lane tokio-no-lifo of the lineup options.",
        issue: Some(("tokio#4941", "https://github.com/tokio-rs/tokio/issues/4941")),
    },
    Entry {
        workloads: &["wait-timeout"],
        lanes: &["tokio", "tokio-current-thread"],
        says: "Deadlines are rounded up to whole milliseconds, so that a run may end about one late: divided among \
               few tasks, that may be most of what each of them takes.",
        issue: Some(WHOLE_MILLISECONDS),
    },
    Entry {
        workloads: &["timer-churn", "wait-timeout"],
        lanes: &["tokio"],
        says: "All timers of a runtime are behind one lock, which is taken to arm one and to disarm it: with \
               more workers an operation may cost more. Two processors show the beginning of that at most. An unstable \
               option has timers for each worker: the lane tokio-alt-timer of the lineup options.",
        issue: Some(("tokio#6504", "https://github.com/tokio-rs/tokio/issues/6504")),
    },
    Entry {
        workloads: &["timer-accuracy", "timer-accuracy-crowd"],
        lanes: &["tokio", "tokio-current-thread"],
        says: "Deadlines are rounded up to whole milliseconds, so that a sleep may end about one late however \
               short it is.",
        issue: Some(WHOLE_MILLISECONDS),
    },
    Entry {
        workloads: &["sleep-fan-out"],
        lanes: &["tokio", "tokio-current-thread"],
        says: "Deadlines are rounded up to whole milliseconds, so that a run may end about one late: among few tasks \
               that is much for each, among very many next to nothing.",
        issue: Some(WHOLE_MILLISECONDS),
    },
    Entry {
        workloads: &["blocking-squares"],
        lanes: &["tokio", "tokio-current-thread"],
        says: "Submitting and taking a job both lock one queue, so for small jobs the lock may cost more than \
               the work. An unstable option has several queues: the lane tokio-sharded-blocking of the lineup options.",
        issue: Some(("tokio#2528", "https://github.com/tokio-rs/tokio/issues/2528")),
    },
    Entry {
        workloads: &["blocking-squares"],
        lanes: &["async-std", "smol", "smol-local"],
        says: "The pool has one queue behind one lock, as in tokio; the report was closed because nobody \
               showed that it matters.",
        issue: Some(("smol#19", "https://github.com/smol-rs/smol/issues/19")),
    },
    Entry {
        workloads: &["blocking-squares-slow"],
        lanes: &["rayon"],
        says: "Rayon has no pool for jobs that block. Ours is a second pool of rayon's, whose threads look for \
               work a while before they sleep: where jobs come one by one, that may show as processor time.",
        issue: Some(("rayon#642", "https://github.com/rayon-rs/rayon/issues/642")),
    },
    Entry {
        workloads: &["control-loop", "control-loop-cpu"],
        lanes: &["rayon"],
        says: "Workers without a job look for one a while before they sleep: with bursts that follow each other closely, that \
               may show as processor time. The workload has its shape from a benchmark that was offered to rayon for this.",
        issue: Some(("rayon#1318", "https://github.com/rayon-rs/rayon/pull/1318")),
    },
    Entry {
        workloads: &["wake-remote-busy"],
        lanes: &["rayon"],
        says: "A worker looks at what comes from outside only when it has no job of its own and finds none to steal: tasks \
               that keep yielding keep it from that for as long as they run.",
        issue: None,
    },
    Entry {
        workloads: &["spawn-remote"],
        lanes: &["tokio"],
        says: "Tasks from outside go through one queue behind one lock, which since 1.54 is at least not that \
               of idle workers: two threads that spawn may hold up each other.",
        issue: Some(("tokio#8382", "https://github.com/tokio-rs/tokio/pull/8382")),
    },
    Entry {
        workloads: &["ping-pong", "wake-remote"],
        lanes: &["tokio"],
        says: "A worker that gets work wakes another to look for more. Where there is never more than one task \
               ready, that is in vain, and more workers may be slower than one.",
        issue: Some(("tokio#4383", "https://github.com/tokio-rs/tokio/pull/4383")),
    },
    Entry {
        workloads: &["spawn-join", "yield-now", "ping-pong", "skynet", "fibonacci"],
        lanes: &["async-std", "smol", "smol-local"],
        says: "Every task that is ready goes through one queue that all workers share, after queues of their own \
               were tried and reverted: short tasks may cost more, and more workers may not help.",
        issue: Some(("async-executor#62", "https://github.com/smol-rs/async-executor/issues/62")),
    },
    Entry {
        workloads: &["sleepers"],
        lanes: &["tokio", "tokio-current-thread"],
        says: "A task starts at a multiple of 128 bytes and is one long or several, so that its smallest is 256: \
               the memory of a sleeper may be more than what its future needs.",
        issue: Some((
            "async-runtimes-benchmarks-2024#1",
            "https://github.com/hez2010/async-runtimes-benchmarks-2024/issues/1",
        )),
    },
    Entry {
        workloads: &["idle"],
        lanes: &["async-std", "smol", "smol-local"],
        says: "Timers are served by the thread that holds the reactor, and by a thread of async-io's own that wakes now \
               and then to help: both may show as processor time of a process that has nothing to do. What was \
               reported, a busy loop, has been mended.",
        issue: Some(("async-std#773", "https://github.com/async-rs/async-std/issues/773")),
    },
    Entry {
        workloads: &["blocking-squares"],
        lanes: &["asyncio", "uvloop"],
        says: "To gather makes a future and a callback of each job, in Python: that may be most of what is \
               measured.",
        issue: Some(("cpython#96450", "https://github.com/python/cpython/issues/96450")),
    },
    Entry {
        workloads: &[CANCELLATION],
        lanes: &["hand-rolled", "hand-rolled-current-thread"],
        says: "To cancel marks the task and queues it: a worker drops the future when its turn comes, or at the \
               end of the poll it is in. Whoever awaits the task is told when the future is gone.",
        issue: None,
    },
    Entry {
        workloads: &[CANCELLATION],
        lanes: &["tokio", "tokio-current-thread"],
        says: "Abort only marks the task and schedules it: a worker drops the future when its turn comes. \
               A caller that awaits the handle is told after that; one that does not is never told.",
        issue: None,
    },
    Entry {
        workloads: &[CANCELLATION],
        lanes: &["async-std", "smol", "smol-local", "rayon"],
        says: "To cancel marks the task, by async-task, and schedules it once more: a worker drops the future \
               when its turn comes. Whoever awaits the cancellation is told after that.",
        issue: None,
    },
    Entry {
        workloads: &[CANCELLATION],
        lanes: &["futures"],
        says: "The pool knows no cancellation: the handle marks the task as aborted and wakes it, and a worker \
               that polls it then drops the future. The lane waits for that.",
        issue: None,
    },
    Entry {
        workloads: &[CANCELLATION],
        lanes: &["compio"],
        says: "To cancel marks the task and queues it: the future is dropped when its turn comes. Its handle tells that it has \
               ended before that, so the lane spawns a task behind each one that is cancelled, and waits for it.",
        issue: None,
    },
    Entry {
        workloads: &[CANCELLATION],
        lanes: &["asyncio", "uvloop", "asyncio-free-threaded"],
        says: "To cancel throws CancelledError into the coroutine at the next turn of the loop, on its one \
               thread; destructors are what the coroutine does on its way out, and it may refuse. Whoever awaits \
               the task is told when it has ended.",
        issue: None,
    },
    Entry {
        workloads: &[CANCELLATION],
        lanes: &["threads"],
        says: "A thread cannot be cancelled from outside: it ends when its program looks at a flag.",
        issue: None,
    },
    Entry {
        workloads: &["wait-timeout"],
        lanes: &["go"],
        says: "A goroutine cannot be cancelled from outside: all that are too slow wait for one channel too, and end when it \
               is closed.",
        issue: None,
    },
    Entry {
        workloads: &["wait-timeout"],
        lanes: &["java"],
        says: "To cancel interrupts a virtual thread: it wakes from its sleep with an exception, and may catch it.",
        issue: None,
    },
    Entry {
        workloads: &["wait-timeout"],
        lanes: &["node"],
        says: "To cancel a promise is to cancel what it waits for: each timer is given an AbortSignal of its own, which \
               ends it with an exception.",
        issue: None,
    },
];

/// The workload that needs to be read with what each lane promises.
const CANCELLATION: &str = "cancellation";

/// Returns the entries about the lanes of a run in its workloads.
pub fn of(workloads: &[Workload], executors: &[Executor]) -> Vec<Known> {
    let in_workload = |workload: &Workload| {
        let name = workload.name.clone();
        let here = KNOWN.iter().filter(move |entry| entry.workloads.contains(&&*name));
        let name = workload.name.clone();
        here.filter_map(move |entry| entry.of(&name, executors))
    };
    workloads.iter().flat_map(in_workload).collect()
}

impl Entry {
    /// The entry as the results have it, if any of its lanes is among these.
    fn of(&self, workload: &str, executors: &[Executor]) -> Option<Known> {
        let raced = |lane: &&&str| executors.iter().any(|executor| executor.name == ***lane);
        let lanes: Vec<String> = self.lanes.iter().filter(raced).map(|lane| (*lane).to_owned()).collect();
        let (issue, link) = self.issue.unwrap_or_default();
        (!lanes.is_empty()).then(|| Known {
            workload: workload.to_owned(),
            executors: lanes,
            says: self.says.to_owned(),
            issue: issue.to_owned(),
            link: link.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That they are lanes and workloads of the lineup is a test of the track.
    #[test]
    fn an_issue_is_a_link_and_its_number() {
        for (name, link) in KNOWN.iter().filter_map(|entry| entry.issue) {
            let number = name.split('#').nth(1).unwrap();
            assert!(
                link.starts_with("https://github.com/") && link.ends_with(&format!("/{number}")),
                "{name}"
            );
        }
    }
}
