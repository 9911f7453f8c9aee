//! Spawn from outside: measures the cost of a task that an outside thread spawns.

use std::{sync::Arc, thread};

use async_channel::bounded;
use executor_api::Remote;
use workload_api::{About, Work, Workload, gather};

use crate::GROUP;

/// The number of threads that spawn.
const THREADS: u64 = 2;

/// N tasks each return their index; two outside threads spawn half of them each.
pub struct SpawnRemote(u64);

impl<E: Remote> Workload<E> for SpawnRemote {
    const ABOUT: About = About {
        name: "spawn-remote",
        description: "Two threads outside the executor spawn N tasks, half each, that return their index at once; the \
                      root gathers the outputs.",
        group: GROUP,
        operation: "one task",
        size: "tasks",
        shows: "the cost of spawning a task from a thread that is no worker, while another thread does the same and \
                workers take the tasks",
        hides: "tasks that spawn tasks; the start of the two threads, and their processor time, are part of every figure",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[10_000];
    const FULL_SIZES: &'static [u64] = &[1_000, 100_000];
    /// The number of outputs, and the sum of the indices.
    type Answer = (usize, u64);

    fn prepare(tasks: u64) -> Self {
        SpawnRemote(tasks)
    }
    async fn run(self: Arc<Self>) -> (usize, u64) {
        let spawner = E::spawner();
        let (send, handles) = bounded(THREADS as usize);
        let start = |number| {
            let (spawner, send, tasks) = (spawner.clone(), send.clone(), self.0);
            thread::spawn(move || {
                let indices = (number..tasks).step_by(THREADS as usize);
                let tasks: Vec<_> =
                    indices.map(|index| E::spawn_from(&spawner, async move { index })).collect();
                send.try_send(tasks).expect("there is room for one message of each thread");
            })
        };
        let threads: Vec<_> = (0..THREADS).map(start).collect();
        let mut indices = Vec::with_capacity(self.0 as usize);
        for _ in 0..THREADS {
            indices.extend(gather(handles.recv().await.expect("each thread sends its tasks")).await);
        }
        for thread in threads {
            // The thread has sent its tasks: this blocks a worker no longer than a thread takes to end.
            thread.join().expect("the threads only spawn");
        }
        (indices.len(), indices.iter().sum())
    }
    fn expected(&self) -> (usize, u64) {
        (self.0 as usize, (0..self.0).sum())
    }
    fn operations(&self) -> u64 {
        self.0
    }
    fn work(&self) -> Work {
        Work::tasks(self.0)
    }
}
