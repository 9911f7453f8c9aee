//! The slab: memory for the tasks of one owner, and at the same time the list of all tasks.
//!
//! Cells of a few sizes (`class.rs`) are cut from chunks (`chunk.rs`), and the end of a runtime walks the
//! chunks: no task is an entry of a list.
//!
//! ```text
//!     chunk --------> depot <-----------> magazine <-----------> task
//!            cut             up to 64              lend, restore
//!                            at once               one at a time
//!           under the lock of the slab |  without a lock, on a worker
//! ```
//!
//! Free cells are handed out by the depot (`depot.rs`), under a lock, and by magazines, which belong to one
//! worker each and trade with the depot in bulk (Bonwick and Adams, "Magazines and Vmem", USENIX 2001). Any
//! cell of a size is as good as any other, so a worker keeps the cells that it frees, though another worker
//! took them from the depot.
//!
//! Threads that are no workers share a few magazines, and only take from them: one cell at first, and twice as many each time,
//! so that a thread which starts one task has memory touched for no other. What such a thread fills lies side by side; of cells
//! that two threads take in turn, one after the other, each cache line would go to and fro between them.
//!
//! A slab ends when it is dropped, whatever has been done with it before. Cells that are lent by then keep
//! their chunks.

use std::{any::Any, marker::PhantomData, mem, ptr::NonNull, sync::Weak};

use super::{chunk::Vacant, class::Class, depot::Depot, state::State};
use crate::sync::{
    Mutex, PARTS,
    atomic::{AtomicBool, Ordering::Relaxed},
    lock, part,
};

/// The memory of the tasks of one owner.
pub(crate) struct Slab<O> {
    /// The memory that no worker has, under the lock.
    depot: Mutex<Depot>,
    /// The free cells of threads that are no workers.
    outside: [Outside; PARTS],
    /// True if [`trim`](Self::trim) may find something. Changed under the lock.
    has_spare: AtomicBool,
    /// The owner of the tasks.
    owner: PhantomData<fn() -> O>,
}

/// The free cells of one worker.
#[derive(Default)]
pub(crate) struct Magazines {
    /// A magazine for each class, up to the last class that the worker has used.
    classes: Vec<Magazine>,
}

/// The free cells of some threads that are no workers, a magazine for each class that they have used, under a lock that is nearly
/// always free. In cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Outside(Mutex<Vec<(u8, Magazine)>>);

/// The free cells of one worker and one size.
#[derive(Default)]
struct Magazine {
    /// The cells; the last is the next to be lent.
    cells: Vec<Vacant>,
    /// The number of cells with which some of them go back to the depot, twice as many as it takes; zero before the first.
    full: usize,
}

impl Magazines {
    /// Returns the magazine of a class.
    #[inline]
    fn of(&mut self, class: u8) -> &mut Magazine {
        let class = usize::from(class);
        if self.classes.len() <= class {
            self.classes.resize_with(class + 1, Magazine::default);
        }
        &mut self.classes[class]
    }
}

impl Outside {
    /// Returns the magazine of a class.
    fn of(magazines: &mut Vec<(u8, Magazine)>, class: u8) -> &mut Magazine {
        // Not by index, as those of a worker: a runtime that starts one task from outside would write to all of them.
        let place = magazines.iter().position(|(of, _)| *of == class).unwrap_or_else(|| {
            magazines.push((class, Magazine::default()));
            magazines.len() - 1
        });
        &mut magazines[place].1
    }
}

impl<O: Any + Send + Sync> Slab<O> {
    /// Makes a slab without chunks.
    pub(crate) fn new() -> Slab<O> {
        Slab {
            depot: Mutex::default(),
            outside: Default::default(),
            has_spare: AtomicBool::new(false),
            owner: PhantomData,
        }
    }

    /// Lends a cell. `owner` is the owner of this slab.
    #[inline]
    pub(crate) fn lend(&self, class: Class, owner: &Weak<O>, magazines: Option<&mut Magazines>) -> Vacant {
        match (magazines, class) {
            (Some(magazines), Class::Cut(cut)) => {
                let magazine = magazines.of(cut);
                magazine.cells.pop().unwrap_or_else(|| self.fill(class, owner, magazine))
            }
            (None, Class::Cut(cut)) => self.lend_outside(class, cut, owner),
            (_, Class::Own(_)) => {
                let mut one = Vec::new();
                lock(&self.depot).lend(class, owner, 1, &mut one);
                one.pop().expect("the depot gives at least one")
            }
        }
    }

