//! The end of a runtime, of a socket, of a thread: nothing hangs, and nothing is left.

use std::{fs, net, sync::Arc, sync::mpsc, thread};

use hand_rolled::{
    Runtime,
    net::{TcpListener, TcpStream},
    run, sleep, spawn, spawn_blocking, timeout, yield_now,
};

use super::{ANY, half_blocking_pair, read_byte, send, tcp_pair};
use crate::{
    LATER, PATIENCE, alone, in_fork, ms, number, panic_of, park_on, poll_once, two_workers, wait_until,
    watched, watched_on_each_flavour, watched_on_each_number,
};

/// A socket that has waited in a runtime that has ended, and the other end.
fn of_an_ended_runtime(runtime: Runtime) -> (TcpStream, net::TcpStream) {
    let (stream, blocking) = half_blocking_pair();
    runtime.block_on(async { assert!(timeout(ms(1), stream.read(&mut [0])).await.is_err()) });
    (stream, blocking)
}

#[test]
fn a_socket_of_an_ended_runtime_gives_errors() {
    watched_on_each_number(|runtime| {
        let (stream, blocking) = of_an_ended_runtime(runtime);
        run(async {
            for _ in 0..3 {
                let error = stream.read(&mut [0]).await.unwrap_err();
                assert!(error.to_string().contains("has ended"), "{error}");
                assert!(stream.write(b"x").await.is_err());
            }
        });
        assert!(stream.peer_addr().is_ok());
        drop(stream);
        assert_eq!(std::io::Read::read(&mut &blocking, &mut [0]).unwrap(), 0, "it is closed");
    });
}

#[test]
fn the_end_of_a_runtime_ends_waits_that_others_make() {
    watched_on_each_number(|runtime| {
        let (stream, _blocking) = half_blocking_pair();
        let stream = Arc::new(stream);
        runtime.block_on(async { assert!(timeout(ms(1), stream.read(&mut [0])).await.is_err()) });
        let (waits, waiting) = mpsc::channel();
        let other = thread::spawn(move || {
            run(async {
                let mut buffer = [0];
                let mut read = Box::pin(stream.read(&mut buffer));
                assert!(poll_once(read.as_mut()).await.is_pending());
                waits.send(()).unwrap();
                read.await.map(drop)
            })
        });
        waiting.recv_timeout(PATIENCE).unwrap();
        drop(runtime);
        assert!(other.join().unwrap().unwrap_err().to_string().contains("has ended"));
    });
}

#[test]
fn the_end_of_a_runtime_ends_the_wait_of_one_of_its_jobs() {
    watched_on_each_flavour(|runtime| {
        let (stream, _blocking) = half_blocking_pair();
        let (waits, waiting) = mpsc::channel();
        let job = runtime.spawn_blocking(move || {
            park_on(async {
                let mut buffer = [0];
                let mut read = Box::pin(stream.read(&mut buffer));
                assert!(poll_once(read.as_mut()).await.is_pending());
                waits.send(()).unwrap();
                read.await.is_err()
            })
        });
        waiting.recv_timeout(PATIENCE).unwrap();
        drop(runtime);
        assert_eq!(job.result(), Ok(true));
    });
}

#[test]
fn tasks_that_wait_go_with_their_runtime_and_so_do_their_sockets() {
    watched_on_each_number(|runtime| {
        let (streams, others): (Vec<_>, Vec<_>) = (0..20).map(|_| half_blocking_pair()).unzip();
        let tasks: Vec<_> = streams
            .into_iter()
            .map(|stream| runtime.spawn(async move { read_byte(&stream).await }))
            .collect();
        runtime.block_on(sleep(ms(2)));
        drop(runtime);
        for (task, other) in tasks.into_iter().zip(others) {
            assert!(task.cancelled());
            assert_eq!(std::io::Read::read(&mut &other, &mut [0]).unwrap(), 0, "it is closed");
        }
    });
}

