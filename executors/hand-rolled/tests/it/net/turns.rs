//! Turns: who is always ready starves nobody, and who is gone is not woken.

use std::{
    future::poll_fn,
    os::fd::AsFd,
    os::fd::AsRawFd,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Wake, Waker},
    thread,
};

use hand_rolled::{
    Runtime, Task,
    net::{TcpStream, UnixStream},
    sleep, spawn, timeout, yield_now,
};

use super::{half_blocking_pair, half_blocking_unix_pair, read_byte, send, tcp_pair};
use crate::{
    Gate, OnDrop, ms, park_on, poll_once, until, wait_until, watched, watched_on_each_flavour,
    watched_on_each_number,
};

#[test]
fn a_socket_that_is_always_ready_starves_nobody() {
    watched_on_each_number(|runtime| {
        let (one, other) = UnixStream::pair().unwrap();
        let turns = Arc::new(AtomicUsize::new(0));
        let counted = turns.clone();
        runtime.block_on(async move {
            let writes = spawn(async move {
                loop {
                    // It never waits, as the other end reads nothing but what it writes itself.
                    one.write_all(&[1]).await.unwrap();
                    assert_eq!(other.read(&mut [0; 8]).await.unwrap(), 1);
                }
            });
            let others = spawn(async move {
                for _ in 0..1000 {
                    counted.fetch_add(1, SeqCst);
                    yield_now().await;
                }
            });
            others.await.unwrap();
            writes.cancel();
        });
        assert_eq!(turns.load(SeqCst), 1000);
    });
}

#[test]
fn a_task_succeeds_64_times_a_poll() {
    watched_on_each_flavour(|runtime| {
        let (stream, _other) = half_blocking_unix_pair();
        let task = runtime.spawn(async move {
            let mut in_polls = Vec::new();
            let mut writes = Box::pin(async {
                for _ in 0..200 {
                    stream.write_all(&[1]).await.unwrap();
                }
            });
            poll_fn(|context| {
                let written = writes.as_mut().poll(context);
                in_polls.push(());
                written
            })
            .await;
            in_polls.len()
        });
        assert_eq!(runtime.block_on(task), Ok(200_usize.div_ceil(64)));
    });
}

#[test]
fn a_block_on_of_another_library_ends_however_often_it_uses_sockets() {
    /// Succeeds more often than a task does in one poll.
    async fn talk() {
        let (one, other) = UnixStream::pair().unwrap();
        for _ in 0..200 {
            one.write_all(&[1]).await.unwrap();
            assert_eq!(other.read(&mut [0]).await.unwrap(), 1);
        }
    }

    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            // All of it is in one poll, of the root, and of a task.
            park_on(talk());
            spawn(async { park_on(talk()) }).await.unwrap();
        });
    });
}

#[test]
fn a_socket_that_is_always_ready_starves_no_other_of_its_task() {
    watched_on_each_number(|runtime| {
        let task = runtime.spawn(async {
            let (one, other) = UnixStream::pair().unwrap();
            let (third, fourth) = UnixStream::pair().unwrap();
            let mut always = Box::pin(async {
                loop {
                    one.write_all(&[1]).await.unwrap();
                    other.read(&mut [0]).await.unwrap();
                }
            });
            let mut talk = Box::pin(async {
                for _ in 0..10 {
                    third.write_all(&[1]).await.unwrap();
                    fourth.read(&mut [0]).await.unwrap();
                }
            });
            poll_fn(|context| {
                assert!(always.as_mut().poll(context).is_pending());
                talk.as_mut().poll(context)
            })
            .await;
        });
        assert_eq!(runtime.block_on(task), Ok(()));
    });
}

#[test]
fn what_a_root_has_used_is_not_taken_from_the_next_task() {
    watched(|| {
        Runtime::current_thread().block_on(async {
            let (one, _other) = UnixStream::pair().unwrap();
            let (root, _other_of_root) = half_blocking_unix_pair();
            let polls = Arc::new(AtomicUsize::new(0));
            let counted = polls.clone();
            let task = spawn(async move {
                let mut write = Box::pin(one.write_all(&[1]));
                poll_fn(|context| {
                    counted.fetch_add(1, SeqCst);
                    write.as_mut().poll(context)
                })
                .await
                .unwrap();
            });
            for _ in 0..64 {
                root.write_all(&[1]).await.unwrap();
            }
            task.await.unwrap();
            assert_eq!(polls.load(SeqCst), 1);
        });
    });
}

#[test]
fn sockets_are_looked_at_while_a_worker_never_parks() {
    watched_on_each_number(|runtime| {
        let (stream, blocking) = half_blocking_pair();
        let sends = thread::spawn(move || {
            for byte in 0..20 {
                thread::sleep(ms(1));
                send(&blocking, byte);
            }
        });
        runtime.block_on(async {
            let reads = spawn(async move {
                for byte in 0..20 {
                    assert_eq!(read_byte(&stream).await, byte);
                }
            });
            // As many busy tasks as keep all workers from parking.
            let busy = (0..8)
                .map(|_| {
                    spawn(async {
                        loop {
                            yield_now().await
                        }
                    })
                })
                .collect::<Vec<_>>();
            reads.await.unwrap();
            busy.iter().for_each(|task| _ = task.cancel());
        });
        sends.join().unwrap();
    });
}

