//! A hierarchical timer wheel: timers by deadline, set and taken back in constant time.
//!
//! Deadlines are nanoseconds since some start, and a tick is 2^13 of them. Level 0 has a bucket for each of the
//! next 64 ticks, level 1 one for each of the next 64 times 64, and so on. A timer goes to the level of the highest
//! six bits in which its tick differs from the wheel's, so that all timers of a level are later than those of the
//! levels below; when the wheel gets to a bucket of a higher level, its timers go to the levels below.
//!
//! A bucket keeps the deadlines, so that no timer fires early or at the next tick only, and its earliest one, so
//! that a worker can sleep until then.

use std::mem;

/// Nanoseconds in a tick, as a power of two.
const TICK: u32 = 13;
/// Buckets of a level, as a power of two.
const WIDTH: u32 = 6;
const BUCKETS: usize = 1 << WIDTH;
/// Enough for the bits of every tick.
const LEVELS: usize = (u64::BITS - TICK).div_ceil(WIDTH) as usize;

/// Timers by deadline, each with something to hand out when it fires.
pub(super) struct Wheel<T> {
    /// All timers and all free slots.
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    /// The buckets, level by level.
    buckets: Vec<Bucket>,
    /// A bit for each bucket that has timers.
    occupied: [u64; LEVELS],
    /// The tick up to which everything has fired or gone to a lower level.
    tick: u64,
}

/// Names a timer; a slot that is used again has another generation.
#[derive(Clone, Copy)]
pub(super) struct Key {
    slot: u32,
    generation: u32,
}

struct Slot<T> {
    deadline: u64,
    /// `None` while the slot is free.
    payload: Option<T>,
    bucket: u32,
    /// The index in the bucket.
    place: u32,
    generation: u32,
}

struct Bucket {
    slots: Vec<u32>,
    /// No timer of the bucket is earlier.
    earliest: u64,
}

impl<T> Wheel<T> {
    /// Sets a timer.
    pub(super) fn insert(&mut self, deadline: u64, payload: T) -> Key {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { deadline, payload: None, bucket: 0, place: 0, generation: 0 });
            u32::try_from(self.slots.len() - 1).expect("there are fewer than four billion timers")
        });
        let entry = &mut self.slots[slot as usize];
        (entry.deadline, entry.payload) = (deadline, Some(payload));
        let generation = entry.generation;
        self.link(slot);
        Key { slot, generation }
    }

    /// Returns the payload of a timer, unless it has fired.
    pub(super) fn get(&mut self, key: Key) -> Option<&mut T> {
        let slot = &mut self.slots[key.slot as usize];
        if slot.generation == key.generation { slot.payload.as_mut() } else { None }
    }

    /// Takes a timer back, unless it has fired.
    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        let Slot { bucket: number, place, .. } = self.slots[key.slot as usize];
        let bucket = &mut self.buckets[number as usize];
        bucket.slots.swap_remove(place as usize);
        if let Some(&moved) = bucket.slots.get(place as usize) {
            self.slots[moved as usize].place = place;
        } else if bucket.slots.is_empty() {
            self.empty(number as usize);
        }
        self.release(key.slot)
    }

    /// Returns a time before which no timer fires: the earliest deadline, unless that timer was taken back.
    pub(super) fn earliest(&self) -> Option<u64> {
        Some(self.buckets[self.first_bucket()?].earliest)
    }

    /// Takes the timers up to `now`, in the order of their deadlines.
    pub(super) fn expire(&mut self, now: u64) -> Vec<T> {
        let now_tick = now >> TICK;
        let mut due = Vec::new();
        while let Some(number) = self.first_bucket().filter(|&number| self.start_of(number) <= now_tick) {
            self.tick = self.tick.max(self.start_of(number));
            for slot in self.empty(number) {
                match self.slots[slot as usize].deadline {
                    deadline if deadline <= now => due.push((deadline, self.release(slot))),
                    _ => self.link(slot),
                }
            }
            // The bucket of the present tick keeps those that are later in it.
            if number < BUCKETS && self.occupied[0] & 1 << number != 0 {
                break;
            }
        }
        self.tick = self.tick.max(now_tick);
        due.sort_by_key(|&(deadline, _)| deadline);
        due.into_iter().filter_map(|(_, payload)| payload).collect()
    }

    /// Puts a slot into the bucket of its deadline.
    fn link(&mut self, slot: u32) {
        let entry = &mut self.slots[slot as usize];
        let tick = (entry.deadline >> TICK).max(self.tick);
        let differing = (tick ^ self.tick) | (BUCKETS as u64 - 1);
        let level = ((u64::BITS - 1 - differing.leading_zeros()) / WIDTH) as usize;
        let index = (tick >> (WIDTH * level as u32)) as usize % BUCKETS;
        let number = level * BUCKETS + index;
        let bucket = &mut self.buckets[number];
        (entry.bucket, entry.place) = (number as u32, bucket.slots.len() as u32);
        bucket.slots.push(slot);
        bucket.earliest = bucket.earliest.min(entry.deadline);
        self.occupied[level] |= 1 << index;
    }

    /// Empties a bucket, and returns the slots that were in it.
    fn empty(&mut self, number: usize) -> Vec<u32> {
        self.occupied[number / BUCKETS] &= !(1 << (number % BUCKETS));
        mem::take(&mut self.buckets[number]).slots
    }

    /// Frees a slot that is in no bucket.
    fn release(&mut self, slot: u32) -> Option<T> {
        let entry = &mut self.slots[slot as usize];
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
        entry.payload.take()
    }

    /// Returns the bucket that comes first: the lowest level's, because all of it is before the next level's.
    fn first_bucket(&self) -> Option<usize> {
        let level = self.occupied.iter().position(|&occupied| occupied != 0)?;
        Some(level * BUCKETS + self.occupied[level].trailing_zeros() as usize)
    }

    /// Returns the first tick of a bucket: the higher bits are the wheel's own.
    fn start_of(&self, number: usize) -> u64 {
        let (shift, index) = (WIDTH * (number / BUCKETS) as u32, (number % BUCKETS) as u64);
        let above = self.tick >> (shift + WIDTH) << (shift + WIDTH);
        above | index << shift
    }
}

