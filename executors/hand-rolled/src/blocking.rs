//! Jobs that block: the threads that a runtime has for them, and those of a pool without a runtime.

pub(crate) mod pool;
pub(crate) mod thread_pool;