#[test]
fn a_socket_that_a_destructor_uses_at_the_end_does_not_wait() {
    struct Reads(TcpStream);
    impl Drop for Reads {
        fn drop(&mut self) {
            let mut buffer = [0];
            let read = std::pin::pin!(self.0.read(&mut buffer));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(matches!(read.poll(&mut context), std::task::Poll::Ready(Err(_))));
        }
    }
    watched_on_each_number(|runtime| {
        let (stream, _blocking) = half_blocking_pair();
        let reads = Reads(stream);
        let task = runtime.spawn(async move {
            let _reads = reads;
            std::future::pending::<()>().await;
        });
        runtime.block_on(sleep(ms(1)));
        drop(runtime);
        assert!(task.cancelled());
    });
}

#[test]
fn outside_of_a_runtime_a_socket_says_what_to_do() {
    watched(|| {
        let (stream, blocking) = half_blocking_pair();
        let listener = TcpListener::bind(ANY).unwrap();
        send(&blocking, 1);
        let mut buffer = [0];
        for message in [
            panic_of(|| park_on(stream.read(&mut buffer))),
            panic_of(|| park_on(stream.write(b"x"))),
            panic_of(|| park_on(listener.accept())),
            panic_of(|| park_on(TcpStream::connect(listener.local_addr().unwrap()))),
        ] {
            assert!(message.contains("use it inside hand_rolled::run"), "{message}");
        }
        assert!(panic_of(|| park_on(stream.write_all(b"x"))).starts_with("TcpStream::write_all needs"));
        assert_eq!(run(async { read_byte(&stream).await }), 1, "it was not read");
    });
}

#[test]
fn a_socket_may_be_dropped_on_any_thread() {
    watched_on_each_number(|runtime| {
        for _ in 0..20 {
            let (stream, blocking) = half_blocking_pair();
            let stream = runtime.block_on(async {
                assert!(timeout(ms(1) / 10, stream.read(&mut [0])).await.is_err());
                stream
            });
            send(&blocking, 1);
            thread::spawn(move || drop(stream)).join().unwrap();
            // The other end was reset, because of the byte.
            assert_eq!(std::io::Read::read(&mut &blocking, &mut [0]).unwrap_or(0), 0);
        }
    });
}

#[test]
fn a_socket_moves_to_another_runtime_and_still_needs_its_own() {
    watched_on_each_flavour(|runtime| {
        let home = two_workers();
        let (fresh, fresh_other) = half_blocking_pair();
        let (waited, waited_other) = half_blocking_pair();
        home.block_on(async { assert!(timeout(ms(1), waited.read(&mut [0])).await.is_err()) });
        let sends = thread::spawn(move || {
            for byte in 0..20 {
                thread::sleep(ms(1));
                send(&fresh_other, byte);
                send(&waited_other, byte);
            }
            (fresh_other, waited_other)
        });
        let waited = runtime.block_on(async move {
            for byte in 0..20 {
                assert_eq!(read_byte(&fresh).await, byte);
                assert_eq!(read_byte(&waited).await, byte);
            }
            waited
        });
        drop(sends.join().unwrap());
        drop(home);
        assert!(runtime.block_on(async { waited.read(&mut [0]).await }).is_err());
    });
}

#[test]
fn a_worker_that_leaves_leaves_the_sockets_to_another() {
    watched(|| {
        for _ in 0..20 {
            let runtime = two_workers();
            let (stream, blocking) = half_blocking_pair();
            let (reads, read) = mpsc::channel();
            // Whichever worker waits, the caller of `block_on` is one only for now.
            runtime.spawn(async move { reads.send(read_byte(&stream).await).unwrap() });
            runtime.block_on(sleep(ms(1)));
            send(&blocking, 7);
            assert_eq!(read.recv_timeout(PATIENCE), Ok(7));
        }
    });
}

