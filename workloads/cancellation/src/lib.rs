//! Cancellation: measures the cost of cancelling waiting tasks, all at once, with everything they own.
use async_channel::{Sender, bounded};
use executor_api::Executor;
use std::{future::pending, sync::Arc};
use workload_api::{About, Drops, Measure, Work, Workload, cancel_all, part};

/// N tasks wait for ever, eight futures deep, and are cancelled.
pub struct Cancellation(u64);

const DEPTH: u64 = 8;

impl<E: Executor> Workload<E> for Cancellation {
    const ABOUT: About = About {
        name: "cancellation",
        description: "N tasks wait for ever, eight futures deep, with eight destructors; all are cancelled at once.",
        group: "Cancellation",
        operation: "one task, with eight destructors",
        size: "tasks",
        shows: "the cost of cancelling a waiting task, from the first call to the last destructor",
        hides: "the cost of cancelling tasks that wait for a timer (see wait-timeout) and tasks that run",
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
        all_here.recv().await.expect_err("nothing is sent: the last task to wait closes the channel");
        // Every task has been polled. One task a worker may still be returning from that poll.
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

/// Nests a future for each star, each with a destructor of its own, and `$inner` in the last.
macro_rules! nested {
    ($drops:ident, $inner:expr,) => { $inner };
    ($drops:ident, $inner:expr, * $($deeper:tt)*) => {
        async {
            let _guard = $drops.guard();
            nested!($drops, $inner, $($deeper)*).await
        }
    };
}

/// Drops `here` in the deepest future, and waits for ever.
async fn wait_deep(drops: Drops, here: Sender<()>) {
    let stay = async {
        drop(here);
        pending().await
    };
    nested!(drops, stay, * * * * * * * *).await
}
