//! Ping-pong: measures the cost of tasks that wake each other, in pairs.
use async_channel::{Receiver, Sender, bounded};
use executor_api::Executor;
use std::sync::Arc;
use workload_api::{About, Work, Workload, gather};

const ROUNDS: u64 = 1_000;

/// N pairs of tasks hand a token to and fro, 1,000 times.
pub struct PingPong(u64);

impl<E: Executor> Workload<E> for PingPong {
    const ABOUT: About = About {
        name: "ping-pong",
        description: "N pairs of tasks hand a token to and fro, 1,000 times, through async-channel in every lane.",
        group: "Scheduling",
        operation: "one round trip",
        size: "pairs of tasks",
        shows: "the cost of waking another task and then waiting, twice a trip; with a single pair nothing else is ready",
        hides: "the executors' own channels: every lane uses async-channel, whose cost is part of every figure",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[1, 100];
    type Answer = Vec<u64>; // the last token of each task: the number of its hops

    fn prepare(pairs: u64) -> Self {
        PingPong(pairs)
    }
    async fn run(self: Arc<Self>) -> Vec<u64> {
        let play = |from: Receiver<u64>, to: Sender<u64>| async move {
            let mut token = 0;
            for _ in 0..ROUNDS {
                token = from.recv().await.expect("the other task plays as many rounds") + 1;
                to.send(token).await.ok(); // after the last round the other task is gone
            }
            token
        };
        let pair = |_| {
            let ((ping, pings), (pong, pongs)) = (bounded(1), bounded(1));
            ping.try_send(0).expect("a new channel has room for one token");
            [E::spawn(play(pings, pong)), E::spawn(play(pongs, ping))]
        };
        gather((0..self.0).flat_map(pair)).await
    }
    fn expected(&self) -> Vec<u64> {
        [2 * ROUNDS - 1, 2 * ROUNDS].repeat(self.0 as usize)
    }
    fn operations(&self) -> u64 {
        ROUNDS * self.0
    }
    fn work(&self) -> Work {
        // Neither of a pair can end before the other has begun.
        Work { at_once: Some(2), ..Work::tasks(2 * self.0) }
    }
}
