//! The lane [`FuturesLocal`]: the `LocalPool` of futures, on a thread of its own.

use std::{cell::OnceCell, thread};

use executor_api::{About, BlockOn, Class, Config, Executor, Standing};
use futures::{
    StreamExt,
    channel::{
        mpsc::{self, UnboundedSender},
        oneshot,
    },
    executor::{LocalPool, LocalSpawner, block_on},
    task::LocalSpawnExt,
};

use crate::{Task, observed};

/// The `LocalPool` of futures, driven by a thread of its own.
///
/// The thread that calls [`run`](Executor::run) only waits, as in every lane.
#[derive(Debug)]
pub struct FuturesLocal {
    /// Ends the thread when it is dropped.
    roots: Option<UnboundedSender<Root>>,
    worker: Option<thread::JoinHandle<()>>,
}

/// Spawns the root of a run on the pool of the current thread.
type Root = Box<dyn FnOnce() + Send>;

thread_local! {
    /// The pool of this thread.
    static LOCAL: OnceCell<LocalSpawner> = const { OnceCell::new() };
}

impl Executor for FuturesLocal {
    const ABOUT: About = About {
        name: "futures-local",
        description: "LocalPool on a thread of its own: all tasks are in one FuturesUnordered, which polls those that are woken.",
        class: Class::CurrentThread,
        standing: Standing::Published,
        limits: "No timers, no sockets, no blocking pool. Uses one thread on any machine. A panic would end the pool: our \
                 tasks catch theirs.",
        package: "futures",
        homepage: "https://github.com/rust-lang/futures-rs",
        source: file!(),
    };

    type Task<T: Send + 'static> = Task<T>;

    fn start(config: &Config) -> Self {
        assert_eq!(config.threads.get(), 1, "{} runs on one thread only", Self::ABOUT.name);
        let (roots, mut incoming) = mpsc::unbounded::<Root>();
        let worker = thread::spawn(move || {
            let mut pool = LocalPool::new();
            LOCAL.with(|local| local.set(pool.spawner())).expect("a thread has one pool");
            pool.run_until(async {
                while let Some(spawn_root) = incoming.next().await {
                    spawn_root();
                }
            });
        });
        FuturesLocal { roots: Some(roots), worker: Some(worker) }
    }

    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (handle, spawned) = oneshot::channel();
        let spawn_root = move || drop(handle.send(Self::spawn(main)));
        let roots = self.roots.as_ref().expect("only drop takes it");
        roots.unbounded_send(Box::new(spawn_root)).expect("the thread runs until this handle is dropped");
        block_on(async { spawned.await.expect("the thread spawns every root").await })
    }

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (future, task) = observed(future);
        LOCAL.with(|local| {
            let local = local.get().expect("futures was started: call this inside a task");
            local.spawn_local(future).expect("the pool runs as long as its tasks");
        });
        task
    }
}

impl Drop for FuturesLocal {
    fn drop(&mut self) {
        drop(self.roots.take());
        if let Some(worker) = self.worker.take() {
            worker.join().expect("tasks keep their panics, so the worker has none");
        }
    }
}

impl BlockOn for FuturesLocal {
    type Caller = ();

    fn callers(_config: &Config, number: usize) -> Vec<()> {
        vec![(); number]
    }

    /// The documentation of `LocalPool` has `pool.run_until(future)`, so that its tasks run too.
    fn block_on<F: Future>(_caller: &(), future: F) -> F::Output {
        LocalPool::new().run_until(future)
    }
}
