//! Rayon keeps the laws of the contract; it has no timer.

mod pool {
    executor_api::conformance!(executor_rayon::Rayon: tasks, blocking, remote);
}
