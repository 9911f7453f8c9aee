//! Sockets: tasks that wait for one, and workers that wait for all. A lost event is a deadlock, which loom finds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Wake, Waker},
};

use super::{Count, briefly, end, parker, scheduler};
use crate::{
    scheduler::{
        parking::{Parker, Parking, Turn},
        reactor::{Batch, Reactor, Registration, slot::Direction},
        timers::Time,
    },
    sync::{
        atomic::{AtomicBool, Ordering},
        thread,
    },
};

/// Wakes nobody, and counts.
struct CountWakes(Count);

impl Wake for CountWakes {
    fn wake(self: Arc<Self>) {
        self.0.add();
    }
}

/// Reads a byte as a task does, on a thread of its own. Returns false if the runtime has ended.
fn read(reactor: &Reactor, registration: &Registration) -> bool {
    let (parker, waker) = parker();
    let (mut ticket, mut has_waited) = (0, false);
    loop {
        let Ok(seen) = registration.seen() else { return false };
        if seen.is_ready(Direction::Read) {
            if reactor.poller().receive() {
                // As a task does that was suspended: the event takes its waker.
                if !has_waited {
                    registration.forget(Direction::Read, ticket);
                }
                return true;
            }
            registration.drained(seen, Direction::Read, ()).unwrap();
        }
        assert!(registration.wait(Direction::Read, &mut ticket, &waker));
        has_waited = registration.seen().is_ok_and(|seen| !seen.is_ready(Direction::Read));
        if has_waited {
            parker.wait(None);
        }
    }
}

/// Waits for events, and delivers them, until something has come that is no mere wake-up.
fn poll_once(reactor: &Arc<Reactor>) {
    let mut batch = Batch::default();
    let seat = reactor.sit().expect("nobody else has it");
    while !seat.wait(&mut batch, 2, None) {}
    drop(seat);
    batch.deliver(reactor, false, || ());
}

#[test]
fn no_byte_is_slept_over_whenever_it_comes() {
    loom::model(|| {
        let reactor = Reactor::new().unwrap();
        let (registration, _) = reactor.register();
        let polls = {
            let reactor = reactor.clone();
            thread::spawn(move || {
                reactor.poller().send();
                poll_once(&reactor);
            })
        };
        // It registers before or after the byte; the poller hears of it either way.
        assert!(read(&reactor, &registration) || registration.seen().is_err());
        if !registration.seen().is_ok_and(|seen| seen.is_asked(Direction::Read)) {
            registration.drained(registration.seen().unwrap(), Direction::Read, ()).unwrap();
            reactor.poller().send();
        }
        polls.join().unwrap();
    });
}

#[test]
fn a_byte_that_comes_as_another_task_registers_the_socket_is_not_cleared_away() {
    loom::model(|| {
        let reactor = Reactor::new().unwrap();
        let registration = Arc::new(reactor.register().0);
        let writes_and_polls = {
            let (reactor, registration) = (reactor.clone(), registration.clone());
            thread::spawn(move || {
                registration.drained(registration.seen().unwrap(), Direction::Write, ()).unwrap();
                reactor.poller().send();
                poll_once(&reactor);
            })
        };
        if reactor.poller().receive() {
            // So that there is an event in any case.
            reactor.poller().send();
        } else {
            registration.drained_before(Direction::Read, ()).unwrap();
            assert!(read(&reactor, &registration));
        }
        writes_and_polls.join().unwrap();
    });
}

#[test]
fn a_second_byte_that_comes_as_the_first_is_read_is_not_cleared_away() {
    loom::model(|| {
        let reactor = Reactor::new().unwrap();
        let (registration, _) = reactor.register();
        registration.drained(registration.seen().unwrap(), Direction::Read, ()).unwrap();
        let polls = {
            let reactor = reactor.clone();
            thread::spawn(move || {
                for _ in 0..2 {
                    reactor.poller().send();
                    poll_once(&reactor);
                }
            })
        };
        assert!(read(&reactor, &registration));
        assert!(read(&reactor, &registration));
        polls.join().unwrap();
    });
}

#[test]
fn an_event_of_a_socket_that_is_gone_makes_no_other_ready() {
    loom::model(|| {
        let reactor = Reactor::new().unwrap();
        let (gone, _) = reactor.register();
        gone.drained(gone.seen().unwrap(), Direction::Read, ()).unwrap();
        reactor.poller().tell(gone.token());
        let polls = {
            let reactor = reactor.clone();
            thread::spawn(move || poll_once(&reactor))
        };
        drop(gone);
        let (next, _) = reactor.register();
        next.drained(next.seen().unwrap(), Direction::Read, ()).unwrap();
        polls.join().unwrap();
        assert!(!next.seen().unwrap().is_ready(Direction::Read));
    });
}

