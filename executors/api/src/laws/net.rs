//! Checks the laws of [`Net`] about what goes from one end to the other, and about errors.
//!
//! The other end is one of the executor's own sockets, or one of std, which the law can have misbehave.

use std::{
    future::poll_fn,
    io::{self, Read, Write},
    net::{self, IpAddr, Ipv4Addr, SocketAddr},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use crate::{Config, Listener, Net, Stream};

use super::{PATIENCE, tasks::caught, until};

/// Takes any port that is free.
const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The time in which a worker without work parks.
const TO_PARK: Duration = Duration::from_millis(5);

/// A megabyte goes each way, over each kind of socket: more than the system takes at once, so it is written in parts.
pub fn a_megabyte_goes_each_way_in_parts<E: Net>(config: &Config) {
    async fn send(stream: &mut impl Stream) {
        let (result, buffer) = stream.write_all(megabyte()).await;
        result.expect("all is written");
        assert!(buffer == megabyte(), "the buffer comes back as it was");
        stream.shutdown().await.expect("the direction is closed");
    }
    async fn receive(stream: &mut impl Stream) {
        let mut all = Vec::new();
        while let Some(part) = read(stream, 64 << 10).await {
            all.extend(part);
        }
        assert_eq!(all.len(), 1 << 20, "bytes that came of a megabyte");
        assert!(*all == *megabyte(), "the bytes came in their order");
    }
    async fn exchange<E: Net, S: Stream>(mut one: S, mut other: S) {
        let task = E::spawn(async move {
            send(&mut one).await;
            receive(&mut one).await;
        });
        receive(&mut other).await;
        send(&mut other).await;
        task.await;
    }
    run::<E, _>(config, async {
        let (one, other) = E::pair().expect("there are descriptors");
        exchange::<E, _>(one, other).await;
        let (one, other) = connected::<E>().await;
        exchange::<E, _>(one, other).await;
    });
}

/// After a shutdown the other end reads the end, and this one still reads what the other writes.
pub fn a_shutdown_closes_one_direction<E: Net>(config: &Config) {
    async fn half_close<E: Net, S: Stream>(mut one: S, mut other: S) {
        write(&mut one, b"last words").await;
        one.shutdown().await.expect("the direction is closed");
        let task = E::spawn(async move {
            assert_eq!(read_exactly(&mut other, 10).await, b"last words");
            assert_eq!(read(&mut other, 1).await, None, "the end comes after what was written");
            write(&mut other, b"an answer").await;
        });
        assert_eq!(read_exactly(&mut one, 9).await, b"an answer");
        task.await;
        assert_eq!(read(&mut one, 1).await, None, "the other end was dropped");
    }
    run::<E, _>(config, async {
        let (one, other) = E::pair().expect("there are descriptors");
        half_close::<E, _>(one, other).await;
        let (one, other) = connected::<E>().await;
        half_close::<E, _>(one, other).await;
    });
}

/// A reset by the other end ends a read that waits, and no later call waits.
pub fn a_reset_ends_each_call<E: Net>(config: &Config) {
    run::<E, _>(config, async {
        let (mut stream, peer) = with_std::<E>().await;
        write(&mut stream, b"unread").await;
        // A socket of TCP that is closed with something unread resets its connection.
        peer.peek(&mut [0]).expect("it was written");
        let waiting = Arc::new(AtomicUsize::new(0));
        let reading = E::spawn(noted(waiting.clone(), async move {
            let (result, _buffer) = stream.read(Box::new([0])).await;
            (result, stream)
        }));
        until::<E>("the read waits", || waiting.load(SeqCst) == 1).await;
        drop(peer);
        let (mut result, mut stream) = reading.await;
        for _ in 0..3 {
            assert!(!matches!(result, Ok(1..)), "a read gives a byte that nobody wrote");
            let (written, _buffer) = stream.write_all(Box::new([1])).await;
            assert!(written.is_err(), "a write to an end that has reset the connection");
            result = stream.read(Box::new([0])).await.0;
        }
    });
}

/// A write by another thread or another task wakes the task that reads, also if every worker is parked.
pub fn what_is_written_wakes_a_parked_worker<E: Net>(config: &Config) {
    const ROUNDS: u8 = 20;
    run::<E, _>(config, async {
        let (mut stream, mut peer) = with_std::<E>().await;
        let outside = thread::spawn(move || {
            for round in 0..ROUNDS {
                thread::sleep(TO_PARK);
                peer.write_all(&[round]).expect("the other end reads");
            }
        });
        for round in 0..ROUNDS {
            assert_eq!(read_exactly(&mut stream, 1).await, [round]);
        }
        outside.join().expect("the thread only writes");

        let (mut one, mut other) = E::pair().expect("there are descriptors");
        let echo = E::spawn(async move {
            while let Some(bytes) = read(&mut other, 1).await {
                write(&mut other, &bytes).await;
            }
        });
        for round in 0..ROUNDS {
            write(&mut one, &[round]).await;
            assert_eq!(read_exactly(&mut one, 1).await, [round]);
        }
        drop(one);
        echo.await;
    });
}

/// A waiting `accept` that is dropped loses no connection, neither one that came while it waited nor a later one.
pub fn an_accept_that_is_dropped_loses_no_connection<E: Net>(config: &Config) {
    run::<E, _>(config, async {
        let listener = E::listen(LOOPBACK).await.expect("a port is free");
        let address = listener.address().expect("it listens");
        for round in 0..10 {
            let connect = || {
                let mut peer = net::TcpStream::connect(address).expect("it listens");
                peer.write_all(&[round]).expect("the backlog takes it");
                peer
            };
            let mut peer = None;
            let mut accepting = Box::pin(listener.accept());
            assert!(poll_once(accepting.as_mut()).await.is_pending(), "a connection that nobody has made");
            if round % 2 == 0 {
                peer = Some(connect());
                // Lets the executor learn of it, before the future is dropped that waits for it.
                for _ in 0..100 {
                    thread::sleep(TO_PARK / 100);
                    E::yield_now().await;
                }
            }
            drop(accepting);
            let _peer = peer.unwrap_or_else(connect);
            let mut stream = listener.accept().await.expect("a connection waits");
            assert_eq!(read_exactly(&mut stream, 1).await, [round], "the connections come in their order");
        }
    });
}

/// A hundred connections to one listener exist at once, and each echoes its own number.
pub fn a_hundred_connections_are_served_at_once<E: Net>(config: &Config) {
    const CONNECTIONS: usize = 100;
    run::<E, _>(config, async {
        let listener = E::listen(LOOPBACK).await.expect("a port is free");
        let address = listener.address().expect("it listens");
        let server = E::spawn(async move {
            let mut handlers = Vec::new();
            for _ in 0..CONNECTIONS {
                let mut stream = listener.accept().await.expect("there are descriptors");
                handlers.push(E::spawn(async move {
                    let number = read_exactly(&mut stream, 8).await;
                    write(&mut stream, &number).await;
                }));
            }
            for handler in handlers {
                handler.await;
            }
        });
        let there = Arc::new(AtomicUsize::new(0));
        let client = |number: usize| {
            let there = there.clone();
            E::spawn(async move {
                let mut stream = E::connect(address).await.expect("it listens");
                there.fetch_add(1, SeqCst);
                until::<E>("all connect", || there.load(SeqCst) == CONNECTIONS).await;
                write(&mut stream, &number.to_le_bytes()).await;
                assert_eq!(read_exactly(&mut stream, 8).await, number.to_le_bytes(), "an echo");
            })
        };
        let clients: Vec<_> = (0..CONNECTIONS).map(client).collect();
        for client in clients {
            client.await;
        }
        server.await;
    });
}

/// A panic closes the sockets of its task, and those of other tasks go on.
pub fn a_panic_closes_the_sockets_of_its_task_alone<E: Net>(config: &Config) {
    run::<E, _>(config, async {
        let (mut bystander, mut its_peer) = with_std::<E>().await;
        let (mut stream, mut peer) = with_std::<E>().await;
        let panics = E::spawn(async move {
            read_exactly(&mut stream, 1).await;
            panic!("on purpose");
        });
        peer.write_all(b"!").expect("the other end reads");
        let panic: thread::Result<()> = caught(panics).await;
        assert!(panic.is_err(), "the awaiter gets the panic");
        peer.set_read_timeout(Some(PATIENCE)).expect("it is no zero");
        assert_eq!(peer.read(&mut [0]).expect("the socket was closed"), 0, "bytes that nobody wrote");
        its_peer.write_all(b"?").expect("the other end reads");
        assert_eq!(read_exactly(&mut bystander, 1).await, b"?");
    });
}

/// A second write is sent before the first is acknowledged: Nagle's algorithm is off on both ends. With it a question in two
/// writes would take as long as the system delays an acknowledgement, 40 ms or more.
pub fn a_write_waits_for_no_acknowledgement<E: Net>(config: &Config) {
    const ROUNDS: usize = 20;
    async fn fastest(mut stream: impl Stream, mut peer: net::TcpStream) -> Duration {
        let answering = thread::spawn(move || {
            while peer.read_exact(&mut [0; 2]).is_ok() {
                peer.write_all(b"!").expect("the other end reads");
            }
        });
        let mut times = Vec::new();
        for _ in 0..2 * ROUNDS {
            let start = Instant::now();
            write(&mut stream, b"a").await;
            write(&mut stream, b"b").await;
            read_exactly(&mut stream, 1).await;
            times.push(start.elapsed());
        }
        drop(stream);
        answering.join().expect("the thread only answers");
        // A new connection is acknowledged at once for a while.
        times[ROUNDS..].iter().copied().min().unwrap_or_default()
    }
    run::<E, _>(config, async {
        let (accepted, peer) = with_std::<E>().await;
        let accepted = fastest(accepted, peer).await;
        let listener = net::TcpListener::bind(LOOPBACK).expect("a port is free");
        let connected = E::connect(listener.local_addr().expect("it listens")).await.expect("it listens");
        let connected = fastest(connected, listener.accept().expect("one has connected").0).await;
        for (end, fastest) in [("accepted", accepted), ("connected", connected)] {
            assert!(fastest < Duration::from_millis(20), "two writes of the end that {end} take {fastest:?}");
        }
    });
}

/// `listen` and `connect` give the errors that std gives: a port that is taken, addresses of another machine, no IPv6, and
/// a port that nobody listens on.
pub fn errors_are_those_of_std<E: Net>(config: &Config) {
    run::<E, _>(config, async {
        let listener = E::listen(LOOPBACK).await.expect("a port is free");
        let taken = listener.address().expect("it listens");
        let elsewhere = ["192.0.2.1:0", "[2001:db8::1]:0", "[::1]:0"];
        for address in
            elsewhere.map(|address| address.parse().expect("an address")).into_iter().chain([taken])
        {
            let expected = net::TcpListener::bind(address).map(drop).map_err(|error| error.kind());
            let listening = E::listen(address).await.map(drop).map_err(|error| error.kind());
            assert_eq!(listening, expected, "{address}");
        }
        drop(listener);
        let refused = E::connect(taken).await.map(drop).map_err(|error| error.kind());
        assert_eq!(refused, Err(io::ErrorKind::ConnectionRefused), "nobody listens");
    });
}

/// Runs `main` on an executor with sockets; `None`, and nothing is checked, where those are refused.
pub(super) fn run<E: Net, F>(config: &Config, main: F) -> Option<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Some(start::<E>(config)?.run(main))
}

