//! A task in memory: one allocation, reached through pointers of one word.
//!
//! ```text
//!    Header { state, vtable, watchers }  Body: the future, and once that is gone its output or its panic
//! ```
//!
//! A cell is reached through five kinds of pointers, each of which says what its holder may do:
//!
//! - [`Entry`]: of a task in a queue. Exists once while the state is `SCHEDULED`, or `RUNNING` after a yield.
//! - [`Handle`]: the user's. Exists once, as long as the state says `HANDLE`.
//! - [`Reference`]: keeps the memory, and may wake. Counted by the state.
//! - a `Waker`: a reference in the shape that std has for it.
//! - [`JobEntry`]: of a blocking job in its queue: a reference that may try to run it.
//!
//! # What is relied upon
//!
//! 1. The memory is that of the task from [`open`] until its state is garbage, in the words of `state.rs`; whoever
//!    makes it garbage gives it back, and nobody looks at it again. An entry keeps it, because a task in a queue is open.
//! 2. The body belongs to whoever owns the cell, in the words of `state.rs`: to the runner while the task is open, then
//!    to the handle. It holds the future until the runner drops it, and then, if the state is closed with an output
//!    that is not taken or with a panic, that.
//! 3. A runner that gives the task up, or closes it, does not touch the cell again, unless it has a reference.
//! 4. Between wake and queue the memory must not go: a waker keeps its reference until the entry is queued, or is on a
//!    worker, whose runtime cannot end meanwhile.
//! 5. `T` of a handle, and `F` of a vtable, are those of the cell: only [`open`] makes either.

#![expect(unsafe_code, reason = "one allocation holds what several owners of several kinds share")]

use std::{
    cell::Cell,
    marker::PhantomData,
    mem::{self, ManuallyDrop},
    pin::Pin,
    ptr::{self, NonNull},
    task::{Context, Poll, Waker},
};

use crate::{
    panic::{Panic, contain, drop_quietly},
    scheduler::context,
    scheduler::{Scheduler, worker::Worker},
    sync::{Mutex, UnsafeCell, lock},
    task::slab::{self, Class, Vacant},
    task::watchers::Watchers,
    task::{
        outcome::{Outcome, TaskError},
        state::{State, Suspended},
    },
};

mod handle;
mod job;
mod waker;

pub(crate) use handle::Handle;
pub(crate) use job::{JobEntry, job};
pub(crate) use waker::{ThinWaker, is_waker_of};

use waker::raw_waker;

/// What all cells begin with. The state is first: the slab knows it there.
#[repr(C)]
pub(crate) struct Header {
    /// How far the task is.
    state: State,
    /// What depends on the type of the future.
    vtable: &'static VTable,
    /// Who is to be told of the end.
    watchers: Mutex<Watchers>,
    /// What loom sees used, and at last given back.
    #[cfg(loom)]
    life: UnsafeCell<()>,
}

/// Something that a poll can set.
pub(crate) type Flag = Cell<bool>;

/// What depends on the type of the future in a cell.
struct VTable {
    /// The memory of the cell.
    class: Class,
    /// Whether the future is a closure that blocks.
    is_job: bool,
    /// Polls the future; for its runner. True gives the task back, to be queued. The flag is set by a yield.
    poll: unsafe fn(NonNull<Header>, &Flag) -> bool,
    /// Drops the future and closes the task as cancelled; for its runner.
    end: unsafe fn(NonNull<Header>),
    /// Moves the output to where the second pointer says; for the handle of a task closed with one.
    take: unsafe fn(NonNull<Header>, NonNull<()>),
    /// Where the output is; as `take`, or with the body shared among those who read.
    look: unsafe fn(NonNull<Header>) -> NonNull<()>,
    /// Copies the panic; for the handle of a task closed with one.
    panic: unsafe fn(NonNull<Header>) -> Panic,
    /// Drops what is left in the body of a task that is closed as told; for its handle.
    clear: unsafe fn(NonNull<Header>, Outcome),
}

/// A cell.
#[repr(C)]
struct TaskCell<F: Future> {
    header: Header,
    body: UnsafeCell<Body<F>>,
}

/// What is in a cell, of which the state tells.
#[repr(C)]
union Body<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<F::Output>,
    panic: ManuallyDrop<Panic>,
}

/// An entry of a queue: the right, and the duty, to run a task.
///
/// One that is dropped is lost: the task is not run until the runtime ends.
#[derive(Debug)]
#[must_use = "a task whose entry is lost does not run"]
pub(crate) struct Entry(NonNull<Header>);

// SAFETY: it stands for the future in the cell, which is `Send`, or asks for the right thread itself.
unsafe impl Send for Entry {}

/// Keeps the memory of a task.
#[derive(Debug)]
pub(crate) struct Reference(NonNull<Header>);

