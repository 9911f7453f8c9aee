//! Workers that park, and the threads that wake them. A wake-up that is lost is a deadlock, which loom finds.

use std::{cell::Cell, sync::Arc};

use super::briefly;

use crate::{
    scheduler::parking::{Parker, Parking, Turn, WakeReason},
    scheduler::timers::Time,
    sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
        lock, thread,
    },
};

/// Parks a worker that knows no sockets.
fn park(
    parking: &Parking,
    worker: &Arc<Parker>,
    turn: Turn,
    has_work: impl FnOnce() -> bool,
    next_deadline: impl Fn() -> Time,
) -> WakeReason {
    parking.park(worker, turn, Time::NEVER, has_work, next_deadline, |alarm| worker.wait(alarm))
}

/// A parking beside a queue that only counts.
#[derive(Default)]
struct Place {
    parking: Parking,
    queued: AtomicUsize,
    served: AtomicUsize,
    /// True if workers linger before they park, and are then woken last.
    lingers: bool,
}

impl Place {
    /// Queues one more task, and wakes a worker for it.
    fn queue(&self) {
        self.queued.fetch_add(1, Relaxed);
        self.parking.wake_one();
    }

    /// Serves queued tasks as a worker does, until `all` were served.
    fn work(&self, all: usize, serve: impl Fn()) {
        let parker = Parker::new();
        let mut searches = false;
        while !self.parking.is_closed() {
            // Relaxed, as the queues are in so far as the parking is concerned.
            let taken = self.queued.fetch_update(Relaxed, Relaxed, |queued| queued.checked_sub(1));
            if taken.is_ok() {
                if searches {
                    searches = false;
                    self.parking.end_search();
                    if self.queued.load(Relaxed) > 0 {
                        self.parking.wake_one();
                    }
                }
                serve();
                if self.served.fetch_add(1, Relaxed) + 1 == all {
                    self.parking.close();
                }
                continue;
            }
            let has_work = || self.queued.load(Relaxed) > 0;
            searches = searches || self.lingers && self.parking.try_begin_search();
            if searches && (has_work() || self.parking.searches_on(has_work)) {
                continue;
            }
            let turn = if self.lingers { Turn::Last } else { Turn::First };
            let reason = park(&self.parking, &parker, turn, has_work, || Time::NEVER);
            searches = reason == WakeReason::Task;
        }
    }
}

#[test]
fn a_worker_that_is_parked_at_the_end_serves_nothing_more() {
    loom::model(|| {
        let place = Arc::new(Place::default());
        let rests = Arc::new(AtomicBool::new(false));
        let works = {
            let (place, rests) = (place.clone(), rests.clone());
            thread::spawn(move || place.work(usize::MAX, || assert!(!rests.load(Relaxed), "it was parked")))
        };
        place.queue();
        if place.parking.close() == 1 {
            rests.store(true, Relaxed);
        }
        place.queue();
        works.join().unwrap();
    });
}

#[test]
fn a_worker_does_not_sleep_over_what_is_queued() {
    loom::model(|| {
        let place = Arc::new(Place::default());
        let queues = {
            let place = place.clone();
            thread::spawn(move || place.queue())
        };
        place.work(1, || ());
        queues.join().unwrap();
    });
}

#[test]
fn a_worker_that_lingers_does_not_sleep_over_what_is_queued() {
    loom::model(|| {
        let place = Arc::new(Place { lingers: true, ..Place::default() });
        let queues = {
            let place = place.clone();
            thread::spawn(move || place.queue())
        };
        place.queue();
        place.work(2, || ());
        queues.join().unwrap();
    });
}

#[test]
fn two_workers_of_which_one_lingers_do_not_sleep_over_two_things_queued() {
    two_workers_do_not_sleep_over_two_things_queued_in(|| Place { lingers: true, ..Place::default() });
}

#[test]
fn two_workers_do_not_sleep_over_two_things_queued() {
    two_workers_do_not_sleep_over_two_things_queued_in(Place::default);
}

