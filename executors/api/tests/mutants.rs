//! Tests the laws: each mutant breaks a sound executor in one place, and the law for that place must fail.

use std::{
    any::Any,
    cell::Cell,
    future::{poll_fn, ready},
    marker::PhantomData,
    mem,
    num::NonZeroUsize,
    panic::catch_unwind,
    pin::Pin,
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use executor_api::{
    About, BlockOn, BlockingPool, Config, Executor, Remote, Restart, Timer,
    laws::{self, block_on::*, blocking::*, remote::*, restart::*, tasks::*, timer::*},
};
use executor_tokio::{Task, Tokio};

/// Does one thing wrong: everything that a fault does not override is done right.
trait Fault: Send + Sync + 'static {
    const CANCELS_WITHOUT_WAITING: bool = false;
    const POLLS_THE_ROOT_ITSELF: bool = false;
    const POLLS_INSIDE_SPAWN: bool = false;
    const YIELDS_NEVER: bool = false;
    const GOES_ON_AFTER_A_YIELD: bool = false;
    const POLLS_WHAT_COMES_FROM_OUTSIDE_ELSEWHERE: bool = false;
    const LOSES_WAKE_UPS_FROM_OUTSIDE: bool = false;
    const NEVER_ENDS: bool = false;
    const SLEEPS_UNTIL_THE_PAST: bool = false;
    const BLOCKS_ON_ONE_AT_A_TIME: bool = false;

    fn config(config: &Config) -> Config {
        *config
    }

    fn duration(duration: Duration) -> Duration {
        duration
    }

    fn output<T: 'static>(output: T) -> T {
        output
    }
}

struct Sound;
impl Fault for Sound {}

/// Adds one to each output that is a number.
struct WrongSum;
impl Fault for WrongSum {
    fn output<T: 'static>(mut output: T) -> T {
        if let Some(number) = (&mut output as &mut dyn Any).downcast_mut::<u64>() {
            *number += 1;
        }
        output
    }
}

struct AWorkerTooFew;
impl Fault for AWorkerTooFew {
    fn config(config: &Config) -> Config {
        let fewer = NonZeroUsize::new(config.threads.get() - 1).expect("tested with several workers");
        Config { threads: fewer, ..*config }
    }
}

struct AWorkerTooMany;
impl Fault for AWorkerTooMany {
    fn config(config: &Config) -> Config {
        Config { threads: config.threads.saturating_add(1), ..*config }
    }
}

struct AJobTooMany;
impl Fault for AJobTooMany {
    fn config(config: &Config) -> Config {
        Config { blocking_threads: config.blocking_threads.saturating_add(1), ..*config }
    }
}

struct EarlySleep;
impl Fault for EarlySleep {
    fn duration(duration: Duration) -> Duration {
        duration / 2
    }
}

/// Suspends the task even for a deadline that has passed.
struct SleepsInVain;
impl Fault for SleepsInVain {
    const SLEEPS_UNTIL_THE_PAST: bool = true;
}

struct EarlyCancel;
impl Fault for EarlyCancel {
    const CANCELS_WITHOUT_WAITING: bool = true;
}

/// Polls the root on the calling thread, as the future of `block_on`.
struct RootElsewhere;
impl Fault for RootElsewhere {
    const POLLS_THE_ROOT_ITSELF: bool = true;
}

/// Polls a new task before `spawn` returns, as asyncio's eager tasks do.
struct EagerSpawn;
impl Fault for EagerSpawn {
    const POLLS_INSIDE_SPAWN: bool = true;
}

/// Yields with a future that is ready at once.
struct NoYield;
impl Fault for NoYield {
    const YIELDS_NEVER: bool = true;
}

/// Suspends a task at its yield and polls the same task next.
struct SelfishYield;
impl Fault for SelfishYield {
    const GOES_ON_AFTER_A_YIELD: bool = true;
}

/// Runs a task from outside on a thread that is no worker.
struct RunsElsewhere;
impl Fault for RunsElsewhere {
    const POLLS_WHAT_COMES_FROM_OUTSIDE_ELSEWHERE: bool = true;
}

/// Queues a task from outside and wakes no worker for it.
struct LostWakeUp;
impl Fault for LostWakeUp {
    const LOSES_WAKE_UPS_FROM_OUTSIDE: bool = true;
}

/// Keeps a thread in `block_on` waiting until the one before has left it.
struct OneAtATime;
impl Fault for OneAtATime {
    const BLOCKS_ON_ONE_AT_A_TIME: bool = true;
}

/// Continues to run after it was dropped.
struct NoEnd;
impl Fault for NoEnd {
    const NEVER_ENDS: bool = true;
}

