//! Echo: measures the cost of a round trip over connections whose both ends are tasks of the lane.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use executor_api::{Executor, Listener, Net, Stream, Timer};
use workload_api::{About, Work, Workload, gather};

use crate::{
    end::{End, Plain, UnderTimeout, Way},
    kept::Kept,
};

/// Messages go to and fro over N connections of TCP.
pub struct Echo(Trips);

/// Messages go to and fro over N pairs of Unix sockets.
pub struct EchoUnix(Trips);

/// Messages go to and fro over N connections of TCP, with a timeout around each read.
pub struct EchoUnderTimeout(Trips);

const ECHO: About = About {
    name: "echo",
    description: "Over each of N connections on 127.0.0.1 one task sends 64 bytes and another sends them back, again and \
                  again: 1,000 round trips with one connection, 2,000 over a hundred. The connections are there before.",
    group: "Sockets",
    operation: "one round trip",
    size: "connections",
    shows: "the cost of waiting for a socket, twice a trip: its system calls, and the wake-up of a task by the kernel",
    hides: "a network, and parsing: four fifths of a trip and more are the kernel's work on both ends, the same in every lane; \
            and latency, because nothing is sent before the answer is there (see requests)",
    source: file!(),
};
const ECHO_UNIX: About = About {
    name: "echo-unix",
    description: "Over each of N pairs of Unix sockets one task sends 64 bytes and another sends them back, again and again: \
                  1,000 round trips with one pair, 2,000 over a hundred. The pairs are there before.",
    size: "pairs of sockets",
    shows: "the same as echo with a third of the kernel's work, so that more of the executor shows",
    ..ECHO
};
const ECHO_UNDER_TIMEOUT: About = About {
    name: "echo-under-timeout",
    description: "As echo, with a timeout of a second around each read, which never fires.",
    shows: "the cost of a timer that is armed and disarmed beside each wait for a socket, as servers do it",
    ..ECHO
};

impl<E: Net> Workload<E> for Echo {
    const ABOUT: About = ECHO;
    const SIZES: &'static [u64] = &[1, 100];
    const FULL_SIZES: &'static [u64] = &[1_000];
    const SOCKETS: bool = true;
    type Answer = [u64; 2]; // echoes of which every byte was right, messages sent back

    fn prepare(connections: u64) -> Self {
        Echo(Trips::over(connections))
    }
    async fn get_ready(self: Arc<Self>) {
        self.0.get_ready(connected::<E>).await;
    }
    async fn run(self: Arc<Self>) -> [u64; 2] {
        self.0.make::<E, E::Tcp, Plain>().await
    }
    fn expected(&self) -> [u64; 2] {
        self.0.expected()
    }
    fn operations(&self) -> u64 {
        self.0.all()
    }
    fn work(&self) -> Work {
        self.0.work()
    }
}

impl<E: Net> Workload<E> for EchoUnix {
    const ABOUT: About = ECHO_UNIX;
    const SIZES: &'static [u64] = &[1, 100];
    const SOCKETS: bool = true;
    type Answer = [u64; 2]; // as echo

    fn prepare(pairs: u64) -> Self {
        EchoUnix(Trips::over(pairs))
    }
    async fn get_ready(self: Arc<Self>) {
        self.0.get_ready(async |pairs| (0..pairs).map(|_| E::pair().map(<[_; 2]>::from)).collect()).await;
    }
    async fn run(self: Arc<Self>) -> [u64; 2] {
        self.0.make::<E, E::Unix, Plain>().await
    }
    fn expected(&self) -> [u64; 2] {
        self.0.expected()
    }
    fn operations(&self) -> u64 {
        self.0.all()
    }
    fn work(&self) -> Work {
        self.0.work()
    }
}

impl<E: Net + Timer> Workload<E> for EchoUnderTimeout {
    const ABOUT: About = ECHO_UNDER_TIMEOUT;
    const SIZES: &'static [u64] = &[100];
    const SOCKETS: bool = true;
    type Answer = [u64; 2]; // as echo

