//! The depot: the chunks of a slab, and which of their cells are free. Everything here is under its lock.
//!
//! A chunk all of whose cells are back serves any other size from then on: its room is *spare*. What is spare
//! goes back to the system once it was not needed for some time; see [`Depot::trim`].
//!
//! # What is relied upon
//!
//! 1. The depot has a reference to each chunk in its books, so the chunk is there.
//! 2. A cell that is free in the books, or not cut, is nobody else's.
//! 3. From [`Depot::cells`] to [`Depot::end`] no chunk leaves the books: their caller may be looking at any
//!    cell, lent or not. Whoever else looks at a cell that he has not been lent does so while he borrows the
//!    depot ([`Depot::cut_cells`]), and a chunk that is in the books has its memory.

#![expect(unsafe_code, reason = "cells are cut from raw memory")]

use std::{any::Any, mem, ptr::NonNull, sync::Weak};

use super::{
    chunk::{self, Chunk, Room, Vacant},
    class::Class,
    state::State,
};

/// The most chunks that room is allocated for at once: the more, the less memory is lost between them, and
/// the longer one of them keeps the others from going back to the system.
const BLOCK: usize = 4;

/// The chunks of a slab.
#[derive(Default)]
pub(super) struct Depot {
    /// The books of the chunks, each at the place that its head names.
    books: Vec<Option<Book>>,
    /// The places without a chunk.
    places: Vec<usize>,
    /// The places of the chunks with a cell to lend, by class; the last is the next to lend one.
    open: Vec<Vec<usize>>,
    /// Room for chunks of any class.
    spare: Vec<Room>,
    /// The number of chunks with many cells.
    used: usize,
    /// The most such chunks there have been since the last [`trim`](Self::trim).
    needed: usize,
    /// Set once [`cells`](Self::cells) was called.
    walked: bool,
}

/// The book of a chunk.
struct Book {
    /// The chunk.
    chunk: NonNull<Chunk>,
    /// The size of its cells.
    class: Class,
    /// The offset of the first cell.
    first: usize,
    /// The distance from one cell to the next.
    size: usize,
    /// The number by which an offset is multiplied in place of a division by `size`.
    reciprocal: u64,
    /// The number of cells that fit.
    cells: usize,
    /// The number of cells that were cut.
    cut: usize,
    /// The number of free cells among those.
    free: usize,
    /// A bit for each cell, set if it is free.
    bits: Vec<u64>,
    /// The index of this chunk among the open ones of its class, if it has a cell to lend.
    open: Option<usize>,
}

// SAFETY: the pointers are to chunks that the depot has a reference to.
unsafe impl Send for Depot {}

impl Depot {
    /// Adds up to `number` free cells to a magazine, at least one, so that the first in memory is the first
    /// to be used.
    pub(super) fn lend<O: Any + Send + Sync>(
        &mut self,
        class: Class,
        owner: &Weak<O>,
        number: usize,
        magazine: &mut Vec<Vacant>,
    ) {
        let before = magazine.len();
        let cut = match class {
            Class::Cut(cut) => usize::from(cut),
            Class::Own(cell) => {
                let place = self.add(class, Room::of_one(cell), owner);
                return self.book(place).lend(1, magazine);
            }
        };
        if self.open.len() <= cut {
            self.open.resize_with(cut + 1, Vec::new);
        }
        if self.open[cut].is_empty() {
            let room = self.room();
            let place = self.add(class, room, owner);
            self.used += 1;
            self.needed = self.needed.max(self.used);
            self.set_open(cut, place);
        }
        while magazine.len() - before < number
            && let Some(&place) = self.open[cut].last()
        {
            let missing = number - (magazine.len() - before);
            let book = self.book(place);
            book.lend(missing, magazine);
            if !book.can_lend() {
                book.open = None;
                self.open[cut].pop();
            }
        }
        magazine[before..].reverse();
    }

