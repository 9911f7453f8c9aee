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
    task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
};

use crate::{
    callback::{Callback, Outcome},
    context,
    handle::TaskError,
    panic::{Panic, contain, drop_quietly},
    scheduler::Scheduler,
    slab::{self, Class, Vacant},
    state::{Asked, End, State, Suspended},
    sync::{Mutex, UnsafeCell, lock},
    watchers::Watchers,
};

/// What all cells begin with. The state is first: the slab knows it there.
#[repr(C)]
pub(crate) struct Header {
    /// How far the task is.
    state: State,
    /// What depends on the type of the future.
    vtable: &'static VTable,
    /// Who is to be told of the end.
    watchers: Mutex<Watchers>,
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
    clear: unsafe fn(NonNull<Header>, End),
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

/// The one handle of a task that gives a `T`. Dropping it detaches the task.
pub(crate) struct Handle<T> {
    header: NonNull<Header>,
    output: PhantomData<T>,
}

// SAFETY: what it gives access to is the header, made to be shared, and the output.
unsafe impl<T: Send> Send for Handle<T> {}
// SAFETY: a shared handle gives no more than a shared output.
unsafe impl<T: Send + Sync> Sync for Handle<T> {}
/// Nothing in it is pinned.
impl<T> Unpin for Handle<T> {}

/// An entry of the queue of a pool: a reference that may try to run a blocking job.
#[derive(Debug)]
#[must_use = "a job whose entry is lost does not run"]
pub(crate) struct JobEntry(Reference);

/// A closure in the place of a future: its poll calls it.
struct Job<J>(Option<J>);

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
    let header = open(scheduler, future, &Vtables::<F>::TASK, 0);
    (Entry(header), Handle { header, output: PhantomData })
}

/// Makes a blocking job that is about to be queued. What its end leaves to be done is `home`'s to do.
pub(crate) fn job<T, J>(home: &Scheduler, closure: J) -> (JobEntry, Handle<T>)
where
    T: Send + 'static,
    J: FnOnce() -> T + Send + 'static,
{
    let header = open(home, Job(Some(closure)), &Vtables::<Job<J>>::JOB, 1);
    (JobEntry(Reference(header)), Handle { header, output: PhantomData })
}

