//! The table of every operation that may wait, and of what is done with it that nobody should do.
//!
//! Each cell has a pair of sockets of its own. Whatever is done, no call hangs, it gives what is promised, and the bytes and
//! connections are there afterwards.

use std::{
    fs::File,
    io, net,
    os::{
        fd::AsFd,
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener as StdListener, UnixStream as StdStream},
    },
    pin::Pin,
    process,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use hand_rolled::{
    Runtime,
    net::{TcpListener, TcpStream, UnixListener},
    run, sleep, spawn,
};

use super::{ANY, half_blocking_pair, half_blocking_unix_pair, send};
use crate::{ms, panic_of, park_on, poll_once, two_workers, watched};

/// An operation, begun.
type Begun = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// An operation that waits sooner or later, and what it waits for.
struct Waits {
    /// Its name, as a panic has it.
    name: &'static str,
    /// Begins the operation.
    begin: Box<dyn Fn() -> Begun + Send>,
    /// Does what it waits for.
    let_go_on: Box<dyn Fn() + Send>,
}

impl Waits {
    fn new(
        name: &'static str,
        begin: impl Fn() -> Begun + Send + 'static,
        let_go_on: impl Fn() + Send + 'static,
    ) -> Waits {
        Waits { name, begin: Box::new(begin), let_go_on: Box::new(let_go_on) }
    }

    /// Begins it until it waits, and goes on waiting.
    async fn wait(&self) -> Begun {
        loop {
            let mut begun = (self.begin)();
            if poll_once(Pin::new(&mut begun)).await.is_pending() {
                // The system may find some more room.
                sleep(ms(1)).await;
                if poll_once(Pin::new(&mut begun)).await.is_pending() {
                    return begun;
                }
            }
        }
    }
}

/// Returns every operation that may wait, with sockets of its own.
fn all() -> Vec<Waits> {
    static BYTES: [u8; 1 << 16] = [7; 1 << 16];
    macro_rules! stream {
        ($pair:expr, $name:literal, |$stream:ident| $operation:expr, $let_go_on:expr) => {{
            let (stream, blocking) = $pair;
            let stream = Arc::new(stream);
            let begin = move || -> Begun {
                let $stream = stream.clone();
                Box::pin(async move { $operation.await.map(drop) })
            };
            Waits::new($name, begin, move || $let_go_on(&blocking))
        }};
    }
    vec![
        stream!(half_blocking_pair(), "TcpStream::read", |stream| stream.read(&mut [0]), |other| send(
            other, 7
        )),
        stream!(half_blocking_pair(), "TcpStream::write", |stream| stream.write(&BYTES), drain),
        stream!(half_blocking_pair(), "TcpStream::write_all", |stream| stream.write_all(&BYTES), drain),
        stream!(half_blocking_unix_pair(), "UnixStream::read", |stream| stream.read(&mut [0]), |other| send(
            other, 7
        )),
        stream!(half_blocking_unix_pair(), "UnixStream::write", |stream| stream.write(&BYTES), drain),
        stream!(half_blocking_unix_pair(), "UnixStream::write_all", |stream| stream.write_all(&BYTES), drain),
        {
            let listener = Arc::new(TcpListener::bind(ANY).unwrap());
            let address = listener.local_addr().unwrap();
            let begin = move || -> Begun {
                let listener = listener.clone();
                Box::pin(async move { listener.accept().await.map(drop) })
            };
            Waits::new("TcpListener::accept", begin, move || drop(net::TcpStream::connect(address)))
        },
        {
            let listener = StdListener::bind_addr(&unnamed()).unwrap();
            let address = listener.local_addr().unwrap();
            let listener = Arc::new(UnixListener::try_from(listener).unwrap());
            let begin = move || -> Begun {
                let listener = listener.clone();
                Box::pin(async move { listener.accept().await.map(drop) })
            };
            let connect = move || drop(StdStream::connect_addr(&address));
            Waits::new("UnixListener::accept", begin, connect)
        },
    ]
}

/// Does something with each operation, with an event loop and with two workers.
fn with_all(cell: fn(&Waits, Runtime)) {
    for place in 0..all().len() {
        for runtime in [Runtime::current_thread, two_workers] {
            watched(move || cell(&all()[place], runtime()));
        }
    }
}

#[test]
fn outside_of_a_runtime_every_operation_panics_and_does_nothing() {
    with_all(|waits, runtime| {
        let message = panic_of(|| park_on((waits.begin)()));
        assert!(message.starts_with(&format!("{} needs a running runtime", waits.name)), "{message}");
        runtime.block_on(async {
            let begun = waits.wait().await;
            (waits.let_go_on)();
            begun.await.unwrap();
        });
    });
    let message = panic_of(|| park_on(TcpStream::connect(ANY)));
    assert!(message.starts_with("TcpStream::connect needs a running runtime"), "{message}");
}

#[test]
fn after_the_end_of_its_runtime_every_operation_gives_an_error() {
    with_all(|waits, runtime| {
        let begun = runtime.block_on(waits.wait());
        drop(runtime);
        // Though there is what it waits for.
        (waits.let_go_on)();
        run(async {
            for begun in [begun, (waits.begin)(), (waits.begin)()] {
                let error = begun.await.unwrap_err();
                assert!(error.to_string().contains("has ended"), "{}: {error}", waits.name);
            }
        });
    });
}

#[test]
fn a_second_task_that_would_wait_in_a_direction_gets_an_error_and_the_first_goes_on() {
    with_all(|waits, runtime| {
        runtime.block_on(async {
            let first = waits.wait().await;
            for _ in 0..2 {
                let error = spawn((waits.begin)()).await.unwrap().unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::ResourceBusy, "{}: {error}", waits.name);
            }
            (waits.let_go_on)();
            first.await.unwrap();
        });
    });
}

/// Reads all that comes, on a thread of its own.
fn drain(socket: impl AsFd) {
    let mut socket = File::from(socket.as_fd().try_clone_to_owned().unwrap());
    thread::spawn(move || io::copy(&mut socket, &mut io::sink()));
}

/// Returns an address of Unix sockets that is no file, and that nobody else has.
fn unnamed() -> SocketAddr {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    let name = format!("hand-rolled-{}-{}", process::id(), LAST.fetch_add(1, Relaxed));
    SocketAddr::from_abstract_name(name).unwrap()
}
