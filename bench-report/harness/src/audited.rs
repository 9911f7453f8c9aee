//! The executor of this process, audited: a decorator for executors that writes into the ledger what a run asks of one.
//!
//! An audit needs no speed, so the decorated executor has no type: a workload is compiled once to be audited, and not once
//! for each executor. Futures, jobs and outputs are boxed, and each contract of the executor is a trait object, which
//! [`Contracts`] collects while the suite is put together. No figure comes from an audited run.

mod net;

use std::{
    any::Any,
    marker::PhantomData,
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use executor_api::{About, BlockOn, BlockingPool, Config, Executor, Remote, Restart, Task, Timer};
use lane_protocol::Capability;

use crate::{
    ledger::{fate_counted, job_counted},
    suite::about_program,
    watched::Watched,
};

/// Stands for the executor of this process in an audited run. Only a task starts one of these: the one that runs the workload
/// is the executor itself.
pub struct Audited(Box<dyn AnyExecutor>);

/// Collects the contracts that an executor implements, without its type.
#[derive(Clone, Copy)]
pub(crate) struct Contracts {
    executor: &'static str,
    tasks: &'static dyn Tasks,
    pub(crate) timer: Option<&'static dyn Sleeps>,
    pub(crate) blocking_pool: Option<&'static dyn Jobs>,
    pub(crate) remote: Option<&'static dyn Spawners>,
    pub(crate) block_on: Option<&'static dyn Blocks>,
    pub(crate) restart: Option<&'static dyn Lives>,
    pub(crate) net: Option<&'static dyn net::Sockets>,
}

/// Ambient, as everything a task asks of its executor is: one process runs one executor.
static CONTRACTS: OnceLock<Contracts> = OnceLock::new();

impl Contracts {
    /// Returns those that every executor implements.
    pub(crate) fn of<E: Executor>() -> Contracts {
        Contracts {
            executor: E::ABOUT.name,
            tasks: the::<E>(),
            timer: None,
            blocking_pool: None,
            remote: None,
            block_on: None,
            restart: None,
            net: None,
        }
    }

    /// Lists the capabilities that they add to tasks.
    pub(crate) fn capabilities(&self) -> Vec<Capability> {
        let entered = [
            (Capability::Timer, self.timer.is_some()),
            (Capability::BlockingPool, self.blocking_pool.is_some()),
            (Capability::Remote, self.remote.is_some()),
            (Capability::BlockOn, self.block_on.is_some()),
            (Capability::Restart, self.restart.is_some()),
            (Capability::Sockets, self.net.is_some()),
        ];
        entered.into_iter().filter_map(|(capability, has)| has.then_some(capability)).collect()
    }

    /// Names the mechanism by which the executor waits for sockets.
    ///
    /// # Errors
    ///
    /// The reason, if it is refused.
    pub(crate) fn driver(&self) -> Result<&'static str, String> {
        self.net.expect("the suite is told which executors have sockets: `has_sockets`").driver()
    }

    /// Has the audited runs of this process reach the executor by these contracts.
    ///
    /// # Panics
    ///
    /// If they reach another one already.
    pub(crate) fn enter_into_force(self) {
        let in_force = CONTRACTS.get_or_init(|| self);
        assert_eq!(in_force.executor, self.executor, "one process runs one executor");
    }
}

fn tasks() -> &'static dyn Tasks {
    CONTRACTS.get().expect("a case is open").tasks
}

/// Returns a contract that not every executor implements.
fn contract<C>(which: fn(&Contracts) -> Option<C>) -> C {
    let contract = CONTRACTS.get().and_then(which);
    contract.expect("the suite is told what its executors have: `has_timer` and the like")
}

pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
pub(crate) type AnyOutput = Box<dyn Any + Send>;
pub(crate) type AnyJob = Box<dyn FnOnce() -> AnyOutput + Send>;
type AnySpawner = Arc<dyn Any + Send + Sync>;

/// Implements the contracts without a type by those of `E`.
pub(crate) struct The<E>(PhantomData<fn() -> E>);

/// Returns the contracts of `E`, whichever it implements.
pub(crate) fn the<E: 'static>() -> &'static The<E> {
    &The(PhantomData)
}

