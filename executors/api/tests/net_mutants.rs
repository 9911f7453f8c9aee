//! Tests the laws of sockets: each mutant breaks sound sockets in one place, and the law for that place must fail.
//!
//! A law runs in a process of its own, because some mutants hang and others use up what the process has.

use std::{
    future::{pending, poll_fn},
    io,
    marker::PhantomData,
    mem,
    net::{Ipv4Addr, SocketAddr},
    panic::{UnwindSafe, catch_unwind},
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    task::{Context, Poll, Waker},
    time::Duration,
};

use executor_api::{
    About, Executor, Listener, Net, Stream, Timer,
    laws::{self, net::*, net_fair::*, net_readiness::*, net_resources::*, net_timer::*},
};
use executor_tokio::{Task, Tokio};
use tokio::sync::oneshot;

/// Does one thing wrong: everything that a fault does not override is done right.
trait Fault: Send + Sync + 'static {
    const WRITES_ONE_PART: bool = false;
    const SHUTS_DOWN_BOTH_DIRECTIONS: bool = false;
    const WAITS_AFTER_AN_ERROR: bool = false;
    const FORGETS_WHO_READS: bool = false;
    const ACCEPTS_AHEAD: bool = false;
    const DROPS_A_CONNECTION: bool = false;
    const HOLDS_A_SECOND_WRITE: bool = false;
    const LISTENS_ELSEWHERE: bool = false;
    const RETRIES_ACCEPT: bool = false;
    const SPINS_AFTER_AN_ERROR: bool = false;
    const NEVER_ACCEPTS_AFTER_AN_ERROR: bool = false;
    const LEAKS: bool = false;
    const READS_BY_SPINNING: bool = false;
    const SLEEPS_LONGER_WITH_SOCKETS: bool = false;
    const TAKES_BYTES_AND_WAITS: bool = false;
    const HAS_NO_BUDGET: bool = false;
}

/// Declares faults that set one constant.
macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident: $constant:ident;)+) => {$(
        $(#[$doc])*
        struct $fault;
        impl Fault for $fault {
            const $constant: bool = true;
        }
    )+};
}

struct Sound;
impl Fault for Sound {}

faults! {
    /// Writes what the system takes at once, and no more.
    OnePart: WRITES_ONE_PART;
    /// Closes the socket instead of one direction.
    ClosesBoth: SHUTS_DOWN_BOTH_DIRECTIONS;
    /// Takes an error for something to wait for.
    WaitsAfterAnError: WAITS_AFTER_AN_ERROR;
    /// Loses the waker of a read that waits.
    LostWaker: FORGETS_WHO_READS;
    /// Accepts in a task of its own, whose connection is lost with the future that asked for it.
    AcceptsAhead: ACCEPTS_AHEAD;
    /// Closes one connection in fifty.
    DropsAConnection: DROPS_A_CONNECTION;
    /// Holds what is written after another write, as Nagle's algorithm does.
    Holds: HOLDS_A_SECOND_WRITE;
    /// Listens on another port where it cannot listen on that which was asked for.
    ListensElsewhere: LISTENS_ELSEWHERE;
    /// Tries again until there are descriptors.
    RetriesAccept: RETRIES_ACCEPT;
    /// Gives the error, and goes on in the background.
    SpinsAfterAnError: SPINS_AFTER_AN_ERROR;
    /// Waits for an event that does not come again.
    NeverAcceptsAgain: NEVER_ACCEPTS_AFTER_AN_ERROR;
    /// Leaves sockets open.
    Leaks: LEAKS;
    /// Polls instead of waiting.
    Spins: READS_BY_SPINNING;
    /// Is late while there are sockets.
    LateSleep: SLEEPS_LONGER_WITH_SOCKETS;
    /// Suspends its task between the read and its answer, as a completion does.
    ReadsAhead: TAKES_BYTES_AND_WAITS;
    /// Never interrupts a task.
    NoBudget: HAS_NO_BUDGET;
}

