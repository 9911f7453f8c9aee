//! A hierarchical timer wheel with exact deadlines: constant-time insert and remove, nothing left behind.
//!
//! Deadlines are nanoseconds since some start, and a tick is 2^13 of them. Level 0 has a bucket for each of
//! the next 64 ticks, level 1 one for each of the next 64 times 64, and so on; nine levels hold every `u64`.
//! A timer goes to the level of the highest six bits in which its tick differs from the wheel's, so that all
//! timers of a level are later than those of the levels below, and is handed down when the wheel gets there
//! (Varghese and Lauck, SOSP 1987, scheme 6; that a bitmap finds the next bucket is tokio's way).
//!
//! ```text
//!    level 2   |  in 34 ms or more  |        |   ...          a bucket: 34 ms
//!                      | hand down, once the wheel gets there
//!                      v
//!    level 1   | in 0.5 ms or more |         |   ...          a bucket: 0.5 ms
//!                      |
//!                      v
//!    level 0   | now | next tick |   |   |   |   ...          a bucket: 8 microseconds
//! ```
//!
//! Unlike in most wheels a tick rounds nothing: a bucket keeps the deadlines, fires those that have passed in
//! their order, and knows its earliest one, so that a thread can sleep until then and not until the bucket
//! begins.
//!
//! Timers live in one vector and link to each other by index, so no unsafe code is needed.

use std::mem;

/// Nanoseconds in a tick, as a power of two: 8.2 microseconds.
const TICK: u32 = 13;
/// Buckets of a level, as a power of two.
const WIDTH: u32 = 6;
const BUCKETS: usize = 1 << WIDTH;
/// Enough for the bits of every tick.
const LEVELS: usize = (u64::BITS - TICK).div_ceil(WIDTH) as usize;
/// The number of slots that are kept in any case.
const KEPT: usize = 4096;
/// Tells the number of a bucket from that of a slot, where a list begins and ends.
const END: u32 = 1 << 31;

/// Timers by deadline, each with something to hand out when it fires.
pub(crate) struct Wheel<T> {
    /// All timers and all free slots.
    slots: Vec<Slot<T>>,
    /// The free slots, the last freed last. Not linked through the slots: which one is next must not wait for
    /// memory.
    free: Vec<u32>,
    /// The free slots beyond those that are enough. None is used as long as there are others, so that they can go.
    beyond: Vec<u32>,
    /// The number of slots that were enough before the last [`trim`](Wheel::trim) that gave some back.
    enough: u32,
    /// A bit for each bucket that has timers, by how far away they are.
    occupied: [u64; LEVELS],
    /// The buckets, level by level; none before the first timer, which many a runtime never sets.
    buckets: Vec<Bucket>,
    /// The tick up to which everything has fired or been handed down.
    elapsed: u64,
    /// The timers of a bucket that fire; kept only so that it need not be allocated each time.
    passed: Vec<(u64, u32)>,
    /// The number of timers that are set.
    len: usize,
    /// The most timers that were set at once since the last [`trim`](Wheel::trim).
    most: usize,
    /// The number of timers from which on most of a large memory is in use; zero for a small one.
    few: usize,
}

/// Names a timer until it fires or is removed. After that it may name another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) u32);

/// A place for a timer.
struct Slot<T> {
    deadline: u64,
    /// The value it hands out; `None` while the slot is free.
    payload: Option<T>,
    /// The slot before, or the bucket, with `END`.
    previous: u32,
    /// The slot behind, or the bucket, with `END`.
    next: u32,
}

/// A list of timers in the order in which they were set.
#[derive(Clone, Copy)]
struct Bucket {
    /// Its own number, with `END`, if there is none; likewise the last.
    first: u32,
    last: u32,
    /// No timer of the bucket is earlier; exact unless the earliest was removed.
    earliest: u64,
}

impl<T> Wheel<T> {
    /// Makes a wheel without timers, at a time.
    pub(crate) fn new(now: u64) -> Wheel<T> {
        Wheel {
            slots: Vec::new(),
            free: Vec::new(),
            beyond: Vec::new(),
            enough: u32::MAX,
            occupied: [0; LEVELS],
            buckets: Vec::new(),
            elapsed: now >> TICK,
            passed: Vec::new(),
            len: 0,
            most: 0,
            few: 0,
        }
    }

