//! Memory for tasks: cells of a few sizes, cut from aligned chunks, and at the same time the list of all
//! tasks.
//!
//! A chunk begins on a multiple of its size, so that the address of a cell tells the chunk, and that tells
//! the runtime. No task needs a pointer for it, nor an entry in a list: the end of a runtime walks the
//! chunks. Chunks are kept until then; a runtime keeps as much memory as its tasks once needed.
//!
//! Free cells are handed out by the depot, under a lock, and by magazines, which belong to one worker each
//! and trade with the depot in bulk (Bonwick and Adams, "Magazines and Vmem", USENIX 2001). Any cell of a
//! size is as good as any other, so a worker keeps the cells that it frees, though another worker took them
//! from the depot.
//!
//! # What is relied upon
//!
//! 1. A [`Vacant`] is the only way to a cell that holds no task, and exists once: it was cut from a chunk, or
//!    given back.
//! 2. The state at the beginning of a cell is valid from the moment it is cut, and is only ever accessed as
//!    an atomic.
//! 3. A chunk lives as long as its slab. A slab lives as long as its owner, and the owner as long as a cell
//!    is lent: until the owner has ended because the threads that run it keep it, afterwards because the
//!    depot does.

#![expect(unsafe_code, reason = "cells are cut from raw memory, and found by their address")]

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    mem,
    ptr::NonNull,
    sync::{Arc, Weak},
};

use crate::{
    sync::{Mutex, lock},
    task::state::State,
};

/// The size of a chunk, and what its address is a multiple of. Many chunks with a cell each need not be so
/// far apart.
const CHUNK: usize = if cfg!(one_cell_a_chunk) { 1 << 12 } else { 1 << 16 };
/// The size of a cell is a multiple of this, or of the alignment of its types if that is larger.
const STEP: usize = 8;
/// The most that a cell in a shared chunk is aligned to.
const ALIGNMENT: usize = 16;
/// The first cell of a chunk comes after its head, on a cache line of its own.
const FIRST: usize = 64;
/// Sizes up to here are rounded up to a multiple of 8: tasks are many, and their memory is time.
const FINE: usize = 512;
/// Larger sizes, up to here, are rounded up to an eighth of the power of two below: at most an eighth is
/// wasted.
const COARSE: usize = 16 << 10;
/// The number of sizes.
const CLASSES: usize = FINE / STEP + 8 * (COARSE / FINE).ilog2() as usize;
/// The most chunks that are allocated at once: the allocator leaves a hole as large as a chunk before each
/// allocation.
const BLOCK: usize = 16;
/// The number of cells that the depot and a magazine trade at once.
const BULK: usize = if cfg!(loom) { 1 } else { 64 };

/// The memory of the tasks of one owner.
pub(crate) struct Slab<O> {
    /// The memory that no worker has, under the lock.
    depot: Mutex<Depot<O>>,
}

/// The state that the lock of a slab protects.
struct Depot<O> {
    /// All chunks, each with the number of bytes that are cut into cells.
    chunks: Vec<(NonNull<Chunk<O>>, usize)>,
    /// Room for chunks to be cut.
    spare: Vec<NonNull<u8>>,
    /// The allocations that such chunks are parts of.
    blocks: Vec<(NonNull<u8>, Layout)>,
    /// The free cells by class.
    free: Vec<Vec<Vacant>>,
    /// The chunk to cut next by class, as a place in `chunks`.
    uncut: Vec<Option<usize>>,
    /// The number of cells that hold tasks, or are in a magazine.
    lent: usize,
    /// Set once [`Slab::cells`] was called: its caller may be looking at any cell.
    walked: bool,
    /// Set once the owner has ended, so that cells that are still lent must keep it.
    ended: bool,
    /// The owner, if it has ended and cells are lent.
    kept: Option<Arc<O>>,
}

/// The head of a chunk.
struct Chunk<O> {
    /// The owner of the tasks in this chunk.
    owner: *const O,
    /// The layout that the chunk was allocated with.
    layout: Layout,
    /// The size of the cells in this chunk.
    class: Class,
    /// The index of this chunk in the depot. Changed under the lock.
    place: usize,
}

/// A size of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// One of the sizes that chunks are cut into.
    Cut(u8),
    /// Too large, or aligned too widely: a chunk for each.
    Own(Layout),
}

/// A cell that holds no task; see the first rule of the file.
#[derive(Debug)]
pub(crate) struct Vacant(NonNull<State>);

// SAFETY: it is memory that nobody else uses.
unsafe impl Send for Vacant {}

// SAFETY: the pointers are to memory that belongs to the depot.
unsafe impl<O: Send + Sync> Send for Depot<O> {}

