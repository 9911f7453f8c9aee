//! Tests what belongs to a thread: its thread-locals, its stack, its local tasks.

use std::{
    future::pending,
    panic,
    sync::{Arc, Mutex, OnceLock},
    thread,
};

use hand_rolled::{Runtime, TaskError, run, spawn, spawn_blocking, spawn_local, timeout, yield_now};

use super::watched_on_all;
use crate::{LATER, lock, watched};

#[test]
fn a_runtime_may_be_used_in_the_destructor_of_a_thread_local() {
    struct Flush;

    impl Drop for Flush {
        fn drop(&mut self) {
            static USED: Mutex<usize> = Mutex::new(0);
            RUNTIME.get().unwrap().block_on(async {
                spawn(async {}).await.unwrap();
                yield_now().await;
                // The store of this thread may have gone.
                assert_eq!(spawn_local(async {}).await, Err(TaskError::Cancelled));
            });
            run(async { spawn_blocking(|| ()).await.unwrap() });
            *lock(&USED) += 1;
        }
    }

    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    thread_local! {
        static FLUSH: Flush = const { Flush };
    }
    watched(|| {
        let runtime = RUNTIME.get_or_init(Runtime::current_thread);
        thread::spawn(move || {
            // Registered first, so destroyed last.
            FLUSH.with(|_| ());
            runtime.block_on(async {
                drop(spawn_local(async {}));
                yield_now().await;
            });
        })
        .join()
        .unwrap();
    });
}

#[test]
fn a_runtime_goes_on_when_the_thread_of_its_local_tasks_has_ended() {
    watched(|| {
        let runtime = Arc::new(Runtime::current_thread());
        let own = runtime.clone();
        let task = thread::spawn(move || {
            let mut also_waits = None;
            own.block_on(async {
                let task = spawn_local(pending::<()>());
                also_waits = Some(spawn(async move { task.await.is_err() }));
                drop(spawn_local(pending::<()>()));
                yield_now().await;
            });
            also_waits.unwrap()
        })
        .join()
        .unwrap();
        assert_eq!(runtime.block_on(task), Ok(true), "a local task ends with its thread");
        runtime.block_on(async { spawn_local(async {}).await.unwrap() });
    });
}

#[test]
fn a_future_of_128_kib_fits_into_a_stack_of_2_mib() {
    watched_on_all(|runtime| {
        let runtime = Arc::new(runtime);
        thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(move || {
                let large = || {
                    let array = [1u8; 128 << 10];
                    async move {
                        yield_now().await;
                        array.iter().map(|&byte| usize::from(byte)).sum::<usize>()
                    }
                };
                let task = runtime.spawn(large());
                assert_eq!(runtime.block_on(task), Ok(128 << 10));
                runtime.block_on(async {
                    let array = [1u8; 128 << 10];
                    let job = spawn_blocking(move || array.len());
                    assert_eq!(job.await, Ok(128 << 10));
                });
                runtime.block_on(timeout(LATER, large())).unwrap();
                assert_eq!(runtime.block_on(async { spawn(large()).await }), Ok(128 << 10));
            })
            .unwrap()
            .join()
            .unwrap();
    });
}

#[test]
fn the_panic_of_a_call_outside_of_a_runtime_is_where_the_caller_is() {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    // The hook is the process's: only this test's thread is noted.
    let own = thread::current().id();
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() == own {
            lock(&SEEN).push(info.location().unwrap().file().to_owned());
        } else {
            before(info);
        }
    }));
    panic::catch_unwind(|| drop(spawn(async {}))).unwrap_err();
    panic::catch_unwind(|| drop(spawn_blocking(|| ()))).unwrap_err();
    panic::catch_unwind(|| drop(spawn_local(async {}))).unwrap_err();
    assert_eq!(*lock(&SEEN), [file!(); 3]);
}
