//! Every run returns, however short it is.

use std::{
    num::NonZeroUsize,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use executor_api::{Config, Executor};
use executor_compio::Compio;

/// The time after which a run hangs: it takes some microseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// compio does not wake a thread that begins to await a task at the very moment when the task ends.
#[test]
fn a_root_that_ends_at_once_reaches_its_caller() {
    if let Some(reason) = Compio::refused() {
        eprintln!("not checked: {reason}");
        return;
    }
    let (ended, runs) = mpsc::channel();
    thread::spawn(move || {
        let executor = Compio::start(&Config::new(NonZeroUsize::MIN));
        for number in 0..20_000 {
            assert_eq!(executor.run(async move { number }), number);
            ended.send(()).expect("the test listens to the end");
        }
    });
    loop {
        match runs.recv_timeout(PATIENCE) {
            Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("a run hangs"),
        }
    }
}
