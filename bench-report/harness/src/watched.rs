//! Watches the sleeps of a run: a decorator for executors that notes how late each one ends.
//!
//! Unlike an audited run, a watched one is compiled for each executor, because its figure is published: through boxes,
//! 10,000 sleeps at once were seen to end up to twice as late. Only workloads that are raced
//! [for that figure](crate::Suite::race_and_watch) are compiled once more.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use executor_api::{About, Config, Executor, Net, Timer};

use crate::lateness;

/// Does what the executor `E` does, and notes how late each sleep ends.
pub struct Watched<E>(E);

impl<E: Executor> Executor for Watched<E> {
    const ABOUT: About = E::ABOUT;

    type Task<T: Send + 'static> = E::Task<T>;

    fn start(config: &Config) -> Self {
        Watched(E::start(config))
    }

    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.run(main)
    }

    fn spawn<F>(future: F) -> Self::Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        E::spawn(future)
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        E::yield_now()
    }
}

impl<E: Timer> Timer for Watched<E> {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        // A sleep counts from its call. One that ends later than any clock can say has nothing to be late for.
        let due = Instant::now().checked_add(duration);
        let sleep = E::sleep(duration);
        async move {
            sleep.await;
            if let Some(due) = due {
                lateness::woken(due, Instant::now());
            }
        }
    }

    fn sleep_until(deadline: Instant) -> impl Future<Output = ()> + Send + 'static {
        let sleep = E::sleep_until(deadline);
        async move {
            sleep.await;
            lateness::woken(deadline, Instant::now());
        }
    }

    fn timeout<F>(duration: Duration, future: F) -> impl Future<Output = Option<F::Output>> + Send
    where
        F: Future + Send,
        F::Output: Send,
    {
        E::timeout(duration, future)
    }
}

impl<E: Net> Net for Watched<E> {
    type Listener = E::Listener;
    type Tcp = E::Tcp;
    type Unix = E::Unix;

    fn driver() -> Result<&'static str, String> {
        E::driver()
    }

    fn listen(address: SocketAddr) -> impl Future<Output = io::Result<E::Listener>> + Send + 'static {
        E::listen(address)
    }

    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<E::Tcp>> + Send + 'static {
        E::connect(address)
    }

    fn pair() -> io::Result<(E::Unix, E::Unix)> {
        E::pair()
    }
}