/// Counts the pairs that were made, for [`LateSleep`].
static PAIRS: AtomicUsize = AtomicUsize::new(0);

struct Mutant<F>(Tokio, PhantomData<F>);

impl<F: Fault> Executor for Mutant<F> {
    const ABOUT: About = Tokio::ABOUT;
    type Task<T: Send + 'static> = Task<T>;

    fn start(config: &executor_api::Config) -> Self {
        Mutant(Tokio::start(config), PhantomData)
    }

    fn run<M>(&self, main: M) -> M::Output
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        self.0.run(main)
    }

    fn spawn<M>(future: M) -> Task<M::Output>
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        Tokio::spawn(future)
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        Tokio::yield_now()
    }
}

impl<F: Fault> Timer for Mutant<F> {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        let late = F::SLEEPS_LONGER_WITH_SOCKETS && PAIRS.load(SeqCst) > 0;
        Tokio::sleep(if late { duration + Duration::from_millis(30) } else { duration })
    }

    fn timeout<M>(duration: Duration, future: M) -> impl Future<Output = Option<M::Output>> + Send
    where
        M: Future + Send,
        M::Output: Send,
    {
        Tokio::timeout(duration, future)
    }
}

type TokioTcp = <Tokio as Net>::Tcp;
type TokioListener = <Tokio as Net>::Listener;

impl<F: Fault> Net for Mutant<F> {
    type Listener = MutantListener<F>;
    type Tcp = MutantStream<TokioTcp, F>;
    type Unix = MutantStream<<Tokio as Net>::Unix, F>;

    fn driver() -> Result<&'static str, String> {
        Tokio::driver()
    }

    async fn listen(address: SocketAddr) -> io::Result<Self::Listener> {
        let listener = match Tokio::listen(address).await {
            Err(_) if F::LISTENS_ELSEWHERE => Tokio::listen((Ipv4Addr::LOCALHOST, 0).into()).await?,
            listening => listening?,
        };
        Ok(MutantListener { listener: listener.into(), answers: AtomicUsize::new(0), fault: PhantomData })
    }

    async fn connect(address: SocketAddr) -> io::Result<Self::Tcp> {
        Tokio::connect(address).await.map(MutantStream::new)
    }

    fn pair() -> io::Result<(Self::Unix, Self::Unix)> {
        PAIRS.fetch_add(1, SeqCst);
        let (one, other) = Tokio::pair()?;
        Ok((MutantStream::new(one), MutantStream::new(other)))
    }
}

struct MutantListener<F> {
    listener: std::sync::Arc<TokioListener>,
    answers: AtomicUsize,
    fault: PhantomData<F>,
}

impl<F: Fault> MutantListener<F> {
    async fn accept_ahead(&self) -> io::Result<TokioTcp> {
        let (sender, accepted) = oneshot::channel();
        let listener = self.listener.clone();
        tokio::spawn(async move { sender.send(listener.accept().await).ok() });
        accepted.await.expect("the task accepts")
    }
}

impl<F: Fault> Listener for MutantListener<F> {
    type Stream = MutantStream<TokioTcp, F>;

    fn address(&self) -> io::Result<SocketAddr> {
        self.listener.address()
    }

    async fn accept(&self) -> io::Result<Self::Stream> {
        loop {
            let accepted =
                if F::ACCEPTS_AHEAD { self.accept_ahead().await } else { self.listener.accept().await };
            match accepted {
                Err(_) if F::RETRIES_ACCEPT => Tokio::yield_now().await,
                Err(_) if F::NEVER_ACCEPTS_AFTER_AN_ERROR && self.answers.load(SeqCst) > 0 => {
                    return pending().await;
                }
                Err(error) => {
                    self.answers.fetch_add(1, SeqCst);
                    if F::SPINS_AFTER_AN_ERROR {
                        tokio::spawn(async {
                            loop {
                                Tokio::yield_now().await;
                            }
                        });
                    }
                    return Err(error);
                }
                Ok(_) if F::DROPS_A_CONNECTION && self.answers.fetch_add(1, SeqCst) == 50 => {}
                Ok(stream) => return Ok(MutantStream::new(stream)),
            }
        }
    }
}

