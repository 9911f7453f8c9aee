//! Checks the law of executors that interrupt a task whose socket is always ready. Not every runtime does.

use std::{
    io::Write,
    net,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};

use crate::{Config, Net, Stream};

use super::net::{read_exactly, run, with_std};

/// The reads after which a task that never waits has starved its neighbours: far more than any budget.
const READS: usize = 300_000;

/// Tasks that read from sockets that are always ready, one for each worker, let a neighbour on that gets a byte meanwhile.
pub fn a_socket_that_is_always_ready_starves_nobody<E: Net>(config: &Config) {
    let threads = config.threads.get();
    run::<E, _>(config, async move {
        let (mut stream, peer) = with_std::<E>().await;
        let served = Arc::new(AtomicBool::new(false));
        let flag = served.clone();
        let neighbour = E::spawn(async move {
            read_exactly(&mut stream, 1).await;
            flag.store(true, SeqCst);
        });
        let mut peer = Some(peer);
        let mut hogs = Vec::new();
        for _ in 0..threads {
            let (stream, flood) = with_std::<E>().await;
            thread::spawn(|| write_until_closed(flood));
            hogs.push(E::spawn(hog(stream, served.clone(), peer.take())));
        }
        for hog in hogs {
            let reads = hog.await;
            assert!(reads < READS, "{reads} reads of a socket that is always ready starved its neighbour");
        }
        neighbour.await;
    });
}

/// Reads a byte at a time until the neighbour is served, by the byte that this task writes to it, or is starved. Returns the
/// number of reads.
async fn hog(mut stream: impl Stream, served: Arc<AtomicBool>, neighbour: Option<net::TcpStream>) -> usize {
    let mut buffer: Box<[u8]> = Box::new([0]);
    let mut neighbour = neighbour;
    for read in 0..READS {
        if served.load(SeqCst) {
            return read;
        }
        let result;
        (result, buffer) = stream.read(buffer).await;
        result.expect("a read without an error");
        // By now every worker has one of these tasks.
        if read == READS / 100
            && let Some(peer) = &mut neighbour
        {
            peer.write_all(b"!").expect("the other end reads");
        }
    }
    READS
}

fn write_until_closed(mut peer: net::TcpStream) {
    while peer.write_all(&[0; 64 << 10]).is_ok() {}
}
