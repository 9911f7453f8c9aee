//! A task of a group: its future, which both the task and the group can drop.
//!
//! A poll takes the future out of its place and puts it back. So no lock is held while code of the user runs,
//! and a group that is dropped meanwhile has nothing to wait for: it finds the place empty, and the poll finds
//! that the future is not wanted back.

use std::{
    mem,
    panic::resume_unwind,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    thread,
};

use super::Shared;
use crate::{
    panic::{Known, Panic, contain, drop_quietly},
    sync::{Mutex, lock},
    task::Canceller,
};

/// The future of a task of a group.
pub(super) struct Member<F: Future> {
    /// The place of the real one.
    place: Arc<Place<F>>,
    /// The group.
    shared: Arc<Shared>,
}

/// The place of a future, and its task.
struct Place<F> {
    /// The future, under the lock.
    future: Mutex<Slot<F>>,
    /// The task, once it was started.
    task: OnceLock<Canceller>,
}

/// Holds the future of a member.
enum Slot<F> {
    /// The future is not being polled.
    Suspended(Pin<Box<F>>),
    /// The future is being polled.
    Polled,
    /// The future is gone, or will be at the end of its poll.
    Gone,
    /// The future is gone, and its destructor has panicked in the group's hands.
    Failed(Panic),
}

/// Ends a task of a group, whatever its future.
pub(super) trait Control: Send + Sync {
    /// Notes the task, once it was started.
    fn set_task(&self, task: Canceller);

    /// Cancels the task.
    fn cancel(&self);

    /// Drops the future; one that is being polled goes at the end of that poll.
    fn drop_future(&self);
}

impl<F: Future + Send + 'static> Member<F> {
    /// Makes the future of a task, and the control of that task.
    pub(super) fn new(future: F, shared: Arc<Shared>) -> (Member<F>, Arc<dyn Control>) {
        let future = Mutex::new(Slot::Suspended(Box::pin(future)));
        let place = Arc::new(Place { future, task: OnceLock::new() });
        (Member { place: place.clone(), shared }, place)
    }
}

impl<F: Future> Member<F> {
    /// Notes a panic in the group, and goes on with it. Of a group that is over nobody will ask for it.
    fn fail(&self, panic: Panic) -> ! {
        let message = panic.message().to_string();
        if self.shared.note(panic) {
            resume_unwind(Box::new(Known(message)))
        }
        resume_unwind(Box::new(message))
    }
}

impl<F: Future> Future for Member<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Gone: the group was dropped, and has cancelled this task.
        let Some(mut future) = self.place.take(Slot::Polled) else { return Poll::Pending };
        let polled = contain(|| future.as_mut().poll(context));
        if let Ok(Poll::Pending) = polled {
            let unwanted = self.place.put_back(future);
            return contain(|| drop(unwanted)).map_or_else(|panic| self.fail(panic), |()| Poll::Pending);
        }
        let dropped = contain(|| drop(future));
        match (polled, dropped) {
            (Ok(polled), Ok(())) => polled,
            (Err(panic), _) => self.fail(panic),
            (Ok(polled), Err(panic)) => {
                drop_quietly(polled);
                self.fail(panic)
            }
        }
    }
}

impl<F: Future> Drop for Member<F> {
    fn drop(&mut self) {
        let slot = mem::replace(&mut *lock(&self.place.future), Slot::Gone);
        let dropped = match slot {
            Slot::Failed(panic) => Err(panic),
            slot => contain(|| drop(slot)),
        };
        if let Err(panic) = dropped
            && !thread::panicking()
        {
            self.fail(panic);
        }
    }
}

impl<F> Place<F> {
    /// Takes the future, if it is there, and leaves `next` in its place; a future that is gone stays gone.
    fn take(&self, next: Slot<F>) -> Option<Pin<Box<F>>> {
        let mut slot = lock(&self.future);
        match mem::replace(&mut *slot, next) {
            Slot::Suspended(future) => Some(future),
            Slot::Polled => None,
            gone => {
                *slot = gone;
                None
            }
        }
    }

    /// Puts the future back after a poll, or returns it if it is not wanted any more.
    fn put_back(&self, future: Pin<Box<F>>) -> Option<Pin<Box<F>>> {
        let mut slot = lock(&self.future);
        match *slot {
            Slot::Polled => {
                *slot = Slot::Suspended(future);
                None
            }
            _ => Some(future),
        }
    }
}

impl<F: Send> Control for Place<F> {
    fn set_task(&self, task: Canceller) {
        self.task.set(task).ok().expect("it is set once");
    }

    fn cancel(&self) {
        if let Some(task) = self.task.get() {
            task.cancel();
        }
    }

    fn drop_future(&self) {
        let future = self.take(Slot::Gone);
        if let Err(panic) = contain(|| drop(future)) {
            // Not lost: the task, which is about to end as cancelled, ends with it.
            *lock(&self.future) = Slot::Failed(panic);
        }
    }
}
