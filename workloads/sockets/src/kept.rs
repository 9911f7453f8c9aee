//! Keeps what the runs of a workload share, although it is of the executor's types, which a workload does not name.

use std::{
    any::Any,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A place for a value of any type, from one run to the next.
#[derive(Default)]
pub(crate) struct Kept(Mutex<Option<Box<dyn Any + Send>>>);

impl Kept {
    /// Tells whether it has a value of this type. The audited executor has other streams than the one that is timed.
    pub(crate) fn has<T: Any>(&self) -> bool {
        self.lock().as_deref().is_some_and(|kept| kept.is::<T>())
    }

    /// Puts a value in, and drops the one that was there.
    pub(crate) fn put<T: Any + Send>(&self, value: T) {
        // Dropped by this task and not under the lock.
        let _earlier = self.lock().replace(Box::new(value));
    }

    /// Takes the value out.
    ///
    /// # Panics
    ///
    /// If there is none of this type.
    pub(crate) fn take<T: Any>(&self) -> T {
        let kept = self.lock().take().and_then(|kept| kept.downcast().ok());
        *kept.expect("a run gets ready first")
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<dyn Any + Send>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
