//! Checks that the timers of an executor are as exact with a socket open as without.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use crate::{Config, Net, Stream, Task, Timer};

use super::{
    net::{noted, run},
    until,
};

/// The lateness of a sleep of two seconds that a busy machine is given: far below what waiting in whole hundredths of a
/// second would take.
const LATE: Duration = Duration::from_millis(20);

/// Of many short sleeps the least late is as late with a socket open as without, and a sleep of two seconds is not late
/// either.
pub fn sleeps_are_as_exact_with_a_socket_open<E: Net + Timer>(config: &Config) {
    async fn least_late<E: Timer>(sleeps: usize, duration: Duration, enough: Duration) -> Duration {
        let mut least = Duration::MAX;
        for _ in 0..sleeps {
            let start = Instant::now();
            E::sleep(duration).await;
            least = least.min(start.elapsed().saturating_sub(duration));
            if least <= enough {
                break;
            }
        }
        least
    }
    run::<E, _>(config, async {
        let short = Duration::from_millis(5);
        let without = least_late::<E>(20, short, Duration::ZERO).await;
        let (mut one, _other) = E::pair().expect("there are descriptors");
        let waiting = Arc::new(AtomicUsize::new(0));
        let reading =
            E::spawn(noted(waiting.clone(), async move { one.read(Box::new([0])).await.0.is_ok() }));
        until::<E>("the read waits", || waiting.load(SeqCst) == 1).await;
        let with = least_late::<E>(20, short, Duration::ZERO).await;
        assert!(with <= without + short, "a sleep ends {with:?} late with a socket, {without:?} without");
        let long = least_late::<E>(3, Duration::from_secs(2), LATE).await;
        assert!(long <= LATE, "a sleep of two seconds ends {long:?} late with a socket");
        reading.cancel().await;
    });
}
