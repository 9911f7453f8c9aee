//! Chunks: aligned memory that is cut into cells, and that lives as long as anybody needs one of them.
//!
//! A chunk begins on a multiple of its size, so that the address of a cell tells the chunk, and that tells
//! the owner of the tasks in it: no task needs a pointer for it.
//!
//! # The life of a chunk
//!
//! ```text
//!                 allocate           begin                 lend
//!    the system ------------> room --------> some cells ----------> all cells
//!      ^  ^                   |  ^           are free  <----------  are lent
//!      |  |   not needed for  |  |              |          restore     |
//!      |  +--- an interval ---+  +--------------+                      |
//!      |                           all are back                        |
//!      |                                                               |
//!      +------ the last cell is given up, and the depot is gone -------+
//! ```
//!
//! A room has no size of cells yet, so that a chunk may be of another class in its next life. The depot takes all
//! of these steps but the last (`depot.rs`). A cell of a size of its own has a chunk of its own, whose room goes
//! back at once.
//!
//! # What is relied upon
//!
//! 1. A [`Vacant`] is the only way to a cell that holds no task, and exists once: it was cut from a chunk, or
//!    given back.
//! 2. The state at the beginning of a cell is valid from the moment it is cut, and is only ever accessed as
//!    an atomic.
//! 3. A chunk counts references: one of the depot it belongs to, and one for each cell that the depot has
//!    lent and not got back, be it a task or a [`Vacant`]. Whoever gives up the last frees the chunk. So a cell
//!    is good for as long as it is lent, whatever becomes of the runtime, and however that came to its end.
//! 4. The depot counts when it lends and takes back, many cells at a time, under its lock. Once it is gone
//!    nobody can give it a cell back, and each cell counts for itself, when its `Vacant` is dropped.
//! 5. A chunk refers to its owner weakly. That keeps the address of the owner from being another's, though not
//!    the owner: it is there as long as a thread works for it, and other threads have to upgrade.
//! 6. Two look into a chunk: the holder of a cell, whose reference keeps the chunk, and the depot, which has
//!    one itself. At the end of a runtime the depot keeps all chunks while their cells are looked at
//!    (`depot.rs`).

#![expect(unsafe_code, reason = "cells are cut from raw memory, and found by their address")]

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    any::Any,
    mem,
    ptr::NonNull,
    sync::{Arc, Weak},
};

use super::{class::Class, state::State};
use crate::sync::atomic::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed},
};

/// The size of a chunk, and what its address is a multiple of. Many chunks with a cell each need not be so
/// far apart.
pub(super) const CHUNK: usize = if cfg!(one_cell_a_chunk) { 1 << 12 } else { 1 << 16 };
/// The first cell of a chunk comes after its head, on a cache line of its own.
pub(super) const FIRST: usize = if cfg!(loom) { 256 } else { 64 };
/// The end of a chunk, in which no cell is. To find an aligned place for a whole one, an allocator needs twice its
/// size; as much as that, 128 KiB, glibc has the system map and unmap each time, which takes a runtime with few tasks
/// a good part of its life.
const LAST: usize = 128;
/// The bytes of a chunk that cells are cut from.
pub(super) const CELLS: usize = CHUNK - FIRST - LAST;

const _: () = assert!(size_of::<Chunk>() <= FIRST, "the head is before the first cell");

/// Memory that was allocated at once, with room for some chunks. The last of the rooms frees it.
#[derive(Debug)]
struct Block {
    /// The memory.
    memory: NonNull<u8>,
    /// The layout that it was allocated with.
    layout: Layout,
}

/// Room for a chunk.
#[derive(Debug)]
pub(super) struct Room {
    /// The memory of the chunk.
    memory: NonNull<u8>,
    /// The block that it is a part of.
    block: Arc<Block>,
}

/// The head of a chunk.
pub(super) struct Chunk {
    /// Counts the depot and the lent cells.
    references: AtomicUsize,
    /// The address of the owner of the tasks in this chunk.
    address: *const (),
    /// The place of this chunk in the books of its depot.
    place: usize,
    /// The owner.
    owner: Weak<dyn Any + Send + Sync>,
    /// The block that this chunk is a part of.
    block: Arc<Block>,
    /// The cells that were cut, for loom to see that nobody uses them when the chunk ends.
    #[cfg(loom)]
    cells: std::cell::RefCell<Vec<NonNull<State>>>,
}