fn two_workers_do_not_sleep_over_two_things_queued_in(place: fn() -> Place) {
    briefly(move || {
        let place = Arc::new(place());
        let threads = [(); 2].map(|()| {
            let place = place.clone();
            thread::spawn(move || place.work(2, || ()))
        });
        place.queue();
        place.queue();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn what_comes_as_a_search_ends_is_served_although_who_searched_is_busy() {
    two_tasks_are_served_at_once_in(Place::default);
}

#[test]
fn what_comes_as_a_worker_lingers_is_served_although_who_lingered_is_busy() {
    two_tasks_are_served_at_once_in(|| Place { lingers: true, ..Place::default() });
}

fn two_tasks_are_served_at_once_in(place: fn() -> Place) {
    briefly(move || {
        let place = Arc::new(place());
        let both = Arc::new((Mutex::new(0), Condvar::new()));
        let threads = [(); 2].map(|()| {
            let (place, both) = (place.clone(), both.clone());
            thread::spawn(move || {
                // Each of the two tasks lasts until the other is served, too.
                place.work(2, || {
                    let mut served = lock(&both.0);
                    *served += 1;
                    while *served < 2 {
                        served = both.1.wait(served).unwrap();
                    }
                    both.1.notify_all();
                });
            })
        });
        place.queue();
        place.queue();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_search_that_ends_in_vain_hides_nothing_that_is_queued_meanwhile() {
    loom::model(|| {
        let place = Arc::new(Place::default());
        let queues = [(); 2].map(|()| {
            let place = place.clone();
            thread::spawn(move || place.queue())
        });
        place.work(2, || ());
        queues.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_worker_that_lies_down_as_the_runtime_ends_gets_up() {
    loom::model(|| {
        let place = Arc::new(Place::default());
        let works = [(); 2].map(|()| {
            let place = place.clone();
            thread::spawn(move || place.work(0, || ()))
        });
        place.parking.close();
        works.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// A deadline that has passed, so that no worker sleeps to it: loom knows no other.
const PASSED: Time = Time::PAST;

/// A later deadline, which has passed as well.
const LATER: Time = Time::PAST.after(std::time::Duration::from_nanos(1));

/// Parks until a timer is set, which then has a deadline.
fn keep_time(parking: &Parking, set: &AtomicBool) {
    let parker = Parker::new();
    while !set.load(Relaxed) {
        park(
            parking,
            &parker,
            Turn::First,
            || false,
            || if set.load(Relaxed) { PASSED } else { Time::NEVER },
        );
    }
}

#[test]
fn the_timekeeper_does_not_sleep_over_a_new_deadline() {
    loom::model(|| {
        let place = Arc::new((Parking::default(), AtomicBool::new(false)));
        let sets = {
            let place = place.clone();
            thread::spawn(move || {
                place.1.store(true, Relaxed);
                place.0.wake_timekeeper(PASSED);
            })
        };
        keep_time(&place.0, &place.1);
        sets.join().unwrap();
    });
}

/// Parks two workers. One wakes, mostly as the timekeeper and at its alarm, and does not park again, while a
/// timer is set, by that worker or by a thread of its own: then the other worker has to wake.
fn leave_the_time_to_another(set_by_a_thread: bool) {
    let place = Arc::new((Parking::default(), AtomicBool::new(false), AtomicBool::new(false)));
    let (parking, set, other_parks) = (&place.0, &place.1, &place.2);
    let keeps = {
        let place = place.clone();
        thread::spawn(move || {
            place.2.store(true, Relaxed);
            keep_time(&place.0, &place.1);
        })
    };
    let sets = {
        let place = place.clone();
        move || {
            place.1.store(true, Relaxed);
            place.0.wake_timekeeper(LATER);
        }
    };
    let thread = set_by_a_thread.then(|| thread::spawn(sets.clone()));
    let asked = Cell::new(0);
    let deadline = || match asked.replace(asked.get() + 1) {
        0 => PASSED,
        _ if set.load(Relaxed) => LATER,
        _ => Time::NEVER,
    };
    park(parking, &Parker::new(), Turn::First, || other_parks.load(Relaxed), deadline);
    parking.hand_over(deadline);
    match thread {
        Some(thread) => thread.join().unwrap(),
        None => sets(),
    }
    keeps.join().unwrap();
}

#[test]
fn whoever_is_first_when_the_timekeeper_gets_up_keeps_time() {
    loom::model(|| leave_the_time_to_another(false));
}

#[test]
fn a_timer_that_is_set_as_the_timekeeper_gets_up_is_not_slept_over() {
    loom::model(|| leave_the_time_to_another(true));
}

#[test]
fn a_thread_that_is_woken_before_it_waits_does_not_wait() {
    loom::model(|| {
        let parker = Parker::new();
        let said = Arc::new(AtomicBool::new(false));
        let wakes = {
            let (parker, said) = (parker.clone(), said.clone());
            thread::spawn(move || {
                said.store(true, Relaxed);
                parker.unpark();
            })
        };
        parker.wait(None);
        assert!(said.load(Relaxed), "it sees what came before");
        wakes.join().unwrap();
    });
}
