//! Calls the workers of an executor together, to learn which threads they are.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use executor_api::{Config, Executor};

use crate::platform;

/// The time that a worker may take to come.
const PATIENCE: Duration = Duration::from_secs(3);

/// The time, once all have come, in which one may come that should not be there.
const GRACE: Duration = Duration::from_millis(5);

/// The threads that poll tasks, and the processors that each may run on, where the system says.
pub(crate) type Workers = HashMap<ThreadId, Option<String>>;

/// Keeps each worker busy with a task until all of them are there.
///
/// # Errors
///
/// If more or fewer threads come than `config` asks for.
pub(crate) fn workers<E: Executor>(executor: &E, config: &Config) -> Result<Workers, String> {
    let threads = config.threads.get();
    let meeting = Arc::new(Meeting::default());
    let place = meeting.clone();
    executor.run(async move {
        // One more task than workers, for a worker too many.
        let spawn = |_| {
            let place = place.clone();
            E::spawn(async move { place.wait_for(threads) })
        };
        let tasks: Vec<_> = (0..=threads).map(spawn).collect();
        for task in tasks {
            task.await;
        }
    });
    let present = meeting.lock().present.clone();
    match present.len() {
        came if came < threads => Err(format!("{came} of {threads} workers came")),
        came if came > threads => Err(format!("{came} threads poll tasks, there should be {threads}")),
        _ => Ok(present),
    }
}

/// A place where threads meet: each blocks until enough have come, or one has lost its patience.
#[derive(Default)]
struct Meeting {
    attendance: Mutex<Attendance>,
    changed: Condvar,
}

#[derive(Default)]
struct Attendance {
    present: Workers,
    given_up: bool,
    /// The time at which all had come, or one gave up.
    over: Option<Instant>,
}

impl Meeting {
    fn wait_for(&self, expected: usize) {
        let cpus = platform::allowed_cpus();
        let mut attendance = self.lock();
        attendance.present.insert(thread::current().id(), cpus);
        self.changed.notify_all();
        let goes_on =
            |attendance: &mut Attendance| attendance.present.len() < expected && !attendance.given_up;
        let (mut attendance, waited) = self
            .changed
            .wait_timeout_while(attendance, PATIENCE, goes_on)
            .unwrap_or_else(PoisonError::into_inner);
        attendance.given_up |= waited.timed_out();
        let over = *attendance.over.get_or_insert_with(Instant::now);
        let given_up = attendance.given_up;
        drop(attendance);
        // Nobody waits for who comes after that: on a lane that is in order it is the task too many, on a worker known.
        if !given_up {
            thread::sleep((over + GRACE).saturating_duration_since(Instant::now()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Attendance> {
        self.attendance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