/// Does what [`Executor`] does, without its type.
trait Tasks: Sync {
    fn spawn(&self, future: Boxed<'static, AnyOutput>) -> Box<dyn AnyTask>;
    fn yield_now(&self) -> Boxed<'static, ()>;
}

/// Does what [`Timer`] does, without its type.
pub(crate) trait Sleeps: Sync {
    fn sleep(&self, duration: Duration) -> Boxed<'static, ()>;
    fn sleep_until(&self, deadline: Instant) -> Boxed<'static, ()>;
    fn timeout<'a>(&self, duration: Duration, future: Boxed<'a, ()>) -> Boxed<'a, Option<()>>;
}

/// Does what [`BlockingPool`] does, without its type.
pub(crate) trait Jobs: Sync {
    fn spawn_blocking(&self, job: AnyJob) -> Box<dyn AnyTask>;
}

/// Does what [`Remote`] does, without its type.
pub(crate) trait Spawners: Sync {
    fn spawner(&self) -> AnySpawner;
    fn spawn_from(&self, spawner: &AnySpawner, future: Boxed<'static, AnyOutput>) -> Box<dyn AnyTask>;
}

/// Does what [`BlockOn`] does, without its type.
pub(crate) trait Blocks: Sync {
    fn callers(&self, config: &Config, number: usize) -> Vec<AnyCaller>;
}

/// Has a thread wait for a future, which may borrow.
type AnyCaller = Box<dyn Fn(Pin<&mut dyn Future<Output = ()>>) + Send>;

/// Does what [`Restart`] does, without its type.
pub(crate) trait Lives: Sync {
    fn start(&self, config: &Config) -> Box<dyn AnyExecutor>;
    fn once(&self, config: &Config, main: Boxed<'static, AnyOutput>) -> AnyOutput;
}

/// Does what an [`Executor`] that a task has started does, without its type.
pub(crate) trait AnyExecutor: Send + Sync {
    fn run(&self, main: Boxed<'static, AnyOutput>) -> AnyOutput;
}

/// Does what [`Task`] does, without its type.
pub(crate) trait AnyTask: Future<Output = AnyOutput> + Send + Unpin {
    fn is_finished(&self) -> bool;
    fn cancel(self: Box<Self>) -> Boxed<'static, Option<AnyOutput>>;
}

impl<E: Executor> Tasks for The<E> {
    fn spawn(&self, future: Boxed<'static, AnyOutput>) -> Box<dyn AnyTask> {
        Box::new(E::spawn(fate_counted(future)))
    }

    fn yield_now(&self) -> Boxed<'static, ()> {
        Box::pin(E::yield_now())
    }
}

impl<E: Timer> Sleeps for The<E> {
    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        Box::pin(Watched::<E>::sleep(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Boxed<'static, ()> {
        Box::pin(Watched::<E>::sleep_until(deadline))
    }

    fn timeout<'a>(&self, duration: Duration, future: Boxed<'a, ()>) -> Boxed<'a, Option<()>> {
        Box::pin(E::timeout(duration, future))
    }
}

impl<E: BlockingPool> Jobs for The<E> {
    fn spawn_blocking(&self, job: AnyJob) -> Box<dyn AnyTask> {
        Box::new(E::spawn_blocking(job_counted(job)))
    }
}

impl<E: Remote> Spawners for The<E> {
    fn spawner(&self) -> AnySpawner {
        Arc::new(E::spawner())
    }

    fn spawn_from(&self, spawner: &AnySpawner, future: Boxed<'static, AnyOutput>) -> Box<dyn AnyTask> {
        let spawner = spawner.downcast_ref().expect("one process runs one executor");
        Box::new(E::spawn_from(spawner, fate_counted(future)))
    }
}

impl<E: Executor> AnyExecutor for E {
    fn run(&self, main: Boxed<'static, AnyOutput>) -> AnyOutput {
        Executor::run(self, main)
    }
}

impl<E: BlockOn> Blocks for The<E> {
    fn callers(&self, config: &Config, number: usize) -> Vec<AnyCaller> {
        let boxed = |caller| -> AnyCaller { Box::new(move |future| E::block_on(&caller, future)) };
        E::callers(config, number).into_iter().map(boxed).collect()
    }
}

impl<E: Restart> Lives for The<E> {
    fn start(&self, config: &Config) -> Box<dyn AnyExecutor> {
        Box::new(E::start(config))
    }

