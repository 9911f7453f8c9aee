//! Checks the laws of the contract on the pool of bevy_tasks.

executor_api::conformance!(executor_bevy_tasks::BevyTasks: tasks, remote);