    /// Lends a cell to a thread that is no worker.
    fn lend_outside(&self, class: Class, cut: u8, owner: &Weak<O>) -> Vacant {
        let Outside(magazines) = &self.outside[part()];
        let mut guard = lock(magazines);
        let magazine = Outside::of(&mut guard, cut);
        if let Some(cell) = magazine.cells.pop() {
            return cell;
        }
        let number = magazine.full.clamp(1, class.bulk());
        magazine.full = 2 * number;
        // No lock is taken under another.
        drop(guard);
        let mut cells = Vec::with_capacity(number);
        lock(&self.depot).lend(class, owner, number, &mut cells);
        let cell = cells.pop().expect("the depot gives at least one");
        if !cells.is_empty() {
            Outside::of(&mut lock(magazines), cut).cells.append(&mut cells);
        }
        cell
    }

    /// Fills a magazine, and lends one of its cells.
    #[cold]
    fn fill(&self, class: Class, owner: &Weak<O>, magazine: &mut Magazine) -> Vacant {
        let bulk = class.bulk();
        magazine.full = 2 * bulk;
        lock(&self.depot).lend(class, owner, bulk, &mut magazine.cells);
        magazine.cells.pop().expect("the depot gives at least one")
    }

    /// Takes a cell back.
    #[inline]
    pub(crate) fn restore(&self, class: Class, cell: Vacant, magazines: Option<&mut Magazines>) {
        let (Some(magazines), Class::Cut(cut)) = (magazines, class) else {
            return self.take_back([cell].into_iter());
        };
        let magazine = magazines.of(cut);
        magazine.cells.push(cell);
        if magazine.cells.len() >= magazine.full {
            self.empty(class, magazine);
        }
    }

    /// Takes cells of a magazine that has too many.
    #[cold]
    fn empty(&self, class: Class, magazine: &mut Magazine) {
        let bulk = class.bulk();
        magazine.full = 2 * bulk;
        if magazine.cells.len() >= magazine.full {
            self.take_back(magazine.cells.drain(..bulk));
        }
    }

    /// Takes all free cells of a worker back.
    pub(crate) fn restore_all(&self, magazines: &mut Magazines) {
        let cells = magazines.classes.iter_mut().flat_map(|magazine| magazine.cells.drain(..));
        self.take_back(cells);
    }

    /// Takes cells back into the depot.
    fn take_back(&self, cells: impl Iterator<Item = Vacant>) {
        let mut depot = lock(&self.depot);
        if depot.restore(cells) {
            self.has_spare.store(true, Relaxed);
        }
    }

    /// Returns true if [`trim`](Self::trim) may find something.
    #[inline]
    pub(crate) fn has_spare(&self) -> bool {
        // Relaxed: a hint.
        self.has_spare.load(Relaxed)
    }

    /// Takes the free cells back that threads have which are no workers.
    fn restore_outside(&self) {
        for Outside(magazines) in &self.outside {
            let magazines = mem::take(&mut *lock(magazines));
            if !magazines.is_empty() {
                self.take_back(magazines.into_iter().flat_map(|(_, magazine)| magazine.cells));
            }
        }
    }

    /// Gives memory back to the system that no task has needed since the last call.
    pub(crate) fn trim(&self) {
        self.restore_outside();
        let mut depot = lock(&self.depot);
        let (rooms, more) = depot.trim();
        self.has_spare.store(more, Relaxed);
        drop(depot);
        // To give them back takes long, so without the lock.
        drop(rooms);
    }

    /// Returns all cells that were ever cut. Their states tell what they hold; cells that are cut meanwhile
    /// may be missing.
    ///
    /// The pointers are good until [`end`](Self::end), as long as this slab is there.
    pub(crate) fn cells(&self) -> Vec<NonNull<State>> {
        lock(&self.depot).cells()
    }

    /// Calls `look` with each cell that was cut, under the lock, so that no memory goes meanwhile.
    pub(crate) fn visit(&self, look: impl FnMut(NonNull<State>)) {
        lock(&self.depot).cut_cells().for_each(look);
    }

    /// Gives all memory back that no lent cell keeps, at the end of the owner. Nobody may look at what
    /// [`cells`](Self::cells) returned any more.
    pub(crate) fn end(&self) {
        self.restore_outside();
        let rooms = lock(&self.depot).end();
        drop(rooms);
    }
}

#[cfg(loom)]
impl<O> Drop for Slab<O> {
    fn drop(&mut self) {
        // Whoever used the slab before has dropped its reference to the owner, which is an `Arc` of std's: loom
        // does not know that this orders its accesses before those of the last.
        drop(lock(&self.depot));
    }
}
