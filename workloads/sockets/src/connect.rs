//! Connect: measures the cost of a connection that carries one question and one answer.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use executor_api::{Listener, Net, Stream, Task};
use workload_api::{About, Work, Workload, gather};

use crate::end::{End, Plain};

/// The tasks that connect, and so the most connections that wait to be accepted: a backlog has room for 128, and what finds it
/// full waits a second.
const CLIENTS: u64 = 100;

/// N connections are made, a hundred at a time, and serve once.
pub struct Connect(u64);

impl<E: Net> Workload<E> for Connect {
    const ABOUT: About = About {
        name: "connect",
        description: "100 tasks make N connections on 127.0.0.1, one after the other each: connect, send 64 bytes, read the \
                      answer and the end, close. One task accepts and spawns a task for each connection, which reads, answers \
                      and closes.",
        group: "Sockets",
        operation: "one connection",
        size: "connections",
        shows: "the cost of a socket that is made, registered, waited for once or twice and forgotten, and of a task for it",
        hides: "the kernel's own work on a connection, some 30 µs and the most of each figure",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[1_000];
    const FULL_SIZES: &'static [u64] = &[100, 10_000];
    const SOCKETS: bool = true;
    type Answer = [u64; 2]; // answers of which every byte was right, connections served

    fn prepare(connections: u64) -> Self {
        Connect(connections)
    }
    async fn run(self: Arc<Self>) -> [u64; 2] {
        let listener = E::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.expect("any port is free");
        let address = listener.address().expect("a listener has an address");
        let server = E::spawn(accept::<E>(listener, self.0));
        let clients = (0..CLIENTS.min(self.0)).map(|first| E::spawn(call::<E>(address, first, self.0)));
        let clients = gather(clients).await.into_iter().collect::<io::Result<Vec<u64>>>();
        match clients {
            Ok(right) => [right.iter().sum(), served(server.await)],
            Err(error) => {
                // Nobody connects any more, and the server may wait for ever. What happened to it comes first.
                server.cancel().await.map(served);
                panic!("a connection of a client has an error: {error}")
            }
        }
    }
    fn expected(&self) -> [u64; 2] {
        [self.0; 2]
    }
    fn operations(&self) -> u64 {
        self.0
    }
    fn work(&self) -> Work {
        Work::tasks(CLIENTS.min(self.0) + 1 + self.0)
    }
}

/// Accepts connections, each served by a task of its own, and counts them.
async fn accept<E: Net>(listener: E::Listener, connections: u64) -> io::Result<u64> {
    let mut tasks = Vec::with_capacity(connections as usize);
    for _ in 0..connections {
        tasks.push(E::spawn(serve(listener.accept().await?)));
    }
    gather(tasks).await.into_iter().sum()
}

/// Reads, answers with every byte inverted, and closes.
///
/// The server closes first. The side that does keeps the pair of addresses and ports for a minute (TIME_WAIT): here the ports
/// of the clients are free again at once, of which the system has only 28,000, and what is kept is of a port that no later run
/// listens on.
async fn serve<S: Stream>(stream: S) -> io::Result<u64> {
    let mut end = End::of(stream);
    end.receive::<Plain>().await?;
    end.invert();
    end.send_on().await?;
    Ok(1)
}

/// Makes every hundredth connection from `first` on, and counts those of which every byte of the answer is right.
async fn call<E: Net>(address: SocketAddr, first: u64, all: u64) -> io::Result<u64> {
    let mut right = 0;
    for number in (first..all).step_by(CLIENTS as usize) {
        let mut end = End::of(E::connect(address).await?);
        end.send(number).await?;
        end.receive::<Plain>().await?;
        end.invert();
        right += u64::from(end.has(number));
        end.receive_end().await?;
    }
    Ok(right)
}

/// Returns the number of connections served.
///
/// # Panics
///
/// If the server had an error.
fn served(outcome: io::Result<u64>) -> u64 {
    outcome.unwrap_or_else(|error| panic!("the server has an error: {error}"))
}
