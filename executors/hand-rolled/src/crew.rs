//! Crews: the threads of a runtime or of a pool, how they start, and the threads that wait for them to end.
//!
//! A thread that waits for a crew must not be one that the crew waits for, or none of them would ever end. A
//! crew waits for another if one of its threads does, in a job that shuts a pool down or drops a runtime. All
//! who wait are in one list, so that the thread that would close a circle finds out.

use std::{
    cell::RefCell,
    io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    panic::contain,
    sync::{
        thread::{self, JoinHandle, ThreadId},
        thread_local,
    },
};

/// The threads of a runtime or of a pool.
#[derive(Default)]
pub(crate) struct Crew {
    /// The threads that have started, also those that have ended.
    members: Mutex<Vec<ThreadId>>,
}

/// The threads that wait, each with the crew that it waits for.
static WAITING: Mutex<Vec<(ThreadId, Arc<Crew>)>> = Mutex::new(Vec::new());

/// The end of a runtime or of a pool.
type Finish = Box<dyn FnOnce() + Send>;

/// Work that a thread does as the last thing.
type LastWork = Box<dyn FnOnce()>;

thread_local! {
    /// The last work of this thread; `None` on a thread of no crew, and once a thread does its last work.
    static LAST_WORK: RefCell<Option<Vec<LastWork>>> = const { RefCell::new(None) };
}

impl Crew {
    /// Starts a thread of this crew.
    ///
    /// # Errors
    ///
    /// If the system refuses it; `work` is dropped then.
    pub(crate) fn start(
        self: &Arc<Self>,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let crew = self.clone();
        let work = move || {
            // Before all code of the user, which may want to wait for this crew.
            lock(&crew.members).push(thread::current().id());
            LAST_WORK.with(|last| *last.borrow_mut() = Some(Vec::new()));
            work();
            let last_work = LAST_WORK.with(|last| last.take());
            // A panic would be that of whoever waits for this thread.
            last_work.into_iter().flatten().for_each(|work| drop(contain(work)));
        };
        thread::start(name, work)
    }

    /// Makes the current thread one of this crew, which runs code of the user for it, until the guard is
    /// dropped.
    pub(crate) fn stand_in(self: &Arc<Self>) -> StandIn {
        lock(&self.members).push(thread::current().id());
        StandIn(self.clone())
    }

    /// Returns true on a thread of this crew.
    pub(crate) fn has_current_thread(&self) -> bool {
        lock(&self.members).contains(&thread::current().id())
    }

    /// Notes that the current thread waits for the threads of this crew, until the guard is dropped; `None` if
    /// it would wait for itself.
    pub(crate) fn wait(self: &Arc<Self>) -> Option<Waiting> {
        let current = thread::current().id();
        let mut waiting = lock(&WAITING);
        let mut awaited = vec![self.clone()];
        let mut next = 0;
        while let Some(crew) = awaited.get(next).cloned() {
            let members = lock(&crew.members);
            if members.contains(&current) {
                return None;
            }
            for (waiter, crew) in &*waiting {
                if members.contains(waiter) && !awaited.iter().any(|known| Arc::ptr_eq(known, crew)) {
                    awaited.push(crew.clone());
                }
            }
            drop(members);
            next += 1;
        }
        waiting.push((current, self.clone()));
        Some(Waiting(self.clone()))
    }

    /// Calls `finish`, which waits for this crew, on another thread, because the current one would wait for
    /// itself. Returns true if the current thread does it as its last work instead: the system may refuse
    /// another. In the joins that `finish` does the thread must then leave itself out.
    pub(crate) fn finish_elsewhere(self: &Arc<Self>, finish: impl FnOnce() + Send + 'static) -> bool {
        let finish: Arc<Mutex<Option<Finish>>> = Arc::new(Mutex::new(Some(Box::new(finish))));
        // Not the work itself, which would be lost if the thread does not start.
        let elsewhere = finish.clone();
        if thread::start("hand-rolled-end", move || call(&elsewhere)).is_ok() {
            return false;
        }
        if let Some(_waiting) = self.wait() {
            call(&finish);
            return false;
        }
        if !self.has_current_thread() {
            // It is waited for by one that this crew waits for, and would only do that in another place.
            mem::forget(finish);
            return false;
        }
        let rest = finish.clone();
        let put_off = |last: &RefCell<Option<Vec<LastWork>>>| {
            last.borrow_mut().as_mut().map(|last| last.push(Box::new(move || call(&rest))))
        };
        let is_put_off = LAST_WORK.try_with(put_off).ok().flatten().is_some();
        // In a destructor of a thread-local it is too late. What is never freed is never used after.
        mem::forget(finish);
        is_put_off
    }
}

/// Notes that a thread waits for a crew, until dropped.
pub(crate) struct Waiting(Arc<Crew>);

impl Drop for Waiting {
    fn drop(&mut self) {
        let current = thread::current().id();
        let is_this =
            |(waiter, crew): &(ThreadId, Arc<Crew>)| *waiter == current && Arc::ptr_eq(crew, &self.0);
        let mut waiting = lock(&WAITING);
        let place = waiting.iter().rposition(is_this).expect("it stays until then");
        drop(waiting.swap_remove(place));
    }
}

/// Makes a thread one of a crew, until dropped.
pub(crate) struct StandIn(Arc<Crew>);

impl Drop for StandIn {
    fn drop(&mut self) {
        let current = thread::current().id();
        let mut members = lock(&self.0.members);
        let place = members.iter().rposition(|member| *member == current).expect("it stays until then");
        members.swap_remove(place);
    }
}

/// Waits for threads to end, but for the current one, which is left out if it is among them.
pub(crate) fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    let current = thread::current().id();
    for thread in threads.into_iter().filter(|thread| thread.thread().id() != current) {
        thread.join().expect("tasks and jobs contain their panics");
    }
}

/// Calls what is there, once.
fn call(finish: &Mutex<Option<Finish>>) {
    let finish = lock(finish).take();
    if let Some(finish) = finish {
        finish();
    }
}

/// Locks a mutex of std's: loom need not know of these, under which nothing else happens.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