/// Starts a task that sends each byte back.
fn echo(stream: UnixStream) -> Task<()> {
    spawn(async move {
        let mut byte = [0];
        while stream.read(&mut byte).await.unwrap() == 1 {
            stream.write_all(&byte).await.unwrap();
        }
    })
}

/// Sends a byte and has it come back.
async fn make_trip(stream: &UnixStream) {
    stream.write_all(&[7]).await.unwrap();
    assert_eq!(stream.read(&mut [0; 2]).await.unwrap(), 1);
}

#[test]
fn tasks_that_answer_each_other_beside_a_timer_hardly_park() {
    watched(|| {
        let runtime = Runtime::current_thread();
        runtime.block_on(async {
            let (one, other) = UnixStream::pair().unwrap();
            let timer = spawn(sleep(ms(1_000_000)));
            let echo = echo(other);
            let trips = spawn(async move {
                for _ in 0..1000 {
                    make_trip(&one).await;
                }
            });
            trips.await.unwrap();
            echo.await.unwrap();
            timer.cancel();
        });
        let parks = runtime.metrics().parks;
        assert!(parks < 100, "{parks} for 1000 round trips");
    });
}

#[test]
fn timers_and_other_threads_are_heard_while_each_look_finds_an_event() {
    watched_on_each_number(|runtime| {
        let spawner = runtime.block_on(async { hand_rolled::spawner() });
        runtime.block_on(async {
            let (one, other) = UnixStream::pair().unwrap();
            let echo = echo(other);
            let timer = spawn(sleep(ms(5)));
            let outside = thread::spawn(move || spawner.spawn(async {}));
            while !timer.done() || !outside.is_finished() {
                make_trip(&one).await;
            }
            let task = outside.join().unwrap();
            while !task.done() {
                make_trip(&one).await;
            }
            drop(one);
            echo.await.unwrap();
        });
    });
}

#[test]
fn whoever_is_woken_while_it_waits_for_sockets_gets_up_once() {
    watched(|| {
        let runtime = Arc::new(Runtime::current_thread());
        let (stream, _blocking) = half_blocking_pair();
        runtime.block_on(async { assert!(timeout(ms(1), stream.read(&mut [0])).await.is_err()) });
        let gates: Vec<_> = (0..20).map(|_| Gate::default()).collect();
        let opens = {
            let (runtime, gates, before) = (runtime.clone(), gates.clone(), runtime.metrics().parks);
            thread::spawn(move || {
                for (gate, number) in gates.iter().zip(1..) {
                    wait_until(|| runtime.metrics().parks >= before + number);
                    thread::sleep(ms(1));
                    gate.open();
                }
            })
        };
        let before = runtime.metrics().parks;
        let passes = runtime.spawn(async move {
            for gate in &gates {
                gate.pass().await;
            }
        });
        runtime.block_on(passes).unwrap();
        opens.join().unwrap();
        let parks = runtime.metrics().parks - before;
        assert!(parks < 30, "{parks} for 20 wake-ups");
    });
}

#[test]
fn two_tasks_that_wake_each_other_do_not_hide_the_sockets() {
    watched_on_each_number(|runtime| {
        let (stream, blocking) = half_blocking_pair();
        runtime.block_on(async {
            let (to, from) = (async_channel::bounded::<()>(1), async_channel::bounded::<()>(1));
            let pong = {
                let (to, from) = (to.1, from.0);
                spawn(async move { while to.recv().await.is_ok() && from.send(()).await.is_ok() {} })
            };
            let ping =
                spawn(async move { while to.0.send(()).await.is_ok() && from.1.recv().await.is_ok() {} });
            let reads = spawn(async move { read_byte(&stream).await });
            yield_now().await;
            send(&blocking, 7);
            assert_eq!(reads.await, Ok(7));
            ping.cancel();
            pong.cancel();
        });
    });
}

#[test]
fn an_event_of_a_socket_that_is_gone_wakes_nobody_else() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            for _ in 0..50 {
                let (gone, gone_other) = half_blocking_pair();
                assert!(timeout(ms(1) / 10, gone.read(&mut [0])).await.is_err());
                // Epoll still knows it by this one.
                let duplicate = gone.as_fd().try_clone_to_owned().unwrap();
                let number = gone.as_fd().as_raw_fd();
                drop(gone);
                // The next has its descriptor and its slot.
                let (next, next_other) = half_blocking_pair();
                let polls = Arc::new(AtomicUsize::new(0));
                let counted = polls.clone();
                let reads = spawn(async move {
                    let mut buffer = [0];
                    let mut read = Box::pin(next.read(&mut buffer));
                    poll_fn(|context| {
                        let read = read.as_mut().poll(context);
                        counted.fetch_add(1, SeqCst);
                        read
                    })
                    .await
                    .unwrap()
                });
                until(|| polls.load(SeqCst) == 1).await;
                send(&gone_other, 1);
                sleep(ms(1)).await;
                assert_eq!(polls.load(SeqCst), 1, "descriptor {number}");
                send(&next_other, 2);
                assert_eq!(reads.await, Ok(1));
                assert_eq!(polls.load(SeqCst), 2);
                drop(duplicate);
            }
        });
    });
}

