//! The lane [`SmolStatic`]: async-executor's `StaticExecutor`, which smol's documentation has for a program that never ends
//! its executor. It keeps no list of its tasks, and so takes one lock less for each.

use std::{panic::catch_unwind, thread};

use async_executor::StaticExecutor;
use executor_api::{About, Class, Config, Executor, Global, Standing};

use crate::{Task, blocking_threads, expect_environment};

/// A `StaticExecutor` in as many threads as there are workers.
#[derive(Debug)]
pub struct SmolStatic;

static EXECUTOR: StaticExecutor = StaticExecutor::new();

impl Executor for SmolStatic {
    const ABOUT: About = About {
        name: "smol-static",
        description: "async-executor's StaticExecutor: smol's queue and its timers, without the list of all tasks.",
        class: Class::MultiThread,
        standing: Standing::Published,
        limits: "Never ends: tasks that are left are never dropped. Otherwise as smol.",
        package: "async-executor",
        homepage: "https://github.com/smol-rs/async-executor",
        source: file!(),
    };

    type Task<T: Send + 'static> = Task<T>;

    fn environment(config: &Config) -> Vec<(&'static str, String)> {
        vec![blocking_threads(config)]
    }

    fn start(config: &Config) -> Self {
        expect_environment(Self::environment(config));
        for number in 1..=config.threads.get() {
            // As smol starts those of its own executor.
            let work = || loop {
                catch_unwind(|| smol::block_on(EXECUTOR.run(smol::future::pending::<()>()))).ok();
            };
            let worker = thread::Builder::new().name(format!("smol-{number}"));
            worker.spawn(work).expect("smol starts its threads");
        }
        SmolStatic
    }

    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        smol::block_on(Self::spawn(main))
    }

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task::from(EXECUTOR.spawn(future))
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        smol::future::yield_now()
    }
}

impl Global for SmolStatic {}
