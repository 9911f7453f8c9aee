//! Who is to be told of the end of a task: one awaiter, and callbacks, in the order in which they came.

use std::{iter, mem, sync::Arc, task::Waker};

use crate::{
    panic::contain,
    scheduler::Scheduler,
    task::{
        callback::{Callback, Callbacks},
        outcome::Outcome,
    },
};

/// Those who watch a task. Most tasks have nobody, or one who awaits them.
pub(crate) enum Watchers {
    /// One who awaits the task.
    Awaiter(Waker),
    /// Nobody, or callbacks.
    Crowd(Option<Box<Crowd>>),
}

/// The watchers of a task with callbacks.
pub(crate) struct Crowd {
    /// Whom to wake at the end, whoever polled the handle last, and how many callbacks were registered before.
    awaiter: Option<(usize, Waker)>,
    /// The callbacks that have not run.
    callbacks: Arc<Callbacks>,
    /// How many callbacks were registered before the end.
    registered: usize,
}

impl Watchers {
    /// Watchers who are none.
    pub(crate) fn none() -> Watchers {
        Watchers::Crowd(None)
    }

    /// Tells whether the awaiter is one that `waker` would wake.
    pub(crate) fn will_wake(&self, waker: &Waker) -> bool {
        let awaiter = match self {
            Watchers::Awaiter(awaiter) => Some(awaiter),
            Watchers::Crowd(crowd) => crowd.as_ref().and_then(|crowd| Some(&crowd.awaiter.as_ref()?.1)),
        };
        awaiter.is_some_and(|awaiter| awaiter.will_wake(waker))
    }

    /// Takes the place of the awaiter, and gives the one before.
    ///
    /// The caller must not hold a lock when it drops that: a waker's destructor is code of the user.
    pub(crate) fn set_awaiter(&mut self, waker: Waker) -> Option<Waker> {
        match self {
            Watchers::Crowd(Some(crowd)) => {
                crowd.awaiter.replace((crowd.registered, waker)).map(|(_, replaced)| replaced)
            }
            single => match mem::replace(single, Watchers::Awaiter(waker)) {
                Watchers::Awaiter(replaced) => Some(replaced),
                Watchers::Crowd(_) => None,
            },
        }
    }

    /// Takes the awaiter away.
    pub(crate) fn take_awaiter(&mut self) -> Option<Waker> {
        match self {
            Watchers::Crowd(Some(crowd)) => crowd.awaiter.take().map(|(_, awaiter)| awaiter),
            single => match mem::replace(single, Watchers::none()) {
                Watchers::Awaiter(awaiter) => Some(awaiter),
                Watchers::Crowd(_) => None,
            },
        }
    }

    /// Registers a callback. After the end it gives the callbacks, so that one more can be called.
    pub(crate) fn add_callback(&mut self, callback: Callback, ended: bool) -> Option<Arc<Callbacks>> {
        let crowd = self.crowd();
        crowd.callbacks.push(callback);
        crowd.registered += usize::from(!ended);
        if ended { Some(crowd.callbacks.clone()) } else { None }
    }

    /// What is to be told to whom, once nobody holds a lock.
    pub(crate) fn announcement(&mut self) -> Announcement {
        if let Watchers::Crowd(Some(crowd)) = self {
            let (callbacks, registered) = (Some(crowd.callbacks.clone()), crowd.registered);
            return Announcement { awaiter: crowd.awaiter.take(), callbacks, registered };
        }
        let awaiter = self.take_awaiter().map(|awaiter| (0, awaiter));
        Announcement { awaiter, callbacks: None, registered: 0 }
    }

    /// Makes room for callbacks.
    fn crowd(&mut self) -> &mut Crowd {
        if !matches!(self, Watchers::Crowd(Some(_))) {
            let awaiter = self.take_awaiter().map(|awaiter| (0, awaiter));
            let crowd = Crowd { awaiter, callbacks: Arc::default(), registered: 0 };
            *self = Watchers::Crowd(Some(Box::new(crowd)));
        }
        let Watchers::Crowd(Some(crowd)) = self else { unreachable!("it is one now") };
        crowd
    }
}

/// What is left to do when a task has ended.
pub(crate) struct Announcement {
    /// Whoever awaits the end, and how many callbacks come before.
    awaiter: Option<(usize, Waker)>,
    /// The callbacks.
    callbacks: Option<Arc<Callbacks>>,
    /// How many callbacks there were at the end; later ones see to themselves.
    registered: usize,
}

impl Announcement {
    /// Wakes whoever awaits the end and queues the callbacks, in the order in which they came.
    pub(crate) fn announce(self, scheduler: &Scheduler, outcome: Outcome) {
        let queue_callbacks = |number| {
            let callbacks = self.callbacks.iter().flat_map(|callbacks| iter::repeat_n(callbacks, number));
            callbacks.for_each(|callbacks| callbacks.queue_one(scheduler, outcome));
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
