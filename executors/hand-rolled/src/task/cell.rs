//! The cell of a task whose future has a type: how it is filled, polled, and closed.
//!
//! The unsafe code relies on what `task.rs` says.

#![expect(unsafe_code, reason = "see the parent module")]

use std::{
    marker::PhantomData,
    mem::{self, ManuallyDrop},
    pin::Pin,
    ptr::{self, NonNull},
    task::{Context, Poll, Waker},
};

use super::{
    class::Class,
    entry::Entry,
    header::{Flag, Header, VTable},
    home::{Home, Worker, with_home, with_worker},
    inspect::TaskId,
    moving::Moving,
    outcome::{Outcome, TaskError},
    reference::{Reference, free},
    state::{Kind, Suspended},
    waker::raw_waker,
    watchers::Watchers,
};
use crate::{
    TaskHome,
    panic::{Panic, contain, drop_quietly},
    sync::{Mutex, UnsafeCell, lock},
};

/// A task in memory.
#[repr(C)]
struct TaskCell<F: Future> {
    header: Header,
    body: UnsafeCell<Body<F>>,
}

/// Holds one of three; the state tells which.
#[repr(C)]
union Body<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<F::Output>,
    panic: ManuallyDrop<Panic>,
    #[cfg(loom)]
    nothing: (),
}

/// Makes the vtables of a type of future.
pub(super) struct Vtables<F>(PhantomData<F>);

impl<F: Future> Vtables<F> {
    pub(super) const TASK: VTable = VTable {
        class: Class::of::<TaskCell<F>>(),
        kind: Kind::Task,
        poll: poll::<F>,
        end: end::<F>,
        take: take::<F>,
        look: look::<F>,
        panic: panic::<F>,
        clear: clear::<F>,
    };
    pub(super) const CALL: VTable = VTable { kind: Kind::Call, ..Self::TASK };
    pub(super) const JOB: VTable = VTable { kind: Kind::Job, ..Self::TASK };
    pub(super) const PROMISE: VTable = VTable { kind: Kind::Promise, ..Self::TASK };
}

/// Fills a cell. The task is to be queued; a job and a promise have a reference, too.
#[inline]
pub(super) fn open<F: Future>(
    home: &TaskHome,
    worker: Option<&Worker>,
    future: &mut Moving<F>,
    vtable: &'static VTable,
    has_handle: bool,
) -> NonNull<Header> {
    let memory = home.lend(worker, vtable.class).into_pointer();
    let cell = memory.cast::<TaskCell<F>>().as_ptr();
    // SAFETY: the memory is of the class of this very type, and nobody else's. The state in it stays; a
    // thread that looks at it finds a task there only after the last step, which publishes the others.
    unsafe {
        (&raw mut (*cell).header.vtable).write(vtable);
        (&raw mut (*cell).header.watchers).write(Mutex::new(Watchers::none()));
        #[cfg(loom)]
        (&raw mut (*cell).header.life).write(UnsafeCell::new(()));
        #[cfg(loom)]
        (&raw mut (*cell).body).write(UnsafeCell::new(Body { nothing: () }));
        future.move_to(UnsafeCell::raw(&raw mut (*cell).body).cast());
        (*cell).header.state.open(vtable.kind, has_handle);
    }
    memory.cast()
}

