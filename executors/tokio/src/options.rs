//! The multi-thread runtime as it comes, and with one of its options switched on.
//!
//! To add a lane of another option: a type, its `ABOUT`, and the line that switches it on. All of today's options are unstable,
//! so that a program has them only if it is compiled with `--cfg tokio_unstable`. That flag costs something itself: in the lineup
//! of options the lane `tokio` is then `tokio-unstable`, so that an option is compared with the runtime that differs in nothing
//! else. What the flag alone costs is what `--with tokio+tokio_unstable` measures, in the default lineup, whose lane keeps its name.

use std::marker::PhantomData;

use executor_api::{About, Class, Config, Standing};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{Built, Flavour, build};

/// Switches an option of the multi-thread runtime on.
pub trait Switch: Sized + Send + Sync + 'static {
    /// Describes the lane in the report.
    const ABOUT: About;

    /// Switches it on.
    fn switch(builder: &mut Builder);
}

/// Owns a multi-thread runtime that has an option switched on.
#[derive(Debug)]
pub struct WithOption<S> {
    _runtime: Runtime,
    _switch: PhantomData<S>,
}

impl<S: Switch> Flavour for WithOption<S> {
    const ABOUT: About = S::ABOUT;

    fn start(config: &Config) -> (Self, Handle) {
        let runtime = Self::build(config);
        let handle = runtime.handle().clone();
        (WithOption { _runtime: runtime, _switch: PhantomData }, handle)
    }
}

impl<S: Switch> Built for WithOption<S> {
    fn build(config: &Config) -> Runtime {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(config.threads.get());
        S::switch(&mut builder);
        build(&mut builder, config)
    }
}

/// No option.
#[derive(Debug)]
pub struct AsItComes;

impl AsItComes {
    const IS_UNSTABLE: bool = cfg!(all(tokio_unstable, feature = "options"));
}

impl Switch for AsItComes {
    const ABOUT: About = About {
        name: if AsItComes::IS_UNSTABLE { "tokio-unstable" } else { "tokio" },
        description: if AsItComes::IS_UNSTABLE {
            "The multi-thread runtime, compiled with --cfg tokio_unstable and with none of its options."
        } else {
            "Multi-thread runtime: a run queue for each worker, work stealing, and one timer wheel for all."
        },
        class: Class::MultiThread,
        standing: Standing::Published,
        limits: "A sleep ends up to a millisecond late, because timers count whole milliseconds. Other workers \
                 cannot steal the task that a worker has woken last. A task that blocks the worker that drives \
                 the timers delays all of them.",
        package: "tokio",
        homepage: "https://tokio.rs",
        source: file!(),
    };

    fn switch(_builder: &mut Builder) {}
}

/// Declares the lane of an option: its name, its description, its limits, and what switches it on.
#[cfg(tokio_unstable)]
macro_rules! option {
    ($(#[$documentation:meta])* $lane:ident, $option:ident: $name:literal, $description:literal, $limits:literal, $switch:expr) => {
        $(#[$documentation])*
        pub type $lane = crate::Lane<WithOption<$option>>;

        impl executor_api::FlavourOf<crate::Tokio> for $lane {
            fn start_as(config: &Config) -> crate::Tokio {
                <Self as executor_api::Executor>::start(config).with_type()
            }
        }

        #[doc = concat!("The option of the lane `", $name, "`.")]
        #[derive(Debug)]
        pub struct $option;

        impl Switch for $option {
            const ABOUT: About = About {
                name: $name,
                description: $description,
                standing: Standing::Experiment,
                limits: $limits,
                ..AsItComes::ABOUT
            };

            fn switch(builder: &mut Builder) {
                let switch: fn(&mut Builder) -> &mut Builder = $switch;
                switch(builder);
            }
        }
    };
}

#[cfg(tokio_unstable)]
option! {
    /// tokio without the slot for the task that was woken last.
    TokioNoLifo, NoLifo: "tokio-no-lifo",
    "The multi-thread runtime with disable_lifo_slot: what a worker wakes goes to the end of its queue.",
    "Unstable. No task is kept from other workers; a task that was woken last no longer finds its data in the cache.",
    |builder| builder.disable_lifo_slot()
}

#[cfg(tokio_unstable)]
option! {
    /// tokio with timers of each worker's own.
    TokioAltTimer, AltTimer: "tokio-alt-timer",
    "The multi-thread runtime with enable_alt_timer: each worker has timers of its own, in place of one wheel for all.",
    "Unstable (tokio 7745 asks for experience). A sleep ends up to a millisecond late.",
    |builder| builder.enable_alt_timer()
}

#[cfg(tokio_unstable)]
option! {
    /// tokio whose worker hands its drivers over before it polls a task.
    TokioEagerDriver, EagerDriver: "tokio-eager-driver",
    "The multi-thread runtime with enable_eager_driver_handoff: a worker that has driven timers and sockets wakes another to \
     do so before it polls a task.",
    "Unstable. A task that blocks no longer holds up the timers; for that a worker is woken more often.",
    |builder| builder.enable_eager_driver_handoff()
}

#[cfg(tokio_unstable)]
option! {
    /// tokio whose blocking pool has several queues.
    TokioShardedBlocking, ShardedBlocking: "tokio-sharded-blocking",
    "The multi-thread runtime with enable_sharded_blocking_queue: jobs that block go through several queues.",
    "Unstable (tokio 8067 asks for experience). Jobs may begin in another order than they were given, and now and then one more \
     than the pool has threads runs at once.",
    |builder| builder.enable_sharded_blocking_queue()
}