    /// Returns the number of timers that are set.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Sets a timer.
    ///
    /// # Panics
    ///
    /// If two billion are set.
    pub(crate) fn insert(&mut self, deadline: u64, payload: T) -> Key {
        if self.buckets.is_empty() {
            self.buckets.extend((0..LEVELS * BUCKETS).map(empty));
        }
        let slot = self.allocate(deadline, payload);
        self.link(slot, deadline);
        self.len += 1;
        self.most = self.most.max(self.len);
        Key(slot)
    }

    /// Takes a timer back that has not fired.
    pub(crate) fn remove(&mut self, key: Key) -> T {
        self.unlink(key.0);
        self.release(key.0)
    }

    /// Returns the value of a timer that has not fired.
    pub(crate) fn get(&mut self, key: Key) -> &mut T {
        self.slots[key.0 as usize].payload.as_mut().expect("its timer is set")
    }

    /// Returns a time before which no timer fires: the earliest deadline, unless that timer was removed.
    pub(crate) fn earliest(&self) -> Option<u64> {
        Some(self.buckets[self.first_bucket()?].earliest)
    }

    /// Hands out the values of the timers up to `now`, in the order of their deadlines, and for equal ones in
    /// the order in which they were set.
    pub(crate) fn expire(&mut self, now: u64, due: &mut Vec<T>) {
        let now_tick = now >> TICK;
        while let Some(bucket) = self.first_bucket() {
            let start = self.start_of(bucket);
            if start > now_tick {
                break;
            }
            // Never back: a deadline that was past when it was set is in the bucket of the present tick.
            self.elapsed = self.elapsed.max(start);
            if bucket >= BUCKETS {
                self.hand_down(bucket);
            } else if self.expire_bucket(bucket, now, due) {
                break;
            }
        }
        self.elapsed = self.elapsed.max(now_tick);
    }

    /// Removes all timers, and returns their values.
    pub(crate) fn clear(&mut self) -> Vec<T> {
        let payloads = self.slots.drain(..).filter_map(|slot| slot.payload).collect();
        *self = Wheel { elapsed: self.elapsed, ..Wheel::new(0) };
        payloads
    }

    /// Returns true if most of a large memory is free.
    #[inline]
    pub(crate) fn has_spare(&self) -> bool {
        self.len < self.few
    }

    /// Notes that the number of slots has changed.
    fn note_slots(&mut self) {
        self.few = if self.slots.len() > KEPT { self.slots.len() / 4 } else { 0 };
    }

    /// Gives memory back that no timer has needed since the last call, as far as it is behind all that are set.
    /// Returns true if the next call may find something.
    pub(crate) fn trim(&mut self) -> bool {
        let most = mem::replace(&mut self.most, self.len);
        let enough = most.max(KEPT);
        if enough < self.slots.len() {
            let used = self.slots.iter().rposition(|slot| slot.payload.is_some()).map_or(0, |last| last + 1);
            self.slots.truncate(used.max(enough));
            self.slots.shrink_to_fit();
            self.note_slots();
            // The lowest come next.
            let free = (0..self.slots.len() as u32).rev();
            let free = free.filter(|&slot| self.slots[slot as usize].payload.is_none());
            (self.free, self.beyond) = free.partition(|&slot| (slot as usize) < enough);
            self.enough = enough as u32;
            self.passed.shrink_to(KEPT);
        }
        most > self.len && self.has_spare()
    }

    /// Returns the bucket that comes first: the lowest level's, because all of it is before the next level's.
    fn first_bucket(&self) -> Option<usize> {
        let level = self.occupied.iter().position(|&occupied| occupied != 0)?;
        Some(level * BUCKETS + self.occupied[level].trailing_zeros() as usize)
    }

    /// Returns the first tick of a bucket: the higher bits are the wheel's own.
    fn start_of(&self, bucket: usize) -> u64 {
        let (shift, index) = (WIDTH * (bucket / BUCKETS) as u32, (bucket % BUCKETS) as u64);
        let above = self.elapsed.checked_shr(shift + WIDTH).unwrap_or(0);
        above.checked_shl(shift + WIDTH).unwrap_or(0) | index << shift
    }

