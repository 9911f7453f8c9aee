//! Requests: measures how late requests from outside are at their handlers, under a load that waits for no answer.
//!
//! An open loop: requests come when they are due, whether earlier ones have been answered or not, so that whoever is slow cannot
//! slow the load down and look fast (coordinated omission). What is told is the time from when a request was sent until its handler
//! had it. That it was sent late itself is a control: a run in which the load came late is not used.
//!
//! # Layout
//!
//! - this file: the two workloads, and one run of them
//! - `schedule`, `generator`: when requests are due, and the thread that sends them
//! - `frame`, `handler`: the requests, and the task that handles those of a connection
//! - `work`: tasks that keep every worker busy meanwhile

mod frame;
mod generator;
mod handler;
mod schedule;
mod work;

use std::{
    any::Any,
    io,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use async_channel::bounded;
use executor_api::{Listener, Net};
use workload_api::{About, Measure, Work as Specified, Workload, gather, tell_lateness};

use crate::{
    generator::Generator,
    handler::{Connection, Handled},
    schedule::{CONNECTIONS, Schedule},
    work::Work,
};

/// The length of a run: at 10,000 requests a second a thousand of them, which a 99th percentile takes.
const LENGTH: Duration = Duration::from_millis(100);

/// The time after a run's last request at which work ends, whether its requests have been handled or not.
const PATIENCE: Duration = Duration::from_millis(100);

const MEASURE: Measure = Measure::Told("lateness of a request");

/// N requests a second come in on a hundred connections.
pub struct Requests(Load);

/// Ten thousand requests a second come in beside tasks that compute for N µs a turn.
pub struct RequestsAmongWork(Load);

/// The requests handled, and the sum of their numbers; or the reason why a run came to no end.
type Answer = Result<[u64; 2], String>;

impl<E: Net> Workload<E> for Requests {
    const ABOUT: About = About {
        name: "requests",
        description: "A thread outside the executor sends N requests a second on 100 connections, for 100 ms, at times drawn from \
                      a seed (Poisson), and waits for no answer; a task for each connection reads, takes note and answers.",
        group: "Request latency",
        operation: "one request",
        size: "requests a second",
        shows: "how late a request is at its handler, from when it was sent: the time to wake up for a socket, and the turns of \
                others that came in the same moment",
        hides: "the way of the answer, a network, and a service that computes; on two processors the thread that sends shares \
                them with the workers",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[1_000, 10_000];
    const MEASURE: Measure = MEASURE;
    const SOCKETS: bool = true;
    const LONG: bool = true;
    type Answer = Answer;

    fn prepare(rate: u64) -> Self {
        Requests(Load::of(rate, None))
    }
    async fn get_ready(self: Arc<Self>) {
        self.0.get_ready::<E>().await;
    }
    async fn run(self: Arc<Self>) -> Answer {
        self.0.run::<E>().await
    }
    fn expected(&self) -> Answer {
        self.0.expected()
    }
    fn operations(&self) -> u64 {
        self.0.requests
    }
    fn ideal(&self) -> Duration {
        LENGTH
    }
    fn told(&self) -> Duration {
        self.0.told()
    }
    fn spoiled(&self) -> Option<String> {
        self.0.lock().late.take()
    }
    fn work(&self) -> Specified {
        self.0.work()
    }
}

impl<E: Net> Workload<E> for RequestsAmongWork {
    const ABOUT: About = About {
        name: "requests-among-work",
        description: "As requests, 10,000 a second, while two pairs of tasks for each worker hand a token to and fro and compute \
                      N µs whenever they have it. Work ends with the last request, or 100 ms after it was due.",
        size: "µs of a turn of work",
        shows: "who looks at the sockets while no worker is ever out of work, and how often",
        hides: "workers that wait for sockets (see requests). The thread that sends needs a processor of its own, so there are \
                fewer workers than processors",
        ..<Requests as Workload<E>>::ABOUT
    };
    const SIZES: &'static [u64] = &[20];
    const FULL_SIZES: &'static [u64] = &[200, 1_000];
    const MEASURE: Measure = MEASURE;
    const SOCKETS: bool = true;
    const LONG: bool = true;
    const LOADED_FROM_OUTSIDE: bool = true;
    type Answer = Answer;

    fn prepare(micros: u64) -> Self {
        <Self as Workload<E>>::prepare_for(micros, NonZeroUsize::MIN)
    }
    fn prepare_for(micros: u64, workers: NonZeroUsize) -> Self {
        let work = Work::for_workers(workers.get() as u64, Duration::from_micros(micros));
        RequestsAmongWork(Load::of(10_000, Some(work)))
    }
    async fn get_ready(self: Arc<Self>) {
        self.0.get_ready::<E>().await;
    }
    async fn run(self: Arc<Self>) -> Answer {
        self.0.run::<E>().await
    }
    fn expected(&self) -> Answer {
        self.0.expected()
    }
    fn operations(&self) -> u64 {
        self.0.requests
    }
    fn ideal(&self) -> Duration {
        LENGTH
    }
    fn told(&self) -> Duration {
        self.0.told()
    }
    fn spoiled(&self) -> Option<String> {
        self.0.lock().late.take()
    }
    fn work(&self) -> Specified {
        self.0.work()
    }
}

/// The load of a run, the work beside it, and what runs share.
struct Load {
    requests: u64,
    work: Option<Work>,
    /// The clock of all stamps.
    epoch: Instant,
    /// The number of the next run, which is the seed of its schedule: every lane has the same.
    runs: AtomicU64,
    late_ns: AtomicU64,
    shared: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    /// The two ends of the connections: a [`Doors`] of the executor's type, which the workload does not name.
    doors: Option<Box<dyn Any + Send>>,
    /// The complaint about the generator of a run that is not to be used.
    late: Option<String>,
}

/// Both ends of the connections.
struct Doors<S> {
    generator: Generator,
    connections: Vec<Connection<S>>,
}

impl Load {
    fn of(rate: u64, work: Option<Work>) -> Load {
        Load {
            requests: rate * LENGTH.as_millis() as u64 / 1_000,
            work,
            epoch: Instant::now(),
            runs: AtomicU64::new(0),
            late_ns: AtomicU64::new(0),
            shared: Mutex::default(),
        }
    }

    fn expected(&self) -> Answer {
        Ok([self.requests, (0..self.requests).sum()])
    }

    fn told(&self) -> Duration {
        Duration::from_nanos(self.late_ns.swap(0, Relaxed))
    }

    fn work(&self) -> Specified {
        Specified::tasks(CONNECTIONS as u64 + self.work.as_ref().map_or(0, Work::tasks))
    }

    /// Connects, unless there are connections of this executor.
    ///
    /// # Panics
    ///
    /// If there is no end to be had of a connection.
    async fn get_ready<E: Net>(&self) {
        let is_ready = self.lock().doors.as_deref().is_some_and(|doors| doors.is::<Doors<E::Tcp>>());
        if !is_ready {
            let doors = connect::<E>(self.epoch).await;
            let doors = doors.unwrap_or_else(|error| panic!("{CONNECTIONS} connections: {error}"));
            let _earlier = self.lock().doors.replace(Box::new(doors));
        }
    }

    async fn run<E: Net>(&self) -> Answer {
        let schedule = Arc::new(Schedule::of(self.runs.fetch_add(1, Relaxed), self.requests, LENGTH));
        let doors = self.lock().doors.take().and_then(|doors| doors.downcast::<Doors<E::Tcp>>().ok());
        let Doors { generator, connections } = *doors.expect("a run gets ready first");

        let stop = Arc::new(AtomicBool::new(false));
        let latest = Instant::now() + LENGTH + PATIENCE;
        let busy = self.work.as_ref().map(|work| work.spawn::<E>(&stop, latest)).unwrap_or_default();
        // Counts the handlers that have begun: the load comes when they wait.
        let (begun, all_begun) = mpsc::channel();
        let handlers =
            schedule.of_each_connection().into_iter().zip(connections).map(|(requests, connection)| {
                E::spawn(handle(connection, requests, self.epoch, begun.clone()))
            });
        let handlers: Vec<_> = handlers.collect();
        drop(begun);
        let (ended, all_ended) = mpsc::channel::<()>();
        let sender = {
            let schedule = schedule.clone();
            thread::spawn(move || send(generator, &schedule, &all_begun, &all_ended))
        };

        let handlers = gather(handlers).await.into_iter().collect::<io::Result<Vec<_>>>();
        stop.store(true, Relaxed);
        gather(busy).await;
        // The thread has sent everything, or given up, and reads answers that are there: this blocks a worker no longer than
        // that takes.
        drop(ended);
        let sent = sender.join().expect("the thread only sends and reads");
        let (generator, punctuality) =
            sent.map_err(|error| format!("the generator has an error: {error}"))?;
        let handlers = handlers.map_err(|error| format!("a handler has an error: {error}"))?;
        let (connections, handled): (_, Vec<_>) = handlers.into_iter().unzip();
        let answer = self.judge(&handled.concat());
        let mut shared = self.lock();
        shared.doors = Some(Box::new(Doors { generator, connections }));
        shared.late = shared.late.take().or(punctuality.complaint());
        answer
    }

    /// Checks that each request was handled once, and tells how late they were.
    fn judge(&self, handled: &[Handled]) -> Answer {
        let mut ledger = vec![false; self.requests as usize];
        for &Handled { number, late_ns } in handled {
            let place = ledger.get_mut(number as usize).ok_or(format!("nobody sent request {number}"))?;
            if std::mem::replace(place, true) {
                return Err(format!("request {number} was handled twice"));
            }
            self.late_ns.fetch_add(late_ns, Relaxed);
            tell_lateness(Duration::from_nanos(late_ns));
        }
        Ok([handled.len() as u64, handled.iter().map(|handled| handled.number).sum()])
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has a thread connect, whose sockets block, and accepts.
async fn connect<E: Net>(epoch: Instant) -> io::Result<Doors<E::Tcp>> {
    let listener = E::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let address = listener.address()?;
    let (say, connected) = bounded(1);
    let all_connected = move || say.try_send(()).expect("there is room for the one message");
    let connecting = thread::spawn(move || Generator::connect(address, epoch, all_connected));
    let mut connections = Vec::with_capacity(CONNECTIONS);
    // The kernel connects them whether somebody accepts or not. If it does not, nobody would ever come.
    if connected.recv().await.is_ok() {
        for _ in 0..CONNECTIONS {
            connections.push(Connection::of(listener.accept().await?, epoch).await?);
        }
    }
    let generator = connecting.join().expect("the thread only connects")?;
    Ok(Doors { generator, connections })
}

/// Sends when all handlers have begun, and reads the answers when all have ended.
fn send(
    mut generator: Generator,
    schedule: &Schedule,
    all_begun: &mpsc::Receiver<()>,
    all_ended: &mpsc::Receiver<()>,
) -> io::Result<(Generator, generator::Punctuality)> {
    generator::sleep_exactly();
    let _nobody_is_left = all_begun.recv();
    let punctuality = generator.send(schedule)?;
    let _nobody_is_left = all_ended.recv();
    generator.read_answers(schedule)?;
    Ok((generator, punctuality))
}

/// Handles the requests of a connection, and gives it back.
async fn handle<S: executor_api::Stream>(
    mut connection: Connection<S>,
    requests: usize,
    epoch: Instant,
    begun: mpsc::Sender<()>,
) -> io::Result<(Connection<S>, Vec<Handled>)> {
    drop(begun);
    let handled = connection.handle(requests, epoch).await?;
    Ok((connection, handled))
}