/// A stream, until both of its directions are closed.
struct MutantStream<S, F: Fault> {
    stream: Option<S>,
    has_written: bool,
    fault: PhantomData<fn() -> F>,
}

impl<S, F: Fault> MutantStream<S, F> {
    fn new(stream: S) -> Self {
        MutantStream { stream: Some(stream), has_written: false, fault: PhantomData }
    }
}

impl<S, F: Fault> Drop for MutantStream<S, F> {
    fn drop(&mut self) {
        if F::LEAKS {
            mem::forget(self.stream.take());
        }
    }
}

impl<S: Stream, F: Fault> Stream for MutantStream<S, F> {
    async fn read(&mut self, buffer: Box<[u8]>) -> (io::Result<usize>, Box<[u8]>) {
        let Some(stream) = &mut self.stream else { return (Err(io::ErrorKind::NotConnected.into()), buffer) };
        self.has_written = false;
        let mut reading = pin!(stream.read(buffer));
        let reading = poll_fn(|context| {
            if F::FORGETS_WHO_READS {
                return reading.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            }
            let polled = reading.as_mut().poll(context);
            if F::READS_BY_SPINNING && polled.is_pending() {
                context.waker().wake_by_ref();
            }
            polled
        });
        let (result, buffer) =
            if F::HAS_NO_BUDGET { tokio::task::unconstrained(reading).await } else { reading.await };
        if F::TAKES_BYTES_AND_WAITS {
            Tokio::sleep(Duration::from_millis(2)).await;
        }
        if F::WAITS_AFTER_AN_ERROR && result.is_err() {
            return pending().await;
        }
        (result, buffer)
    }

