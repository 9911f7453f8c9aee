//! All tasks that have not ended: the runtime owns its tasks, so that a lost handle or waker loses none.

use std::{
    mem,
    sync::{Arc, Mutex},
};

use crate::{lock, queue::Runnable};

/// The tasks of a runtime that have not ended, each in a slot of its own.
#[derive(Default)]
pub(crate) struct Registry {
    /// The slots, under the lock.
    slots: Mutex<Slots>,
}

/// Slots that are used again, so that adding and removing take the same short time however many tasks live.
#[derive(Default)]
struct Slots {
    /// Tasks by slot; `None` is vacant.
    tasks: Vec<Option<Arc<dyn Runnable>>>,
    /// The vacant slots.
    vacant: Vec<usize>,
    /// Whether the runtime has ended.
    closed: bool,
}

impl Registry {
    /// Adds a task and tells its slot, or `None` if the runtime has ended.
    pub(crate) fn insert(&self, task: Arc<dyn Runnable>) -> Option<usize> {
        let mut slots = lock(&self.slots);
        if slots.closed {
            // The caller holds the task too, so nothing is destroyed under the lock.
            return None;
        }
        if let Some(slot) = slots.vacant.pop() {
            slots.tasks[slot] = Some(task);
            return Some(slot);
        }
        slots.tasks.push(Some(task));
        Some(slots.tasks.len() - 1)
    }

    /// Removes a task that is about to end; nothing happens once the registry is closed.
    pub(crate) fn remove(&self, slot: usize) {
        let mut slots = lock(&self.slots);
        let task = slots.tasks.get_mut(slot).and_then(Option::take);
        if task.is_some() {
            slots.vacant.push(slot);
        }
        drop(slots);
        drop(task);
    }

    /// Refuses new tasks from now on and gives those that are left.
    pub(crate) fn close(&self) -> Vec<Arc<dyn Runnable>> {
        let mut slots = lock(&self.slots);
        slots.closed = true;
        let tasks = mem::take(&mut slots.tasks);
        drop(slots);
        tasks.into_iter().flatten().collect()
    }
}
