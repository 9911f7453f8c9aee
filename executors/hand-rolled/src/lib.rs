//! A runtime for futures, built by hand: asyncio's event loop, and the same loop on several threads.
//!
//! It needs nothing but std, and on Linux rustix for the system calls of sockets. It is small
//! enough to be read in an evening: the [`tour`] follows one task through
//! all files. If you have never written an executor, read `executors/steps` first: its ideas one by one.
//!
//! A [`Runtime`] polls tasks on the thread that calls [`Runtime::block_on`]; a
//! [multi-thread](Runtime::multi_thread) one also on workers of its own. Inside a task everything is ambient:
//! [`spawn`], [`spawn_blocking`], [`sleep`], [`yield_now`], [`timeout`], [`call_later`], and for futures that
//! are not `Send`, on an event loop, [`spawn_local`]. On Linux there are sockets, in `net`.
//!
//! A [`Task`] is a handle: await it, [`cancel`](Task::cancel) it, ask it whether it is [`done`](Task::done)
//! and how it ended, or add a [callback](Task::add_done_callback). [`wait`], [`gather()`] and
//! [`as_completed()`] await several tasks, [`wait_for`] awaits one for a limited time, [`shield()`] leaves it
//! running, and a [`TaskGroup`] waits for all tasks that are started in it. The outcome of a [`promise()`] is
//! set by hand. A [`ThreadPool`] runs jobs that block on a limited number of threads.
//!
//! ```
//! use std::time::Duration;
//!
//! let runtime = hand_rolled::Runtime::current_thread();
//! let word = runtime.block_on(async {
//!     let photo = hand_rolled::spawn(async {
//!         hand_rolled::sleep(Duration::from_millis(5)).await;
//!         "photo"
//!     });
//!     let finish = hand_rolled::spawn_blocking(|| "finish");
//!     format!("{}{}", photo.await.unwrap(), finish.await.unwrap())
//! });
//! assert_eq!(word, "photofinish");
//! ```
//!
//! Three rules hold throughout. A future is dropped before its end can be seen. Code of the user (a poll, a
//! destructor, a waker) never runs while a lock of the runtime is held, and its panics never leave the task.
//! A wake only ever queues a task; it polls nothing.
//!
//! # A task's life in ten lines
//!
//! The [`tour`] tells the same at length, and why it is so.
//!
//! 1. *Spawned*: `spawn` (`runtime/spawn.rs`) finds the worker of the current thread (`scheduler/context.rs`).
//! 2. *Opened*: the worker lends a cell (`task/slab.rs`), and the future is moved into it (`task/cell.rs`).
//! 3. *Queued*: its entry (`task/entry.rs`) comes next, or goes to the worker's ring (`scheduler/ring.rs`).
//! 4. *Taken*: a worker pops the entry, or steals it from another worker's ring (`scheduler/worker.rs`).
//! 5. *Polled*: the worker marks the task as running (`task/state.rs`) and polls the future (`task/cell.rs`).
//! 6. *Suspended*: the worker gives the task up; a waker leads to it, as a timer's (`scheduler/timers.rs`).
//! 7. *Woken*: the waker queues the task again, as in 3; after a wake during a poll the worker does so.
//! 8. *Closed*: a future that is ready, panics or is cancelled is dropped, then the outcome is published.
//! 9. *Announced*: the awaiter is woken (`task/watchers.rs`), and takes the output (`task/handle.rs`).
//! 10. *Freed*: the last of end, handle and wakers gives the cell back to a worker (`task/reference.rs`).
//!
//! A thread that is no worker queues tasks in the injector (`scheduler/injector.rs`). Either may wake
//! a parked worker for a task (`scheduler/parking.rs`).
//!
//! # Layout
//!
//! There are four parts, each of which uses those further down and never one further up; a task knows its
//! scheduler as a trait. Within a part the order is mostly the same. The API:
//!
//! - `compose.rs`: [`wait`], [`wait_for`]; `compose/ending.rs`: the condition of a wait
//! - `compose/gather.rs`: [`gather()`], [`gather_all`]
//! - `compose/as_completed.rs`: [`as_completed()`]
//! - `compose/set.rs`: tasks that are watched together, for the three above
//! - `compose/shield.rs`: [`shield()`]
//! - `group.rs`: [`TaskGroup`]; `group/member.rs`: its tasks
//! - `promise.rs`: [`promise()`]
//! - `calls.rs`: [`call_soon`], [`call_later`], [`call_at`]
//! - `net.rs`: sockets, which are `net/tcp.rs` and `net/unix.rs`; `net/source.rs`: how an operation on one waits
//! - `time.rs`: [`sleep`], [`yield_now`]; `time/timeout.rs`: [`timeout()`]
//! - `inspect.rs`: [`current_task`], [`Runtime::tasks`], [`Runtime::metrics`]
//! - `spawner.rs`: [`Spawner`], for other threads
//! - `runtime/driven.rs`: [`Driven`], a runtime and the thread that drives it
//! - `runtime/spawn.rs`: [`spawn`], [`spawn_local`], [`spawn_blocking`]
//! - `runtime/builder.rs`: [`Builder`], and the start of the workers
//! - `runtime/ending.rs`: the end of a runtime
//! - `runtime.rs`: [`Runtime`] and its two flavours
//! - `local.rs`: futures that stay on the thread of their event loop
//! - `blocking.rs`: its folder has all that is for jobs that block
//! - `blocking/thread_pool.rs`: [`ThreadPool`], threads for jobs without a runtime
//! - `blocking/pool.rs`: the queue of blocking jobs, and their threads
//! - `handle.rs`: [`Task`]
//!
//! The scheduler:
//!
//! - `scheduler/driver.rs`: `block_on`, which polls the root future and is a worker meanwhile
//! - `scheduler/home.rs`: how tasks are spawned, and how a task gets back to its scheduler
//! - `scheduler/debug.rs`: the tasks that have names, and what the debug mode watches of them
//! - `scheduler/context.rs`: the runtime that the current thread works for
//! - `scheduler/worker.rs`: a worker, and one turn of its loop; `scheduler/worker/rounds.rs`: what it does now and
//!   then between two polls; `scheduler/worker/rest.rs`: how it parks; `scheduler/worker/lingering.rs`: what it may do
//!   before; `scheduler/worker/sockets.rs`: how it looks after sockets; `scheduler/worker/habit.rs`: whether it does before a
//!   park what may be in vain
//! - `scheduler.rs`: the state that the threads of a runtime share
//! - `scheduler/ring.rs`: the run queue of a worker, from which others steal
//! - `scheduler/injector.rs`: the queue that any thread may push to
//! - `scheduler/parking.rs`: parked workers, and the threads that wake them
//! - `scheduler/reactor.rs`: who waits for sockets; `scheduler/reactor/slot.rs`: how ready one is, and who is told;
//!   `scheduler/reactor/slots.rs`: all of them; `scheduler/reactor/epoll.rs`: the system's part, in whose place
//!   `scheduler/reactor/nothing.rs` is elsewhere than on Linux
//! - `scheduler/slack.rs`: has the system wake sleeping workers in time
//! - `scheduler/trimming.rs`: the times at which memory goes back to the system
//! - `scheduler/timers.rs`: wakers by deadline, in the wheel of `scheduler/wheel.rs`
//! - `scheduler/counters.rs`: the counters of a worker, and [`Metrics`]
//!
//! A task:
//!
//! - `task.rs`: the kinds of pointers to a task, and the rules that all unsafe code of a task relies on
//! - `task/handle.rs`: cancels the task, watches for its end, takes its output
//! - `task/job.rs`: a blocking job as a task
//! - `task/moving.rs`: a future on its way into a cell
//! - `task/promise.rs`: a promise as a task
//! - `task/cell.rs`: the memory of a task with a type: filled, polled, closed
//! - `task/waker.rs`: the wakers of a task
//! - `task/entry.rs`: a task in a queue, and the end of tasks that no worker comes to
//! - `task/reference.rs`: keeps and frees the memory of a task
//! - `task/inspect.rs`: looks at tasks without a right to them
//! - `task/home.rs`: the scheduler as its tasks see it, a trait
//! - `task/header.rs`: the part of the memory that is the same for all types
//! - `task/watchers.rs`: the awaiter and the callbacks of a task; `task/callback.rs`: how callbacks run
//! - `task/slab.rs`: the memory of all tasks, which is also the list of them
//! - `task/depot.rs`: the part of that memory which no worker has
//! - `task/chunk.rs`: the memory that cells are cut from, and who keeps it
//! - `task/class.rs`: the sizes of cells
//! - `task/state.rs`: one word for the state of a task, and every step it can take
//! - `task/outcome.rs`: [`Outcome`] and [`TaskError`], how a task ended
//!
//! Below all of them:
//!
//! - `crew.rs`: how threads start, and who waits for them to end
//! - `fork.rs`: whether this process is a child that lacks the threads of its parent
//! - `nesting.rs`: how a chain of destructors takes little of the stack
//! - `panic.rs`: [`Panic`], and how one is contained
//! - `sync.rs`: locks, atomics and threads, which a model checker can take the place of
//!
//! # Correctness
//!
//! Unsafe code is in `task.rs` and its folder, in `scheduler/ring.rs`, and a block or two in `local.rs`,
//! `time/timeout.rs`, `scheduler.rs`, `scheduler/debug.rs`, `scheduler/slack.rs`, `sync.rs` and `fork.rs`;
//! elsewhere it is denied. A file whose steps between threads, or whose unsafe code, rely on rules begins with
//! them. Models run the real code in every interleaving, under loom; `src/models.rs` says
//! what they cover, and for each memory ordering which model fails without it. `scripts/loom` runs them;
//! `scripts/sanitize` runs the tests under tools that watch memory.
//!
//! `tests/it/cases` holds the runtime to asyncio's promises; where `tests/python` has the same program, both are
//! run and must print the same. `tests/programs` runs whole programs, made up at random; `DESIGN.md` has the method.