/// A cell that holds no task; see the first rule of the file.
#[derive(Debug)]
pub(crate) struct Vacant(NonNull<State>);

// SAFETY: the memory is not used through a block until it ends.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

// SAFETY: it is memory that nobody else uses.
unsafe impl Send for Room {}

// SAFETY: it is memory that nobody else uses.
unsafe impl Send for Vacant {}

/// Allocates room for this number of chunks.
///
/// Several at once, because an allocator leaves a hole before memory that is aligned so far, and glibc writes
/// to two pages of it.
pub(super) fn allocate(number: usize) -> Vec<Room> {
    let layout = Layout::from_size_align(number * CHUNK - LAST, CHUNK).expect("it is not large");
    let block = Block::new(layout);
    // SAFETY: that many chunks fit into the block.
    let memory = (0..number).map(|place| unsafe { block.memory.byte_add(place * CHUNK) });
    memory.map(|memory| Room { memory, block: block.clone() }).collect()
}

/// Returns the offset of the first cell in a chunk of this class, and the number of cells that fit.
pub(super) fn shape(class: Class) -> (usize, usize) {
    match class {
        Class::Cut(_) => (FIRST, CELLS / class.size()),
        Class::Own(cell) => (FIRST.max(cell.align()), 1),
    }
}

impl Block {
    /// Allocates a block, or ends the process.
    fn new(layout: Layout) -> Arc<Block> {
        // SAFETY: all layouts here have a size.
        let memory = NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
        #[cfg(loom)]
        BLOCKS.with(|blocks| blocks.set(blocks.get() + 1));
        Arc::new(Block { memory, layout })
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        #[cfg(loom)]
        BLOCKS.with(|blocks| blocks.set(blocks.get() - 1));
        // SAFETY: so it was allocated, and the rooms in it are gone.
        unsafe { dealloc(self.memory.as_ptr(), self.layout) };
    }
}