#[test]
fn a_socket_that_another_thread_waits_with_wakes_the_workers_that_sleep() {
    watched(|| {
        for _ in 0..20 {
            let runtime = two_workers();
            // Both workers sleep, or soon do, one of them with no alarm.
            let (stream, blocking) = half_blocking_pair();
            thread::sleep(ms(1));
            let job = runtime.spawn_blocking(move || park_on(async move { read_byte(&stream).await }));
            thread::sleep(ms(1));
            send(&blocking, 7);
            assert_eq!(run(job), Ok(7));
        }
    });
}

#[test]
fn nothing_is_open_after_the_end() {
    alone(|| {
        let open = || fs::read_dir("/proc/self/fd").unwrap().count();
        let before = open();
        for workers in [0, 1, 2, 4] {
            let runtime = match workers {
                0 => Runtime::current_thread(),
                workers => Runtime::multi_thread(number(workers)),
            };
            runtime.block_on(async {
                let (one, other) = tcp_pair().await;
                let listener = TcpListener::bind(ANY).unwrap();
                let waiting = spawn(async move { read_byte(&one).await });
                let accepting = spawn(async move { listener.accept().await.map(drop) });
                yield_now().await;
                other.write_all(&[7]).await.unwrap();
                assert_eq!(waiting.await, Ok(7));
                accepting.cancel();
                // These are left to the end.
                let (one, other) = tcp_pair().await;
                spawn(async move { read_byte(&one).await + read_byte(&other).await });
                sleep(ms(1)).await;
            });
            drop(runtime);
            wait_until(|| open() == before);
        }
        drop(of_an_ended_runtime(two_workers()));
        wait_until(|| open() == before);
    });
}

#[test]
fn a_child_of_a_fork_gets_errors_and_leaves_its_parent_alone() {
    alone(|| {
        let runtime = Runtime::current_thread();
        let (stream, blocking) = half_blocking_pair();
        let (waiting, _waiting_other) = half_blocking_pair();
        let waits =
            runtime.spawn(async move { waiting.read(&mut [0]).await.map_err(|error| error.to_string()) });
        runtime.block_on(async { assert!(timeout(ms(1), stream.read(&mut [0])).await.is_err()) });
        in_fork(|| {
            runtime.block_on(async {
                // It waited when the process forked.
                assert!(waits.await.unwrap().unwrap_err().contains("in the child"));
                assert!(stream.read(&mut [0]).await.unwrap_err().to_string().contains("in the child"));
                let (fresh, _other) = half_blocking_pair();
                assert!(fresh.read(&mut [0]).await.is_err());
                sleep(ms(1)).await;
            });
            let (fresh, other) = half_blocking_pair();
            run(async {
                let reads = spawn(async move { read_byte(&fresh).await });
                yield_now().await;
                send(&other, 8);
                assert_eq!(reads.await, Ok(8));
            });
        });
        send(&blocking, 7);
        assert_eq!(runtime.block_on(read_byte(&stream)), 7);
    });
}

#[test]
fn a_child_of_a_fork_sleeps_while_sockets_wait_in_its_parent() {
    alone(|| {
        let runtime = Runtime::current_thread();
        let (stream, _blocking) = half_blocking_pair();
        runtime.block_on(async { assert!(timeout(ms(1), stream.read(&mut [0])).await.is_err()) });
        in_fork(|| {
            let before = runtime.metrics().parks;
            runtime.block_on(sleep(ms(20)));
            assert!(runtime.metrics().parks - before < 10);
        });
    });
}

#[test]
fn a_thread_of_a_job_that_waits_for_a_socket_needs_no_worker_of_its_own() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let (stream, blocking) = half_blocking_pair();
            let job =
                spawn_blocking(move || park_on(async move { timeout(LATER, read_byte(&stream)).await }));
            sleep(ms(2)).await;
            send(&blocking, 7);
            assert_eq!(job.await.unwrap(), Ok(7));
        });
    });
}
