//! The sizes of cells: a task is put into a cell of the smallest size that it fits into.

use std::alloc::Layout;

use super::chunk::{CELLS, CHUNK};

/// The size of a cell is a multiple of this, or of the alignment of its types if that is larger.
const STEP: usize = 8;
/// The most that a cell in a shared chunk is aligned to.
const ALIGNMENT: usize = 16;
/// Sizes up to here are rounded up to a multiple of 8: tasks are many, and their memory is time.
const FINE: usize = 512;
/// Larger sizes, up to here, are rounded up to an eighth of the power of two below: at most an eighth is
/// wasted.
const COARSE: usize = 4 << 10;
/// Still larger sizes are rounded up to the largest of which as many fit into a chunk, this number at least.
const FEWEST: usize = 4;
/// The number of fine sizes.
const FINE_CLASSES: usize = FINE / STEP;
/// The number of sizes that are fine or coarse.
const COARSE_CLASSES: usize = FINE_CLASSES + 8 * (COARSE / FINE).ilog2() as usize;

/// The most cells that the depot and a magazine trade at once.
const MOST_CELLS: usize = if cfg!(loom) { 1 } else { 64 };
/// The most memory that they trade at once, unless it is a single cell: what is in a magazine serves no other
/// size.
const MOST_BYTES: usize = CHUNK / 2;

/// A size of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// One of the sizes that chunks are cut into.
    Cut(u8),
    /// Too large, or aligned too widely: a chunk for each.
    Own(Layout),
}

impl Class {
    /// Returns the class of cells for a type.
    pub(crate) const fn of<T>() -> Class {
        let layout = Layout::new::<T>();
        // Tools that watch the heap see the end of a cell only if it is one of a chunk (scripts/sanitize).
        if layout.align() > ALIGNMENT || layout.size() > share(FEWEST) || cfg!(one_cell_a_chunk) {
            return Class::Own(layout);
        }
        if layout.size() <= FINE {
            return Class::Cut((layout.pad_to_align().size().div_ceil(STEP) - 1) as u8);
        }
        if layout.size() > COARSE {
            let shares = CELLS / layout.size().next_multiple_of(ALIGNMENT);
            return Class::Cut((COARSE_CLASSES + shares - FEWEST) as u8);
        }
        let octave = (layout.size() - 1).ilog2();
        let eighth = (layout.size() - 1 - (1 << octave)) >> (octave - 3);
        Class::Cut((FINE_CLASSES + 8 * (octave - FINE.ilog2()) as usize + eighth) as u8)
    }

    /// Returns the size of its cells.
    pub(super) fn size(self) -> usize {
        match self {
            Class::Own(layout) => layout.size(),
            Class::Cut(class) if usize::from(class) < FINE_CLASSES => (usize::from(class) + 1) * STEP,
            Class::Cut(class) if usize::from(class) >= COARSE_CLASSES => {
                share(usize::from(class) - COARSE_CLASSES + FEWEST)
            }
            Class::Cut(class) => {
                let coarse = usize::from(class) - FINE_CLASSES;
                let octave = FINE << (coarse / 8);
                octave + (coarse % 8 + 1) * (octave / 8)
            }
        }
    }

    /// Returns the number of cells that the depot and a magazine trade at once.
    pub(super) fn bulk(self) -> usize {
        (MOST_BYTES / self.size()).clamp(1, MOST_CELLS)
    }
}

/// Returns the largest size of which so many cells fit into a chunk.
const fn share(cells: usize) -> usize {
    CELLS / cells / ALIGNMENT * ALIGNMENT
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_room_for_its_types_and_wastes_an_eighth_at_most_or_a_share_of_a_chunk() {
        fn check<const SIZE: usize>() {
            let class = Class::of::<[u64; SIZE]>();
            let (size, need) = (class.size(), 8 * SIZE);
            let wasted =
                if need > COARSE { (CHUNK / need + 1) * size <= CHUNK } else { size - need > need / 8 };
            assert!(need <= size && !wasted, "{need} bytes in a cell of {size}");
            assert_eq!(Class::of::<[u128; SIZE]>().size() % 16, 0, "such cells would not be aligned");
        }
        check::<1>();
        check::<8>();
        check::<9>();
        check::<63>();
        check::<64>();
        check::<65>();
        check::<129>();
        check::<512>();
        check::<513>();
        check::<1000>();
        check::<1637>();
        check::<2046>();
        check::<2047>();
        check::<2048>();
        check::<2049>();
    }
}