#[cfg(loom)]
std::thread_local! {
    /// The number of blocks there are in a model, all of whose threads are one thread of the system.
    static BLOCKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Returns the number of blocks there are in a model.
#[cfg(all(test, loom))]
pub(crate) fn blocks() -> usize {
    BLOCKS.get()
}

impl Room {
    /// Allocates room for a chunk with one cell.
    pub(super) fn of_one(cell: Layout) -> Room {
        let (first, _) = shape(Class::Own(cell));
        assert!(
            first < CHUNK,
            "a future is aligned to {} bytes, more than a task can be: box what is aligned so",
            cell.align()
        );
        let size = first.checked_add(cell.size()).expect("a future leaves room for the head of its chunk");
        let layout = Layout::from_size_align(size, CHUNK).expect("a future is smaller than the memory");
        let block = Block::new(layout);
        Room { memory: block.memory, block }
    }

    /// Returns a value that tells its block from others, and the number of rooms and chunks there are in it.
    pub(super) fn block(&self) -> (NonNull<u8>, usize) {
        (self.block.memory, Arc::strong_count(&self.block))
    }
}

impl Chunk {
    /// Makes a chunk with one reference, the depot's. No cell is cut from it yet.
    pub(super) fn begin<O: Any + Send + Sync>(room: Room, owner: &Weak<O>, place: usize) -> NonNull<Chunk> {
        let chunk = room.memory.cast::<Chunk>();
        let head = Chunk {
            references: AtomicUsize::new(1),
            address: owner.as_ptr().cast(),
            place,
            owner: owner.clone(),
            block: room.block,
            #[cfg(loom)]
            cells: Default::default(),
        };
        // SAFETY: the head fits before the first cell, and the memory is aligned to far more than it needs.
        unsafe { chunk.write(head) };
        chunk
    }

    /// Cuts a cell.
    ///
    /// # Safety
    ///
    /// There is room for a cell at this offset, where none was cut since the chunk began. Nobody looks at the
    /// cell before this returns.
    pub(super) unsafe fn cut(chunk: NonNull<Chunk>, offset: usize) {
        // SAFETY: as the caller says; the memory is aligned well enough.
        unsafe {
            let cell = chunk.byte_add(offset).cast::<State>();
            cell.write(State::vacant());
            #[cfg(loom)]
            chunk.as_ref().cells.borrow_mut().push(cell);
        }
    }

    /// Returns the chunk of a cell.
    pub(super) fn of(cell: NonNull<State>) -> NonNull<Chunk> {
        let head = cell.as_ptr().map_addr(|address| address & !(CHUNK - 1));
        NonNull::new(head.cast()).expect("no chunk is at zero")
    }

    /// Returns the place in the books of its depot.
    pub(super) fn place(&self) -> usize {
        self.place
    }

    /// Counts cells that are lent now. The caller has a reference.
    pub(super) fn retain(&self, cells: usize) {
        // Relaxed: as for an `Arc`, nobody learns anything from it.
        self.references.fetch_add(cells, Relaxed);
    }

    /// Counts cells that have come back to the depot; returns true if that has the only reference now.
    pub(super) fn took_back(&self, cells: usize) -> bool {
        // Acquires the last accesses to the cells that were given up elsewhere.
        self.references.fetch_sub(cells, AcqRel) == cells + 1
    }

    /// Returns true if the depot has the only reference; for the depot.
    pub(super) fn is_idle(&self) -> bool {
        // Acquires as above.
        self.references.load(Acquire) == 1
    }

    /// Gives up a reference. The last frees the chunk.
    ///
    /// # Safety
    ///
    /// The reference is the caller's, who does not use the chunk any more.
    pub(super) unsafe fn release(chunk: NonNull<Chunk>) {
        // SAFETY: a reference keeps the chunk until then, and its last has it for itself.
        unsafe {
            // Releases the caller's accesses to whoever frees the chunk, and acquires those of others.
            if chunk.as_ref().references.fetch_sub(1, AcqRel) == 1 {
                drop(Chunk::end(chunk));
            }
        }
    }

    /// Ends a chunk; returns its room.
    ///
    /// # Safety
    ///
    /// There is no reference but that of the caller, who does not use the chunk any more.
    pub(super) unsafe fn end(chunk: NonNull<Chunk>) -> Room {
        // SAFETY: nobody else knows the chunk, so the head can be moved out.
        let head = unsafe { chunk.read() };
        #[cfg(loom)]
        for cell in head.cells.borrow().iter() {
            // SAFETY: as above.
            unsafe { (*cell.as_ptr()).freed() };
        }
        Room { memory: chunk.cast(), block: head.block }
    }
}

impl Vacant {
    /// Makes the `Vacant` of a cell.
    ///
    /// # Safety
    ///
    /// A reference of the chunk is counted for the cell. Nobody uses the cell any more, and its state reads
    /// as closed.
    pub(crate) unsafe fn of(pointer: NonNull<State>) -> Vacant {
        Vacant(pointer)
    }

    /// Returns a pointer that is good for all of the cell, and to find its chunk with. It has the reference
    /// of the cell.
    pub(crate) fn into_pointer(self) -> NonNull<State> {
        let pointer = self.0;
        mem::forget(self);
        pointer
    }
}

impl Drop for Vacant {
    fn drop(&mut self) {
        // The depot is gone, or will not get this cell back.
        // SAFETY: the reference of the cell is given up with it.
        unsafe { Chunk::release(Chunk::of(self.0)) };
    }
}

/// Returns the address of the owner of a cell, whether or not it is still there.
///
/// # Safety
///
/// The cell is lent.
#[inline]
pub(crate) unsafe fn owner_address(cell: NonNull<State>) -> *const () {
    // SAFETY: the cell keeps its chunk.
    unsafe { (*Chunk::of(cell).as_ptr()).address }
}

/// Returns the owner of a cell, if it is still there.
///
/// # Safety
///
/// The cell is lent, of a chunk that belongs to an `O`.
pub(crate) unsafe fn owner<O: Any + Send + Sync>(cell: NonNull<State>) -> Option<Arc<O>> {
    // SAFETY: the cell keeps its chunk.
    let owner = unsafe { (*Chunk::of(cell).as_ptr()).owner.upgrade() }?;
    owner.downcast().ok()
}
