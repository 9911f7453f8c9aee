//! Cancellation: tasks that wait are cancelled all at once, with everything they own.
use async_channel::{Sender, bounded};
use executor_api::Executor;
use std::{future::pending, sync::Arc};
use workload_api::{About, Drops, Measure, Work, Workload, cancel_all, part};

/// N tasks are suspended for ever, eight futures deep, then cancelled.
pub struct Cancellation(u64);

const DEPTH: u64 = 8;

impl<E: Executor> Workload<E> for Cancellation {
    const ABOUT: About = About {
        name: "cancellation",
        description: "N tasks wait for ever, eight futures deep, with eight destructors; all are cancelled at once.",
        group: "Cancellation",
        operation: "one task, with eight destructors",
        size: "tasks",
        shows: "what it costs to cancel a task that waits, from the first call to the last destructor",
        hides: "tasks that wait for a timer, which wait-timeout has, and tasks that are cancelled while they run",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[1_000];
    const FULL_SIZES: &'static [u64] = &[10_000];
    const MEASURE: Measure = Measure::Part("time to the last destructor");
    type Answer = [u64; 3]; // dropped before the first was cancelled, cancelled, dropped

    fn prepare(tasks: u64) -> Self {
        Cancellation(tasks)
    }
    async fn run(self: Arc<Self>) -> [u64; 3] {
        let drops = Drops::default();
        let (here, all_here) = bounded(1);
        let tasks = (0..self.0).map(|_| E::spawn(wait_deep(drops.clone(), here.clone()))).collect();
        drop(here);
        all_here.recv().await.expect_err("nobody sends: the channel is closed by the last who is here");
        // All have been polled; what is left of it, for one task a worker, is the way out of the last poll.
        let early = drops.count();
        [early, part(cancel_all(tasks)).await, drops.count()]
    }
    fn expected(&self) -> [u64; 3] {
        [0, self.0, DEPTH * self.0]
    }
    fn operations(&self) -> u64 {
        self.0
    }
    fn work(&self) -> Work {
        Work { finished: Some(0), cancelled: Some(self.0), at_once: Some(self.0), ..Work::tasks(self.0) }
    }
}

/// A future for each star, one in the other, with a destructor of its own; `$inner` in the last.
macro_rules! nested {
    ($drops:ident, $inner:expr,) => { $inner };
    ($drops:ident, $inner:expr, * $($deeper:tt)*) => {
        async {
            let _guard = $drops.guard();
            nested!($drops, $inner, $($deeper)*).await
        }
    };
}

/// Says `here` where it is deepest, and stays.
async fn wait_deep(drops: Drops, here: Sender<()>) {
    let stay = async {
        drop(here);
        pending().await
    };
    nested!(drops, stay, * * * * * * * *).await
}