/// Runs the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod blocking;
mod calls;
mod compose;
mod crew;
mod fork;
mod group;
mod handle;
mod inspect;
mod local;
#[cfg(all(test, loom))]
mod models;
mod nesting;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod net;
mod panic;
mod promise;
mod runtime;
mod scheduler;
mod spawner;
mod sync;
mod task;
mod time;
#[cfg(any(doc, doctest))]
pub mod tour;

/// The home of all tasks. `task` knows it by this name only, and uses it as the trait `Home`.
use scheduler::Scheduler as TaskHome;

pub use blocking::thread_pool::ThreadPool;
pub use calls::{CallHandle, call_at, call_later, call_soon};
pub use compose::{
    ReturnWhen, WaitForError, Waited,
    as_completed::{AsCompleted, as_completed},
    gather::{Gather, GatherAll, gather, gather_all},
    shield::{Shield, shield},
    wait, wait_for,
};
pub use group::{TaskGroup, TaskGroupError};
pub use handle::Task;
pub use inspect::{TaskInfo, current_task};
pub use panic::Panic;
pub use promise::{Promise, promise};
#[cfg(not(loom))]
pub use runtime::driven::Driven;
pub use runtime::{Builder, Runtime, run, spawn, spawn_blocking, spawn_local, spawn_named};
pub use scheduler::{counters::Metrics, debug::Report};
pub use spawner::{Spawner, spawner};
pub use task::inspect::{TaskId, TaskState};
pub use task::outcome::{Outcome, TaskError};
pub use time::{Sleep, TimedOut, Timeout, YieldNow, sleep, sleep_until, timeout, yield_now};
