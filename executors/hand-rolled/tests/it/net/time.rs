//! Time while sockets are open: sleeps end as they do without, and nobody computes who only waits.

use std::{
    thread,
    time::{Duration, Instant},
};

use hand_rolled::{Runtime, sleep, spawn, timeout};

use super::{half_blocking_pair, read_byte, send};
use crate::{Log, ms, watched_on_each_flavour, watched_on_each_number};

/// Returns the least lateness of some sleeps: what no other program on this machine has added to.
async fn least_lateness(duration: Duration, times: usize) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..times {
        let begun = Instant::now();
        sleep(duration).await;
        least = least.min(begun.elapsed().checked_sub(duration).expect("no sleep is shorter"));
    }
    least
}

/// Opens a socket that waits, in a task of this runtime.
fn open_a_socket(runtime: &Runtime) -> std::net::TcpStream {
    let (stream, blocking) = half_blocking_pair();
    runtime.spawn(async move { read_byte(&stream).await });
    blocking
}

#[test]
fn a_short_sleep_is_as_exact_with_a_socket_open() {
    watched_on_each_number(|runtime| {
        let _open = open_a_socket(&runtime);
        let late = runtime.block_on(async {
            sleep(ms(1)).await;
            spawn(least_lateness(Duration::from_millis(3), 50)).await.unwrap()
        });
        // A system that knows milliseconds only, or has its slack of 50 µs, would be later.
        assert!(late < Duration::from_micros(300) * crate::SLOWNESS as u32, "{late:?} late");
    });
}

#[test]
fn a_sleep_of_two_seconds_is_as_exact_with_a_socket_open() {
    watched_on_each_flavour(|runtime| {
        let _open = open_a_socket(&runtime);
        let late = runtime.block_on(async {
            let mut late = Duration::MAX;
            // Something else may keep this machine busy at the end of one.
            for _ in 0..6 {
                late = late.min(spawn(least_lateness(Duration::from_secs(2), 1)).await.unwrap());
                if late < ms(1) {
                    break;
                }
            }
            late
        });
        // A thousandth of it would be 2 ms.
        assert!(late < ms(1), "{late:?} late");
    });
}

#[test]
fn a_deadline_that_is_set_while_a_worker_waits_for_sockets_is_kept() {
    watched_on_each_number(|runtime| {
        let (stream, blocking) = half_blocking_pair();
        let log = Log::default();
        let own = log.clone();
        let reads = runtime.spawn(async move {
            for _ in 0..10 {
                read_byte(&stream).await;
                // The other workers sleep, and this one is about to wait again.
                let own = own.clone();
                spawn(async move {
                    sleep(ms(1)).await;
                    own.add("slept");
                });
            }
            assert!(timeout(ms(20), read_byte(&stream)).await.is_err());
        });
        let sends = thread::spawn(move || {
            for byte in 0..10 {
                thread::sleep(ms(2));
                send(&blocking, byte);
            }
            blocking
        });
        runtime.block_on(reads).unwrap();
        sends.join().unwrap();
        assert_eq!(log.text(), ["slept"; 10].join(" "));
    });
}

#[test]
fn who_waits_for_sockets_does_not_compute() {
    watched_on_each_number(|runtime| {
        let _open = [(); 20].map(|()| open_a_socket(&runtime));
        runtime.block_on(sleep(ms(5)));
        let parks = runtime.metrics().parks;
        runtime.block_on(sleep(ms(100)));
        let more = runtime.metrics().parks - parks;
        assert!(more < 30, "{more} times parked in a tenth of a second");
    });
}
