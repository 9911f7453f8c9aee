//! A thread that waits for a future, and does nothing else.

use std::{
    pin::pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

/// Waits for a future on the calling thread.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => woken.wait(),
        }
    }
}

/// Lets a thread wait to be woken. It does not park: the token of the thread is its user's.
#[derive(Debug, Default)]
struct Woken {
    /// Set by a wake.
    is_woken: Mutex<bool>,
    /// Notified of a wake.
    comes: Condvar,
}

impl Woken {
    /// Waits for a wake since the last call.
    fn wait(&self) {
        let is_woken = lock(&self.is_woken);
        let waited = self.comes.wait_while(is_woken, |is_woken| !*is_woken);
        *waited.unwrap_or_else(PoisonError::into_inner) = false;
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        *lock(&self.is_woken) = true;
        self.comes.notify_one();
    }
}

/// Locks a mutex that no panic can leave half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
