//! Checks the laws of [`Net`] about descriptors and processor time.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, Write},
    net,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{Config, Listener, Net, Stream, Task};

use super::{
    net::{connected, listening, noted, read_exactly, run, start, with_std, write},
    process::DESCRIPTORS,
    until,
};

/// The time for which a law watches a process that waits.
const WATCH: Duration = Duration::from_millis(500);

/// The processor time that a process may take in [`WATCH`] while it waits: one that spins takes several times as much, also
/// on a machine that is busy.
const IDLE: Duration = Duration::from_millis(60);

/// The time that the system may take to close what was dropped.
const PARTING: Duration = Duration::from_secs(1);

/// "Too many open files", as the systems number it.
const EMFILE: i32 = 24;

/// Without descriptors `accept` gives the error, each time; meanwhile nothing spins; and with descriptors it accepts what
/// has waited.
pub fn an_accept_without_descriptors_is_an_error_and_works_again<E: Net>(config: &Config) {
    run::<E, _>(config, async {
        let (listener, address) = listening::<E>().await;
        let watched = Watched::new(with_std::<E>().await);
        let listener = Arc::new(listener);
        let waiting = Arc::new(AtomicUsize::new(0));
        let accepting = E::spawn(noted(waiting.clone(), {
            let listener = listener.clone();
            async move { listener.accept().await.map(drop) }
        }));
        until::<E>("the accept waits", || waiting.load(SeqCst) == 1).await;

        let mut files = use_up_descriptors();
        drop(files.pop());
        // It takes the last descriptor, and none is left for the other end.
        let mut peer = net::TcpStream::connect(address).expect("it listens, and a descriptor is free");
        peer.write_all(b"!").expect("the backlog takes it");
        expect_none_left(accepting.await);
        for _ in 0..3 {
            expect_none_left(listener.accept().await.map(drop));
        }
        let watched = watched.wait().await;
        drop(files);
        watched.expect_idle("an accept has found no descriptor");

        let mut stream = listener.accept().await.expect("there are descriptors again");
        assert_eq!(read_exactly(&mut stream, 1).await, b"!", "the connection that has waited");
    });
}

/// A run leaves no socket open, neither one that it dropped nor one that a cancelled task held.
pub fn what_a_run_opens_is_closed<E: Net>(config: &Config) {
    async fn use_sockets<E: Net>() {
        let (listener, address) = listening::<E>().await;
        let never_accepted = net::TcpStream::connect(address).expect("it listens");
        let (mut one, mut other) = connected::<E>().await;
        write(&mut one, b"!").await;
        assert_eq!(read_exactly(&mut other, 1).await, b"!");
        let waiting = Arc::new(AtomicUsize::new(0));
        let [first, second] = <[E::Unix; 2]>::from(E::pair().expect("there are descriptors"));
        let read = |mut stream: E::Unix| {
            E::spawn(noted(waiting.clone(), async move { stream.read(Box::new([0])).await.0.is_ok() }))
        };
        let tasks = [read(first), read(second)];
        until::<E>("both reads wait", || waiting.load(SeqCst) == 2).await;
        for task in tasks {
            task.cancel().await;
        }
        drop((listener, never_accepted));
    }
    let Some(executor) = start::<E>(config) else { return };
    // What an executor opens for itself stays.
    executor.run(use_sockets::<E>());
    let Some(before) = descriptors() else { return };
    for _ in 0..5 {
        executor.run(use_sockets::<E>());
    }
    let left = || descriptors().unwrap_or(before).saturating_sub(before);
    let start = Instant::now();
    while left() > 0 && start.elapsed() < PARTING {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(left(), 0, "descriptors are open after a run");
}

/// The process takes no processor time while all its tasks wait for sockets.
pub fn no_processor_time_is_taken_while_all_wait<E: Net>(config: &Config) {
    const PAIRS: usize = 20;
    run::<E, _>(config, async {
        let watched = Watched::new(with_std::<E>().await);
        let (listener, _address) = listening::<E>().await;
        let waiting = Arc::new(AtomicUsize::new(0));
        let accepting = E::spawn(noted(waiting.clone(), async move { listener.accept().await.is_ok() }));
        let mut peers = Vec::new();
        let mut tasks = vec![accepting];
        for _ in 0..PAIRS {
            let (mut one, other) = E::pair().expect("there are descriptors");
            peers.push(other);
            tasks.push(E::spawn(noted(
                waiting.clone(),
                async move { one.read(Box::new([0])).await.0.is_ok() },
            )));
        }
        until::<E>("all tasks wait", || waiting.load(SeqCst) == PAIRS + 1).await;
        watched.wait().await.expect_idle("all tasks wait");
        for task in tasks {
            task.cancel().await;
        }
    });
}

/// Measures the processor time of a process all of whose tasks wait.
struct Watched<S> {
    stream: S,
    peer: net::TcpStream,
    usage: Usage,
}

impl<S: Stream> Watched<S> {
    fn new((stream, peer): (S, net::TcpStream)) -> Watched<S> {
        Watched { stream, peer, usage: Usage::open() }
    }

    /// Waits for a thread that sleeps; then it knows the processor time taken meanwhile.
    async fn wait(mut self) -> Took {
        let watching = thread::spawn(move || {
            // Workers take a moment to park.
            thread::sleep(WATCH / 10);
            let before = self.usage.read();
            thread::sleep(WATCH);
            let after = self.usage.read();
            self.peer.write_all(b"!").expect("the other end reads");
            Took(before.zip(after).map(|(before, after)| after - before))
        });
        read_exactly(&mut self.stream, 1).await;
        watching.join().expect("the thread only watches")
    }
}

/// The processor time that a process took, where the system says.
struct Took(Option<Duration>);

impl Took {
    #[track_caller]
    fn expect_idle(self, meanwhile: &str) {
        if let Took(Some(took)) = self {
            assert!(took < IDLE, "{took:?} of processor time in {WATCH:?} while {meanwhile}");
        }
    }
}

/// The processor time of this process, in a file that stays open, because there may be no descriptor to open it later.
struct Usage(Option<File>);

impl Usage {
    fn open() -> Usage {
        Usage(File::open("/proc/self/stat").ok())
    }

    fn read(&mut self) -> Option<Duration> {
        let file = self.0.as_mut()?;
        let mut text = String::new();
        file.rewind().ok()?;
        file.read_to_string(&mut text).ok()?;
        // The name, in brackets, may have spaces; the 12th and 13th field after it are times in user mode and in the kernel.
        let fields = text.rsplit_once(") ")?.1.split(' ').skip(11).take(2);
        let ticks: u64 = fields.map(|field| field.parse::<u64>().ok()).sum::<Option<u64>>()?;
        // Linux counts for programs in hundredths of a second, whatever its own tick is.
        Some(Duration::from_millis(10 * ticks))
    }
}

/// Opens files until there are no more descriptors.
fn use_up_descriptors() -> Vec<File> {
    let mut files = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => files.push(file),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(EMFILE), "{error}");
                return files;
            }
        }
        assert!(files.len() <= DESCRIPTORS, "the process of a law has {DESCRIPTORS} descriptors at most");
    }
}

#[track_caller]
fn expect_none_left(accepted: io::Result<()>) {
    let error = accepted.expect_err("a connection was accepted without a descriptor");
    assert_eq!(error.raw_os_error(), Some(EMFILE), "the error of accept: {error}");
}

/// Returns the number of open descriptors of this process, or `None` where the system does not tell.
fn descriptors() -> Option<usize> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count())
}
