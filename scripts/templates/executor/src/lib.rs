//! Implements the contract for {{name}}: threads around a queue, until you put your runtime in their place.

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        mpsc::{self, Sender},
    },
    thread,
};

use async_task::{Builder, Runnable};
use executor_api::{About, BlockingPool, Class, Config, Executor, Standing};
use futures_lite::future;

/// Runs tasks on threads that share a queue, and blocking jobs on others with a queue of their own.
#[derive(Debug)]
pub struct {{Type}};

#[derive(Debug)]
struct Queues {
    tasks: Sender<Runnable>,
    blocking: Sender<Runnable>,
}

/// The handle of a task, on async-task.
pub type Task<T> = async_task_handle::Task<T, {{Type}}>;

/// The queues of this process: a task has no other way to find them.
static QUEUES: OnceLock<Queues> = OnceLock::new();

impl Executor for {{Type}} {
    const ABOUT: About = About {
        name: "{{name}}",
        description: "Say how it schedules.",
        class: Class::MultiThread,
        standing: Standing::Experiment,
        limits: "Say what it lacks.",
        package: "executor-{{name}}",
        homepage: "https://crates.io/crates/{{name}}",
        source: file!(),
    };

    type Task<T: Send + 'static> = Task<T>;

    fn start(config: &Config) -> Self {
        let tasks = start_threads(config.threads.get());
        let blocking = start_threads(config.blocking_threads.get());
        QUEUES.set(Queues { tasks, blocking }).expect("one process starts {{name}} once");
        {{Type}}
    }

    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        future::block_on(Self::spawn(main))
    }

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn_on(&queues().tasks, future)
    }
}

impl BlockingPool for {{Type}} {
    fn spawn_blocking<T, J>(job: J) -> Task<T>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        spawn_on(&queues().blocking, async { job() })
    }
}

/// Starts `count` threads that share a queue, and returns its sender.
fn start_threads(count: usize) -> Sender<Runnable> {
    let (sender, receiver) = mpsc::channel::<Runnable>();
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..count {
        let receiver = receiver.clone();
        let next = move || receiver.lock().expect("nobody panics at the queue").recv();
        thread::spawn(move || {
            while let Ok(runnable) = next() {
                runnable.run();
            }
        });
    }
    sender
}

fn spawn_on<F>(queue: &'static Sender<Runnable>, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let schedule = |runnable| queue.send(runnable).expect("the threads run until the process ends");
    let (runnable, task) = Builder::new().propagate_panic(true).spawn(|()| future, schedule);
    runnable.schedule();
    Task::from(task)
}

fn queues() -> &'static Queues {
    QUEUES.get().expect("{{name}} was started: call this inside a task")
}
