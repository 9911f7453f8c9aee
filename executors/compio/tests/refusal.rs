//! Where the kernel refuses io_uring the lane says so, and starts on nothing else.
//!
//! A filter refuses the system call to the thread of the test and to those that it starts, as the default filter of
//! containers does.

#![cfg(target_os = "linux")]

use std::{
    collections::BTreeMap,
    env,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
};

use executor_api::{Config, Executor, Net};
use executor_compio::Compio;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

/// The number of `io_uring_setup`, the same on every architecture.
const IO_URING_SETUP: i64 = 425;

const EPERM: u32 = 1;

const REASON: &str = "io_uring is refused here: Operation not permitted (os error 1)";

#[test]
fn a_lane_without_a_ring_says_why() {
    refuse_rings();
    assert_eq!(Compio::refused().as_deref(), Some(REASON));
    assert_eq!(Compio::driver(), Err(REASON.to_owned()));
}

#[test]
fn a_lane_without_a_ring_does_not_start() {
    refuse_rings();
    let start = || Compio::start(&Config::new(NonZeroUsize::MIN));
    let panic = catch_unwind(AssertUnwindSafe(start)).expect_err("there is no ring to start on");
    assert_eq!(panic.downcast_ref(), Some(&REASON.to_owned()));
}

/// Has the kernel refuse `io_uring_setup` to this thread from now on. The test harness runs each test on a thread of its own.
fn refuse_rings() {
    let refused = BTreeMap::from([(IO_URING_SETUP, Vec::new())]);
    let architecture = env::consts::ARCH.try_into().expect("seccompiler knows the architecture");
    let filter = SeccompFilter::new(refused, SeccompAction::Allow, SeccompAction::Errno(EPERM), architecture);
    let program: BpfProgram =
        filter.and_then(SeccompFilter::try_into).expect("the filter is one system call");
    apply_filter(&program).expect("the kernel takes filters");
}
