//! The watchers of a task, who are told of its end: one awaiter, and callbacks, in the order in which they
//! came.

use std::{iter, mem, sync::Arc, task::Waker};

use super::{
    callback::{Callback, CallbackTurn, Callbacks},
    outcome::Outcome,
};
use crate::panic::contain;

/// The watchers of a task. Most tasks have none, or one awaiter.
pub(super) enum Watchers {
    /// One awaiter and no callback.
    Awaiter(Waker),
    /// No watcher, or callbacks and perhaps an awaiter.
    List(Option<Box<WatcherList>>),
}

/// The watchers of a task with callbacks.
pub(super) struct WatcherList {
    /// The waker of the last poll of the handle, and the number of callbacks that were registered before it.
    awaiter: Option<(usize, Waker)>,
    /// The callbacks that have not run.
    callbacks: Arc<Callbacks>,
    /// The number of callbacks that were registered before the end.
    registered: usize,
}

impl Watchers {
    /// Makes the watchers of a task that has none.
    pub(super) fn none() -> Watchers {
        Watchers::List(None)
    }

    /// Returns true if `waker` would wake the awaiter.
    pub(super) fn will_wake(&self, waker: &Waker) -> bool {
        let awaiter = match self {
            Watchers::Awaiter(awaiter) => Some(awaiter),
            Watchers::List(list) => list.as_ref().and_then(|list| Some(&list.awaiter.as_ref()?.1)),
        };
        awaiter.is_some_and(|awaiter| awaiter.will_wake(waker))
    }

    /// Replaces the awaiter, and returns the one before.
    ///
    /// The caller must not hold a lock when it drops that: a waker's destructor is code of the user.
    pub(super) fn set_awaiter(&mut self, waker: Waker) -> Option<Waker> {
        match self {
            Watchers::List(Some(list)) => {
                list.awaiter.replace((list.registered, waker)).map(|(_, replaced)| replaced)
            }
            single => match mem::replace(single, Watchers::Awaiter(waker)) {
                Watchers::Awaiter(replaced) => Some(replaced),
                Watchers::List(_) => None,
            },
        }
    }

    /// Removes the awaiter, and returns it.
    pub(super) fn take_awaiter(&mut self) -> Option<Waker> {
        match self {
            Watchers::List(Some(list)) => list.awaiter.take().map(|(_, awaiter)| awaiter),
            single => match mem::replace(single, Watchers::none()) {
                Watchers::Awaiter(awaiter) => Some(awaiter),
                Watchers::List(_) => None,
            },
        }
    }

    /// Registers a callback. After the end it returns the callbacks, for one more to be queued.
    pub(super) fn add_callback(&mut self, callback: Callback, ended: bool) -> Option<Arc<Callbacks>> {
        let list = self.list();
        list.callbacks.push(callback);
        list.registered += usize::from(!ended);
        if ended { Some(list.callbacks.clone()) } else { None }
    }

    /// Takes the watchers that the end of the task is to be announced to, once no lock is held. A second call
    /// finds none.
    pub(super) fn announcement(&mut self) -> Announcement {
        if let Watchers::List(Some(list)) = self {
            let (callbacks, registered) = (Some(list.callbacks.clone()), mem::take(&mut list.registered));
            return Announcement { awaiter: list.awaiter.take(), callbacks, registered };
        }
        let awaiter = self.take_awaiter().map(|awaiter| (0, awaiter));
        Announcement { awaiter, callbacks: None, registered: 0 }
    }

    /// Makes room for callbacks.
    fn list(&mut self) -> &mut WatcherList {
        if !matches!(self, Watchers::List(Some(_))) {
            let awaiter = self.take_awaiter().map(|awaiter| (0, awaiter));
            let list = WatcherList { awaiter, callbacks: Arc::default(), registered: 0 };
            *self = Watchers::List(Some(Box::new(list)));
        }
        let Watchers::List(Some(list)) = self else { unreachable!("it is one now") };
        list
    }
}

/// The watchers of a task that has ended.
pub(super) struct Announcement {
    /// The awaiter, and the number of callbacks that come before it.
    awaiter: Option<(usize, Waker)>,
    /// The callbacks.
    callbacks: Option<Arc<Callbacks>>,
    /// The number of callbacks at the end; a later one is queued by its caller.
    registered: usize,
}

impl Announcement {
    /// Wakes the awaiter and spawns the callbacks, in the order in which they came.
    pub(super) fn announce(self, outcome: Outcome, spawn: impl Fn(CallbackTurn)) {
        let queue_callbacks = |number| {
            let callbacks = self.callbacks.iter().flat_map(|callbacks| iter::repeat_n(callbacks, number));
            callbacks.for_each(|callbacks| callbacks.queue_one(outcome, &spawn));
        };
        let (place, awaiter) = self.awaiter.unzip();
        let place = place.unwrap_or(0);
        queue_callbacks(place);
        if let Some(awaiter) = awaiter {
            contain(|| awaiter.wake()).ok();
        }
        queue_callbacks(self.registered - place);
    }
}
