//! The lane [`TokioPerCore`]: a current-thread runtime for each worker, and no stealing.
//!
//! Somebody has to say on which of them a task runs, for it never moves. Here each thread that spawns deals its tasks out in
//! turn, beginning behind itself; pingora, whose runtime without stealing is the model, draws lots. Jobs that block go to the
//! pool of the first runtime, because there is one pool in every lane.

use std::{
    cell::{Cell, OnceCell},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use executor_api::{About, BlockingPool, Class, Config, Executor, Remote, Restart, Standing, Timer};
use futures_lite::future;
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

use crate::{CurrentThread, Task, build};

/// A current-thread runtime of tokio for each worker.
#[derive(Debug)]
pub struct TokioPerCore {
    crew: Crew,
    _threads: Vec<CurrentThread>,
}

/// The runtimes, in the order in which they are dealt tasks.
type Crew = Arc<[Handle]>;

thread_local! {
    /// The crew of this worker.
    static CREW: OnceCell<Crew> = const { OnceCell::new() };
    /// The number of the runtime that the next task of this worker goes to.
    static NEXT: Cell<usize> = const { Cell::new(0) };
}

impl Executor for TokioPerCore {
    const ABOUT: About = About {
        name: "tokio-per-core",
        description: "A current-thread runtime for each worker and no stealing: tasks are dealt out in turn, and stay.",
        class: Class::MultiThread,
        standing: Standing::Published,
        limits: "A task that waits behind a long one is taken over by nobody. A sleep ends up to a millisecond late. Not raced \
                 with sockets: they belong to the runtime that opened them, which in our workloads is that of the root.",
        package: "tokio",
        homepage: "https://tokio.rs",
        source: file!(),
    };

    type Task<T: Send + 'static> = Task<T>;

    fn start(config: &Config) -> Self {
        let runtimes: Vec<_> =
            (0..config.threads.get()).map(|_| build(&mut Builder::new_current_thread(), config)).collect();
        let crew: Crew = runtimes.iter().map(|runtime| runtime.handle().clone()).collect();
        let start = |(number, runtime): (usize, tokio::runtime::Runtime)| {
            let (stop, stopped) = oneshot::channel();
            let crew = crew.clone();
            let worker = std::thread::spawn(move || {
                CREW.with(|its| its.set(crew)).expect("a thread has one crew");
                NEXT.set(number + 1);
                drop(runtime.block_on(stopped));
            });
            CurrentThread { worker: Some(worker), stop: Some(stop) }
        };
        let threads = runtimes.into_iter().enumerate().map(start).collect();
        TokioPerCore { crew, _threads: threads }
    }

    fn run<M>(&self, main: M) -> M::Output
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        future::block_on(Task(self.crew[0].spawn(main)))
    }

    fn spawn<M>(future: M) -> Task<M::Output>
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        let next = NEXT.get();
        NEXT.set(next.wrapping_add(1));
        of_crew(|crew| Task(crew[next % crew.len()].spawn(future)))
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        tokio::task::yield_now()
    }
}

impl Timer for TokioPerCore {
    fn sleep(duration: std::time::Duration) -> impl Future<Output = ()> + Send + 'static {
        tokio::time::sleep(duration)
    }

    async fn timeout<M>(duration: std::time::Duration, future: M) -> Option<M::Output>
    where
        M: Future + Send,
        M::Output: Send,
    {
        tokio::time::timeout(duration, future).await.ok()
    }
}

impl BlockingPool for TokioPerCore {
    fn spawn_blocking<T, J>(job: J) -> Task<T>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        of_crew(|crew| Task(crew[0].spawn_blocking(job)))
    }
}

impl Remote for TokioPerCore {
    type Spawner = (Crew, Arc<AtomicUsize>);

    fn spawner() -> Self::Spawner {
        (of_crew(Crew::clone), Arc::default())
    }

    fn spawn_from<M>((crew, next): &Self::Spawner, future: M) -> Task<M::Output>
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        Task(crew[next.fetch_add(1, Relaxed) % crew.len()].spawn(future))
    }
}

impl Restart for TokioPerCore {}

/// Does something with the crew of this worker.
fn of_crew<T>(act: impl FnOnce(&Crew) -> T) -> T {
    CREW.with(|crew| act(crew.get().expect("tokio was started: call this inside a task")))
}