/// Panics when it wakes, and when it is dropped.
struct Panics(Arc<AtomicUsize>, #[expect(dead_code, reason = "it is dropped")] OnDrop<fn()>);

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
        std::panic::resume_unwind(Box::new("a waker"));
    }
}

#[test]
fn a_waker_that_panics_harms_nobody() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let (one, other) = tcp_pair().await;
            let wakes = Arc::new(AtomicUsize::new(0));
            for byte in 0..10_u8 {
                let drops = OnDrop((|| std::panic::resume_unwind(Box::new("its destructor"))) as fn());
                let waker = Waker::from(Arc::new(Panics(wakes.clone(), drops)));
                let mut buffer = [0];
                let mut read = Box::pin(one.read(&mut buffer));
                assert!(read.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                std::mem::forget(waker);
                if byte % 2 == 0 {
                    // Its waker goes with it.
                    drop(read);
                }
                other.write_all(&[byte]).await.unwrap();
                until(|| wakes.load(SeqCst) == usize::from(byte).div_ceil(2)).await;
                assert_eq!(read_byte(&one).await, byte);
            }
            sleep(ms(1)).await;
            assert_eq!(wakes.load(SeqCst), 5);
        });
    });
}

#[test]
fn a_waker_that_panics_as_it_is_replaced_harms_nobody() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let (one, other) = tcp_pair().await;
            let drops = OnDrop((|| std::panic::resume_unwind(Box::new("its destructor"))) as fn());
            let waker = Waker::from(Arc::new(Panics(Arc::default(), drops)));
            let mut buffer = [0];
            let mut read = Box::pin(one.read(&mut buffer));
            assert!(read.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            // From now on the one that is stored is the last.
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(waker))).ok();
            assert!(poll_once(read.as_mut()).await.is_pending());
            other.write_all(&[7]).await.unwrap();
            assert_eq!(read.await.unwrap(), 1);
        });
    });
}

#[test]
fn of_two_waits_of_one_task_each_is_told() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let (one, other) = tcp_pair().await;
            let (mut first_buffer, mut second_buffer) = ([0], [0]);
            let mut first = Box::pin(one.read(&mut first_buffer));
            let mut second = Some(Box::pin(one.read(&mut second_buffer)));
            let task = poll_fn(|context| {
                let read = first.as_mut().poll(context);
                // It waits in place of the first, and then is dropped.
                if let Some(mut second) = second.take() {
                    assert!(read.is_pending() && second.as_mut().poll(context).is_pending());
                }
                read
            });
            let sends = spawn(async move {
                sleep(ms(1)).await;
                other.write_all(&[7]).await.unwrap();
                other
            });
            assert_eq!(task.await.unwrap(), 1);
            drop(sends.await);
        });
    });
}

#[test]
fn a_wait_that_was_forgotten_is_no_wait_of_the_next_socket() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let (one, other) = tcp_pair().await;
            let mut buffer = [0];
            let one: &'static TcpStream = Box::leak(Box::new(one));
            let mut read = Box::pin(one.read(Box::leak(Box::new([0]))));
            assert!(poll_once(read.as_mut()).await.is_pending());
            std::mem::forget(read);
            // It counts as one who waits, for who could tell.
            let second = spawn(async move { one.read(&mut buffer).await });
            assert!(second.await.unwrap().is_err());
            other.write_all(&[7]).await.unwrap();
            sleep(ms(5)).await;
            assert_eq!(read_byte(one).await, 7);
        });
    });
}

#[test]
fn tasks_in_a_crowd_hear_of_their_sockets() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            // More than the ring holds, all ready at once.
            let pairs = (0..400).map(|_| UnixStream::pair().unwrap());
            let (ones, others): (Vec<_>, Vec<_>) = pairs.unzip();
            let tasks = ones.into_iter().map(|one| {
                spawn(async move {
                    let mut buffer = [0; 8];
                    for _ in 0..3 {
                        let read = one.read(&mut buffer).await.unwrap();
                        one.write_all(&buffer[..read]).await.unwrap();
                    }
                })
            });
            let tasks = tasks.collect::<Vec<_>>();
            for byte in 0..3 {
                for other in &others {
                    other.write_all(&[byte]).await.unwrap();
                }
                for other in &others {
                    let mut buffer = [0; 8];
                    assert_eq!(other.read(&mut buffer).await.unwrap(), 1);
                    assert_eq!(buffer[0], byte);
                }
            }
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}