impl Class {
    /// Returns the class of cells for a type.
    pub(crate) const fn of<T>() -> Class {
        let layout = Layout::new::<T>();
        // Tools that watch the heap see the end of a cell only if it is one of a chunk (scripts/sanitize).
        if layout.align() > ALIGNMENT || layout.size() > COARSE || cfg!(one_cell_a_chunk) {
            return Class::Own(layout);
        }
        if layout.size() <= FINE {
            return Class::Cut((layout.pad_to_align().size().div_ceil(STEP) - 1) as u8);
        }
        let octave = (layout.size() - 1).ilog2();
        let eighth = (layout.size() - 1 - (1 << octave)) >> (octave - 3);
        Class::Cut((FINE / STEP + 8 * (octave - FINE.ilog2()) as usize + eighth) as u8)
    }

    /// Returns the size of its cells.
    fn size(self) -> usize {
        match self {
            Class::Own(layout) => layout.size(),
            Class::Cut(class) if usize::from(class) < FINE / STEP => (usize::from(class) + 1) * STEP,
            Class::Cut(class) => {
                let coarse = usize::from(class) - FINE / STEP;
                let octave = FINE << (coarse / 8);
                octave + (coarse % 8 + 1) * (octave / 8)
            }
        }
    }

    /// Returns the offset of the first cell in a chunk, and the layout of the chunk.
    fn chunk(self) -> (usize, Layout) {
        let (first, size) = match self {
            Class::Cut(_) => (FIRST, CHUNK),
            Class::Own(cell) => {
                let first = FIRST.max(cell.align());
                assert!(
                    first < CHUNK,
                    "a future is aligned to {} bytes, more than a chunk can be",
                    cell.align()
                );
                (
                    first,
                    first.checked_add(cell.size()).expect("a future leaves room for the head of its chunk"),
                )
            }
        };
        (first, Layout::from_size_align(size, CHUNK).expect("a future is smaller than the memory"))
    }
}

impl Vacant {
    /// Returns a pointer that is good for all of the cell, and to find its chunk with.
    pub(crate) fn pointer(&self) -> NonNull<State> {
        self.0
    }

    /// Gives a cell back.
    ///
    /// # Safety
    ///
    /// The pointer comes from [`pointer`](Self::pointer), nobody uses the cell any more, and its state reads
    /// as closed.
    pub(crate) unsafe fn again(pointer: NonNull<State>) -> Vacant {
        Vacant(pointer)
    }
}

/// Returns the owner of a cell.
///
/// # Safety
///
/// The pointer comes from [`Vacant::pointer`], of a slab of an `O`. The cell stays lent while the returned
/// reference is used; until the owner has ended it is enough that another reference keeps the owner.
pub(crate) unsafe fn owner<'a, O>(cell: NonNull<State>) -> &'a O {
    // SAFETY: the cell was cut from a chunk, which is alive because the cell is lent, and so is its owner.
    unsafe { &*chunk::<O>(cell).as_ref().owner }
}

/// Returns the chunk of a cell.
fn chunk<O>(cell: NonNull<State>) -> NonNull<Chunk<O>> {
    let head = cell.as_ptr().map_addr(|address| address & !(CHUNK - 1));
    NonNull::new(head.cast()).expect("no chunk is at zero")
}

/// The free cells of one worker.
#[derive(Default)]
pub(crate) struct Magazines {
    /// A magazine for each class, up to the last class that the worker has used.
    classes: Vec<Vec<Vacant>>,
}

impl Magazines {
    /// Returns the magazine of a class.
    fn of(&mut self, class: u8) -> &mut Vec<Vacant> {
        let class = usize::from(class);
        if self.classes.len() <= class {
            self.classes.resize_with(class + 1, Vec::new);
        }
        &mut self.classes[class]
    }
}

impl<O> Slab<O> {
    /// Makes a slab without chunks.
    pub(crate) fn new() -> Slab<O> {
        let free = (0..CLASSES).map(|_| Vec::new()).collect();
        let (chunks, uncut) = (Vec::new(), vec![None; CLASSES]);
        Slab {
            depot: Mutex::new(Depot {
                chunks,
                spare: Vec::new(),
                blocks: Vec::new(),
                free,
                uncut,
                lent: 0,
                walked: false,
                ended: false,
                kept: None,
            }),
        }
    }

    /// Lends a cell. `owner` is the owner of this slab.
    #[inline]
    pub(crate) fn lend(&self, class: Class, owner: &Weak<O>, magazines: Option<&mut Magazines>) -> Vacant {
        match (magazines, class) {
            (Some(magazines), Class::Cut(cut)) => {
                let magazine = magazines.of(cut);
                magazine.pop().unwrap_or_else(|| {
                    lock(&self.depot).lend(class, owner, BULK, magazine);
                    magazine.pop().expect("the depot gives at least one")
                })
            }
            _ => {
                let mut one = Vec::new();
                lock(&self.depot).lend(class, owner, 1, &mut one);
                one.pop().expect("the depot gives at least one")
            }
        }
    }