    async fn write_all(&mut self, buffer: Box<[u8]>) -> (io::Result<()>, Box<[u8]>) {
        let Some(stream) = &mut self.stream else { return (Err(io::ErrorKind::NotConnected.into()), buffer) };
        if F::HOLDS_A_SECOND_WRITE && mem::replace(&mut self.has_written, true) {
            Tokio::sleep(Duration::from_millis(40)).await;
        }
        let mut writing = Box::pin(stream.write_all(buffer.clone()));
        let first = poll_fn(|context| Poll::Ready(writing.as_mut().poll(context))).await;
        match first {
            Poll::Ready(written) => written,
            Poll::Pending if F::WRITES_ONE_PART => (Ok(()), buffer),
            Poll::Pending => writing.await,
        }
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        if F::SHUTS_DOWN_BOTH_DIRECTIONS {
            self.stream = None;
            return Ok(());
        }
        match &mut self.stream {
            Some(stream) => stream.shutdown().await,
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// The time that the law of a mutant has before it counts as hanging.
const DEADLINE: Duration = Duration::from_secs(6);

/// Makes a test for each law and mutant: the law complains of it with these words.
macro_rules! caught {
    ($($test:ident: $law:ident, $fault:ty, $complaint:literal;)+) => {$(
        #[test]
        fn $test() {
            let test = concat!(module_path!(), "::", stringify!($test));
            let law = || laws::check_within::<Mutant<$fault>>(test, $law::<Mutant<$fault>>, DEADLINE);
            // The child process breaks the law; the parent asserts that it did.
            if laws::is_alone() { law() } else { caught(law, $complaint) }
        }
    )+};
}

/// Asserts that `law` panics with a message that contains `complaint`.
#[track_caller]
fn caught(law: impl Fn() + UnwindSafe, complaint: &str) {
    let panic = catch_unwind(law).expect_err("the law saw nothing");
    let message = panic.downcast_ref::<String>().expect("a law says what is broken");
    assert!(message.contains(complaint), "the law complains of something else: {message}");
}

caught! {
    a_write_of_one_part_is_caught:
        a_megabyte_goes_each_way_in_parts, OnePart, "bytes that came of a megabyte";
    a_shutdown_of_both_directions_is_caught:
        a_shutdown_closes_one_direction, ClosesBoth, "NotConnected";
    a_read_that_waits_after_a_reset_is_caught:
        a_reset_ends_each_call, WaitsAfterAnError, "hangs";
    a_read_that_nobody_wakes_is_caught:
        what_is_written_wakes_a_parked_worker, LostWaker, "hangs";
    a_connection_that_a_dropped_accept_took_is_caught:
        an_accept_that_is_dropped_loses_no_connection, AcceptsAhead, "hangs";
    a_connection_that_is_dropped_is_caught:
        a_hundred_connections_are_served_at_once, DropsAConnection, "the connection ended before all was read";
    a_socket_that_outlives_a_panic_is_caught:
        a_panic_closes_the_sockets_of_its_task_alone, Leaks, "hangs";
    a_write_that_is_held_is_caught:
        a_write_waits_for_no_acknowledgement, Holds, "two writes of the end that accepted take";
    another_port_than_asked_for_is_caught:
        errors_are_those_of_std, ListensElsewhere, "192.0.2.1:0";
    an_accept_that_tries_again_is_caught:
        an_accept_without_descriptors_is_an_error_and_works_again, RetriesAccept, "hangs";
    an_accept_that_spins_is_caught:
        an_accept_without_descriptors_is_an_error_and_works_again, SpinsAfterAnError, "of processor time";
    an_accept_that_never_works_again_is_caught:
        an_accept_without_descriptors_is_an_error_and_works_again, NeverAcceptsAgain, "hangs";
    a_leak_is_caught:
        what_a_run_opens_is_closed, Leaks, "descriptors are open after a run";
    a_read_that_spins_is_caught:
        no_processor_time_is_taken_while_all_wait, Spins, "of processor time";
    a_sleep_that_sockets_delay_is_caught:
        sleeps_are_as_exact_with_a_socket_open, LateSleep, "late with a socket";
    a_byte_that_a_timeout_takes_is_caught:
        a_read_that_a_timeout_ends_loses_no_byte, ReadsAhead, "a byte is lost";
    a_task_that_is_never_interrupted_is_caught:
        a_socket_that_is_always_ready_starves_nobody, NoBudget, "starved its neighbour";
}

/// Makes a test for each law, which sound sockets keep in the coat of a mutant.
macro_rules! kept {
    ($($test:ident: $law:ident;)+) => {$(
        #[test]
        fn $test() {
            let test = concat!(module_path!(), "::", stringify!($test));
            laws::check::<Mutant<Sound>>(test, $law::<Mutant<Sound>>);
        }
    )+};
}

kept! {
    sound_sockets_write_in_parts: a_megabyte_goes_each_way_in_parts;
    sound_sockets_close_one_direction: a_shutdown_closes_one_direction;
    sound_sockets_end_after_a_reset: a_reset_ends_each_call;
    sound_sockets_wake_who_reads: what_is_written_wakes_a_parked_worker;
    sound_sockets_lose_no_connection: an_accept_that_is_dropped_loses_no_connection;
    sound_sockets_serve_a_hundred: a_hundred_connections_are_served_at_once;
    sound_sockets_are_closed_by_a_panic: a_panic_closes_the_sockets_of_its_task_alone;
    sound_sockets_hold_no_write: a_write_waits_for_no_acknowledgement;
    sound_sockets_give_errors: errors_are_those_of_std;
    sound_sockets_accept_again: an_accept_without_descriptors_is_an_error_and_works_again;
    sound_sockets_are_closed: what_a_run_opens_is_closed;
    sound_sockets_wait: no_processor_time_is_taken_while_all_wait;
    sound_sockets_delay_no_sleep: sleeps_are_as_exact_with_a_socket_open;
    sound_sockets_lose_no_byte: a_read_that_a_timeout_ends_loses_no_byte;
    sound_sockets_starve_nobody: a_socket_that_is_always_ready_starves_nobody;
}