    fn prepare(connections: u64) -> Self {
        EchoUnderTimeout(Trips::over(connections))
    }
    async fn get_ready(self: Arc<Self>) {
        self.0.get_ready(connected::<E>).await;
    }
    async fn run(self: Arc<Self>) -> [u64; 2] {
        self.0.make::<E, E::Tcp, UnderTimeout<E>>().await
    }
    fn expected(&self) -> [u64; 2] {
        self.0.expected()
    }
    fn operations(&self) -> u64 {
        self.0.all()
    }
    fn work(&self) -> Work {
        self.0.work()
    }
}

/// The round trips of a run, and the connections that runs share.
struct Trips {
    connections: u64,
    of_each: u64,
    kept: Kept,
}

type Pairs<S> = Vec<[End<S>; 2]>;

impl Trips {
    fn over(connections: u64) -> Trips {
        // Some milliseconds in all: of few connections as many trips as a page of them, of many a few each.
        let of_each = (2_000 / connections.max(1)).clamp(4, 1_000);
        Trips { connections, of_each, kept: Kept::default() }
    }

    fn all(&self) -> u64 {
        self.connections * self.of_each
    }

    fn expected(&self) -> [u64; 2] {
        [self.all(); 2]
    }

    fn work(&self) -> Work {
        let tasks = 2 * self.connections;
        // Of each pair one waits for the other.
        Work { at_once: Some(2), ..Work::tasks(tasks) }
    }

    /// Makes the connections, unless there are some of this executor.
    ///
    /// # Panics
    ///
    /// If the system makes no more connections.
    async fn get_ready<S: Stream>(&self, make: impl AsyncFnOnce(u64) -> io::Result<Vec<[S; 2]>>) {
        if !self.kept.has::<Pairs<S>>() {
            let pairs = make(self.connections).await;
            let pairs = pairs.unwrap_or_else(|error| panic!("{} connections: {error}", self.connections));
            self.kept.put(pairs.into_iter().map(|pair| pair.map(End::of)).collect::<Pairs<S>>());
        }
    }

    /// Makes all round trips, and counts the echoes that were right and the messages sent back.
    ///
    /// # Panics
    ///
    /// If a connection has an error.
    async fn make<E: Executor, S: Stream, W: Way>(&self) -> [u64; 2] {
        let of_each = self.of_each;
        let pairs = self.kept.take::<Pairs<S>>();
        let tasks = (0..).zip(pairs).flat_map(|(index, [client, server])| {
            let first = index * of_each;
            [E::spawn(call::<S, W>(client, first..first + of_each)), E::spawn(echo::<S, W>(server, of_each))]
        });
        let mut counts = [0; 2];
        let mut ends = gather(tasks).await.into_iter().map(|outcome| {
            outcome.unwrap_or_else(|error| panic!("a connection that echoes has an error: {error}"))
        });
        let mut pairs = Pairs::with_capacity(self.connections as usize);
        while let Some(((client, right), (server, sent))) = ends.next().zip(ends.next()) {
            counts = [counts[0] + right, counts[1] + sent];
            pairs.push([client, server]);
        }
        self.kept.put(pairs);
        counts
    }
}

/// Makes this number of connections, one after the other.
async fn connected<E: Net>(number: u64) -> io::Result<Vec<[E::Tcp; 2]>> {
    let listener = E::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let address = listener.address()?;
    let mut pairs = Vec::with_capacity(number as usize);
    for _ in 0..number {
        // The kernel connects it whether somebody accepts or not.
        pairs.push([E::connect(address).await?, listener.accept().await?]);
    }
    Ok(pairs)
}

/// Sends messages and receives them back, and counts those of which every byte is right.
async fn call<S: Stream, W: Way>(
    mut client: End<S>,
    numbers: std::ops::Range<u64>,
) -> io::Result<(End<S>, u64)> {
    let mut right = 0;
    for number in numbers {
        client.send(number).await?;
        client.receive::<W>().await?;
        right += u64::from(client.has(number));
    }
    Ok((client, right))
}

/// Receives messages and sends them back.
async fn echo<S: Stream, W: Way>(mut server: End<S>, messages: u64) -> io::Result<(End<S>, u64)> {
    for _ in 0..messages {
        server.receive::<W>().await?;
        server.send_on().await?;
    }
    Ok((server, messages))
}
