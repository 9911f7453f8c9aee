//! A runtime for futures, built by hand: asyncio's event loop, and the same loop on several threads.
//!
//! It needs nothing but std, and is small enough to be read from top to bottom. A [`Runtime`] polls tasks on the
//! thread that calls [`Runtime::block_on`], and a [multi-thread](Runtime::multi_thread) one on workers of its own as well. Inside a task everything is ambient: [`spawn`], [`spawn_blocking`], [`sleep`], [`yield_now`],
//! [`timeout`], and for futures that are not `Send`, on an event loop, [`spawn_local`].
//!
//! A [`Task`] is a handle: await it, [`cancel`](Task::cancel) it, ask it whether it is [`done`](Task::done) and how
//! it ended, or have a [callback](Task::add_done_callback) called. Several are awaited with [`wait`], [`gather`] and
//! [`gather_all`], one for a limited time with [`wait_for`]. A [`ThreadPool`] runs jobs that block on threads of
//! their own, so many at once and no more.
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
//! destructor, a waker) never runs while a lock of the runtime is held, and its panics never leave the task. A wake
//! only ever queues a task; it polls nothing.
//!
//! # Layout
//!
//! From the outside in. What a user sees:
//!
//! - `runtime.rs`: [`Runtime`], its two flavours, and what its end means
//! - `handle.rs`: [`Task`]
//! - `time.rs`: [`sleep`], [`yield_now`], [`timeout`]
//! - `compose.rs`: [`wait`], [`wait_for`], [`gather`], [`gather_all`]
//! - `local.rs`: [`spawn_local`], futures that stay on the thread of their loop
//! - `blocking/thread_pool.rs`: [`ThreadPool`], threads for jobs without a runtime
//! - `panic.rs`: [`Panic`], and how one is contained
//! - `lane.rs`: [`HandRolled`] and [`HandRolledCurrentThread`], the lanes of the race
//!
//! Who does the work:
//!
//! - `scheduler/driver.rs`: `block_on`, the root future, and who may sit in the caller's seat
//! - `scheduler.rs`: what the threads of a runtime share, what a worker has of its own, and one turn of its loop
//! - `scheduler/context.rs`: which runtime the current thread works for
//! - `scheduler/ring.rs`: the run queue of a worker, from which others steal
//! - `scheduler/injector.rs`: the queue that everybody may push to
//! - `scheduler/parking.rs`: where workers sleep, and who wakes them
//! - `scheduler/timers.rs`: wakers by deadline, in the wheel of `scheduler/wheel.rs`
//! - `blocking/pool.rs`: jobs that block, and their threads
//!
//! What a task is:
//!
//! - `task/state.rs`: the one word that says how far it is, and every step it can take
//! - `task/cell.rs`: its memory, and who may touch what; in `cell`, its handle, its wakers, and a blocking job in its place
//! - `task/outcome.rs`: [`Outcome`] and [`TaskError`], how it ended
//! - `task/watchers.rs`: who is to be told of its end
//! - `task/callback.rs`: callbacks that run at its end
//! - `task/slab.rs`: where the memory comes from, which is also the list of all tasks
//! - `sync.rs`: what threads share, so that a model checker can take its place
//!
//! # Correctness
//!
//! Unsafe code is in `task/cell.rs` and its folder, `task/slab.rs`, `scheduler/ring.rs`, and one block each in `local.rs` and `scheduler.rs`;
//! elsewhere it is denied. What it and the steps between threads rely upon stands at the head of each file. Models run the
//! real code in every interleaving, under loom; `src/models.rs` says what they cover, and for each memory ordering which
//! model fails without it. `scripts/loom` runs them; `scripts/sanitize` runs the tests under tools that watch memory.

mod blocking;
mod compose;
mod handle;
#[cfg(not(loom))]
mod lane;
mod local;
#[cfg(all(test, loom))]
mod models;
mod panic;
mod runtime;
mod scheduler;
mod sync;
mod task;
mod time;

/// The home of all tasks. `task` knows it by this name, and as the trait `Home`.
use scheduler::Scheduler as TaskHome;

pub use blocking::thread_pool::ThreadPool;
pub use compose::{Gather, GatherAll, ReturnWhen, WaitForError, Waited, gather, gather_all, wait, wait_for};
pub use handle::Task;
#[cfg(not(loom))]
pub use lane::{
    CurrentThread, Flavour, HandRolled, HandRolledCurrentThread, Lane, LaneTask, MultiThread, Spawner,
};
pub use panic::Panic;
pub use runtime::{Builder, Runtime, run, spawn, spawn_blocking, spawn_local};
pub use task::outcome::{Outcome, TaskError};
pub use time::{Sleep, TimedOut, YieldNow, sleep, sleep_until, timeout, yield_now};
