//! Six small executors, each one idea more than the one before: what `hand-rolled` is made of, idea by idea.
//!
//! Read them in this order, and `hand-rolled` afterwards. Each file tells at its head the idea and what it
//! costs, and at its end what the next one mends. What a step keeps, it imports from the step before.
//!
//! | Step | Idea | Figure to look at | In `hand-rolled` |
//! | --- | --- | --- | --- |
//! | [`step_1_queue`] | a task in an `Arc`, and one queue of them behind a lock | `spawn-join` | `task/waker.rs`, `scheduler/injector.rs` |
//! | [`step_2_one_allocation`] | future, state and output of a task are one allocation | `spawn-join`, allocations | `task/cell.rs`, `task/slab.rs` |
//! | [`step_3_stealing`] | a run queue for each worker, and stealing | `yield-now`, `skynet` at two threads | `scheduler/ring.rs` |
//! | [`step_4_rationed_wakes`] | one worker at most is woken, and wakes the next | `spawn-join`, system calls | `scheduler/parking.rs` |
//! | [`step_5_woken_next`] | the task that was woken last comes next | `ping-pong`, `channel-1-to-1` | `scheduler/worker.rs` |
//! | [`step_6_timer_wheel`] | a timer wheel for each worker | `sleep-fan-out`, `timer-churn` | `scheduler/timers.rs`, `scheduler/wheel.rs` |
//!
//! The module `tour` of `hand-rolled` follows one task through all its files, and says where it meets these
//! ideas. `cargo bench -- --lineup steps` races them, and `hand-rolled` with them.
//!
//! All of them are global executors: they start once a process and never end, so a task needs no pointer to
//! its executor, and nobody has to end what is left. Three rules hold, as in `hand-rolled`. A future is
//! dropped before its end can be seen. Code of the user (a poll, a destructor, a waker) never runs while a
//! lock is held that a task could want. A wake only ever queues a task; it polls nothing.
//!
//! # Layout
//!
//! - `lane.rs`: the contract of executors, implemented once for all steps
//! - [`step_1_queue`] to [`step_6_timer_wheel`]: the steps
//! - `handle.rs`: the handle of a task
//! - `life.rs`: the states of a task
//! - `timers.rs`: the timers of steps 1 to 5, in a sorted map
//! - `pool.rs`: the threads for blocking jobs
//!
//! Unsafe code is in one place, where step 2 pins a future inside its task.

mod lane;

pub mod step_1_queue;
pub mod step_2_one_allocation;
pub mod step_3_stealing;
pub mod step_4_rationed_wakes;
pub mod step_5_woken_next;
pub mod step_6_timer_wheel;

mod handle;
mod life;
mod pool;
mod timers;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use handle::Handle;
pub use lane::{Lane, Step};

/// The lane of step 1.
pub type Queue = Lane<step_1_queue::Queue>;
/// The lane of step 2.
pub type OneAllocation = Lane<step_2_one_allocation::OneAllocation>;
/// The lane of step 3.
pub type Stealing = Lane<step_3_stealing::Stealing>;
/// The lane of step 4.
pub type RationedWakes = Lane<step_4_rationed_wakes::RationedWakes>;
/// The lane of step 5.
pub type WokenNext = Lane<step_5_woken_next::WokenNext>;
/// The lane of step 6.
pub type TimerWheel = Lane<step_6_timer_wheel::TimerWheel>;

/// Locks `mutex`, even if a destructor has panicked while it was held.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
