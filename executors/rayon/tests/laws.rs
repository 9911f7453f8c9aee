//! Checks the laws of the contract on rayon, which has no timer.

mod pool {
    executor_api::conformance!(executor_rayon::Rayon: tasks, blocking, remote);
}