/// Starts an executor with sockets; `None` where those are refused.
pub(super) fn start<E: Net>(config: &Config) -> Option<E> {
    match E::driver() {
        Ok(_driver) => Some(E::start(&config.with_sockets())),
        Err(reason) => {
            eprintln!("not checked: {reason}");
            None
        }
    }
}

/// Connects two sockets of the executor.
pub(super) async fn connected<E: Net>() -> (E::Tcp, E::Tcp) {
    let listener = E::listen(LOOPBACK).await.expect("a port is free");
    let connecting = E::spawn(E::connect(listener.address().expect("it listens")));
    let accepted = listener.accept().await.expect("there are descriptors");
    (accepted, connecting.await.expect("it listens"))
}

/// Connects a socket of the executor with one of std.
pub(super) async fn with_std<E: Net>() -> (E::Tcp, net::TcpStream) {
    let listener = E::listen(LOOPBACK).await.expect("a port is free");
    // The system connects it before anybody accepts.
    let peer = net::TcpStream::connect(listener.address().expect("it listens")).expect("it listens");
    (listener.accept().await.expect("there are descriptors"), peer)
}

/// Listens on a port that was free.
pub(super) async fn listening<E: Net>() -> (E::Listener, SocketAddr) {
    let listener = E::listen(LOOPBACK).await.expect("a port is free");
    let address = listener.address().expect("it listens");
    (listener, address)
}