#[test]
fn whoever_waits_as_the_runtime_ends_gets_an_error() {
    loom::model(|| {
        let reactor = Reactor::new().unwrap();
        let (registration, _) = reactor.register();
        let reads = {
            let reactor = reactor.clone();
            thread::spawn(move || assert!(!read(&reactor, &registration)))
        };
        reactor.end();
        reads.join().unwrap();
    });
}

#[test]
fn a_socket_that_is_registered_as_the_runtime_ends_gives_an_error() {
    loom::model(|| {
        let scheduler = scheduler();
        let registers = {
            let scheduler = scheduler.clone();
            thread::spawn(move || scheduler.register())
        };
        scheduler.close();
        scheduler.end_all_waits();
        if let Ok(registration) = registers.join().unwrap() {
            assert!(registration.seen().is_err());
        }
        end(scheduler);
    });
}

#[test]
fn a_wait_that_is_dropped_as_its_event_comes_leaves_no_waker() {
    loom::model(|| {
        let reactor = Reactor::new().unwrap();
        let (registration, _) = reactor.register();
        registration.drained(registration.seen().unwrap(), Direction::Read, ()).unwrap();
        let (wakes, mut ticket) = (Count::default(), 0);
        let counts = Arc::new(CountWakes(wakes.clone()));
        assert!(registration.wait(Direction::Read, &mut ticket, &Waker::from(counts.clone())));
        let polls = {
            let reactor = reactor.clone();
            thread::spawn(move || {
                reactor.poller().send();
                poll_once(&reactor);
            })
        };
        registration.forget(Direction::Read, ticket);
        polls.join().unwrap();
        assert!(wakes.get() <= 1);
        assert_eq!(Arc::strong_count(&counts), 1);
    });
}

/// A parking, and the reactor for which its workers wait.
struct Place {
    parking: Parking,
    reactor: Arc<Reactor>,
    delivered: AtomicUsize,
    queued: AtomicBool,
}

impl Place {
    fn new() -> Arc<Place> {
        Arc::new(Place {
            parking: Parking::default(),
            reactor: Reactor::new().unwrap(),
            delivered: AtomicUsize::new(0),
            queued: AtomicBool::new(false),
        })
    }

    /// Parks as a worker does, once. Returns true if there were events, which are delivered.
    fn park(&self, parker: &Arc<Parker>) {
        let batch = std::cell::RefCell::new(Batch::default());
        let wait = |alarm| match self.reactor.has_sockets().then(|| self.reactor.sit()).flatten() {
            Some(seat) => parker.wait_in(seat, &mut batch.borrow_mut(), alarm),
            None => parker.wait(alarm),
        };
        let has_work = || self.queued.load(Ordering::Relaxed);
        self.parking.park(parker, Turn::First, Time::NEVER, has_work, || Time::NEVER, wait);
        let mut batch = batch.into_inner();
        if batch.has_events() {
            batch.deliver(&self.reactor, false, || ());
            self.delivered.fetch_add(1, Relaxed);
        }
    }
}

#[test]
fn a_worker_that_waits_for_sockets_does_not_sleep_over_a_task() {
    loom::model(|| {
        let place = Place::new();
        let (registration, _) = place.reactor.register();
        let queues = {
            let place = place.clone();
            thread::spawn(move || {
                place.queued.store(true, Ordering::Relaxed);
                place.parking.wake_one();
            })
        };
        let parker = Parker::new();
        while !place.queued.load(Ordering::Relaxed) {
            place.park(&parker);
        }
        queues.join().unwrap();
        drop(registration);
    });
}

#[test]
fn a_worker_that_waits_for_sockets_gets_up_at_the_end() {
    briefly(|| {
        let place = Place::new();
        let (registration, _) = place.reactor.register();
        let works = [(); 2].map(|()| {
            let place = place.clone();
            thread::spawn(move || {
                let parker = Parker::new();
                while !place.parking.is_closed() {
                    place.park(&parker);
                }
            })
        });
        place.parking.close();
        works.into_iter().for_each(|thread| thread.join().unwrap());
        drop(registration);
    });
}

#[test]
fn the_first_socket_is_not_slept_over() {
    briefly(|| {
        let place = Place::new();
        let registers = {
            let place = place.clone();
            thread::spawn(move || {
                let (registration, is_first) = place.reactor.register();
                assert!(is_first);
                place.parking.tell_of_seat();
                let seen = registration.seen().unwrap();
                registration.drained(seen, Direction::Read, ()).unwrap();
                place.reactor.poller().send();
                registration
            })
        };
        let parker = Parker::new();
        while place.delivered.load(Relaxed) == 0 {
            place.park(&parker);
        }
        drop(registers.join().unwrap());
    });
}
