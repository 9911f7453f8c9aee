//! Checks the laws of the contract on each step.

mod step_1 {
    executor_api::conformance!(steps::Queue: tasks, timer, blocking, remote);
}

mod step_2 {
    executor_api::conformance!(steps::OneAllocation: tasks, timer, blocking, remote);
}

mod step_3 {
    executor_api::conformance!(steps::Stealing: tasks, timer, blocking, remote);
}

mod step_4 {
    executor_api::conformance!(steps::RationedWakes: tasks, timer, blocking, remote);
}

mod step_5 {
    executor_api::conformance!(steps::WokenNext: tasks, timer, blocking, remote);
}

mod step_6 {
    executor_api::conformance!(steps::TimerWheel: tasks, timer, blocking, remote);
}
