//! A hierarchical timer wheel with exact deadlines: constant-time insert and remove, nothing left behind.
//!
//! Deadlines are nanoseconds since some start, and a tick is 2^13 of them. Level 0 has a bucket for each of the next 64
//! ticks, level 1 one for each of the next 64 times 64, and so on; nine levels hold every `u64`. A timer goes to the
//! level of the highest six bits in which its tick differs from the wheel's, so that all timers of a level are later
//! than those of the levels below, and is handed down when the wheel gets there (Varghese and Lauck, SOSP 1987, scheme
//! 6; that a bitmap finds the next bucket is tokio's way).
//!
//! Unlike in most wheels a tick rounds nothing: a bucket keeps the deadlines, fires those that have passed in their
//! order, and knows its earliest one, so that a thread can sleep until then and not until the bucket begins.
//!
//! Timers live in one vector and link to each other by index, so no unsafe code is needed.

/// Nanoseconds in a tick, as a power of two: 8.2 microseconds.
const TICK: u32 = 13;
/// Buckets of a level, as a power of two.
const WIDTH: u32 = 6;
const BUCKETS: usize = 1 << WIDTH;
/// Enough for the bits of every tick.
const LEVELS: usize = (u64::BITS - TICK).div_ceil(WIDTH) as usize;
/// No slot.
const NONE: u32 = u32::MAX;

/// Timers by deadline, each with something to hand out when it fires.
pub(crate) struct Wheel<T> {
    /// All timers and all free slots.
    slots: Vec<Slot<T>>,
    /// The free slots, the last freed last. Not linked through the slots: which one is next must not wait for memory.
    free: Vec<u32>,
    /// What is set, by how far away it is.
    levels: [Level; LEVELS],
    /// The tick up to which everything has fired or been handed down.
    elapsed: u64,
    /// How many timers are set.
    len: usize,
}

/// Names a timer of one wheel; never again names another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    slot: u32,
    /// The slot's count of timers when this one was set.
    generation: u32,
}

/// A place for a timer.
struct Slot<T> {
    deadline: u64,
    /// What it hands out; none while the slot is free.
    payload: Option<T>,
    previous: u32,
    next: u32,
    /// How many timers the slot has had.
    generation: u32,
    /// The bucket it is in.
    level: u8,
    index: u8,
}

/// The buckets of one level.
#[derive(Clone, Copy)]
struct Level {
    /// A bit for each bucket that has timers.
    occupied: u64,
    buckets: [Bucket; BUCKETS],
}

/// A list of timers in the order in which they were set.
#[derive(Clone, Copy)]
struct Bucket {
    first: u32,
    last: u32,
    /// No timer of the bucket is earlier; exact unless the earliest was removed.
    earliest: u64,
}

const EMPTY: Bucket = Bucket { first: NONE, last: NONE, earliest: u64::MAX };

impl<T> Wheel<T> {
    /// Makes a wheel without timers.
    pub(crate) fn new() -> Wheel<T> {
        let level = Level { occupied: 0, buckets: [EMPTY; BUCKETS] };
        Wheel { slots: Vec::new(), free: Vec::new(), levels: [level; LEVELS], elapsed: 0, len: 0 }
    }

    /// How many timers are set.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Sets a timer.
    ///
    /// # Panics
    ///
    /// If four billion are set.
    pub(crate) fn insert(&mut self, deadline: u64, payload: T) -> Key {
        let slot = self.allocate(deadline, payload);
        self.link(slot);
        self.len += 1;
        Key { slot, generation: self.slots[slot as usize].generation }
    }