    /// Moves the timers of a bucket to the levels below, in their order.
    fn hand_down(&mut self, bucket: usize) {
        let mut slot = self.take_list(bucket);
        while slot & END == 0 {
            let Slot { next, deadline, .. } = self.slots[slot as usize];
            self.link(slot, deadline);
            slot = next;
        }
    }

    /// Fires the timers of a bucket of level 0 that are due; returns true if others are left.
    fn expire_bucket(&mut self, bucket: usize, now: u64, due: &mut Vec<T>) -> bool {
        let mut slot = self.take_list(bucket);
        let mut passed = mem::take(&mut self.passed);
        while slot & END == 0 {
            let Slot { next, deadline, .. } = self.slots[slot as usize];
            if deadline <= now {
                passed.push((deadline, slot));
            } else {
                self.append(slot, deadline, bucket);
            }
            slot = next;
        }
        // Stable, and quick where the order is right already, as it is for equal sleeps.
        passed.sort_by_key(|&(deadline, _)| deadline);
        due.extend(passed.drain(..).map(|(_, slot)| self.release(slot)));
        self.passed = passed;
        self.occupied[0] & 1 << bucket != 0
    }

    /// Puts a slot into the bucket of its deadline.
    fn link(&mut self, slot: u32, deadline: u64) {
        let tick = (deadline >> TICK).max(self.elapsed);
        let differing = (tick ^ self.elapsed) | (BUCKETS as u64 - 1);
        let level = ((u64::BITS - 1 - differing.leading_zeros()) / WIDTH) as usize;
        let index = (tick >> (WIDTH * level as u32)) as usize % BUCKETS;
        self.append(slot, deadline, level * BUCKETS + index);
    }

    /// Puts a slot at the end of a bucket.
    fn append(&mut self, slot: u32, deadline: u64, number: usize) {
        let bucket = &mut self.buckets[number];
        let last = mem::replace(&mut bucket.last, slot);
        bucket.earliest = bucket.earliest.min(deadline);
        if last & END == 0 {
            self.slots[last as usize].next = slot;
        } else {
            bucket.first = slot;
        }
        let entry = &mut self.slots[slot as usize];
        (entry.previous, entry.next) = (last, number as u32 | END);
        self.occupied[number / BUCKETS] |= 1 << (number % BUCKETS);
    }

    /// Takes a slot out of its bucket.
    fn unlink(&mut self, slot: u32) {
        let Slot { previous, next, .. } = self.slots[slot as usize];
        if previous & END == 0 {
            self.slots[previous as usize].next = next;
        } else {
            self.buckets[(previous & !END) as usize].first = next;
        }
        if next & END == 0 {
            self.slots[next as usize].previous = previous;
        } else {
            self.buckets[(next & !END) as usize].last = previous;
        }
        if previous & next & END != 0 {
            self.take_list((next & !END) as usize);
        }
    }

    /// Empties a bucket, and returns the first slot that was in it.
    fn take_list(&mut self, number: usize) -> u32 {
        self.occupied[number / BUCKETS] &= !(1 << (number % BUCKETS));
        mem::replace(&mut self.buckets[number], empty(number)).first
    }

    /// Takes a free slot, or makes one.
    fn allocate(&mut self, deadline: u64, payload: T) -> u32 {
        if let Some(slot) = self.free.pop().or_else(|| self.beyond.pop()) {
            let entry = &mut self.slots[slot as usize];
            (entry.deadline, entry.payload) = (deadline, Some(payload));
            return slot;
        }
        let slot = u32::try_from(self.slots.len()).ok().filter(|&slot| slot & END == 0);
        let slot = slot.expect("there are fewer than two billion timers");
        self.slots.push(Slot { deadline, payload: Some(payload), previous: END, next: END });
        self.note_slots();
        slot
    }

    /// Frees a slot that is in no bucket.
    fn release(&mut self, slot: u32) -> T {
        let payload = self.slots[slot as usize].payload.take().expect("only slots in use are released");
        if slot < self.enough {
            self.free.push(slot)
        } else {
            self.beyond.push(slot)
        }
        self.len -= 1;
        payload
    }
}

