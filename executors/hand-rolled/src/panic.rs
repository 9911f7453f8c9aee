//! Panics of the user's code: caught where they happen, kept as a message.

use std::{
    any::Any,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::Waker,
};

/// The value that a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

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

    /// Copies the message of a payload.
    pub(crate) fn of(payload: &(dyn Any + Send)) -> Panic {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let text = text.or_else(|| payload.downcast_ref::<Known>().map(|known| &*known.0));
        Panic { message: text.unwrap_or("a panic whose payload is not text").into() }
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
    catch(code).map_err(|payload| {
        let panic = Panic::of(&*payload);
        discard(payload);
        panic
    })
}

/// Runs code of the user and catches its panic, like [`contain`], to go on with it.
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> Result<R, Payload> {
    // Under loom a panic is the finding of a model, and must reach its runner.
    if cfg!(loom) {
        return Ok(code());
    }
    catch_unwind(AssertUnwindSafe(code))
}

/// Drops a payload. One whose destructor panics in turn is followed by another; that one is leaked, or there would
/// be no end.
pub(crate) fn discard(payload: Payload) {
    catch_unwind(AssertUnwindSafe(|| drop(payload))).unwrap_or_else(mem::forget);
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
