//! The lane [`TokioLocalRuntime`]: a runtime that never leaves its thread.

use std::thread;

use executor_api::{About, Class, Config, Standing};
use tokio::{
    runtime::{Builder, Handle, LocalOptions},
    sync::oneshot,
    task::JoinHandle,
};

use crate::{CurrentThread, Flavour, Lane, configure};

/// Tokio's `LocalRuntime`, on a thread of its own.
pub type TokioLocalRuntime = Lane<Local>;

/// Owns the thread of a local runtime.
#[derive(Debug)]
pub struct Local {
    /// Ends it as that of a current-thread runtime.
    _thread: CurrentThread,
}

impl Flavour for Local {
    const ABOUT: About = About {
        name: "tokio-local-runtime",
        description: "LocalRuntime: the current-thread runtime with spawn_local for every task, which may then be one that \
                      cannot move to another thread.",
        class: Class::CurrentThread,
        standing: Standing::Published,
        limits: "A sleep ends up to a millisecond late, because timers count whole milliseconds. Uses one thread on any \
                 machine, and cannot be driven by another than the one that made it.",
        package: "tokio",
        homepage: "https://tokio.rs",
        source: file!(),
    };

    fn start(config: &Config) -> (Self, Handle) {
        assert_eq!(config.threads.get(), 1, "{} runs on one thread only", Self::ABOUT.name);
        let (stop, stopped) = oneshot::channel();
        let (tell, handle) = std::sync::mpsc::channel();
        let config = *config;
        let worker = thread::spawn(move || {
            let mut builder = Builder::new_current_thread();
            let runtime = configure(&mut builder, &config).build_local(LocalOptions::default());
            let runtime = runtime.expect("tokio starts its drivers");
            tell.send(runtime.handle().clone()).expect("whoever starts it waits");
            drop(runtime.block_on(stopped));
        });
        let handle = handle.recv().expect("the thread tells its handle");
        (Local { _thread: CurrentThread { worker: Some(worker), stop: Some(stop) } }, handle)
    }

    fn spawn<M>(future: M) -> JoinHandle<M::Output>
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        tokio::task::spawn_local(future)
    }
}
