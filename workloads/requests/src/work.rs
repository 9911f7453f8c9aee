//! Tasks that keep every worker busy: pairs that hand a token to one another, and compute with it.

use std::{
    hint,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use async_channel::{Receiver, Sender, bounded};
use executor_api::Executor;

/// The pairs for each worker. Of a pair one task can run: so the queue of a worker is never empty, and never long.
const PAIRS_OF_EACH_WORKER: u64 = 2;

/// Tasks that compute until they are told to stop.
pub(crate) struct Work {
    turn: Duration,
    pairs: u64,
}

impl Work {
    pub(crate) fn for_workers(workers: u64, turn: Duration) -> Work {
        Work { turn, pairs: PAIRS_OF_EACH_WORKER * workers }
    }

    pub(crate) fn tasks(&self) -> u64 {
        2 * self.pairs
    }

    /// Spawns the tasks. They end once they are told to, or at `latest`: some executors serve no socket before.
    pub(crate) fn spawn<E: Executor>(&self, stop: &Arc<AtomicBool>, latest: Instant) -> Vec<E::Task<()>> {
        let play = |from, to| E::spawn(play(from, to, self.turn, stop.clone(), latest));
        let pair = |_| {
            let ((ping, pings), (pong, pongs)) = (bounded(1), bounded(1));
            ping.try_send(()).expect("a new channel has room for one token");
            [play(pings, pong), play(pongs, ping)]
        };
        (0..self.pairs).flat_map(pair).collect()
    }
}

/// Computes for a turn whenever it has the token. Who stops drops it, and with it the other task stops.
async fn play(from: Receiver<()>, to: Sender<()>, turn: Duration, stop: Arc<AtomicBool>, latest: Instant) {
    while from.recv().await.is_ok() {
        let start = Instant::now();
        while start.elapsed() < turn {
            hint::spin_loop();
        }
        if stop.load(Relaxed) || start > latest || to.send(()).await.is_err() {
            return;
        }
    }
}