/// Reads what is there, at most `most` bytes; `None` at the end.
pub(super) async fn read(stream: &mut impl Stream, most: usize) -> Option<Vec<u8>> {
    let (result, buffer) = stream.read(vec![0; most].into()).await;
    let number = result.expect("a read without an error");
    (number > 0).then(|| buffer[..number].to_vec())
}

/// Reads so many bytes.
pub(super) async fn read_exactly(stream: &mut impl Stream, number: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < number {
        let part = read(stream, number - all.len()).await;
        all.extend(part.expect("the connection ended before all was read"));
    }
    all
}

/// Writes all of `bytes`.
pub(super) async fn write(stream: &mut impl Stream, bytes: &[u8]) {
    stream.write_all(bytes.into()).await.0.expect("a write without an error");
}

/// Adds one to `waiting` once `future` waits.
pub(super) async fn noted<F: Future>(waiting: Arc<AtomicUsize>, future: F) -> F::Output {
    let mut future = pin!(future);
    let mut waiting = Some(waiting);
    poll_fn(move |context| {
        let polled = future.as_mut().poll(context);
        if polled.is_pending()
            && let Some(waiting) = waiting.take()
        {
            waiting.fetch_add(1, SeqCst);
        }
        polled
    })
    .await
}

/// Polls `future` once.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// Makes a megabyte whose period is no power of two.
fn megabyte() -> Box<[u8]> {
    (0..1u32 << 20).map(|index| (index % 251) as u8).collect()
}
