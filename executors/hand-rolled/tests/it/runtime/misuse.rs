//! Wrong use panics with a message that names the remedy; and what looks wrong, but is not.

use std::{future::pending, pin::pin, sync::mpsc, task::Context, task::Waker, thread, time::Duration};

use hand_rolled::{Runtime, sleep, spawn, spawn_blocking, yield_now};

use crate::{Drops, Gate, PATIENCE, ms, number, panic_of, two_workers, watched, watched_on_each_flavour};

#[test]
fn a_nested_block_on_panics_and_the_runtime_goes_on() {
    watched_on_each_flavour(|runtime| {
        let other = Runtime::current_thread();
        let drops = Drops::default();
        runtime.block_on(async {
            let never_polled = async {
                let _guard = drops.guard();
            };
            for message in [
                panic_of(|| runtime.block_on(never_polled)),
                panic_of(|| other.block_on(async {})),
                panic_of(|| hand_rolled::run(async {})),
                spawn(async { panic_of(|| hand_rolled::run(async {})) }).await.unwrap(),
            ] {
                assert!(message.contains("await the future instead"), "{message}");
            }
            assert_eq!(spawn(async { 7 }).await, Ok(7));
        });
        assert_eq!(drops.count(), 0);
    });
}

#[test]
fn block_on_may_be_called_in_a_job() {
    watched_on_each_flavour(|runtime| {
        let job = runtime.spawn_blocking(|| hand_rolled::run(async { spawn(async { 7 }).await.unwrap() }));
        assert_eq!(runtime.block_on(job), Ok(7));
    });
}

#[test]
fn outside_of_a_runtime_spawn_and_sleep_say_what_to_do() {
    watched(|| {
        let poll_sleep = |duration| {
            let sleep = pin!(sleep(duration));
            sleep.poll(&mut Context::from_waker(Waker::noop()))
        };
        for message in [
            panic_of(|| spawn(async {})),
            panic_of(|| spawn_blocking(|| {})),
            panic_of(|| poll_sleep(Duration::ZERO)),
            panic_of(|| poll_sleep(Duration::MAX)),
        ] {
            assert!(message.contains("use it inside hand_rolled::run"), "{message}");
        }
        assert!(panic_of(|| spawn(async {})).starts_with("spawn needs"));
    });
}

#[test]
fn a_second_block_on_of_an_event_loop_panics_and_the_first_goes_on() {
    watched(|| {
        let runtime = Runtime::current_thread();
        let message = runtime.block_on(async {
            let second =
                thread::scope(|scope| scope.spawn(|| panic_of(|| runtime.block_on(async {}))).join());
            yield_now().await;
            second.unwrap()
        });
        assert!(message.contains("Runtime::multi_thread"), "{message}");
    });
}

#[test]
fn a_second_block_on_of_several_workers_polls_its_own_future_only() {
    watched(|| {
        let runtime = Runtime::multi_thread(number(1));
        let (first, second) = (Gate::default(), Gate::default());
        let (sits, seated) = mpsc::channel();
        thread::scope(|scope| {
            let caller = scope.spawn(|| {
                runtime.block_on(async {
                    sits.send(thread::current().id()).unwrap();
                    first.pass().await;
                })
            });
            let worker = seated.recv_timeout(PATIENCE).unwrap();
            runtime.block_on(async {
                for _ in 0..100 {
                    assert_eq!(spawn(async { thread::current().id() }).await, Ok(worker));
                }
                first.open();
                second.open();
            });
            caller.join().unwrap();
        });
    });
}

#[test]
fn a_second_block_on_becomes_the_worker_when_the_first_has_left() {
    watched(|| {
        let runtime = Runtime::multi_thread(number(1));
        let leave = Gate::default();
        let (sits, seated) = mpsc::channel();
        thread::scope(|scope| {
            let first = scope.spawn(|| {
                runtime.block_on(async {
                    sits.send(()).unwrap();
                    leave.pass().await;
                })
            });
            seated.recv_timeout(PATIENCE).unwrap();
            let others = [(); 3].map(|()| {
                scope.spawn(|| {
                    runtime.block_on(async {
                        // Needs a worker after the first caller has left.
                        leave.pass().await;
                        for _ in 0..10 {
                            spawn(sleep(ms(1))).await.unwrap();
                        }
                    })
                })
            });
            leave.open();
            first.join().unwrap();
            others.into_iter().for_each(|other| other.join().unwrap());
        });
    });
}

#[test]
fn an_event_loop_stands_still_between_two_calls_of_block_on() {
    watched(|| {
        let runtime = Runtime::current_thread();
        let task = runtime.spawn(sleep(ms(1)));
        runtime.block_on(yield_now());
        thread::sleep(ms(5));
        assert!(!task.done());
        assert_eq!(runtime.block_on(task), Ok(()));
    });
}

#[test]
fn the_other_workers_go_on_between_two_calls_of_block_on() {
    watched(|| {
        let runtime = two_workers();
        let (send, receive) = mpsc::channel();
        drop(runtime.spawn(async move {
            sleep(ms(1)).await;
            send.send(()).unwrap();
        }));
        receive.recv_timeout(PATIENCE).unwrap();
    });
}

#[test]
fn the_root_may_borrow_and_need_not_be_send() {
    watched_on_each_flavour(|runtime| {
        let word = String::from("photo");
        let shared = std::rc::Rc::new(7);
        let length = runtime.block_on(async {
            yield_now().await;
            drop(shared.clone());
            word.len()
        });
        assert_eq!(length, 5);
    });
}

#[test]
fn a_runtime_may_be_made_on_one_thread_and_driven_on_another() {
    watched_on_each_flavour(|runtime| {
        drop(runtime.spawn(pending::<()>()));
        let runtime = thread::spawn(move || {
            runtime.block_on(yield_now());
            runtime
        });
        runtime.join().unwrap().block_on(yield_now());
    });
}
