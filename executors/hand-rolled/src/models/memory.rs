//! The memory of tasks: cells that threads lend and give back, chunks that serve another size, the walk of the
//! end over them, and what is left once the runtime is gone.

use std::{
    collections::HashSet,
    future::pending,
    sync::{Arc, Weak},
};

use super::{Count, Precious, assert_gone, end_some, scheduler, work};
use crate::{
    sync::thread,
    task::{
        chunk::{self, Vacant},
        class::Class,
        outcome::Outcome,
        slab::{Magazines, Slab},
    },
};

/// The owner of a slab that has no tasks.
struct Owner;

/// A size of which some cells share a chunk.
const SMALL: Class = Class::of::<[u64; 100]>();
/// A size of which one cell fills a chunk.
const LARGE: Class = Class::of::<[u64; 2000]>();

#[test]
fn a_cell_is_lent_to_one_at_a_time() {
    loom::model(|| {
        let (slab, owner) = (Arc::new(Slab::<Owner>::new()), Arc::new(Owner));
        let lent = Arc::new(std::sync::Mutex::new(HashSet::new()));
        let turn = move |slab: &Slab<Owner>, owner: &Weak<Owner>| {
            let mut magazines = Magazines::default();
            let cells = [(); 3].map(|()| {
                let cell = slab.lend(SMALL, owner, Some(&mut magazines)).into_pointer();
                assert!(lent.lock().unwrap().insert(cell.addr()));
                cell
            });
            for cell in cells {
                assert!(lent.lock().unwrap().remove(&cell.addr()));
                slab.restore(SMALL, vacant(cell), Some(&mut magazines));
            }
            slab.restore_all(&mut magazines);
        };
        let other = {
            let (slab, owner, turn) = (slab.clone(), Arc::downgrade(&owner), turn.clone());
            thread::spawn(move || turn(&slab, &owner))
        };
        turn(&slab, &Arc::downgrade(&owner));
        other.join().unwrap();
        slab.end();
        assert_eq!(chunk::blocks(), 0, "all cells are back");
    });
}

#[test]
fn a_chunk_serves_another_size_once_its_last_cell_is_back_whoever_brings_it() {
    loom::model(|| {
        let (slab, owner) = (Arc::new(Slab::<Owner>::new()), Arc::new(Owner));
        let owner = Arc::downgrade(&owner);
        let cells = [(); 2].map(|()| slab.lend(SMALL, &owner, None));
        let returns = cells.map(|cell| {
            let (slab, owner) = (slab.clone(), owner.clone());
            thread::spawn(move || {
                slab.restore(SMALL, cell, None);
                let other = slab.lend(LARGE, &owner, None);
                slab.restore(LARGE, other, None);
            })
        });
        returns.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(chunk::blocks() <= 2, "a chunk is used again");
        slab.trim();
        slab.trim();
        assert_eq!(chunk::blocks(), 0, "what nobody needs goes back");
    });
}

#[test]
fn a_chunk_stays_until_the_last_of_its_cells_and_its_slab_has_gone() {
    loom::model(|| {
        let (slab, owner) = (Slab::<Owner>::new(), Arc::new(Owner));
        let owner = Arc::downgrade(&owner);
        let cells = [(); 2].map(|()| slab.lend(SMALL, &owner, None));
        let forgets = cells.map(|cell| thread::spawn(move || drop(cell)));
        drop(slab);
        forgets.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(chunk::blocks(), 0);
    });
}

#[test]
fn a_handle_and_a_waker_that_outlive_the_runtime_free_its_memory() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let precious = Precious::new(&drops);
        let task = scheduler.spawn(async move {
            precious.touch();
            pending::<()>().await;
        });
        work(&scheduler);
        let waker = task.waker();
        let wakes = thread::spawn(move || {
            waker.wake_by_ref();
            drop(waker);
        });
        end_some(&scheduler);
        assert_eq!((drops.get(), task.outcome()), (1, Some(Outcome::Cancelled)));
        let ends = thread::spawn(move || drop(scheduler));
        drop(task);
        wakes.join().unwrap();
        ends.join().unwrap();
        assert_gone();
    });
}

#[test]
fn a_scheduler_that_was_never_ended_leaves_valid_what_is_lent() {
    loom::model(|| {
        let scheduler = scheduler();
        let task = scheduler.spawn(async { 7 });
        let waker = task.waker();
        work(&scheduler);
        let ends = thread::spawn(move || drop(scheduler));
        let wakes = thread::spawn(move || waker.wake());
        assert_eq!(task.outcome(), Some(Outcome::Finished));
        drop(task);
        ends.join().unwrap();
        wakes.join().unwrap();
        assert_gone();
    });
}

#[test]
fn tasks_that_come_and_go_while_the_end_walks_over_them_keep_their_chunks() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let first = scheduler.spawn(async {});
        work(&scheduler);
        let (spawner, precious) = (scheduler.clone(), Precious::new(&drops));
        let comes_and_goes = thread::spawn(move || {
            // The last of its chunk; the next is of another size, and would have the chunk if it could.
            drop(first);
            drop(spawner.spawn(async move {
                let room = [(); 20].map(|()| Box::new(0));
                precious.touch();
                pending::<()>().await;
                drop(room);
            }));
        });
        end_some(&scheduler);
        drop(scheduler);
        comes_and_goes.join().unwrap();
        assert_eq!(drops.get(), 1);
        assert_gone();
    });
}

/// Makes a `Vacant` of what was one.
#[expect(unsafe_code, reason = "the slab knows no safe way back")]
fn vacant(cell: std::ptr::NonNull<crate::task::state::State>) -> Vacant {
    // SAFETY: it was one, nobody used it, and it is made once.
    unsafe { Vacant::of(cell) }
}