    /// Takes a timer back; none if it has fired or was removed.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        self.unlink(key.slot);
        Some(self.release(key.slot))
    }

    /// What a timer hands out when it fires; none if it has fired or was removed.
    pub(crate) fn get(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        if slot.generation == key.generation { slot.payload.as_mut() } else { None }
    }

    /// A time before which no timer fires: the earliest deadline, unless that one was removed.
    pub(crate) fn earliest(&self) -> Option<u64> {
        let (level, index) = self.first_bucket()?;
        Some(self.levels[level].buckets[index].earliest)
    }

    /// Hands out what the timers up to `now` have, in the order of their deadlines; equal ones in the order in which
    /// they were set.
    pub(crate) fn expire(&mut self, now: u64, due: &mut Vec<T>) {
        let now_tick = now >> TICK;
        while let Some((level, index)) = self.first_bucket() {
            let start = self.start_of(level, index);
            if start > now_tick {
                break;
            }
            // Never back: a deadline that was past when it was set is in the bucket of the present tick.
            self.elapsed = self.elapsed.max(start);
            if level > 0 {
                self.hand_down(level, index);
            } else if self.expire_bucket(index, now, due) {
                break;
            }
        }
        self.elapsed = self.elapsed.max(now_tick);
    }

    /// Forgets all timers, and gives what they would have handed out.
    pub(crate) fn clear(&mut self) -> Vec<T> {
        self.levels = [Level { occupied: 0, buckets: [EMPTY; BUCKETS] }; LEVELS];
        let set = (0..self.slots.len() as u32).filter(|&slot| self.slots[slot as usize].payload.is_some());
        let set: Vec<u32> = set.collect();
        set.into_iter().map(|slot| self.release(slot)).collect()
    }

    /// The bucket that comes first: the lowest level's, because all of it is before the next level's.
    fn first_bucket(&self) -> Option<(usize, usize)> {
        let level = self.levels.iter().position(|level| level.occupied != 0)?;
        Some((level, self.levels[level].occupied.trailing_zeros() as usize))
    }

    /// The first tick of a bucket: the higher bits are the wheel's own.
    fn start_of(&self, level: usize, index: usize) -> u64 {
        let shift = WIDTH * level as u32;
        let above = self.elapsed.checked_shr(shift + WIDTH).unwrap_or(0);
        above.checked_shl(shift + WIDTH).unwrap_or(0) | (index as u64) << shift
    }

    /// Moves the timers of a bucket to the levels below, in their order.
    fn hand_down(&mut self, level: usize, index: usize) {
        let mut slot = self.levels[level].buckets[index].first;
        self.empty(level, index);
        while slot != NONE {
            let next = self.slots[slot as usize].next;
            self.link(slot);
            slot = next;
        }
    }

    /// Fires what is due in a bucket of level 0, and tells whether something is left.
    fn expire_bucket(&mut self, index: usize, now: u64, due: &mut Vec<T>) -> bool {
        let mut slot = self.levels[0].buckets[index].first;
        self.empty(0, index);
        let mut passed = Vec::new();
        while slot != NONE {
            let Slot { next, deadline, .. } = self.slots[slot as usize];
            if deadline <= now {
                passed.push((deadline, slot));
            } else {
                self.append(slot, 0, index);
            }
            slot = next;
        }
        // Stable, and quick where the order is right already, as it is for equal sleeps.
        passed.sort_by_key(|&(deadline, _)| deadline);
        due.extend(passed.into_iter().map(|(_, slot)| self.release(slot)));
        self.levels[0].occupied & 1 << index != 0
    }

    /// Puts a slot into the bucket of its deadline.
    fn link(&mut self, slot: u32) {
        let tick = (self.slots[slot as usize].deadline >> TICK).max(self.elapsed);
        let differing = (tick ^ self.elapsed) | (BUCKETS as u64 - 1);
        let level = ((u64::BITS - 1 - differing.leading_zeros()) / WIDTH) as usize;
        let index = (tick >> (WIDTH * level as u32)) as usize % BUCKETS;
        self.append(slot, level, index);
    }

    /// Puts a slot at the end of a bucket.
    fn append(&mut self, slot: u32, level: usize, index: usize) {
        let Level { occupied, buckets } = &mut self.levels[level];
        let bucket = &mut buckets[index];
        let entry = &mut self.slots[slot as usize];
        (entry.previous, entry.next) = (bucket.last, NONE);
        (entry.level, entry.index) = (level as u8, index as u8);
        bucket.earliest = bucket.earliest.min(entry.deadline);
        match bucket.last {
            NONE => bucket.first = slot,
            last => self.slots[last as usize].next = slot,
        }
        bucket.last = slot;
        *occupied |= 1 << index;
    }

    /// Takes a slot out of its bucket.
    fn unlink(&mut self, slot: u32) {
        let Slot { previous, next, level, index, .. } = self.slots[slot as usize];
        let (level, index) = (level as usize, index as usize);
        let bucket = &mut self.levels[level].buckets[index];
        match previous {
            NONE => bucket.first = next,
            previous => self.slots[previous as usize].next = next,
        }
        match next {
            NONE => bucket.last = previous,
            next => self.slots[next as usize].previous = previous,
        }
        if bucket.first == NONE {
            self.empty(level, index);
        }
    }

    /// Makes a bucket one without timers.
    fn empty(&mut self, level: usize, index: usize) {
        self.levels[level].buckets[index] = EMPTY;
        self.levels[level].occupied &= !(1 << index);
    }

    /// Takes a free slot, or makes one.
    fn allocate(&mut self, deadline: u64, payload: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            let entry = &mut self.slots[slot as usize];
            (entry.deadline, entry.payload) = (deadline, Some(payload));
            return slot;
        }
        let slot = u32::try_from(self.slots.len()).ok().filter(|&slot| slot != NONE);
        let slot = slot.expect("there are fewer than four billion timers");
        let payload = Some(payload);
        self.slots.push(Slot {
            deadline,
            payload,
            previous: NONE,
            next: NONE,
            generation: 0,
            level: 0,
            index: 0,
        });
        slot
    }

    /// Frees a slot that is in no bucket.
    fn release(&mut self, slot: u32) -> T {
        let entry = &mut self.slots[slot as usize];
        let payload = entry.payload.take().expect("only slots in use are released");
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
        self.len -= 1;
        payload
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// What is done to a wheel and to its model.
    #[derive(Clone, Debug)]
    enum Step {
        /// Sets a timer this far ahead.
        Insert(u64),
        /// Sets a timer this far in the past.
        InsertLate(u64),
        /// Removes one of the timers ever set.
        Remove(prop::sample::Index),
        /// Lets so much time pass.
        Advance(u64),
        /// Lets time pass up to the earliest deadline.
        AdvanceToEarliest,
        /// Forgets all timers.
        Clear,
    }

    /// Times of all magnitudes, so that all levels and their borders are met.
    fn time() -> impl Strategy<Value = u64> {
        (0..62u32, any::<u64>()).prop_map(|(bits, random)| random & ((1 << bits) - 1))
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            10 => time().prop_map(Step::Insert),
            1 => time().prop_map(Step::InsertLate),
            6 => any::<prop::sample::Index>().prop_map(Step::Remove),
            5 => time().prop_map(|time| Step::Advance(time >> 8)),
            3 => Just(Step::AdvanceToEarliest),
            1 => Just(Step::Clear),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

        #[test]
        fn a_wheel_does_what_a_sorted_map_does(steps in vec(step(), 1..300)) {
            let mut wheel = Wheel::new();
            let mut model = BTreeMap::new();
            let mut keys = Vec::new();
            let mut now = 0u64;
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Insert(_) | Step::InsertLate(_) => {
                        let deadline = match step {
                            Step::Insert(ahead) => now.saturating_add(ahead),
                            Step::InsertLate(ago) => now.saturating_sub(ago),
                            _ => unreachable!("matched above"),
                        };
                        keys.push((wheel.insert(deadline, number), (deadline, number)));
                        model.insert((deadline, number), number);
                    }
                    Step::Remove(index) if !keys.is_empty() => {
                        let (key, in_model) = *index.get(&keys);
                        prop_assert_eq!(wheel.remove(key), model.remove(&in_model));
                    }
                    Step::Clear => {
                        let mut forgotten = wheel.clear();
                        forgotten.sort_unstable();
                        let mut expected: Vec<_> = std::mem::take(&mut model).into_values().collect();
                        expected.sort_unstable();
                        prop_assert_eq!(forgotten, expected);
                    }
                    Step::Remove(_) => {}
                    Step::Advance(_) | Step::AdvanceToEarliest => {
                        let earliest = model.first_key_value().map(|(&(deadline, _), _)| deadline);
                        now = match step {
                            Step::Advance(time) => now.saturating_add(time),
                            _ => earliest.unwrap_or(now).max(now),
                        };
                        let mut due = Vec::new();
                        wheel.expire(now, &mut due);
                        let later = model.split_off(&(now.saturating_add(1), 0));
                        let expected: Vec<_> = std::mem::replace(&mut model, later).into_values().collect();
                        prop_assert_eq!(due, expected);
                    }
                }
                prop_assert_eq!(wheel.len(), model.len());
                let earliest = model.first_key_value().map(|(&(deadline, _), _)| deadline);
                prop_assert_eq!(wheel.earliest().is_some(), earliest.is_some());
                prop_assert!(wheel.earliest() <= earliest, "a thread would sleep past a deadline");
            }
        }
    }

    #[test]
    fn the_earliest_deadline_is_exact_while_nothing_is_removed() {
        let mut wheel = Wheel::new();
        for (deadline, earliest) in [(5_000_000, 5_000_000), (9_000_000, 5_000_000), (4_999_999, 4_999_999)] {
            wheel.insert(deadline, ());
            assert_eq!(wheel.earliest(), Some(earliest));
        }
    }

    #[test]
    fn a_slot_is_used_again_and_an_old_key_does_not_name_its_new_timer() {
        let mut wheel = Wheel::new();
        let old = wheel.insert(1, "old");
        assert_eq!(wheel.remove(old), Some("old"));
        wheel.insert(2, "new");
        assert_eq!((wheel.slots.len(), wheel.remove(old), wheel.len()), (1, None, 1));
    }
}