/// Queues a future of the runtime's own, as a task without a handle, at the home of `task`. A home that has
/// ended drops it.
///
/// # Safety
///
/// The cell of `task` is lent.
pub(super) unsafe fn spawn_at_home<F>(task: NonNull<Header>, future: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut future = Moving::new(future);
    let queue = |home: Option<&TaskHome>, worker: Option<&Worker>| {
        let home = home?;
        let header = open(home, worker, &mut future, &Vtables::<F>::CALL, false);
        // SAFETY: the task is queued once, here.
        Some(home.queue(worker, unsafe { Entry::of(header) }))
    };
    // SAFETY: as the caller says.
    if let Some(queued) = unsafe { with_home(task, queue) } {
        queued.unwrap_or_else(Entry::end);
    }
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
    let result = match polled {
        Ok(Poll::Pending) if yielded.take() => return true,
        Ok(Poll::Pending) => {
            // SAFETY: the cell is the runner's until then.
            match unsafe { header.as_ref() }.state.suspend() {
                Suspended::Idle => return false,
                Suspended::Woken => return true,
                Suspended::Cancelled => {
                    // It counts as queued, and so the end of its runtime may have claimed it: it is taken back
                    // as an entry is.
                    // SAFETY: the entry that it would be keeps the memory.
                    if unsafe { header.as_ref() }.state.start().is_abandoned() {
                        // SAFETY: whoever claims a queued task adds a reference for its entry.
                        drop(unsafe { Reference::of(header) });
                        return false;
                    }
                    Err(TaskError::Cancelled)
                }
            }
        }
        Ok(Poll::Ready(output)) => Ok(output),
        Err(panic) => Err(TaskError::Panicked(panic)),
    };
    // SAFETY: the cell is the runner's until the next step.
    yielded.set(unsafe { header.as_ref() }.vtable.kind == Kind::Task);
    // SAFETY: this is its runner.
    unsafe { finish::<F>(header, result) };
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
unsafe fn finish<F: Future>(header: NonNull<Header>, result: Result<F::Output, TaskError>) {
    // SAFETY: the cell is the runner's until it is closed, and not used after that.
    let cell = unsafe { header.cast::<TaskCell<F>>().as_ref() };
    let has_run_a_job = cell.header.vtable.kind == Kind::Job && !matches!(result, Err(TaskError::Cancelled));
    let (mut outcome, mut rest) = match result {
        Ok(output) => (Outcome::Finished, Rest::Output(output)),
        Err(TaskError::Panicked(panic)) => (Outcome::Panicked, Rest::Panic(panic)),
        Err(_) => (Outcome::Cancelled, Rest::Nothing),
    };
    // SAFETY: the body is the runner's and holds the future, which nobody looks at again.
    let dropped = cell.body.with_mut(|body| contain(|| unsafe { ManuallyDrop::drop(&mut (*body).future) }));
    if let Err(panic) = dropped
        && outcome != Outcome::Panicked
    {
        outcome = Outcome::Panicked;
        drop_quietly(mem::replace(&mut rest, Rest::Panic(panic)));
    }

    // A cancellation, and the end of the handle, may come until the exchange succeeds, and change what is
    // left behind.
    let mut now = cell.header.state.load();
    let closed = loop {
        if now.outcome().is_some() {
            // A job that was cancelled while it ran.
            drop_quietly(rest);
            if now.is_watched() {
                // If its home had ended by then, the callbacks are still to be dropped.
                cell.header.state.retain();
                // SAFETY: it was counted just now; the entry of the job keeps the cell.
                announce(unsafe { Reference::of(header) });
            }
            return;
        }
        if now.is_cancelled() && has_run_a_job {
            // The caller of `cancel` was told that the task ends as cancelled, though the job went on.
            drop_quietly(mem::replace(&mut rest, Rest::Nothing));
            outcome = Outcome::Cancelled;
        } else if now.is_cancelled() && outcome == Outcome::Finished {
            // The caller of `cancel` was told that there will be no output.
            let dropped = contain(|| drop(mem::replace(&mut rest, Rest::Nothing)));
            outcome = if dropped.is_ok() { Outcome::Cancelled } else { Outcome::Panicked };
            rest = dropped.map_or_else(Rest::Panic, |()| Rest::Nothing);
        }
        if !now.has_handle() {
            if outcome == Outcome::Panicked {
                TaskHome::note_panic(TaskId::of(header), false);
            }
            // Nobody would take it.
            drop_quietly(mem::replace(&mut rest, Rest::Nothing));
        }
        // SAFETY: the body is the runner's, and empty. What is put there is a copy, which counts once `rest`
        // does not.
        cell.body.with_mut(|body| unsafe { put::<F>(body, &rest) });
        match cell.header.state.close(now, outcome) {
            Ok(closed) => break closed,
            Err(changed) => now = changed,
        }
    };
    mem::forget(rest);
    if closed.is_watched() {
        // SAFETY: closing it counted a reference.
        announce(unsafe { Reference::of(header) });
    } else if closed.is_free() {
        // SAFETY: closing it made it free.
        unsafe { free(header) };
    }
}

/// Publishes an outcome that was set by hand, or gives it back if the task was cancelled first; for a runner
/// that has a reference.
pub(super) unsafe fn settle<F: Future>(
    header: NonNull<Header>,
    result: Result<F::Output, Panic>,
) -> Result<(), Result<F::Output, Panic>> {
    // SAFETY: the reference keeps the cell.
    let cell = unsafe { header.cast::<TaskCell<F>>().as_ref() };
    let (outcome, mut rest) = match result {
        Ok(output) => (Outcome::Finished, Rest::Output(output)),
        Err(panic) => (Outcome::Panicked, Rest::Panic(panic)),
    };
    let mut now = cell.header.state.load();
    let closed = loop {
        if now.is_cancelled() {
            // SAFETY: this is its runner.
            unsafe { end::<F>(header) };
            return match rest {
                Rest::Output(output) => Err(Ok(output)),
                Rest::Panic(panic) => Err(Err(panic)),
                // There was no handle: nobody will ask for it.
                Rest::Nothing => Ok(()),
            };
        }
        if !now.has_handle() {
            // Nobody would take it.
            drop_quietly(mem::replace(&mut rest, Rest::Nothing));
        }
        // SAFETY: the body is the runner's, and the future in it holds nothing. What is put there is a copy,
        // which counts once `rest` does not.
        cell.body.with_mut(|body| unsafe { put::<F>(body, &rest) });
        match cell.header.state.close(now, outcome) {
            Ok(closed) => break closed,
            Err(changed) => now = changed,
        }
    };
    mem::forget(rest);
    if closed.is_watched() {
        // SAFETY: closing it counted a reference.
        announce(unsafe { Reference::of(header) });
    }
    Ok(())
}

/// Tells the watchers of a closed task how it ended.
pub(super) fn announce(task: Reference) {
    let outcome = task.header().outcome().expect("the task is closed");
    let announcement = lock(&task.header().watchers).announcement();
    let id = task.cell().as_ptr().cast_const().cast();
    // The awaiter does not come next, but after all that is due: mostly it awaits more tasks than this one.
    // SAFETY: the reference keeps the cell.
    let polled =
        unsafe { with_worker(task.cell(), |worker| Some(TaskHome::replace_running(worker?, ptr::null()))) };
    // SAFETY: as above.
    announcement.announce(outcome, |callback| unsafe { spawn_at_home(task.cell(), callback) });
    // The poll of another task goes on, in which a promise was set or dropped.
    if let Some(other) = polled
        && other != id
    {
        // SAFETY: as above.
        unsafe {
            with_worker(task.cell(), |worker| worker.map(|worker| TaskHome::replace_running(worker, other)))
        };
    }
}

/// The value that a future leaves behind.
enum Rest<T> {
    Output(T),
    Panic(Panic),
    Nothing,
}

/// Copies the value that a future leaves into its body, bit by bit.
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

/// Returns the place of the output in a body.
fn look_at<F: Future>(body: *const Body<F>) -> NonNull<F::Output> {
    NonNull::new(body.cast_mut().cast()).expect("a union's fields are where it is, in a cell")
}

/// Clones the panic; see [`VTable`].
unsafe fn panic<F: Future>(header: NonNull<Header>) -> Panic {
    // SAFETY: the body is the handle's and holds the panic.
    unsafe { header.cast::<TaskCell<F>>().as_ref().body.with(|body| Panic::clone(&(*body).panic)) }
}

/// Drops the value that is left; see [`VTable`].
unsafe fn clear<F: Future>(header: NonNull<Header>, outcome: Outcome) {
    if outcome == Outcome::Cancelled {
        // Nothing is left; or a job that was cancelled still runs, and has the body.
        return;
    }
    // SAFETY: the body is the handle's and holds what belongs to this outcome.
    unsafe {
        let body = &header.cast::<TaskCell<F>>().as_ref().body;
        body.with_mut(|body| match outcome {
            // A panic is contained here as at the end of the task: which of the two comes last is a race.
            Outcome::Finished => drop_quietly(ManuallyDrop::take(&mut (*body).output)),
            Outcome::Panicked => ManuallyDrop::drop(&mut (*body).panic),
            Outcome::Cancelled => {}
        });
    }
}
