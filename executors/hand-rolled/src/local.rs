//! `spawn_local`: futures that are not `Send`, polled and dropped on the thread of their event loop.
//!
//! The future stays in a store of its thread. The runtime has a task like any other, whose future is a
//! [`Proxy`]: a key into that store, which may go to any thread, but finds the future on its own thread only.

#![expect(unsafe_code, reason = "a future that is not `Send` goes into a task")]

use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::HashMap,
    marker::PhantomData,
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use crate::{
    panic::drop_quietly,
    scheduler::{Scheduler, context},
    sync::{
        Mutex,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, Release},
        },
        lock, thread_local,
    },
    task::{self, Canceller, Entry, Handle, Moving, home::Home},
};

thread_local! {
    /// The local futures of this thread.
    static STORE: RefCell<Store> = RefCell::default();
}

thread_local! {
    /// True once this thread has had a local future: until then nobody need make a store.
    static HAS_STORE: Cell<bool> = const { Cell::new(false) };
}

/// The thread that the local tasks of a runtime live on.
#[derive(Default)]
pub(crate) struct Locals {
    /// That thread, as long as there are local tasks.
    home: Mutex<Weak<HomeThread>>,
    /// True once there have been local tasks. Changed under the lock.
    is_used: AtomicBool,
}

impl Locals {
    /// Returns true if the current thread may poll the tasks: no other has local ones, or it has ended, which
    /// cancelled them.
    pub(crate) fn may_be_polled_here(&self) -> bool {
        // Relaxed: whoever has started one had the slot of the driver, which the caller has now.
        if !self.is_used.load(Relaxed) {
            return true;
        }
        let home = lock(&self.home).upgrade();
        home.is_none_or(|home| home.is_here() || home.left.has_ended.load(Acquire))
    }

    /// Starts a task that stays on this thread, which is that of the event loop.
    pub(crate) fn spawn<F>(&self, scheduler: &Scheduler, future: F) -> Handle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let body: Body = Box::pin(async move { Box::new(future.await) as Box<dyn Any> });
        let (key, is_kept) = self.store(body);
        let proxy = Proxy { key_of: PhantomData::<fn() -> F::Output>, key };
        let key = proxy.key.key;
        let mut proxy = Moving::new(proxy);
        let (handle, queued) = context::with_worker_of(scheduler, |worker| {
            scheduler.count_spawn(worker);
            // SAFETY: a proxy is `Send` itself. It gives an output only at home, where the output has to be,
            // and where the handle is: the caller is at home, and unless its output is `Send` the handle
            // cannot leave.
            let (entry, handle) = unsafe { task::new_unchecked(scheduler, worker, &mut proxy) };
            if !is_kept {
                return (handle, Err(entry));
            }
            STORE.with(|store| store.borrow_mut().cancellers.insert(key, handle.canceller()));
            (handle, scheduler.queue(worker, entry))
        });
        queued.unwrap_or_else(Entry::end);
        handle
    }

    /// Puts a future into the store of this thread. Returns its key, and false if the future was dropped, because the
    /// thread ends and its store has gone: the destructor of another thread-local may come later.
    fn store(&self, future: Body) -> (Key, bool) {
        HAS_STORE.with(|has_store| has_store.set(true));
        let Ok((key, left)) = STORE.try_with(|store| store.borrow_mut().insert(future)) else {
            return (Key { key: 0, home: Arc::default() }, false);
        };
        sweep();
        let mut home = lock(&self.home);
        // One of a thread that has ended is replaced.
        let here = home.upgrade().filter(|home| home.is_here());
        let here = here.unwrap_or_else(|| Arc::new(HomeThread { left }));
        *home = Arc::downgrade(&here);
        self.is_used.store(true, Relaxed);
        drop(home);
        (Key { key, home: here }, true)
    }
}

/// Drops the futures of this thread whose tasks have ended on another.
pub(crate) fn sweep() {
    if !HAS_STORE.with(Cell::get) {
        return;
    }
    let left = STORE.try_with(|store| store.borrow().left.clone());
    let Ok(left) = left else { return };
    // Not in the head of the loop, which would hold the lock: a destructor may spawn local tasks.
    let orphans = mem::take(&mut *lock(&left.orphans));
    orphans.into_iter().for_each(|key| drop_quietly(forget(key)));
}

