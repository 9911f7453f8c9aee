//! Checks the laws of [`BlockingPool`].

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

use crate::{BlockingPool, Config};

use super::{Meeting, lock, tasks::caught};

/// The result of a job reaches its awaiter.
pub fn the_result_of_a_job_comes_back<E: BlockingPool>(config: &Config) {
    E::start(config).run(async {
        let jobs: Vec<_> = (0..100u64).map(|number| E::spawn_blocking(move || number * number)).collect();
        for (number, job) in (0..).zip(jobs) {
            assert_eq!(job.await, number * number);
        }
    });
}

/// The panic of a job resumes in its awaiter, and the pool continues.
pub fn the_panic_of_a_job_comes_back<E: BlockingPool>(config: &Config) {
    let threads = config.blocking_threads.get();
    E::start(config).run(async move {
        for _ in 0..2 * threads {
            let job = E::spawn_blocking(|| panic!("on purpose"));
            assert!(caught(job).await.is_err(), "the awaiter of the job gets its panic");
        }
        assert_eq!(E::spawn_blocking(|| 7).await, 7);
    });
}

/// The pool runs exactly as many jobs at once as it has threads.
pub fn as_many_jobs_run_at_once_as_there_are_threads_and_no_more<E: BlockingPool>(config: &Config) {
    let threads = config.blocking_threads.get();
    E::start(config).run(async move {
        let meeting = Arc::new(Meeting::default());
        let [running, most] = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
        let spawn = |_| {
            let (meeting, running, most) = (meeting.clone(), running.clone(), most.clone());
            E::spawn_blocking(move || {
                most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                let all_came = meeting.wait_for(threads);
                // Gives a surplus thread the time to start one more job.
                thread::sleep(Duration::from_millis(5));
                running.fetch_sub(1, SeqCst);
                all_came
            })
        };
        let jobs: Vec<_> = (0..10 * threads).map(spawn).collect();
        for job in jobs {
            assert!(job.await, "fewer than {threads} jobs run at once");
        }
        let most = most.load(SeqCst);
        assert_eq!(most, threads, "{most} jobs ran at once on {threads} threads");
    });
}

/// Tasks run while every thread of the pool is busy and more jobs wait.
pub fn jobs_do_not_delay_tasks<E: BlockingPool>(config: &Config) {
    let threads = config.blocking_threads.get();
    E::start(config).run(async move {
        let (open, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let spawn_job = |_| {
            let gate = gate.clone();
            // Each job ends when the sender is dropped: the first holds the lock, the others wait for it.
            E::spawn_blocking(move || lock(&gate).recv().is_err())
        };
        let jobs: Vec<_> = (0..2 * threads).map(spawn_job).collect();
        let tasks: Vec<_> = (0..100u64).map(|index| E::spawn(async move { index })).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await;
        }
        assert_eq!(sum, 4_950);
        drop(open);
        for job in jobs {
            assert!(job.await, "a job ends once its gate is open");
        }
    });
}