/// Fills a cell.
fn open<F: Future>(
    scheduler: &Scheduler,
    future: F,
    vtable: &'static VTable,
    references: u64,
) -> NonNull<Header> {
    let vacant = scheduler.lend(vtable.class);
    let cell = vacant.pointer().cast::<TaskCell<F>>().as_ptr();
    // SAFETY: the memory is of the class of this very type, and nobody else's. The state in it stays; a thread that
    // looks at it finds a task there only after the last step, which publishes the others.
    unsafe {
        (&raw mut (*cell).header.vtable).write(vtable);
        (&raw mut (*cell).header.watchers).write(Mutex::new(Watchers::none()));
        (&raw mut (*cell).body).write(UnsafeCell::new(Body { future: ManuallyDrop::new(future) }));
        (*cell).header.state.open(references);
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
        Ok(output) => (End::Output, Rest::Output(output)),
        Err(TaskError::Panicked(panic)) => (End::Panicked, Rest::Panic(panic)),
        Err(_) => (End::Cancelled, Rest::Nothing),
    };
    // SAFETY: the body is the runner's and holds the future, which nobody looks at again.
    let dropped = cell.body.with_mut(|body| contain(|| unsafe { ManuallyDrop::drop(&mut (*body).future) }));
    if let Err(panic) = dropped
        && end != End::Panicked
    {
        end = End::Panicked;
        drop_quietly(mem::replace(&mut rest, Rest::Panic(panic)));
    }

    let mut now = cell.header.state.load();
    let closed = loop {
        if now.end().is_some() {
            // A job that was cancelled while it ran.
            return drop_quietly(rest);
        }
        if now.is_cancelled() && has_run_a_job {
            // Its end was to be told while it ran, so what it came to is nobody's.
            drop_quietly(mem::replace(&mut rest, Rest::Nothing));
            end = End::Cancelled;
        } else if now.is_cancelled() && end == End::Output {
            // Whoever was told that the task will be cancelled is not given an output.
            let dropped = contain(|| drop(mem::replace(&mut rest, Rest::Nothing)));
            end = if dropped.is_ok() { End::Cancelled } else { End::Panicked };
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
unsafe fn clear<F: Future>(header: NonNull<Header>, end: End) {
    // SAFETY: the body is the handle's and holds what belongs to this end.
    unsafe {
        let body = &header.cast::<TaskCell<F>>().as_ref().body;
        body.with_mut(|body| match end {
            // A panic is contained here as at the end of the task: which of the two comes last is a race.
            End::Output => drop_quietly(ManuallyDrop::take(&mut (*body).output)),
            End::Panicked => ManuallyDrop::drop(&mut (*body).panic),
            End::Cancelled => {}
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
    /// Tells how the task ended, if it has.
    fn end(&self) -> Option<End> {
        self.state.load().end()
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
            let Header { state, vtable, .. } = header.as_ref();
            if state.start().is_cancelled() {
                (vtable.end)(header);
                return None;
            }
            if (vtable.poll)(header, yielded) { Some(self) } else { None }
        }
    }

    /// Ends a task that its runtime did not take, because that has ended.
    pub(crate) fn abandon(self) {
        // SAFETY: an entry keeps the memory.
        unsafe { abandon(self.0) };
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

/// Ends the task in a cell of a runtime that has ended, unless the cell holds none, or a job, which its pool ends.
///
/// # Safety
///
/// The pointer is to a cell of a slab, no worker of the runtime runs any more, and the slab stays.
pub(crate) unsafe fn abandon_cell(cell: NonNull<State>) {
    // SAFETY: the state of a cell can be looked at, whatever it holds.
    if unsafe { cell.as_ref() }.load().end().is_none() {
        // SAFETY: it is open, and only those who abandon tasks could close it.
        unsafe { abandon(cell.cast()) };
    }
}

/// Ends a task of a runtime that has ended, unless somebody else does.
///
/// # Safety
///
/// There is a task, and no worker runs it.
unsafe fn abandon(header: NonNull<Header>) {
    // SAFETY: an open task keeps its memory, and whoever abandons it first is its runner.
    unsafe {
        let Header { state, vtable, .. } = header.as_ref();
        if !vtable.is_job && state.abandon() {
            (vtable.end)(header);
        }
    }
}

impl JobEntry {
    /// Calls the closure, unless the job was cancelled; then it ends it.
    pub(crate) fn run(self) {
        let header = self.0.0;
        // SAFETY: this is a reference.
        let Header { state, vtable, .. } = unsafe { header.as_ref() };
        if state.claim() {
            // SAFETY: having claimed it makes this the runner, and the reference keeps the memory.
            unsafe { (vtable.poll)(header, &Flag::new(false)) };
        } else {
            self.0.end_job();
        }
    }

    /// Ends a job that will not start.
    pub(crate) fn abandon(self) {
        self.0.end_job();
    }

    /// The runtime that the job belongs to.
    pub(crate) fn home(&self) -> &Scheduler {
        // SAFETY: the reference keeps the cell.
        unsafe { scheduler(self.0.0) }
    }
}

impl<T, J: FnOnce() -> T> Future for Job<J> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let closure = self.0.take().expect("a job is polled once");
        Poll::Ready(closure())
    }
}

/// The closure is moved out before it is called.
impl<J> Unpin for Job<J> {}

impl Reference {
    /// The header.
    fn header(&self) -> &Header {
        // SAFETY: a reference keeps the memory.
        unsafe { self.0.as_ref() }
    }

    /// Tells the watchers of a closed task how it ended.
    fn announce(self) {
        let end = self.header().end().expect("the task is closed");
        let announcement = lock(&self.header().watchers).announcement();
        // SAFETY: the reference keeps the cell.
        announcement.announce(unsafe { scheduler(self.0) }, end.into());
    }

    /// Ends a job that was cancelled or will not start, unless somebody else does. If it runs, the task ends and the
    /// closure goes on.
    fn end_job(&self) {
        let Header { state, vtable, .. } = self.header();
        if !state.abandon() {
            return;
        }
        if state.claim_cancelled() {
            // SAFETY: having claimed it makes this the runner.
            unsafe { (vtable.end)(self.0) };
        } else if state.close_running() {
            // With the reference that closing it gave.
            Reference(self.0).announce();
        }
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // SAFETY: the reference is this function's to drop.
        unsafe { drop_waker(self.0.as_ptr().cast_const().cast()) };
    }
}

/// What carries out the cancellation of a job, as a task of the job's home.
struct EndJob(Reference);

impl Future for EndJob {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.0.end_job();
        Poll::Ready(())
    }
}

impl Drop for EndJob {
    fn drop(&mut self) {
        // If its home has ended, nobody polls it.
        self.0.end_job();
    }
}

impl<T> Handle<T> {
    /// The header.
    fn header(&self) -> &Header {
        // SAFETY: the handle keeps the memory.
        unsafe { self.header.as_ref() }
    }

    /// The runtime that the task belongs to.
    fn scheduler(&self) -> &Scheduler {
        // SAFETY: the handle keeps the cell.
        unsafe { scheduler(self.header) }
    }

    /// Tells how the task ended, if it has.
    pub(crate) fn end(&self) -> Option<End> {
        self.header().end()
    }

    /// What wakes the task.
    pub(crate) fn waker(&self) -> Waker {
        self.header().state.retain();
        // SAFETY: with a reference, a header is a waker.
        unsafe { Waker::from_raw(raw_waker(self.header)) }
    }

    /// Asks the task to end; false if it has.
    pub(crate) fn cancel(&self) -> bool {
        let Header { state, vtable, .. } = self.header();
        if vtable.is_job {
            let asked = state.cancel_job();
            if asked == Asked::Queue {
                state.retain();
                drop(self.scheduler().spawn(EndJob(Reference(self.header))));
            }
            return asked != Asked::TooLate;
        }
        let asked = state.cancel();
        if asked == Asked::Queue {
            // A runtime that has ended drops all its tasks; it needs no entry for that.
            drop(self.scheduler().queue(Entry(self.header)));
        }
        asked != Asked::TooLate
    }

    /// The panic that ended the task.
    ///
    /// # Panics
    ///
    /// If none did.
    pub(crate) fn panic(&self) -> Panic {
        assert_eq!(self.end(), Some(End::Panicked));
        // SAFETY: so it ended, and the body is the handle's.
        unsafe { (self.header().vtable.panic)(self.header) }
    }

    /// Lets `read` see the output, unless it was taken.
    ///
    /// # Panics
    ///
    /// If the task did not end with one.
    pub(crate) fn look<R>(&self, read: impl FnOnce(&T) -> R) -> Option<R> {
        assert_eq!(self.end(), Some(End::Output));
        if self.header().state.load().is_taken() {
            return None;
        }
        // SAFETY: so it ended, the output is there, and taking it would need the handle for itself.
        Some(read(unsafe { (self.header().vtable.look)(self.header).cast().as_ref() }))
    }

    /// Takes the outcome of a task that has ended; `None` if it was taken before.
    ///
    /// # Panics
    ///
    /// If it has not ended.
    pub(crate) fn take(&mut self) -> Option<Result<T, TaskError>> {
        let Header { state, vtable, .. } = self.header();
        let end = state.load().end().expect("the task has ended");
        if !state.take() {
            return None;
        }
        Some(match end {
            End::Output => {
                let mut output = mem::MaybeUninit::<T>::uninit();
                // SAFETY: the output is there, and was not taken; after this it is in `output`.
                unsafe {
                    (vtable.take)(self.header, NonNull::from(&mut output).cast());
                    Ok(output.assume_init())
                }
            }
            End::Cancelled => Err(TaskError::Cancelled),
            End::Panicked => Err(TaskError::Panicked(self.panic())),
        })
    }

    /// Has `waker` woken at the end, instead of whoever awaited it; tells whether the end has come.
    pub(crate) fn watch(&self, waker: &Waker) -> bool {
        let Header { state, watchers, .. } = self.header();
        if state.load().end().is_some() {
            return true;
        }
        let mut guard = lock(watchers);
        if guard.will_wake(waker) {
            // Still the same one who waits, and has waited longer than the later callbacks.
            return !state.watch();
        }
        drop(guard);
        // A waker's clone and its destructor are code of the user, so neither under the lock.
        let waker = waker.clone();
        guard = lock(watchers);
        let mut replaced = guard.set_awaiter(waker);
        let ended = !state.watch();
        if ended {
            replaced = guard.take_awaiter();
        }
        drop(guard);
        drop(replaced);
        ended
    }

    /// Wakes nobody at the end.
    pub(crate) fn unwatch(&self) {
        if self.header().state.load().is_watched() {
            let awaiter = lock(&self.header().watchers).take_awaiter();
            drop_quietly(awaiter);
        }
    }

    /// Has a callback queued at the end, or at once if that has come.
    pub(crate) fn add_callback(&self, callback: Callback) {
        let Header { state, watchers, .. } = self.header();
        let mut guard = lock(watchers);
        state.watch();
        let end = self.end();
        let callbacks = guard.add_callback(callback, end.is_some());
        drop(guard);
        if let (Some(callbacks), Some(end)) = (callbacks, end) {
            callbacks.queue_one(self.scheduler(), Outcome::from(end));
        }
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        let Header { state, vtable, .. } = self.header();
        if state.load().end().is_none() {
            self.unwatch();
            if state.detach_open() {
                return;
            }
        }
        let now = state.load();
        let end = now.end().expect("it was closed");
        if end != End::Output || !now.is_taken() {
            // SAFETY: what belongs to this end is there, and nobody but the handle may take it.
            unsafe { (vtable.clear)(self.header, end) };
        }
        if state.detach_closed() {
            // SAFETY: that made it garbage.
            unsafe { free(self.header) };
        }
    }
}

/// The waker of a task, and the shape of all references.
static WAKER: RawWakerVTable = RawWakerVTable::new(clone_waker, wake, wake_by_ref, drop_waker);

fn raw_waker(header: NonNull<Header>) -> RawWaker {
    RawWaker::new(header.as_ptr().cast_const().cast(), &WAKER)
}

/// Gives the pointer in a waker its type again.
///
/// # Safety
///
/// It is that of a waker of a task.
unsafe fn header_of(waker: *const ()) -> NonNull<Header> {
    // SAFETY: as the caller says, it was a `NonNull`.
    unsafe { NonNull::new_unchecked(waker.cast_mut().cast()) }
}

/// See [`RawWakerVTable::new`].
unsafe fn clone_waker(waker: *const ()) -> RawWaker {
    // SAFETY: a waker has a reference, or borrows the runner's right.
    unsafe {
        let header = header_of(waker);
        header.as_ref().state.retain();
        raw_waker(header)
    }
}

/// See [`RawWakerVTable::new`].
unsafe fn wake(waker: *const ()) {
    // SAFETY: the reference is this function's. It goes with the wake only on a worker of the task's runtime, which
    // cannot end before the entry is in a queue; else after the entry is.
    unsafe {
        let header = header_of(waker);
        let state = &header.as_ref().state;
        let garbage = context::with_worker_of(scheduler(header), |worker| {
            let (idle, garbage) = state.wake_and_release();
            if idle {
                worker.queue(Entry(header));
            }
            garbage
        });
        match garbage {
            Some(true) => free(header),
            Some(false) => {}
            None => {
                wake_by_ref(waker);
                drop_waker(waker);
            }
        }
    }
}

/// See [`RawWakerVTable::new`].
unsafe fn wake_by_ref(waker: *const ()) {
    // SAFETY: a waker has a reference, or borrows the runner's right.
    unsafe {
        let header = header_of(waker);
        if header.as_ref().state.wake() {
            // A runtime that has ended drops all its tasks; it needs no entry for that.
            drop(scheduler(header).queue(Entry(header)));
        }
    }
}

/// See [`RawWakerVTable::new`].
unsafe fn drop_waker(waker: *const ()) {
    // SAFETY: the reference is this function's.
    unsafe {
        let header = header_of(waker);
        if header.as_ref().state.release() {
            free(header);
        }
    }
}

/// Tells whether a waker is that of the task with this id.
pub(crate) fn is_waker_of(waker: &Waker, id: *const ()) -> bool {
    waker.data() == id && ptr::eq(waker.vtable(), &WAKER)
}

/// A waker in one word: of a task, or in a box.
pub(crate) struct ThinWaker(NonNull<()>);

// SAFETY: it is a waker.
unsafe impl Send for ThinWaker {}

/// What tells a box from a task, both of which are aligned to more than this.
const BOXED: usize = 1;

impl ThinWaker {
    /// Clones a waker.
    pub(crate) fn of(waker: &Waker) -> ThinWaker {
        if !ptr::eq(waker.vtable(), &WAKER) {
            let boxed = NonNull::from(Box::leak(Box::new(waker.clone())));
            return ThinWaker(boxed.cast::<()>().map_addr(|address| address | BOXED));
        }
        let waker = ManuallyDrop::new(waker.clone());
        // SAFETY: it is the pointer to a header.
        ThinWaker(unsafe { header_of(waker.data()) }.cast())
    }

    /// Tells whether both wake the same task.
    pub(crate) fn will_wake(&self, waker: &Waker) -> bool {
        match self.boxed() {
            // SAFETY: the box is this one's.
            Some(boxed) => unsafe { boxed.as_ref() }.will_wake(waker),
            None => is_waker_of(waker, self.0.as_ptr()),
        }
    }

    /// Wakes.
    pub(crate) fn wake(self) {
        // SAFETY: it is forgotten.
        unsafe { ManuallyDrop::new(self).waker() }.wake();
    }

    /// The waker again.
    ///
    /// # Safety
    ///
    /// Nothing is done with this one any more.
    unsafe fn waker(&self) -> Waker {
        match self.boxed() {
            // SAFETY: what `of` made of a waker becomes one again, once.
            Some(boxed) => unsafe { *Box::from_raw(boxed.as_ptr()) },
            // SAFETY: as above.
            None => unsafe { Waker::from_raw(raw_waker(self.0.cast())) },
        }
    }

    /// The box, if there is one.
    fn boxed(&self) -> Option<NonNull<Waker>> {
        let address = self.0.addr().get();
        if address & BOXED == 0 {
            return None;
        }
        NonNull::new(self.0.as_ptr().map_addr(|address| address & !BOXED).cast())
    }
}

impl Drop for ThinWaker {
    fn drop(&mut self) {
        // SAFETY: this is its end.
        drop(unsafe { self.waker() });
    }
}