thread_local! {
    /// Marks that the current poll on this thread has ended at the yield of [`SelfishYield`].
    static YIELDED: Cell<bool> = const { Cell::new(false) };
}

struct Mutant<F>(Tokio, PhantomData<F>);

impl<F: Fault> Executor for Mutant<F> {
    const ABOUT: About = Tokio::ABOUT;
    type Task<T: Send + 'static> = MutantTask<T, F>;

    fn start(config: &Config) -> Self {
        Mutant(Tokio::start(&F::config(config)), PhantomData)
    }

    fn run<M>(&self, main: M) -> M::Output
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        if F::POLLS_THE_ROOT_ITSELF {
            return self.0.run(async { tokio::runtime::Handle::current() }).block_on(main);
        }
        let mut main = Box::pin(main);
        self.0.run(poll_fn(move |context| {
            loop {
                YIELDED.set(false);
                let polled = main.as_mut().poll(context);
                if polled.is_ready() || !YIELDED.get() {
                    return polled;
                }
            }
        }))
    }

    fn spawn<M>(future: M) -> MutantTask<M::Output, F>
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        Self::spawn_from(&Tokio::spawner(), future)
    }

    async fn yield_now() {
        if F::YIELDS_NEVER {
            return;
        }
        if !F::GOES_ON_AFTER_A_YIELD {
            return Tokio::yield_now().await;
        }
        let mut yielded = false;
        poll_fn(|_| {
            // The root of a run is polled until this stays false.
            YIELDED.set(!yielded);
            if mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl<F: Fault> Timer for Mutant<F> {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        Tokio::sleep(F::duration(duration))
    }

    async fn sleep_until(deadline: Instant) {
        if F::SLEEPS_UNTIL_THE_PAST {
            Self::yield_now().await;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            Self::sleep(left).await;
        }
    }

    fn timeout<M>(duration: Duration, future: M) -> impl Future<Output = Option<M::Output>> + Send
    where
        M: Future + Send,
        M::Output: Send,
    {
        Tokio::timeout(duration, future)
    }
}

impl<F: Fault> BlockingPool for Mutant<F> {
    fn spawn_blocking<T, J>(job: J) -> MutantTask<T, F>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        MutantTask(Tokio::spawn_blocking(job), PhantomData)
    }
}

impl<F: Fault> Remote for Mutant<F> {
    type Spawner = <Tokio as Remote>::Spawner;

    fn spawner() -> Self::Spawner {
        Tokio::spawner()
    }

    fn spawn_from<M>(spawner: &Self::Spawner, future: M) -> MutantTask<M::Output, F>
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        let mut future = Box::pin(future);
        let is_outside = tokio::runtime::Handle::try_current().is_err();
        let task = if is_outside && F::POLLS_WHAT_COMES_FROM_OUTSIDE_ELSEWHERE {
            let output = thread::scope(|scope| {
                scope.spawn(|| spawner.block_on(future)).join().expect("tasks of these laws do not panic")
            });
            Tokio::spawn_from(spawner, ready(output))
        } else if is_outside && F::LOSES_WAKE_UPS_FROM_OUTSIDE {
            let mut is_awake = false;
            Tokio::spawn_from(
                spawner,
                poll_fn(move |context| {
                    if mem::replace(&mut is_awake, true) {
                        future.as_mut().poll(context)
                    } else {
                        Poll::Pending
                    }
                }),
            )
        } else if F::POLLS_INSIDE_SPAWN {
            match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(output) => Tokio::spawn_from(spawner, ready(output)),
                Poll::Pending => Tokio::spawn_from(spawner, future),
            }
        } else {
            Tokio::spawn_from(spawner, future)
        };
        MutantTask(task, PhantomData)
    }
}

impl<F: Fault> BlockOn for Mutant<F> {
    type Caller = <Tokio as BlockOn>::Caller;

    fn callers(config: &Config, number: usize) -> Vec<Self::Caller> {
        Tokio::callers(&F::config(config), number)
    }

    fn block_on<M: Future>(caller: &Self::Caller, future: M) -> M::Output {
        static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _one = F::BLOCKS_ON_ONE_AT_A_TIME.then(|| ONE.lock());
        Tokio::block_on(caller, future)
    }
}

impl<F: Fault> Restart for Mutant<F> {
    fn once<M>(config: &Config, main: M) -> M::Output
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        let executor = Self::start(config);
        let output = executor.run(main);
        if F::NEVER_ENDS {
            mem::forget(executor);
        }
        output
    }
}

struct MutantTask<T, F>(Task<T>, PhantomData<F>);

impl<T, F> Unpin for MutantTask<T, F> {}

