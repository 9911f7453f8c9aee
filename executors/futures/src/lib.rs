//! The futures lane: to begin with, threads around a queue. Put your runtime in its place.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock,
        mpsc::{self, Sender},
    },
    task::{Context, Poll, Waker},
    thread,
};

use async_task::{Builder, Runnable};
use executor_api::{About, BlockingPool, Class, Config, Executor};
use futures_lite::future;

/// Threads that take turns at a queue of tasks, and others at a queue of blocking jobs.
#[derive(Debug)]
pub struct Futures;

#[derive(Debug)]
struct Queues {
    tasks: Sender<Runnable>,
    blocking: Sender<Runnable>,
}

/// Global: a task has nowhere else to find its queue.
static QUEUES: OnceLock<Queues> = OnceLock::new();

impl Executor for Futures {
    const ABOUT: About = About {
        name: "futures",
        description: "Say how it schedules.",
        class: Class::MultiThread,
        limits: "Say what it lacks.",
        package: "executor-futures",
        homepage: "https://crates.io/crates/futures",
        source: file!(),
    };

    type Task<T: Send + 'static> = Task<T>;

    fn start(config: &Config) -> Self {
        let tasks = start_threads(config.threads.get());
        let blocking = start_threads(config.blocking_threads.get());
        QUEUES.set(Queues { tasks, blocking }).expect("one process starts futures once");
        Futures
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

impl BlockingPool for Futures {
    fn spawn_blocking<T, J>(job: J) -> Task<T>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        spawn_on(&queues().blocking, async { job() })
    }
}

/// async-task's `Task`, but dropping it detaches, as the contract has it.
#[derive(Debug)]
pub struct Task<T>(Option<async_task::Task<T>>);

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let task = self.0.as_mut().expect("only cancel and drop take the task");
        Pin::new(task).poll(context)
    }
}

impl<T: Send + 'static> executor_api::Task<T> for Task<T> {
    fn is_finished(&self) -> bool {
        self.0.as_ref().is_some_and(async_task::Task::is_finished)
    }

    fn cancel(mut self) -> impl Future<Output = Option<T>> + Send {
        let task = self.0.take().expect("only cancel and drop take the task");
        // async-task asks the task to stop at the first poll of `cancel`, the contract when it is called.
        let mut cancelling = Box::pin(task.cancel());
        let asked = cancelling.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        async {
            match asked {
                Poll::Ready(output) => output,
                Poll::Pending => cancelling.await,
            }
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}

/// Starts threads that share a queue, and gives its other end.
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
    Task(Some(task))
}

fn queues() -> &'static Queues {
    QUEUES.get().expect("futures was started: call this inside a task")
}