/// Makes a bucket without timers.
fn empty(number: usize) -> Bucket {
    let end = number as u32 | END;
    Bucket { first: end, last: end, earliest: u64::MAX }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// A step of a wheel and of its model.
    #[derive(Clone, Debug)]
    enum Step {
        /// Sets a timer this far ahead.
        Insert(u64),
        /// Sets a timer this far in the past.
        InsertLate(u64),
        /// Removes one of the timers that are set.
        Remove(prop::sample::Index),
        /// Lets this much time pass.
        Advance(u64),
        /// Lets time pass up to the earliest deadline.
        AdvanceToEarliest,
        /// Removes all timers.
        Clear,
        /// Gives memory back.
        Trim,
    }

    /// Makes times of all magnitudes, so that all levels and their borders are met.
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
            1 => Just(Step::Trim),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

        #[test]
        fn a_wheel_does_what_a_sorted_map_does(steps in vec(step(), 1..300)) {
            let mut wheel = Wheel::new(0);
            let mut model = BTreeMap::new();
            let mut now = 0u64;
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Insert(_) | Step::InsertLate(_) => {
                        let deadline = match step {
                            Step::Insert(ahead) => now.saturating_add(ahead),
                            Step::InsertLate(ago) => now.saturating_sub(ago),
                            _ => unreachable!("matched above"),
                        };
                        model.insert((deadline, number), wheel.insert(deadline, number));
                    }
                    Step::Remove(index) if !model.is_empty() => {
                        let place = index.index(model.len());
                        let (&timer, &key) = model.iter().nth(place).expect("there are more");
                        prop_assert_eq!(*wheel.get(key), timer.1);
                        prop_assert_eq!(wheel.remove(key), timer.1);
                        model.remove(&timer);
                    }
                    Step::Clear => {
                        let mut forgotten = wheel.clear();
                        forgotten.sort_unstable();
                        let mut expected: Vec<_> = std::mem::take(&mut model).into_keys().map(|(_, number)| number).collect();
                        expected.sort_unstable();
                        prop_assert_eq!(forgotten, expected);
                    }
                    Step::Trim => _ = wheel.trim(),
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
                        let expected: Vec<_> =
                            std::mem::replace(&mut model, later).into_keys().map(|(_, number)| number).collect();
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
        let mut wheel = Wheel::new(0);
        for (deadline, earliest) in [(5_000_000, 5_000_000), (9_000_000, 5_000_000), (4_999_999, 4_999_999)] {
            wheel.insert(deadline, ());
            assert_eq!(wheel.earliest(), Some(earliest));
        }
    }

    #[test]
    fn memory_that_no_timer_needs_goes_back_and_those_that_are_set_stay() {
        let mut wheel = Wheel::new(0);
        let keys: Vec<_> = (0..10 * KEPT as u64).map(|deadline| wheel.insert(deadline, deadline)).collect();
        let (low, high) = (keys[7], keys[2 * KEPT]);
        keys.iter().filter(|&&key| key != low && key != high).for_each(|&key| _ = wheel.remove(key));
        assert!(wheel.has_spare());
        assert!(wheel.trim(), "all were needed a moment ago");
        assert!(!wheel.trim());
        assert_eq!(wheel.slots.len(), 2 * KEPT + 1);
        assert_eq!((*wheel.get(low), wheel.remove(high)), (7, 2 * KEPT as u64));
        assert!(wheel.insert(1, 1).0 < KEPT as u32, "not the one that was freed last");
        wheel.trim();
        assert_eq!(wheel.slots.len(), KEPT);
        let mut due = Vec::new();
        wheel.expire(u64::MAX, &mut due);
        assert_eq!(due, [1, 7]);
    }

    #[test]
    fn a_slot_is_used_again() {
        let mut wheel = Wheel::new(0);
        let old = wheel.insert(1, "old");
        assert_eq!(wheel.remove(old), "old");
        let new = wheel.insert(2, "new");
        assert_eq!((wheel.slots.len(), *wheel.get(new), wheel.len()), (1, "new", 1));
    }
}
