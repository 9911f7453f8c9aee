//! Checks the rules that every executor must keep, one function a law.
//!
//! A law panics when it is broken. [`conformance!`](crate::conformance) makes a test of each law. The test
//! starts a child process for each number of threads, because global executors start once a process and
//! because only a process can be stopped when a law hangs.
//!
//! No law measures speed. A law that waits for an event gives up after [`PATIENCE`] and names the event.

pub mod block_on;
pub mod blocking;
pub mod net;
pub mod net_fair;
pub mod net_readiness;
pub mod net_resources;
pub mod net_timer;
pub mod remote;
pub mod restart;
pub mod tasks;
pub mod timer;

mod process;

use std::{
    collections::HashSet,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use crate::Executor;

#[doc(hidden)]
pub use process::{check, check_within, is_alone};

/// The time that a law waits for an event before it counts as broken.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Makes a test of every law of the named contracts: `conformance!(Tokio: tasks, timer, blocking);`.
///
/// `tasks` are the laws of [`Executor`], `timer` those of [`Timer`](crate::Timer), `blocking` those of
/// [`BlockingPool`](crate::BlockingPool), `remote` those of [`Remote`](crate::Remote), `block_on` those of
/// [`BlockOn`](crate::BlockOn), `restart` those of [`Restart`](crate::Restart), `net` those of [`Net`](crate::Net).
///
/// Three more are for some that have `Net`: `net_timer` if they are [`Timer`](crate::Timer) too, `net_readiness` if they wait
/// until a socket is ready and read then, `net_fair` if they interrupt a task whose socket always is. Each executor needs a
/// module of its own.
#[macro_export]
macro_rules! conformance {
    ($executor:ty: $($contract:ident),+) => {
        type Lane = $executor;
        $($crate::conformance!(@ $contract);)+
    };
    (@ tasks) => {
        $crate::conformance!(@ tests tasks:
            an_output_reaches_its_awaiter
            spawned_tasks_run_concurrently
            a_task_never_runs_inside_the_call_of_spawn
            a_yield_suspends_its_task_once
            a_task_that_keeps_yielding_lets_the_others_run
            a_panic_reaches_its_awaiter_and_harms_nobody_else
            ten_thousand_tasks_all_finish
            tasks_spawn_tasks
            a_future_is_gone_before_its_output_is_seen
            a_dropped_handle_detaches_its_task
            a_finished_task_says_so
            cancel_gives_the_output_of_a_finished_task
            cancel_asks_when_it_is_called
            cancel_ends_when_the_future_is_gone
            cancel_waits_for_a_poll_that_is_under_way
            enough_work_uses_every_worker_and_no_other_thread
            the_root_runs_on_a_worker
        );
    };
    (@ timer) => {
        $crate::conformance!(@ tests timer:
            a_sleep_is_never_early
            a_sleep_until_a_deadline_ends_after_it_or_at_once
            sleeps_end_in_the_order_of_their_deadlines
            a_timeout_gives_none_and_drops_the_future
            a_timeout_gives_the_output_of_a_future_that_is_in_time
            the_longest_duration_never_ends_and_never_overflows
        );
    };
    (@ blocking) => {
        $crate::conformance!(@ tests blocking:
            the_result_of_a_job_comes_back
            the_panic_of_a_job_comes_back
            as_many_jobs_run_at_once_as_there_are_threads_and_no_more
            jobs_do_not_delay_tasks
        );
    };
    (@ remote) => {
        $crate::conformance!(@ tests remote:
            a_task_from_outside_runs_on_a_worker_and_gives_its_output
            a_task_never_runs_inside_the_call_of_spawn_from
            tasks_from_two_threads_all_run_once
            a_task_from_outside_wakes_an_idle_executor
        );
    };
    (@ block_on) => {
        $crate::conformance!(@ tests block_on:
            a_future_that_is_blocked_on_stays_on_its_thread
            a_wake_from_another_thread_reaches_a_thread_that_waits
            threads_block_on_at_the_same_time
            the_panic_of_a_future_that_is_blocked_on_comes_out
        );
    };
    (@ restart) => {
        $crate::conformance!(@ tests restart:
            an_executor_starts_and_ends_a_hundred_times
            no_thread_outlives_its_executor
            the_end_of_an_executor_drops_what_is_left
        );
    };
    (@ net) => {
        $crate::conformance!(@ tests net:
            a_megabyte_goes_each_way_in_parts
            a_shutdown_closes_one_direction
            a_reset_ends_each_call
            what_is_written_wakes_a_parked_worker
            an_accept_that_is_dropped_loses_no_connection
            a_hundred_connections_are_served_at_once
            a_panic_closes_the_sockets_of_its_task_alone
            a_write_waits_for_no_acknowledgement
            errors_are_those_of_std
        );
        $crate::conformance!(@ tests net_resources:
            an_accept_without_descriptors_is_an_error_and_works_again
            what_a_run_opens_is_closed
            no_processor_time_is_taken_while_all_wait
        );
    };
    (@ net_timer) => {
        $crate::conformance!(@ tests net_timer: sleeps_are_as_exact_with_a_socket_open);
    };
    (@ net_readiness) => {
        $crate::conformance!(@ tests net_readiness: a_read_that_a_timeout_ends_loses_no_byte);
    };
    (@ net_fair) => {
        $crate::conformance!(@ tests net_fair: a_socket_that_is_always_ready_starves_nobody);
    };
    (@ tests $contract:ident: $($law:ident)+) => {
        mod $contract {
            $(
                #[test]
                fn $law() {
                    let test = concat!(module_path!(), "::", stringify!($law));
                    $crate::laws::check::<super::Lane>(test, $crate::laws::$contract::$law::<super::Lane>);
                }
            )+
        }
    };
}

/// Blocks each arriving thread until enough threads have arrived.
#[derive(Default)]
struct Meeting {
    present: Mutex<HashSet<ThreadId>>,
    changed: Condvar,
}

impl Meeting {
    /// Blocks until `expected` different threads have called this; returns false after [`PATIENCE`].
    fn wait_for(&self, expected: usize) -> bool {
        let mut present = lock(&self.present);
        present.insert(thread::current().id());
        self.changed.notify_all();
        let (_present, waited) = self
            .changed
            .wait_timeout_while(present, PATIENCE, |present| present.len() < expected)
            .unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }

    /// Returns the threads that have arrived so far.
    fn present(&self) -> HashSet<ThreadId> {
        lock(&self.present).clone()
    }
}

/// Yields until `condition` holds; panics with `expectation` after [`PATIENCE`].
async fn until<E: Executor>(expectation: &str, mut condition: impl FnMut() -> bool + Send) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {expectation}");
        E::yield_now().await;
    }
}

/// Locks `mutex`, even if a panicking task has poisoned it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
