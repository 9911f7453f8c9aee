//! Idle connections: measures the memory of a connection that waits, with N of them.

use std::{
    future::poll_fn,
    io, mem,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use async_channel::{Sender, bounded};
use executor_api::{Net, Stream};
use workload_api::{About, Work, Workload, gather};

/// The buffer of a read that waits. It is small, for it would hide all else.
const BUFFER: usize = 64;

/// N tasks wait for a socket until all of them do.
pub struct IdleConnections(u64);

impl<E: Net> Workload<E> for IdleConnections {
    const ABOUT: About = About {
        name: "idle-connections",
        description: "N tasks each wait in a read of 64 bytes at one end of a pair of Unix sockets. Once all of them wait, the \
                      root writes a byte to each from the other end.",
        group: "Memory",
        operation: "one connection",
        size: "connections",
        shows: "the memory of a connection that waits: its task with a buffer of 64 bytes, and what the executor keeps for its \
                sockets, of both ends",
        hides: "time, because it is not raced, and the kernel's own memory: about 7.4 KB for such a pair",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[];
    /// Of two sockets each. Systems allow a process 1,024 files unless it asks for more.
    const MEMORY_SIZES: &'static [u64] = &[500, 1_000, 2_000, 4_000];
    const SOCKETS: bool = true;
    /// The tasks that waited, and the bytes they read that were right.
    type Answer = [u64; 2];

    fn prepare(connections: u64) -> Self {
        IdleConnections(connections)
    }
    async fn run(self: Arc<Self>) -> [u64; 2] {
        let (all_wait, wait) = bounded(1);
        let census =
            Arc::new(Census { all: self.0, begun: AtomicU64::new(0), waiting: AtomicU64::new(0), all_wait });
        let mut others = Vec::with_capacity(self.0 as usize);
        let mut tasks = Vec::with_capacity(self.0 as usize);
        for index in 0..self.0 {
            let (one, other) = E::pair().unwrap_or_else(|error| panic!("connection {index}: {error}"));
            tasks.push(E::spawn(idle(one, index, census.clone())));
            others.push(other);
        }
        wait.recv().await.expect("the last that begins says so");
        let waiting = census.waiting.load(SeqCst);
        for (index, other) in (0..).zip(&mut others) {
            let (written, _) = other.write_all([byte(index)].into()).await;
            written.expect("the other end waits");
        }
        let right = gather(tasks).await.into_iter().sum::<io::Result<u64>>();
        [waiting, right.expect("a connection that waited reads")]
    }
    fn expected(&self) -> [u64; 2] {
        [self.0; 2]
    }
    fn operations(&self) -> u64 {
        self.0
    }
    fn work(&self) -> Work {
        // Each waits, and goes on.
        Work { at_once: Some(self.0), polls: Some(2 * self.0 + 1), ..Work::tasks(self.0) }
    }
}

/// Counts the tasks that have begun to read, and those of them that were left waiting.
struct Census {
    all: u64,
    begun: AtomicU64,
    waiting: AtomicU64,
    all_wait: Sender<()>,
}

impl Census {
    fn note(&self, waits: bool) {
        self.waiting.fetch_add(waits.into(), SeqCst);
        if self.begun.fetch_add(1, SeqCst) + 1 == self.all {
            self.all_wait.try_send(()).expect("one task is the last");
        }
    }
}

/// Waits in a read, and returns 1 if it reads the byte with this index.
async fn idle<S: Stream>(mut stream: S, index: u64, census: Arc<Census>) -> io::Result<u64> {
    let (read, buffer) = {
        let mut read = pin!(stream.read([0; BUFFER].into()));
        let mut has_begun = false;
        poll_fn(|context| {
            let poll = read.as_mut().poll(context);
            // Counted once it has been left waiting: what an executor keeps for that is there by then.
            if !mem::replace(&mut has_begun, true) {
                census.note(poll.is_pending());
            }
            poll
        })
        .await
    };
    Ok(u64::from(read? == 1 && buffer[0] == byte(index)))
}

fn byte(index: u64) -> u8 {
    index as u8
}