impl<T: 'static, F: Fault> Future for MutantTask<T, F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(context).map(F::output)
    }
}

impl<T: Send + 'static, F: Fault> executor_api::Task<T> for MutantTask<T, F> {
    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    fn cancel(self) -> impl Future<Output = Option<T>> + Send {
        let cancelling = self.0.cancel();
        async { if F::CANCELS_WITHOUT_WAITING { None } else { cancelling.await.map(F::output) } }
    }
}

const ONE_WORKER: Config = Config::new(NonZeroUsize::MIN);
const THREE_WORKERS: Config = Config::new(NonZeroUsize::new(3).unwrap());

/// Asserts that `law` panics with a message that contains `complaint`.
#[track_caller]
fn caught(law: impl Fn() + std::panic::UnwindSafe, complaint: &str) {
    let panic = catch_unwind(law).expect_err("the law saw nothing");
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    let message = panic.downcast_ref::<String>().cloned().or(text).expect("a law says what is broken");
    assert!(message.contains(complaint), "the law complains of something else: {message}");
}

#[test]
fn a_sound_executor_breaks_no_law() {
    ten_thousand_tasks_all_finish::<Mutant<Sound>>(&THREE_WORKERS);
    enough_work_uses_every_worker_and_no_other_thread::<Mutant<Sound>>(&THREE_WORKERS);
    a_task_never_runs_inside_the_call_of_spawn::<Mutant<Sound>>(&THREE_WORKERS);
    a_yield_suspends_its_task_once::<Mutant<Sound>>(&THREE_WORKERS);
    a_task_that_keeps_yielding_lets_the_others_run::<Mutant<Sound>>(&ONE_WORKER);
    cancel_ends_when_the_future_is_gone::<Mutant<Sound>>(&THREE_WORKERS);
    the_root_runs_on_a_worker::<Mutant<Sound>>(&THREE_WORKERS);
    a_sleep_is_never_early::<Mutant<Sound>>(&THREE_WORKERS);
    a_sleep_until_a_deadline_ends_after_it_or_at_once::<Mutant<Sound>>(&THREE_WORKERS);
    as_many_jobs_run_at_once_as_there_are_threads_and_no_more::<Mutant<Sound>>(&THREE_WORKERS);
    a_task_from_outside_runs_on_a_worker_and_gives_its_output::<Mutant<Sound>>(&THREE_WORKERS);
    a_task_never_runs_inside_the_call_of_spawn_from::<Mutant<Sound>>(&THREE_WORKERS);
    tasks_from_two_threads_all_run_once::<Mutant<Sound>>(&THREE_WORKERS);
    a_task_from_outside_wakes_an_idle_executor::<Mutant<Sound>>(&THREE_WORKERS);
    a_future_that_is_blocked_on_stays_on_its_thread::<Mutant<Sound>>(&THREE_WORKERS);
    a_wake_from_another_thread_reaches_a_thread_that_waits::<Mutant<Sound>>(&THREE_WORKERS);
    threads_block_on_at_the_same_time::<Mutant<Sound>>(&THREE_WORKERS);
    the_panic_of_a_future_that_is_blocked_on_comes_out::<Mutant<Sound>>(&THREE_WORKERS);
    an_executor_starts_and_ends_a_hundred_times::<Mutant<Sound>>(&THREE_WORKERS);
    the_end_of_an_executor_drops_what_is_left::<Mutant<Sound>>(&THREE_WORKERS);
}

#[test]
fn no_thread_outlives_a_sound_executor() {
    let test = concat!(module_path!(), "::no_thread_outlives_a_sound_executor");
    laws::check::<Mutant<Sound>>(test, no_thread_outlives_its_executor::<Mutant<Sound>>);
}

#[test]
fn a_wrong_sum_is_caught() {
    caught(|| ten_thousand_tasks_all_finish::<Mutant<WrongSum>>(&THREE_WORKERS), "left: 50005000");
    caught(|| tasks_from_two_threads_all_run_once::<Mutant<WrongSum>>(&THREE_WORKERS), "left: 25000000");
    caught(|| an_executor_starts_and_ends_a_hundred_times::<Mutant<WrongSum>>(&THREE_WORKERS), "left: 1");
}

#[test]
fn a_worker_too_few_is_caught() {
    let law = || enough_work_uses_every_worker_and_no_other_thread::<Mutant<AWorkerTooFew>>(&THREE_WORKERS);
    caught(law, "2 of 3 workers poll tasks at once");
}

#[test]
fn a_worker_too_many_is_caught() {
    let law = || enough_work_uses_every_worker_and_no_other_thread::<Mutant<AWorkerTooMany>>(&THREE_WORKERS);
    caught(law, "beyond the 3 workers");
}

