//! Panics of the user's code: caught where they happen, kept as a message.

use std::{
    any::Any,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::Waker,
};

/// The panic that ended a task.
#[derive(Clone, PartialEq, Eq)]
pub struct Panic {
    /// The message, shared by all clones.
    message: Arc<str>,
}

impl Panic {
    /// Returns the text of `panic!("text")`, or a fixed one if the payload was not text.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Makes a panic that nobody had, of its message.
    pub(crate) fn with_message(message: String) -> Panic {
        Panic { message: message.into() }
    }

    /// Keeps the message of a payload and drops the rest of it.
    fn new(payload: Box<dyn Any + Send>) -> Panic {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let text = text.or_else(|| payload.downcast_ref::<Known>().map(|known| &*known.0));
        let message = text.unwrap_or("a panic whose payload is not text").into();
        // A payload can have a destructor that panics in turn. That payload is leaked, or there would be no
        // end.
        catch_unwind(AssertUnwindSafe(|| drop(payload))).unwrap_or_else(mem::forget);
        Panic { message }
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Panic").field(&self.message()).finish()
    }
}

/// Unwinds with the message of a panic that somebody has looked at already.
pub(crate) struct Known(pub(crate) String);

/// Runs code of the user and catches its panic.
///
/// That what the code touched may be left half changed is the user's concern, as it is with threads.
pub(crate) fn contain<R>(code: impl FnOnce() -> R) -> Result<R, Panic> {
    catch(code).map_err(|(panic, _)| panic)
}

/// Runs code of the user and catches its panic, like [`contain`]; with it comes true if it is [`Known`].
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> Result<R, (Panic, bool)> {
    // Under loom a panic is the finding of a model, and must reach its runner.
    if cfg!(loom) {
        return Ok(code());
    }
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let is_known = payload.is::<Known>();
        (Panic::new(payload), is_known)
    })
}

/// A waker that is kept to be woken or dropped by others, who have nothing to do with its panics: they are
/// swallowed.
pub(crate) struct QuietWaker(Option<Waker>);

impl QuietWaker {
    /// Clones a waker.
    pub(crate) fn of(waker: &Waker) -> QuietWaker {
        QuietWaker(Some(waker.clone()))
    }

    /// Wakes.
    pub(crate) fn wake(mut self) {
        if let Some(waker) = self.0.take() {
            contain(|| waker.wake()).ok();
        }
    }
}

impl Drop for QuietWaker {
    fn drop(&mut self) {
        if let Some(waker) = self.0.take() {
            drop_quietly(waker);
        }
    }
}

/// Drops a value of the user and swallows the panic of its destructor, which no caller could observe.
pub(crate) fn drop_quietly<T>(value: T) {
    contain(|| drop(value)).ok();
}