    /// Uncounted: the ledger is that of the executor that runs the workload, not of one that a task starts.
    fn once(&self, config: &Config, main: Boxed<'static, AnyOutput>) -> AnyOutput {
        E::once(config, main)
    }
}

impl<K: Task<AnyOutput>> AnyTask for K {
    fn is_finished(&self) -> bool {
        Task::is_finished(self)
    }

    fn cancel(self: Box<Self>) -> Boxed<'static, Option<AnyOutput>> {
        Box::pin(Task::cancel(*self))
    }
}

impl Executor for Audited {
    const ABOUT: About = about_program("audited", "The executor of this process, audited.");

    type Task<T: Send + 'static> = AuditedTask<T>;

    fn start(config: &Config) -> Self {
        Audited(contract(|has| has.restart).start(config))
    }

    /// Uncounted, as [`once`](Restart::once) is.
    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        unboxed(self.0.run(boxed(main)))
    }

    fn spawn<F>(future: F) -> AuditedTask<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        AuditedTask::of(tasks().spawn(boxed(future)))
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        tasks().yield_now()
    }
}

impl Timer for Audited {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        contract(|has| has.timer).sleep(duration)
    }

    fn sleep_until(deadline: Instant) -> impl Future<Output = ()> + Send + 'static {
        contract(|has| has.timer).sleep_until(deadline)
    }

    async fn timeout<F>(duration: Duration, future: F) -> Option<F::Output>
    where
        F: Future + Send,
        F::Output: Send,
    {
        // The output may borrow, and so can be no `Any`: it has a place here.
        let mut output = None;
        let future = Box::pin(async { output = Some(future.await) });
        contract(|has| has.timer).timeout(duration, future).await.and(output)
    }
}

impl BlockingPool for Audited {
    fn spawn_blocking<T, J>(job: J) -> AuditedTask<T>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        let job = Box::new(|| Box::new(job()) as AnyOutput);
        AuditedTask::of(contract(|has| has.blocking_pool).spawn_blocking(job))
    }
}

impl Remote for Audited {
    type Spawner = AnySpawner;

    fn spawner() -> AnySpawner {
        contract(|has| has.remote).spawner()
    }

    fn spawn_from<F>(spawner: &AnySpawner, future: F) -> AuditedTask<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        AuditedTask::of(contract(|has| has.remote).spawn_from(spawner, boxed(future)))
    }
}

impl BlockOn for Audited {
    type Caller = AnyCaller;

    fn callers(config: &Config, number: usize) -> Vec<AnyCaller> {
        contract(|has| has.block_on).callers(config, number)
    }

    fn block_on<F: Future>(caller: &AnyCaller, future: F) -> F::Output {
        let mut output = None;
        caller(pin!(async { output = Some(future.await) }));
        output.expect("the future is ready")
    }
}

impl Restart for Audited {
    fn once<F>(config: &Config, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        unboxed(contract(|has| has.restart).once(config, boxed(main)))
    }
}

/// The handle of a task that was spawned on the audited executor.
pub struct AuditedTask<T> {
    task: Box<dyn AnyTask>,
    output: PhantomData<fn() -> T>,
}

impl<T> AuditedTask<T> {
    fn of(task: Box<dyn AnyTask>) -> AuditedTask<T> {
        AuditedTask { task, output: PhantomData }
    }
}

impl<T: 'static> Future for AuditedTask<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.task).poll(context).map(unboxed)
    }
}

impl<T: Send + 'static> Task<T> for AuditedTask<T> {
    fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    fn cancel(self) -> impl Future<Output = Option<T>> + Send {
        let cancelling = self.task.cancel();
        async { cancelling.await.map(unboxed) }
    }
}

fn boxed<F>(future: F) -> Boxed<'static, AnyOutput>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Box::pin(async { Box::new(future.await) as AnyOutput })
}

fn unboxed<T: 'static>(output: AnyOutput) -> T {
    *output.downcast().expect("the output of a task has the type of its handle")
}
