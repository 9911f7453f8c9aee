//! Timers that are taken back while they fire.

use std::{
    sync::Arc,
    task::{Wake, Waker},
};

use super::Count;
use crate::{
    scheduler::timers::{Time, Timers},
    sync::thread,
    task::ThinWaker,
};

/// Counts the wakes.
struct Wakes(Count);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.add();
    }
}

/// The timers of one worker.
fn timers() -> Arc<Timers> {
    Timers::new(1)[0].clone()
}

/// A deadline before the present of the models.
fn due() -> Time {
    Time::PAST.after(std::time::Duration::from_nanos(1))
}

/// A waker that counts.
fn counts(count: &Count) -> ThinWaker {
    ThinWaker::of(&Waker::from(Arc::new(Wakes(count.clone()))))
}

#[test]
fn a_timer_that_is_taken_back_as_it_fires_does_one_of_both() {
    loom::model(|| {
        let (timers, wakes) = (timers(), Count::default());
        let set = timers.insert(due(), counts(&wakes)).ok().expect("its time is to come");
        let fires = {
            let timers = timers.clone();
            thread::spawn(move || timers.fire(Time::now(), || ()))
        };
        let taken_back = timers.remove(due(), set.key).is_some();
        fires.join().unwrap();
        assert_eq!(usize::from(taken_back) + wakes.get(), 1);
    });
}

#[test]
fn a_timer_fires_once_whoever_looks_at_the_clock() {
    loom::model(|| {
        let (timers, wakes) = (timers(), Count::default());
        assert!(timers.insert(due(), counts(&wakes)).is_ok());
        let fires = {
            let timers = timers.clone();
            thread::spawn(move || timers.fire(Time::now(), || ()))
        };
        timers.fire(Time::now(), || ());
        fires.join().unwrap();
        assert_eq!(wakes.get(), 1);
    });
}

#[test]
fn a_timer_that_is_set_as_others_fire_is_refused_or_fires() {
    loom::model(|| {
        let (timers, wakes) = (timers(), Count::default());
        assert!(timers.insert(due(), counts(&Count::default())).is_ok());
        let fires = {
            let timers = timers.clone();
            thread::spawn(move || timers.fire(Time::now(), || ()))
        };
        let set = timers.insert(due(), counts(&wakes)).is_ok();
        fires.join().unwrap();
        timers.fire(Time::now(), || ());
        assert_eq!(wakes.get(), usize::from(set));
        assert!(timers.has_fired(due()));
    });
}

#[test]
fn a_timer_that_is_taken_back_as_its_runtime_ends_fires_or_is_dropped() {
    loom::model(|| {
        let (timers, wakes) = (timers(), Count::default());
        let set = timers.insert(due(), counts(&wakes)).ok().expect("its time is to come");
        let fires = {
            let timers = timers.clone();
            thread::spawn(move || timers.fire_all())
        };
        let is_back = timers.remove(due(), set.key).is_some();
        fires.join().unwrap();
        assert_eq!(wakes.get(), usize::from(!is_back));
        assert_eq!(std::sync::Arc::strong_count(&wakes.0), 1, "the waker is gone");
    });
}