    /// Takes cells back. Returns true if there is more to spare now than there was.
    pub(super) fn restore(&mut self, cells: impl Iterator<Item = Vacant>) -> bool {
        let spare = self.spare.len();
        let mut cells = cells.map(Vacant::into_pointer).peekable();
        while let Some(cell) = cells.next() {
            let chunk = Chunk::of(cell);
            // SAFETY: the cell has a reference until its run is counted.
            let book = self.book(unsafe { chunk.as_ref() }.place());
            book.take_back(cell);
            let mut number = 1;
            // Mostly several of one chunk come in a row, and are counted at once.
            while let Some(cell) = cells.next_if(|&cell| Chunk::of(cell) == chunk) {
                book.take_back(cell);
                number += 1;
            }
            self.count(chunk, number);
        }
        self.spare.len() > spare
    }

    /// Returns all cells that were ever cut. Their states tell what they hold; cells that are cut meanwhile
    /// may be missing.
    ///
    /// The pointers are good until [`end`](Self::end).
    pub(super) fn cells(&mut self) -> Vec<NonNull<State>> {
        self.walked = true;
        self.cut_cells().collect()
    }

    /// Returns all cells that were ever cut. As long as the depot is borrowed, no chunk leaves the books.
    pub(super) fn cut_cells(&self) -> impl Iterator<Item = NonNull<State>> {
        let cells = |book: &Book| {
            let (chunk, first, size) = (book.chunk, book.first, book.size);
            // SAFETY: so many cells were cut.
            (0..book.cut).map(move |cell| unsafe { chunk.byte_add(first + cell * size).cast() })
        };
        self.books.iter().flatten().flat_map(cells)
    }

    /// Removes all chunks without a lent cell, and returns all room there is.
    pub(super) fn end(&mut self) -> Vec<Room> {
        self.walked = false;
        for place in 0..self.books.len() {
            // SAFETY: the chunk is in the books.
            if self.books[place].as_ref().is_some_and(|book| unsafe { book.chunk.as_ref() }.is_idle()) {
                self.remove(place);
            }
        }
        mem::take(&mut self.spare)
    }

    /// Takes the room that was not needed since the last call, if it can go back to the system. Returns it,
    /// for the caller to drop without the lock, and true if the next call may find more.
    pub(super) fn trim(&mut self) -> (Vec<Room>, bool) {
        let needed = mem::replace(&mut self.needed, self.used);
        let mut unneeded = (self.used + self.spare.len()).saturating_sub(needed);
        let mut rooms = Vec::new();
        if unneeded > 0 {
            let mut spare = mem::take(&mut self.spare);
            spare.sort_unstable_by_key(Room::block);
            while let Some(room) = spare.last() {
                let (block, parts) = room.block();
                let of_block = spare.split_off(spare.partition_point(|other| other.block().0 < block));
                // A block goes back as a whole, or not at all.
                if of_block.len() == parts && parts <= unneeded {
                    unneeded -= parts;
                    rooms.extend(of_block);
                } else {
                    self.spare.extend(of_block);
                }
            }
        }
        (rooms, needed > self.used)
    }

    /// Counts cells of a chunk that have come back. If they were the last that were lent, other classes can
    /// have its room; otherwise it has cells to lend.
    fn count(&mut self, chunk: NonNull<Chunk>, number: usize) {
        // SAFETY: the chunk is in the books.
        let head = unsafe { chunk.as_ref() };
        let (place, is_idle) = (head.place(), head.took_back(number));
        if is_idle && !self.walked {
            self.remove(place);
        } else if let Book { open: None, class: Class::Cut(class), .. } = *self.book(place) {
            self.set_open(class.into(), place);
        }
    }

    /// Returns the book of the chunk at a place.
    fn book(&mut self, place: usize) -> &mut Book {
        self.books[place].as_mut().expect("a chunk stays at its place")
    }

    /// Notes that a chunk has a cell to lend.
    fn set_open(&mut self, class: usize, place: usize) {
        let index = self.open[class].len();
        self.book(place).open = Some(index);
        self.open[class].push(place);
    }

    /// Makes a chunk; returns its place.
    fn add<O: Any + Send + Sync>(&mut self, class: Class, room: Room, owner: &Weak<O>) -> usize {
        let place = self.places.pop().unwrap_or_else(|| {
            self.books.push(None);
            self.books.len() - 1
        });
        self.books[place] = Some(Book::new(Chunk::begin(room, owner, place), class));
        place
    }