// SAFETY: it gives access to nothing but the header, whose parts are made to be shared.
unsafe impl Send for Reference {}
// SAFETY: as above.
unsafe impl Sync for Reference {}

/// Makes a task that is about to be queued.
pub(crate) fn task<F>(scheduler: &Scheduler, future: F) -> (Entry, Handle<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    // SAFETY: the types are `Send`.
    unsafe { task_unchecked(scheduler, future) }
}

/// As [`task`], for a future or an output that is not `Send`.
///
/// # Safety
///
/// The future, when polled or dropped, and the output, when dropped, bear that it is on any thread. An output is given
/// by a poll only on the thread that the handle is on.
pub(crate) unsafe fn task_unchecked<F>(scheduler: &Scheduler, future: F) -> (Entry, Handle<F::Output>)
where
    F: Future + 'static,
    F::Output: 'static,
{
    let header = open(scheduler, future, &Vtables::<F>::TASK);
    (Entry(header), Handle { header, output: PhantomData })
}

/// Fills a cell.
fn open<F: Future>(scheduler: &Scheduler, future: F, vtable: &'static VTable) -> NonNull<Header> {
    let vacant = scheduler.lend(vtable.class);
    let cell = vacant.pointer().cast::<TaskCell<F>>().as_ptr();
    // SAFETY: the memory is of the class of this very type, and nobody else's. The state in it stays; a thread that
    // looks at it finds a task there only after the last step, which publishes the others.
    unsafe {
        (&raw mut (*cell).header.vtable).write(vtable);
        (&raw mut (*cell).header.watchers).write(Mutex::new(Watchers::none()));
        #[cfg(loom)]
        (&raw mut (*cell).header.life).write(UnsafeCell::new(()));
        (&raw mut (*cell).body).write(UnsafeCell::new(Body { future: ManuallyDrop::new(future) }));
        // That it was made loom does not count as a write.
        #[cfg(loom)]
        (*cell).body.with_mut(|_| ());
        (*cell).header.state.open(vtable.is_job);
    }
    vacant.pointer().cast()
}

/// The vtables of a type.
struct Vtables<F>(PhantomData<F>);

impl<F: Future> Vtables<F> {
    const TASK: VTable = VTable {
        class: Class::of::<TaskCell<F>>(),
        is_job: false,
        poll: poll::<F>,
        end: end::<F>,
        take: take::<F>,
        look: look::<F>,
        panic: panic::<F>,
        clear: clear::<F>,
    };
    const JOB: VTable = VTable { is_job: true, ..Self::TASK };
}

/// Polls the future; see [`VTable`].
unsafe fn poll<F: Future>(header: NonNull<Header>, yielded: &Flag) -> bool {
    let cell = header.cast::<TaskCell<F>>();
    // Not counted: the poll borrows it, and the cell is there as long.
    // SAFETY: the vtable is made for such pointers.
    let waker = ManuallyDrop::new(unsafe { Waker::from_raw(raw_waker(header)) });
    let mut context = Context::from_waker(&waker);
    // SAFETY: the runner owns the body, which holds the future; it is dropped where it is, and so is pinned.
    let polled = unsafe {
        cell.as_ref().body.with_mut(|body| {
            contain(|| Pin::new_unchecked(&mut *(&raw mut (*body).future).cast::<F>()).poll(&mut context))
        })
    };
    let outcome = match polled {
        Ok(Poll::Pending) if yielded.take() => return true,
        Ok(Poll::Pending) => {
            // SAFETY: the cell is the runner's until then.
            match unsafe { header.as_ref() }.state.suspend() {
                Suspended::Idle => return false,
                Suspended::Woken => return true,
                Suspended::Cancelled => Err(TaskError::Cancelled),
            }
        }
        Ok(Poll::Ready(output)) => Ok(output),
        Err(panic) => Err(TaskError::Panicked(panic)),
    };
    // SAFETY: this is its runner.
    unsafe { finish::<F>(header, outcome) };
    false
}

/// Drops the future of a cancelled task; see [`VTable`].
unsafe fn end<F: Future>(header: NonNull<Header>) {
    // SAFETY: passed on.
    unsafe { finish::<F>(header, Err(TaskError::Cancelled)) };
}

