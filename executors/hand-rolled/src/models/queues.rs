//! The queues: a worker's ring, and the injector.

use std::sync::Arc;

use super::{Count, Precious, end, scheduler, task};
use crate::{
    scheduler::Scheduler,
    scheduler::injector::Injector,
    scheduler::ring::{CAPACITY, Ring},
    sync::thread,
    task::{Entry, Flag, Handle},
};

/// Tasks that are ready at once, with what is counted when they are dropped.
fn tasks<const N: usize>(scheduler: &Scheduler, drops: &Count) -> [(Entry, Handle<()>); N] {
    [(); N].map(|()| {
        let precious = Precious::new(drops);
        task(scheduler, async move { precious.touch() })
    })
}

/// Runs what was taken; the assertions of the cell fail if it was run before.
fn run(entry: Entry) {
    assert!(entry.run(&Flag::new(false)).is_none());
}

/// Takes up to half of the ring as a thief, and runs it.
fn steal(ring: &Ring) -> usize {
    ring.take::<{ CAPACITY / 2 }>(|len| len.div_ceil(2), run)
}

#[test]
fn an_entry_leaves_the_ring_once_whoever_takes_it() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        // Both ends wrap around.
        let ring = Arc::new(Ring::new(usize::MAX - 2));
        let mut handles = Vec::new();
        for (entry, handle) in tasks::<{ CAPACITY - 1 }>(&scheduler, &drops) {
            ring.push(entry).expect("there is room");
            handles.push(handle);
        }
        let thieves = [(); 2].map(|()| {
            let ring = ring.clone();
            thread::spawn(move || steal(&ring))
        });
        // The slot of the last is free, that of the one after only if a thief was there.
        let mut refused = 0;
        for (entry, handle) in tasks::<2>(&scheduler, &drops) {
            handles.push(handle);
            if let Err(entry) = ring.push(entry) {
                refused += 1;
                run(entry);
            }
        }
        let mut taken = ring.take::<CAPACITY>(|len| len, run);
        for thief in thieves {
            taken += thief.join().unwrap();
        }
        taken += ring.take::<CAPACITY>(|len| len, run);
        assert_eq!(taken + refused, CAPACITY + 1);
        assert_eq!(ring.len(), 0);
        assert!(handles.iter().all(|handle| handle.outcome().is_some()));
        drop(handles);
        assert_eq!(drops.get(), CAPACITY + 1);
        end(scheduler);
    });
}

#[test]
fn a_thief_reads_no_slot_that_was_filled_again() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let ring = Arc::new(Ring::new(usize::MAX));
        let (mut entries, handles): (Vec<_>, Vec<_>) =
            tasks::<{ CAPACITY + 1 }>(&scheduler, &drops).into_iter().unzip();
        let last = entries.pop().expect("there is one more than fits");
        for entry in entries {
            ring.push(entry).expect("there is room");
        }
        let thief = {
            let ring = ring.clone();
            thread::spawn(move || steal(&ring))
        };
        let mut taken = ring.take::<1>(|_| 1, run);
        let mut refused = 0;
        if let Err(entry) = ring.push(last) {
            refused = 1;
            run(entry);
        }
        taken += thief.join().unwrap();
        taken += ring.take::<CAPACITY>(|len| len, run);
        assert_eq!(taken + refused, CAPACITY + 1);
        drop(handles);
        assert_eq!(drops.get(), CAPACITY + 1);
        end(scheduler);
    });
}

#[test]
fn what_is_pushed_to_the_injector_is_taken_once_or_refused_or_left_to_its_end() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let injector = Arc::new(Injector::default());
        let [(first, first_handle), (second, second_handle)] = tasks::<2>(&scheduler, &drops);
        let pushes = [first, second].map(|entry| {
            let injector = injector.clone();
            thread::spawn(move || match injector.push(entry) {
                Ok(()) => 0,
                Err(entry) => {
                    entry.end();
                    1
                }
            })
        });
        let takes = {
            let injector = injector.clone();
            thread::spawn(move || injector.take(|len| len, run))
        };
        injector.close();
        let refused: usize = pushes.into_iter().map(|push| push.join().unwrap()).sum();
        let taken = takes.join().unwrap();
        let left = injector.take(|len| len, Entry::end);
        assert_eq!(taken + refused + left, 2);
        assert_eq!(injector.len(), 0);
        assert_eq!(drops.get(), 2);
        drop((first_handle, second_handle));
        end(scheduler);
        assert_eq!(drops.get(), 2);
    });
}