impl<T> Default for Wheel<T> {
    fn default() -> Wheel<T> {
        let buckets = (0..LEVELS * BUCKETS).map(|_| Bucket::default()).collect();
        Wheel { slots: Vec::new(), free: Vec::new(), buckets, occupied: [0; LEVELS], tick: 0 }
    }
}

impl Default for Bucket {
    fn default() -> Bucket {
        Bucket { slots: Vec::new(), earliest: u64::MAX }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Returns numbers of all magnitudes, the same in every test.
    fn numbers() -> impl FnMut() -> u64 {
        let mut state = 1_u64;
        move || {
            // Knuth's generator, whose high bits are good.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let bits = state >> 58;
            (state >> 20) & ((1 << bits.min(40)) - 1)
        }
    }

    #[test]
    fn a_wheel_does_what_a_sorted_map_does() {
        let (mut wheel, mut model, mut number) = (Wheel::default(), BTreeMap::new(), numbers());
        let mut now = 0;
        for step in 0..200_000_u64 {
            match number() % 8 {
                0 => {
                    now += number() >> 6;
                    let later = model.split_off(&(now + 1, 0));
                    let expected: Vec<u64> =
                        mem::replace(&mut model, later).into_keys().map(|(due, _)| due).collect();
                    assert_eq!(wheel.expire(now), expected);
                }
                1 | 2 if !model.is_empty() => {
                    let place = number() as usize % model.len().min(50);
                    let timer = *model.keys().nth(place).expect("there are more");
                    let key = model.remove(&timer).expect("it is there");
                    assert_eq!(wheel.remove(key), Some(timer.0));
                    assert_eq!(wheel.remove(key), None);
                }
                _ => {
                    let deadline = now + number();
                    model.insert((deadline, step), wheel.insert(deadline, deadline));
                }
            }
            let earliest = model.first_key_value().map(|(&(deadline, _), _)| deadline);
            assert_eq!(wheel.earliest().is_some(), earliest.is_some());
            assert!(wheel.earliest() <= earliest, "a worker would sleep past a deadline");
        }
    }

    #[test]
    fn a_key_names_no_later_timer_of_its_slot() {
        let mut wheel = Wheel::default();
        let old = wheel.insert(1, "old");
        assert_eq!(wheel.expire(1), ["old"]);
        let new = wheel.insert(2, "new");
        assert_eq!((wheel.slots.len(), wheel.remove(old)), (1, None));
        assert_eq!(wheel.remove(new), Some("new"));
    }
}