/// Drops the future, then publishes how the task ended, and gives the cell up; for its runner.
///
/// The panic of a destructor takes the place of an output and of a cancellation, not of an earlier panic.
unsafe fn finish<F: Future>(header: NonNull<Header>, outcome: Result<F::Output, TaskError>) {
    // SAFETY: the cell is the runner's until it is closed, and not used after that.
    let cell = unsafe { header.cast::<TaskCell<F>>().as_ref() };
    let has_run_a_job = cell.header.vtable.is_job && !matches!(outcome, Err(TaskError::Cancelled));
    let (mut end, mut rest) = match outcome {
        Ok(output) => (Outcome::Finished, Rest::Output(output)),
        Err(TaskError::Panicked(panic)) => (Outcome::Panicked, Rest::Panic(panic)),
        Err(_) => (Outcome::Cancelled, Rest::Nothing),
    };
    // SAFETY: the body is the runner's and holds the future, which nobody looks at again.
    let dropped = cell.body.with_mut(|body| contain(|| unsafe { ManuallyDrop::drop(&mut (*body).future) }));
    if let Err(panic) = dropped
        && end != Outcome::Panicked
    {
        end = Outcome::Panicked;
        drop_quietly(mem::replace(&mut rest, Rest::Panic(panic)));
    }

    let mut now = cell.header.state.load();
    let closed = loop {
        if now.outcome().is_some() {
            // A job that was cancelled while it ran.
            return drop_quietly(rest);
        }
        if now.is_cancelled() && has_run_a_job {
            // Its end was to be told while it ran, so what it came to is nobody's.
            drop_quietly(mem::replace(&mut rest, Rest::Nothing));
            end = Outcome::Cancelled;
        } else if now.is_cancelled() && end == Outcome::Finished {
            // Whoever was told that the task will be cancelled is not given an output.
            let dropped = contain(|| drop(mem::replace(&mut rest, Rest::Nothing)));
            end = if dropped.is_ok() { Outcome::Cancelled } else { Outcome::Panicked };
            rest = dropped.map_or_else(Rest::Panic, |()| Rest::Nothing);
        }
        if !now.has_handle() {
            // Nobody would take it.
            drop_quietly(mem::replace(&mut rest, Rest::Nothing));
        }
        // SAFETY: the body is the runner's, and empty. What is put there is a copy, which counts once `rest` does not.
        cell.body.with_mut(|body| unsafe { put::<F>(body, &rest) });
        match cell.header.state.close(now, end) {
            Ok(closed) => break closed,
            Err(changed) => now = changed,
        }
    };
    mem::forget(rest);
    if closed.is_watched() {
        Reference(header).announce();
    } else if closed.is_garbage() {
        // SAFETY: closing it made it garbage.
        unsafe { free(header) };
    }
}

/// What a future leaves behind.
enum Rest<T> {
    Output(T),
    Panic(Panic),
    Nothing,
}

/// Copies what a future leaves into its body, bit by bit.
///
/// # Safety
///
/// The body is the caller's, and of original and copy only one is used from now on.
unsafe fn put<F: Future>(body: *mut Body<F>, rest: &Rest<F::Output>) {
    match rest {
        // SAFETY: the body has room for each of its fields.
        Rest::Output(output) => unsafe { (&raw mut (*body).output).cast::<F::Output>().copy_from(output, 1) },
        // SAFETY: as above.
        Rest::Panic(panic) => unsafe { (&raw mut (*body).panic).cast::<Panic>().copy_from(panic, 1) },
        Rest::Nothing => {}
    }
}

/// Moves the output; see [`VTable`].
unsafe fn take<F: Future>(header: NonNull<Header>, output: NonNull<()>) {
    // SAFETY: the body is the handle's and holds the output; from now on the copy is used.
    unsafe {
        let body = &header.cast::<TaskCell<F>>().as_ref().body;
        body.with(|body| output.cast::<F::Output>().copy_from(look_at::<F>(body), 1));
    }
}

/// Finds the output; see [`VTable`].
unsafe fn look<F: Future>(header: NonNull<Header>) -> NonNull<()> {
    // SAFETY: the body is the handle's and holds the output.
    unsafe { header.cast::<TaskCell<F>>().as_ref().body.with(|body| look_at::<F>(body).cast()) }
}

/// Where the output of a body is.
fn look_at<F: Future>(body: *const Body<F>) -> NonNull<F::Output> {
    NonNull::new(body.cast_mut().cast()).expect("a union's fields are where it is, in a cell")
}

/// Copies the panic; see [`VTable`].
unsafe fn panic<F: Future>(header: NonNull<Header>) -> Panic {
    // SAFETY: the body is the handle's and holds the panic.
    unsafe { header.cast::<TaskCell<F>>().as_ref().body.with(|body| Panic::clone(&(*body).panic)) }
}

/// Drops what is left; see [`VTable`].
unsafe fn clear<F: Future>(header: NonNull<Header>, end: Outcome) {
    if end == Outcome::Cancelled {
        // Nothing is left; or a job that was cancelled still runs, and has the body.
        return;
    }
    // SAFETY: the body is the handle's and holds what belongs to this end.
    unsafe {
        let body = &header.cast::<TaskCell<F>>().as_ref().body;
        body.with_mut(|body| match end {
            // A panic is contained here as at the end of the task: which of the two comes last is a race.
            Outcome::Finished => drop_quietly(ManuallyDrop::take(&mut (*body).output)),
            Outcome::Panicked => ManuallyDrop::drop(&mut (*body).panic),
            Outcome::Cancelled => {}
        });
    }
}