    /// Takes a cell back; returns the owner, if the cell was all that kept it.
    ///
    /// To drop the owner may be the end of this slab, to which the caller must have no reference by then.
    #[inline]
    #[must_use = "it may be the last of the owner"]
    pub(crate) fn restore(
        &self,
        class: Class,
        cell: Vacant,
        magazines: Option<&mut Magazines>,
    ) -> Option<Arc<O>> {
        let (Some(magazines), Class::Cut(cut)) = (magazines, class) else {
            return lock(&self.depot).restore(class, [cell].into_iter());
        };
        let magazine = magazines.of(cut);
        magazine.push(cell);
        if magazine.len() < 2 * BULK {
            return None;
        }
        lock(&self.depot).restore(class, magazine.drain(..BULK))
    }

    /// Takes all free cells of a worker back.
    pub(crate) fn restore_all(&self, magazines: Magazines) {
        let mut depot = lock(&self.depot);
        for (class, cells) in magazines.classes.into_iter().enumerate() {
            let kept = depot.restore(Class::Cut(class as u8), cells.into_iter());
            debug_assert!(kept.is_none(), "workers end before their runtime");
        }
    }

    /// Notes that the owner has ended: from here on the slab keeps it while cells are lent.
    ///
    /// All magazines must have been restored.
    pub(crate) fn end(&self, owner: &Arc<O>) {
        let mut depot = lock(&self.depot);
        depot.ended = true;
        if depot.lent > 0 {
            depot.kept = Some(owner.clone());
        }
    }

    /// Returns all cells that were ever cut. Their states tell what they hold; cells that are cut meanwhile
    /// may be missing.
    ///
    /// The pointers are good as long as this slab: from here on no chunk goes before it does.
    pub(crate) fn cells(&self) -> Vec<NonNull<State>> {
        let mut depot = lock(&self.depot);
        depot.walked = true;
        depot.cells().collect()
    }

    /// Calls `look` with each cell, under the lock, so that no memory goes meanwhile.
    pub(crate) fn visit(&self, look: impl FnMut(NonNull<State>)) {
        lock(&self.depot).cells().for_each(look);
    }
}

impl<O> Depot<O> {
    /// Returns all cells that were cut.
    fn cells(&self) -> impl Iterator<Item = NonNull<State>> {
        let in_chunk = |&(chunk, cut): &(NonNull<Chunk<O>>, usize)| {
            // SAFETY: the depot's chunks are alive.
            let class = unsafe { chunk.as_ref() }.class;
            let (first, _) = class.chunk();
            // SAFETY: up to `cut` the chunk is cut into cells.
            (first..cut).step_by(class.size()).map(move |offset| unsafe { chunk.byte_add(offset).cast() })
        };
        self.chunks.iter().flat_map(in_chunk)
    }

    /// Adds up to `number` free cells to a magazine, at least one, so that the first in memory is the first
    /// to be used.
    fn lend(&mut self, class: Class, owner: &Weak<O>, number: usize, magazine: &mut Vec<Vacant>) {
        let before = magazine.len();
        match class {
            Class::Cut(cut) if !self.free[usize::from(cut)].is_empty() => {
                let free = &mut self.free[usize::from(cut)];
                magazine.extend(free.drain(free.len().saturating_sub(number)..));
            }
            Class::Cut(_) => {
                self.cut(class, owner, number, magazine);
                magazine[before..].reverse();
            }
            Class::Own(_) => self.cut(class, owner, 1, magazine),
        }
        self.lent += magazine.len() - before;
        if self.ended && self.kept.is_none() {
            self.kept = owner.upgrade();
        }
    }

    /// Takes cells back; returns the owner, if nothing else keeps it.
    fn restore(&mut self, class: Class, cells: impl ExactSizeIterator<Item = Vacant>) -> Option<Arc<O>> {
        self.lent -= cells.len();
        match class {
            Class::Cut(class) => self.free[usize::from(class)].extend(cells),
            // While the end of the runtime walks the chunks, and later, they stay.
            Class::Own(_) if self.walked => cells.for_each(mem::forget),
            Class::Own(_) => cells.for_each(|cell| {
                #[cfg(loom)]
                // SAFETY: it is free, so nobody looks at it any more.
                unsafe {
                    (*cell.0.as_ptr()).freed();
                }
                self.remove(chunk(cell.0));
            }),
        }
        if self.lent == 0 { self.kept.take() } else { None }
    }