#[test]
fn a_task_that_starts_inside_spawn_is_caught() {
    let law = || a_task_never_runs_inside_the_call_of_spawn::<Mutant<EagerSpawn>>(&THREE_WORKERS);
    caught(law, "inside the call of spawn");
    let law = || a_task_never_runs_inside_the_call_of_spawn_from::<Mutant<EagerSpawn>>(&THREE_WORKERS);
    caught(law, "inside the call of spawn_from");
}

#[test]
fn a_yield_that_is_none_is_caught() {
    let law = || a_yield_suspends_its_task_once::<Mutant<NoYield>>(&THREE_WORKERS);
    caught(law, "left: 1");
    let law = || a_task_that_keeps_yielding_lets_the_others_run::<Mutant<NoYield>>(&ONE_WORKER);
    caught(law, "left: 0");
}

#[test]
fn a_yield_to_nobody_is_caught() {
    let law = || a_task_that_keeps_yielding_lets_the_others_run::<Mutant<SelfishYield>>(&ONE_WORKER);
    caught(law, "left: 0");
}

#[test]
fn an_early_sleep_is_caught() {
    caught(|| a_sleep_is_never_early::<Mutant<EarlySleep>>(&THREE_WORKERS), "ended after");
    let law = || a_sleep_until_a_deadline_ends_after_it_or_at_once::<Mutant<EarlySleep>>(&THREE_WORKERS);
    caught(law, "before its deadline");
    let law = || a_sleep_until_a_deadline_ends_after_it_or_at_once::<Mutant<SleepsInVain>>(&THREE_WORKERS);
    caught(law, "a sleep until now suspends its task");
}

#[test]
fn a_cancel_that_does_not_wait_is_caught() {
    let law = || cancel_ends_when_the_future_is_gone::<Mutant<EarlyCancel>>(&THREE_WORKERS);
    caught(law, "cancel ended before the destructor");
}

#[test]
fn a_job_too_many_is_caught() {
    let law =
        || as_many_jobs_run_at_once_as_there_are_threads_and_no_more::<Mutant<AJobTooMany>>(&THREE_WORKERS);
    caught(law, "4 jobs ran at once on 3 threads");
}

#[test]
fn a_root_that_is_no_task_is_caught() {
    caught(
        || the_root_runs_on_a_worker::<Mutant<RootElsewhere>>(&THREE_WORKERS),
        "the thread that called run",
    );
}

#[test]
fn a_task_from_outside_that_runs_on_no_worker_is_caught() {
    let law =
        || a_task_from_outside_runs_on_a_worker_and_gives_its_output::<Mutant<RunsElsewhere>>(&THREE_WORKERS);
    caught(law, "a thread that is no worker");
}

#[test]
fn a_task_from_outside_that_wakes_nobody_is_caught() {
    caught(
        || a_task_from_outside_wakes_an_idle_executor::<Mutant<LostWakeUp>>(&ONE_WORKER),
        "its executor sleeps",
    );
}

#[test]
fn a_block_on_for_one_thread_at_a_time_is_caught() {
    let law = || threads_block_on_at_the_same_time::<Mutant<OneAtATime>>(&THREE_WORKERS);
    caught(law, "not in block_on at once");
}

#[test]
fn a_task_that_outlives_its_executor_is_caught() {
    caught(
        || the_end_of_an_executor_drops_what_is_left::<Mutant<NoEnd>>(&ONE_WORKER),
        "the executor has ended",
    );
}

#[test]
fn a_thread_that_outlives_its_executor_is_caught() {
    let test = concat!(module_path!(), "::a_thread_that_outlives_its_executor_is_caught");
    let law = || laws::check::<Mutant<NoEnd>>(test, no_thread_outlives_its_executor::<Mutant<NoEnd>>);
    // The child process panics with the message of the law; the parent asserts that it did.
    if laws::is_alone() { law() } else { caught(law, "threads outlive their executors") }
}

#[test]
fn a_law_that_hangs_is_caught() {
    let hangs = |_config: &Config| loop {
        thread::park();
    };
    let test = concat!(module_path!(), "::a_law_that_hangs_is_caught");
    caught(
        move || laws::check_within::<Mutant<Sound>>(test, hangs, Duration::from_secs(1)),
        "hangs: no end after 1s",
    );
}

#[test]
fn a_law_whose_process_runs_no_test_is_caught() {
    let law = |_config: &Config| ();
    let test = concat!(module_path!(), "::a_test_by_no_name");
    caught(move || laws::check::<Mutant<Sound>>(test, law), "did not run");
}