/// Gives the memory of a cell back.
///
/// # Safety
///
/// The state is garbage, and this is who made it so.
unsafe fn free(header: NonNull<Header>) {
    // SAFETY: nobody else knows the cell any more. Its state stays, and its body is empty.
    let kept = unsafe {
        let class = header.as_ref().vtable.class;
        #[cfg(loom)]
        header.as_ref().life.with_mut(|_| ());
        ptr::drop_in_place(&raw mut (*header.as_ptr()).watchers);
        scheduler(header).restore(class, Vacant::again(header.cast()))
    };
    // With the last cell of a runtime that has ended goes the runtime.
    drop(kept);
}

/// The runtime that a cell belongs to.
///
/// # Safety
///
/// The cell is lent as long as the result is used.
unsafe fn scheduler<'a>(header: NonNull<Header>) -> &'a Scheduler {
    // SAFETY: all cells come from the slab of a scheduler.
    unsafe { slab::owner(header.cast()) }
}

impl Header {
    /// Has loom see to it that the cell is not given back at the same time.
    #[inline]
    fn used(&self) -> &Header {
        #[cfg(loom)]
        self.life.with(|_| ());
        self
    }

    /// Tells how the task ended, if it has.
    fn outcome(&self) -> Option<Outcome> {
        self.state.load().outcome()
    }
}

impl Entry {
    /// Polls the task, or ends it if it is cancelled. Gives it back if it is to be queued.
    ///
    /// For the workers of its runtime. The poll sets `yielded` if it wants the task queued without any wake.
    #[inline]
    pub(crate) fn run(self, yielded: &Flag) -> Option<Entry> {
        let header = self.0;
        // SAFETY: an entry keeps the memory, and makes this the runner.
        unsafe {
            let Header { state, vtable, .. } = header.as_ref().used();
            if state.start().is_cancelled() {
                (vtable.end)(header);
                return None;
            }
            #[cfg(planted_slowdown)]
            dawdle();
            if (vtable.poll)(header, yielded) { Some(self) } else { None }
        }
    }

    /// Ends a task that its runtime did not take, because that has ended.
    pub(crate) fn abandon(self) {
        // SAFETY: an entry keeps the memory.
        unsafe { abandon_cell(self.0.cast()) };
    }

    /// What tells the task from all others that are open.
    pub(crate) fn id(&self) -> *const () {
        self.0.as_ptr().cast_const().cast()
    }

    /// The entry as a pointer.
    pub(crate) fn into_raw(self) -> *mut Header {
        self.0.as_ptr()
    }

    /// An entry that was a pointer.
    ///
    /// # Safety
    ///
    /// The pointer is from [`into_raw`](Self::into_raw) and becomes an entry once.
    pub(crate) unsafe fn from_raw(pointer: *mut Header) -> Entry {
        Entry(NonNull::new(pointer).expect("an entry is never null"))
    }
}

/// Takes about a twentieth of what a yield costs: for scripts/try-gate, which sees whether the gate finds that.
#[cfg(planted_slowdown)]
fn dawdle() {
    const TURNS: u32 = 12;
    for turn in 0..TURNS {
        std::hint::black_box(turn);
    }
}

/// Ends the task in a cell of a runtime that has ended, unless somebody else does, or the cell holds none, or a job,
/// which its pool ends.
///
/// # Safety
///
/// The pointer is to a cell of a slab, no worker of the runtime runs any more, and the slab stays.
pub(crate) unsafe fn abandon_cell(cell: NonNull<State>) {
    // SAFETY: the state of a cell can be looked at, whatever it holds. Only having claimed the task says that there is
    // one: an open task keeps its memory, and whoever claims it is its runner.
    unsafe {
        if cell.as_ref().abandon_task() {
            let header = cell.cast::<Header>();
            (header.as_ref().vtable.end)(header);
        }
    }
}

impl Reference {
    /// The header.
    fn header(&self) -> &Header {
        // SAFETY: a reference keeps the memory.
        unsafe { self.0.as_ref() }.used()
    }

    /// Tells the watchers of a closed task how it ended.
    fn announce(self) {
        let end = self.header().outcome().expect("the task is closed");
        let announcement = lock(&self.header().watchers).announcement();
        // SAFETY: the reference keeps the cell.
        let scheduler = unsafe { scheduler(self.0) };
        // Whoever awaits it comes after all that is due: mostly there are more that it awaits.
        context::with_worker_of(scheduler, Worker::end_poll);
        announcement.announce(scheduler, end);
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        if self.header().state.release() {
            // SAFETY: that made it garbage.
            unsafe { free(self.0) };
        }
    }
}