    /// Cuts up to `number` cells from a chunk, at least one.
    fn cut(&mut self, class: Class, owner: &Weak<O>, number: usize, cells: &mut Vec<Vacant>) {
        let (size, (_, layout)) = (class.size(), class.chunk());
        let begun = match class {
            Class::Cut(class) => self.uncut[usize::from(class)],
            Class::Own(_) => None,
        };
        let index = begun.unwrap_or_else(|| self.add(class, owner.as_ptr()));
        let (chunk, cut) = &mut self.chunks[index];
        for _ in 0..number.min((layout.size() - *cut) / size) {
            // SAFETY: there is room for one more cell in the chunk.
            let cell: NonNull<State> = unsafe { chunk.byte_add(*cut).cast() };
            // SAFETY: the memory is aligned well enough, and nobody else's yet.
            unsafe { cell.write(State::vacant()) };
            cells.push(Vacant(cell));
            *cut += size;
        }
        let rest = if *cut + size <= layout.size() { Some(index) } else { None };
        if let Class::Cut(class) = class {
            self.uncut[usize::from(class)] = rest;
        }
    }

    /// Makes a chunk; returns its index.
    fn add(&mut self, class: Class, owner: *const O) -> usize {
        let (first, layout) = class.chunk();
        let memory = match class {
            Class::Cut(_) => self.room(layout),
            Class::Own(_) => allocate(layout),
        };
        let (chunk, place) = (memory.cast::<Chunk<O>>(), self.chunks.len());
        // SAFETY: the head fits before the first cell, and the memory is aligned to far more than it needs.
        unsafe { chunk.write(Chunk { owner, layout, class, place }) };
        self.chunks.push((chunk, first));
        place
    }

    /// Returns room for a chunk of this layout, out of a block. Each block is larger than the one before.
    fn room(&mut self, chunk: Layout) -> NonNull<u8> {
        if self.spare.is_empty() {
            let number = (self.chunks.len() + 1).min(BLOCK);
            let block =
                Layout::from_size_align(number * chunk.size(), chunk.align()).expect("it is not large");
            let memory = allocate(block);
            self.blocks.push((memory, block));
            // SAFETY: that many chunks fit into the block. The first is the first to be used.
            self.spare
                .extend((0..number).rev().map(|place| unsafe { memory.byte_add(place * chunk.size()) }));
        }
        self.spare.pop().expect("a block has room for a chunk")
    }

    /// Frees the chunk of a single cell.
    fn remove(&mut self, chunk: NonNull<Chunk<O>>) {
        // SAFETY: the depot's chunks are alive, and only the depot looks at their places.
        let place = unsafe { chunk.as_ref() }.place;
        self.chunks.swap_remove(place);
        if let Some(&(moved, _)) = self.chunks.get(place) {
            // SAFETY: as above.
            unsafe { (*moved.as_ptr()).place = place };
            let last = self.chunks.len();
            self.uncut
                .iter_mut()
                .filter(|uncut| **uncut == Some(last))
                .for_each(|uncut| *uncut = Some(place));
        }
        // SAFETY: it was allocated by itself, and nobody knows it any more.
        unsafe { free_chunk(chunk) };
    }
}

impl<O> Drop for Depot<O> {
    fn drop(&mut self) {
        for (chunk, _) in self.chunks.drain(..) {
            // SAFETY: with its cells all that knew a chunk is gone, and one of a single cell was allocated by
            // itself.
            unsafe {
                if let Class::Own(_) = chunk.as_ref().class {
                    free_chunk(chunk);
                }
            }
        }
        for (memory, layout) in self.blocks.drain(..) {
            // SAFETY: so it was allocated, and its chunks are gone.
            unsafe { dealloc(memory.as_ptr(), layout) };
        }
    }
}

/// Allocates memory, or ends the process.
fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: all layouts here have a size.
    NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Frees the memory of a chunk.
///
/// # Safety
///
/// The chunk was allocated by itself, with the layout in its head, and nobody uses it any more.
unsafe fn free_chunk<O>(chunk: NonNull<Chunk<O>>) {
    // SAFETY: as the caller says.
    unsafe { dealloc(chunk.as_ptr().cast(), chunk.as_ref().layout) };
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_room_for_its_types_and_wastes_an_eighth_at_most() {
        fn check<const SIZE: usize>() {
            let class = Class::of::<[u64; SIZE]>();
            let (size, need) = (class.size(), 8 * SIZE);
            assert!(need <= size && size - need <= need / 8, "{need} bytes in a cell of {size}");
            assert_eq!(Class::of::<[u128; SIZE]>().size() % 16, 0, "such cells would not be aligned");
        }
        check::<1>();
        check::<8>();
        check::<9>();
        check::<63>();
        check::<64>();
        check::<65>();
        check::<129>();
        check::<1000>();
        check::<2048>();
        check::<2049>();
    }
}