/// A local future, whatever its output.
type Body = Pin<Box<dyn Future<Output = Box<dyn Any>>>>;

/// The number of futures for which a thread keeps room, once it had so many.
const ROOM_KEPT: usize = 4096 * 7 / 4;

/// The local futures of a thread.
#[derive(Default)]
struct Store {
    /// The futures by key; one that is being polled is not here.
    futures: HashMap<u64, Body>,
    /// The tasks by the keys of their futures, to be cancelled when the thread ends.
    cancellers: HashMap<u64, Canceller>,
    /// The next key.
    next_key: u64,
    /// The part that other threads see.
    left: Arc<Left>,
}

/// The part of a store that other threads see. Each store has one of its own, which so tells the thread.
#[derive(Default)]
struct Left {
    /// The keys of futures whose tasks have ended on another thread.
    orphans: Mutex<Vec<u64>>,
    /// Set once the thread has ended, and with it its futures.
    has_ended: AtomicBool,
}

impl Store {
    /// Adds a future. Returns its key, and the place to leave the key in if it is an orphan.
    fn insert(&mut self, future: Body) -> (u64, Arc<Left>) {
        let key = self.next_key;
        self.next_key += 1;
        self.futures.insert(key, future);
        (key, self.left.clone())
    }

    /// Removes a future for good, and what cancels its task. The room of many goes with most of them.
    fn forget(&mut self, key: u64) -> (Option<Body>, Option<Canceller>) {
        let forgotten = (self.futures.remove(&key), self.cancellers.remove(&key));
        let room = self.cancellers.capacity();
        if room > ROOM_KEPT && self.cancellers.len() < room / 4 {
            self.futures.shrink_to(ROOM_KEPT);
            self.cancellers.shrink_to(ROOM_KEPT);
        }
        forgotten
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The thread ends. A panic would take the process with it.
        self.futures.drain().for_each(drop_quietly);
        // The runtime goes on, on another thread, which is to find none of these tasks to poll.
        self.cancellers.drain().for_each(|(_, task)| _ = task.cancel());
        self.left.has_ended.store(true, Release);
    }
}

/// A thread with local tasks of a runtime.
#[derive(Default)]
struct HomeThread {
    /// The part of its store that other threads see.
    left: Arc<Left>,
}

impl HomeThread {
    /// Returns true on this thread.
    fn is_here(&self) -> bool {
        STORE.try_with(|store| Arc::ptr_eq(&store.borrow().left, &self.left)).unwrap_or(false)
    }
}

/// The place of a local future. Dropped on the thread of the future, it drops that; elsewhere it makes it an
/// orphan.
struct Key {
    /// The key of the future in the store.
    key: u64,
    /// The thread of the store.
    home: Arc<HomeThread>,
}

impl Drop for Key {
    fn drop(&mut self) {
        if self.home.is_here() {
            drop(forget(self.key));
        } else {
            lock(&self.home.left.orphans).push(self.key);
        }
    }
}

/// The future of a local task, as the runtime sees it.
struct Proxy<T> {
    /// The output of the real one.
    key_of: PhantomData<fn() -> T>,
    /// The place of the real one.
    key: Key,
}

impl<T: 'static> Future for Proxy<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let key = self.key.key;
        // Taken out of the store, which the poll may use for other futures.
        let mut future = remove(key).expect("block_on refuses to poll local tasks on another thread");
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        // Put back even if it panicked: its destructor must not run while the panic unwinds.
        STORE.with(|store| store.borrow_mut().futures.insert(key, future));
        let polled = polled.unwrap_or_else(|panic| resume_unwind(panic));
        polled.map(|output| *output.downcast().expect("it is what this future gives"))
    }
}

/// Takes a future out of the store of this thread for good, and what cancels its task.
fn forget(key: u64) -> (Option<Body>, Option<Canceller>) {
    STORE.try_with(|store| store.borrow_mut().forget(key)).unwrap_or_default()
}

/// Takes a future out of the store of this thread.
fn remove(key: u64) -> Option<Body> {
    STORE.try_with(|store| store.borrow_mut().futures.remove(&key)).ok().flatten()
}