    /// Returns spare room for a chunk, or allocates some.
    fn room(&mut self) -> Room {
        self.spare.pop().unwrap_or_else(|| {
            // A small runtime needs little, and returns it in small parts.
            self.spare = chunk::allocate((self.used / 2).clamp(1, BLOCK));
            // The first in memory is the first to be used.
            self.spare.reverse();
            self.spare.pop().expect("it was allocated")
        })
    }

    /// Removes a chunk without a lent cell.
    fn remove(&mut self, place: usize) {
        let book = self.books[place].take().expect("a chunk stays at its place");
        self.places.push(place);
        // SAFETY: nobody else has a reference, and the books were the depot's.
        let room = unsafe { Chunk::end(book.chunk) };
        let Class::Cut(class) = book.class else { return };
        self.used -= 1;
        self.spare.push(room);
        if let Some(index) = book.open {
            let open = &mut self.open[usize::from(class)];
            open.swap_remove(index);
            if let Some(&moved) = open.get(index) {
                self.book(moved).open = Some(index);
            }
        }
    }
}

impl Drop for Depot {
    fn drop(&mut self) {
        for book in self.books.drain(..).flatten() {
            // SAFETY: the reference was the depot's, and so was the book. Cells that are still lent keep the
            // chunk.
            unsafe { Chunk::release(book.chunk) };
        }
    }
}

impl Book {
    /// Begins the book of a chunk from which no cell is cut.
    fn new(chunk: NonNull<Chunk>, class: Class) -> Book {
        let (first, cells) = chunk::shape(class);
        let size = class.size();
        Book {
            chunk,
            class,
            first,
            size,
            // Exact, as both offset and size are below 2^16.
            reciprocal: (1_u64 << 32).div_ceil(size as u64),
            cells,
            cut: 0,
            free: 0,
            bits: vec![0; cells.div_ceil(64)],
            open: None,
        }
    }

    /// Returns true if there is a cell to lend.
    fn can_lend(&self) -> bool {
        self.free > 0 || self.cut < self.cells
    }

    /// Adds up to `number` cells to a magazine: free ones first, then others that it cuts.
    fn lend(&mut self, number: usize, magazine: &mut Vec<Vacant>) {
        let free = number.min(self.free);
        let cut = (number - free).min(self.cells - self.cut);
        // SAFETY: the chunk is in the books.
        unsafe { self.chunk.as_ref() }.retain(free + cut);
        self.free -= free;
        let mut missing = free;
        for word in 0..self.bits.len() {
            while missing > 0 && self.bits[word] != 0 {
                let cell = 64 * word + self.bits[word].trailing_zeros() as usize;
                self.bits[word] &= self.bits[word] - 1;
                missing -= 1;
                // SAFETY: the cell was cut, and the bit says that it is free, until now.
                magazine.push(unsafe { self.cell(cell) });
            }
            if missing == 0 {
                break;
            }
        }
        for cell in self.cut..self.cut + cut {
            // SAFETY: so far no cell was cut there.
            unsafe {
                Chunk::cut(self.chunk, self.first + cell * self.size);
                magazine.push(self.cell(cell));
            }
        }
        self.cut += cut;
    }

    /// Notes that a cell is free.
    fn take_back(&mut self, cell: NonNull<State>) {
        let offset = cell.addr().get() - self.chunk.addr().get() - self.first;
        let index = ((offset as u64 * self.reciprocal) >> 32) as usize;
        debug_assert_eq!(index * self.size, offset, "a cell begins there");
        debug_assert_eq!(self.bits[index / 64] >> (index % 64) & 1, 0, "it was lent");
        self.bits[index / 64] |= 1 << (index % 64);
        self.free += 1;
    }

    /// Returns a cell by its number.
    ///
    /// # Safety
    ///
    /// The cell was cut, is not free in the books any more, and a reference is counted for it.
    unsafe fn cell(&self, number: usize) -> Vacant {
        // SAFETY: the cell is in the chunk.
        let cell = unsafe { self.chunk.byte_add(self.first + number * self.size).cast() };
        // SAFETY: as the caller says.
        unsafe { Vacant::of(cell) }
    }
}
