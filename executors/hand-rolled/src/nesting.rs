//! Destructors that lead to destructors, as of groups in groups: a chain of any length takes little of the stack.

use std::{
    cell::{Cell, RefCell},
    mem::ManuallyDrop,
};

use crate::sync::thread_local;

/// The most calls of [`in_depth`] that are inside each other on one thread.
const MOST_NESTED: u32 = 32;

/// Work that was nested too deep.
type Work = Box<dyn FnOnce()>;

thread_local! {
    /// The number of calls of [`in_depth`] that this thread is in.
    static NESTED: Cell<u32> = const { Cell::new(0) };
}

thread_local! {
    /// The work that they have left to the outermost of them.
    ///
    /// It has no destructor, for those of other thread-locals may come here. An empty one owns no memory.
    static LEFT: ManuallyDrop<RefCell<Vec<Work>>> = const { ManuallyDrop::new(RefCell::new(Vec::new())) };
}

/// A call of [`in_depth`], until it is dropped.
struct Call {
    /// The number of calls that it is inside of.
    outer: u32,
}

impl Call {
    /// Begins a call inside of `outer` others.
    fn begin(outer: u32) -> Call {
        NESTED.with(|count| count.set(outer + 1));
        Call { outer }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        NESTED.with(|count| count.set(self.outer));
    }
}

/// Does what may lead to more calls of this function, now, or before the outermost of many such calls returns.
///
/// `work` must not panic.
pub(crate) fn in_depth(work: impl FnOnce() + 'static) {
    let call = Call::begin(match NESTED.with(Cell::get) {
        MOST_NESTED => return LEFT.with(|left| left.borrow_mut().push(Box::new(work))),
        outer => outer,
    });
    work();
    if call.outer > 0 {
        return;
    }
    loop {
        let left = LEFT.with(|left| left.take());
        if left.is_empty() {
            break;
        }
        left.into_iter().for_each(|work| work());
    }
}
