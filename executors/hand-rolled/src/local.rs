//! `spawn_local`: futures that are not `Send`, polled and dropped on the thread of their event loop.
//!
//! The future stays in a store of its thread. The runtime has a task like any other, whose future is a
//! [`Proxy`]: a key into that store, which may go to any thread, but finds the future on its own thread only.

#![expect(unsafe_code, reason = "a future that is not `Send` goes into a task")]

use std::{
    any::Any,
    cell::RefCell,
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
    scheduler::Scheduler,
    sync::{Mutex, lock, thread_local},
    task::{self, Entry, Handle, home::Home},
};

thread_local! {
    /// The local futures of this thread.
    static STORE: RefCell<Store> = RefCell::default();
}

/// The thread that the local tasks of a runtime live on.
#[derive(Default)]
pub(crate) struct Locals {
    /// That thread, as long as there are local tasks.
    home: Mutex<Weak<HomeThread>>,
}

impl Locals {
    /// Returns true if the current thread may poll the tasks: no other has local ones.
    pub(crate) fn may_be_polled_here(&self) -> bool {
        let home = lock(&self.home).upgrade();
        home.is_none_or(|home| home.is_here())
    }

    /// Starts a task that stays on this thread, which is that of the event loop.
    pub(crate) fn spawn<F>(&self, scheduler: &Scheduler, future: F) -> Handle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let body: Body = Box::pin(async move { Box::new(future.await) as Box<dyn Any> });
        let proxy = Proxy { key_of: PhantomData::<fn() -> F::Output>, key: self.store(body) };
        let (handle, queued) = scheduler.with_worker(|worker| {
            scheduler.count_spawn(worker);
            // SAFETY: a proxy is `Send` itself. It gives an output only at home, where the output has to be,
            // and where the handle is: the caller is at home, and unless its output is `Send` the handle
            // cannot leave.
            let (entry, handle) = unsafe { task::new_unchecked(scheduler, worker, proxy) };
            (handle, scheduler.queue(worker, entry))
        });
        queued.unwrap_or_else(Entry::abandon);
        handle
    }

    /// Puts a future into the store of this thread.
    fn store(&self, future: Body) -> Key {
        let (key, orphans) = STORE.with(|store| store.borrow_mut().insert(future));
        sweep();
        let mut home = lock(&self.home);
        let here = home.upgrade().unwrap_or_else(|| Arc::new(HomeThread { orphans }));
        *home = Arc::downgrade(&here);
        drop(home);
        Key { key, home: here }
    }
}

/// Drops the futures of this thread whose tasks have ended on another.
pub(crate) fn sweep() {
    let orphans = STORE.try_with(|store| store.borrow().orphans.clone());
    let Ok(orphans) = orphans else { return };
    for key in mem::take(&mut *lock(&orphans)) {
        drop_quietly(remove(key));
    }
}

/// A local future, whatever its output.
type Body = Pin<Box<dyn Future<Output = Box<dyn Any>>>>;

/// The local futures of a thread.
#[derive(Default)]
struct Store {
    /// The futures by key; one that is being polled is not here.
    futures: HashMap<u64, Body>,
    /// The next key.
    next_key: u64,
    /// The keys of futures whose tasks have ended on another thread.
    orphans: Arc<Mutex<Vec<u64>>>,
}

impl Store {
    /// Adds a future. Returns its key, and the list to leave the key in if it is an orphan.
    fn insert(&mut self, future: Body) -> (u64, Arc<Mutex<Vec<u64>>>) {
        let key = self.next_key;
        self.next_key += 1;
        self.futures.insert(key, future);
        (key, self.orphans.clone())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The thread ends. A panic would take the process with it.
        self.futures.drain().for_each(drop_quietly);
    }
}

/// A thread with local tasks of a runtime.
struct HomeThread {
    /// The list in which its store finds the keys of orphans. Each store has one of its own, which so tells
    /// the thread.
    orphans: Arc<Mutex<Vec<u64>>>,
}

impl HomeThread {
    /// Returns true on this thread.
    fn is_here(&self) -> bool {
        STORE.try_with(|store| Arc::ptr_eq(&store.borrow().orphans, &self.orphans)).unwrap_or(false)
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
            drop(remove(self.key));
        } else {
            lock(&self.home.orphans).push(self.key);
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

/// Takes a future out of the store of this thread.
fn remove(key: u64) -> Option<Body> {
    STORE.try_with(|store| store.borrow_mut().futures.remove(&key)).ok().flatten()
}
