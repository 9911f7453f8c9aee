//! The table of everything that may panic, of what becomes of the handle, and of when the task is cancelled.
//!
//! Each cell is the whole life of one task, or of one blocking job, on a runtime of its own. Whatever happens
//! in it, what was captured and the output are dropped once, whoever is told of the end is told the right
//! one, and the runtime goes on.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    thread::{self, JoinHandle},
};

use hand_rolled::{Runtime, Task, TaskError, spawn};

use crate::{Gate, lock, number, panic_of, until, watched};

#[test]
fn every_task_ends_once_whatever_panics_and_whenever_it_is_cancelled_or_detached() {
    assert_eq!(run_all(Kind::Task), 480, "the table has another size");
}

#[test]
fn every_job_ends_once_whatever_panics_and_whenever_it_is_cancelled_or_detached() {
    assert_eq!(run_all(Kind::Job), 160, "the table has another size");
}

/// Runs every cell of a kind that means something, and counts them.
fn run_all(kind: Kind) -> usize {
    use Moment::*;
    let times = [None].into_iter().chain([Queued, FirstPoll, Suspended, Woken, LastPoll, Ended].map(Some));
    let mut count = 0;
    for flavour in [Flavour::CurrentThread, Flavour::TwoWorkers] {
        for bits in 0..8 {
            let panics = Panics { body: bits & 1 != 0, captured: bits & 2 != 0, output: bits & 4 != 0 };
            for dropped in times.clone() {
                for cancelled in times.clone() {
                    for by in [By::Itself, By::Another, By::Racer] {
                        let cell = Cell { kind, flavour, panics, dropped, cancelled, by };
                        if cell.means_something() {
                            if let Err(panic) = catch_unwind(|| watched(move || run(cell))) {
                                panic!("{}, in {cell:?}", panic_of(|| resume_unwind(panic)));
                            }
                            count += 1;
                        }
                    }
                }
            }
        }
    }
    count
}

/// One life of a task or a job.
#[derive(Clone, Copy, Debug)]
struct Cell {
    kind: Kind,
    flavour: Flavour,
    panics: Panics,
    /// When the handle is dropped; `None` if it is awaited.
    dropped: Option<Moment>,
    cancelled: Option<Moment>,
    by: By,
}

/// The kind of task that is started.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Task,
    Job,
}

/// The runtime that it is started on.
#[derive(Clone, Copy, Debug)]
enum Flavour {
    CurrentThread,
    TwoWorkers,
}

/// The parts that panic: the last poll or the closure, the destructor of the future or of what the closure
/// captured, the destructor of the output.
#[derive(Clone, Copy, Debug)]
struct Panics {
    body: bool,
    captured: bool,
    output: bool,
}

/// The moment when something happens to the task. The run of a job is its last poll.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    Queued,
    FirstPoll,
    Suspended,
    /// It was woken, but has not been polled again.
    Woken,
    LastPoll,
    Ended,
}

/// The thread that does it, if it is done during a poll.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Itself,
    /// Another thread, for which the poll waits.
    Another,
    /// Another thread, which the poll meets at a barrier and then races.
    Racer,
}

impl Cell {
    /// The rule by which combinations are skipped.
    fn means_something(&self) -> bool {
        let Panics { body, captured, output } = self.panics;
        let panics_combine = match self.kind {
            // A poll that panics makes no output.
            Kind::Task => !(body && output),
            // The second would panic while the first unwinds, which aborts the process.
            Kind::Job => [body, captured, output].into_iter().filter(|panics| *panics).count() <= 1,
        };
        // Only a handle can cancel, and the next that is certain to happen then is the end.
        let in_order = self.cancelled.is_none()
            || self.dropped.is_none()
            || self.dropped == self.cancelled
            || self.dropped == Some(Moment::Ended);
        let happens_at = |moment| [self.cancelled, self.dropped].contains(&Some(moment));
        let (in_first, in_last) = (happens_at(Moment::FirstPoll), happens_at(Moment::LastPoll));
        let suspends = in_first || happens_at(Moment::Suspended) || happens_at(Moment::Woken);
        panics_combine
            && in_order
            && (self.kind == Kind::Task || !suspends)
            && (self.by == By::Itself || in_first || in_last)
    }

    /// Returns true if it comes to its last poll.
    fn runs(&self) -> bool {
        matches!(self.cancelled, None | Some(Moment::LastPoll | Moment::Ended))
    }

    /// Returns the answers that `cancel` may give.
    fn answers(&self) -> &'static [Option<bool>] {
        match self.cancelled {
            None => &[None],
            Some(Moment::Ended) => &[Some(false)],
            Some(Moment::LastPoll) if self.by == By::Racer => &[Some(true), Some(false)],
            Some(_) => &[Some(true)],
        }
    }

    /// Returns the outcomes that the handle may read at the end, once `cancel` has returned `cancelled`.
    fn ends(&self, cancelled: bool) -> &'static [&'static str] {
        let (Panics { body, captured, output }, runs) = (self.panics, self.runs());
        match self.kind {
            // The task ends at once, while its job runs on.
            Kind::Job if cancelled && runs => &["cancelled"],
            _ if body && runs => &["body"],
            // Which of the two goes first is not promised.
            _ if captured && output && cancelled && runs => &["captured", "output"],
            _ if captured => &["captured"],
            _ if output && cancelled && runs => &["output"],
            _ if cancelled => &["cancelled"],
            _ => &["value"],
        }
    }
}

/// Lives through a cell and looks at what came of it.
fn run(cell: Cell) {
    let stage = Stage::new(cell.flavour);
    let life = Life::keep(cell);

    stage.hold();
    *lock(&life.handle) = Some(match cell.kind {
        Kind::Task => stage.runtime.spawn(Subject::new(life)),
        Kind::Job => stage.runtime.spawn_blocking(job(life)),
    });
    let awaiter = cell.dropped.is_none().then(|| stage.runtime.spawn(life.read()));
    life.act(Moment::Queued);
    stage.release();

    if cell.kind == Kind::Task {
        stage.runtime.block_on(until(|| life.started.load(SeqCst) || life.captured.load(SeqCst) > 0));
        stage.hold();
        life.join_racer();
        life.act(Moment::Suspended);
        // What was cancelled needs no wake to end.
        if !matches!(cell.cancelled, Some(Moment::FirstPoll | Moment::Suspended)) {
            life.gate.open();
        }
        life.act(Moment::Woken);
        stage.release();
    }

    let mut end = stage.runtime.block_on(async {
        if let Some(awaiter) = awaiter {
            return Some(awaiter.await.expect("the awaiter contains every panic"));
        }
        let done_is_seen = cell.dropped == Some(Moment::Ended);
        until(|| if done_is_seen { life.is_done() } else { life.captured.load(SeqCst) > 0 }).await;
        None
    });
    stage.settle();
    life.join_racer();
    life.cancel(Moment::Ended);
    if cell.dropped == Some(Moment::Ended) {
        let exception = lock(&life.handle).as_ref().expect("it is dropped later").exception();
        end = Some(in_a_word(
            exception.and_then(|panic| panic.map_or(Ok(()), |panic| Err(TaskError::Panicked(panic)))),
        ));
    }
    life.drop_handle(Moment::Ended);
    life.check(end.as_deref());

    let next = stage.runtime.block_on(async { spawn(async { 7 }).await });
    assert_eq!(next, Ok(7), "the runtime goes on");
    drop(stage);
    life.check(end.as_deref());
}

/// An end as `Cell::ends` has it.
fn in_a_word<T>(end: Result<T, TaskError>) -> String {
    match end {
        Ok(value) => {
            // The panic of its destructor is the concern of whoever has it.
            catch_unwind(AssertUnwindSafe(|| drop(value))).ok();
            "value".to_owned()
        }
        Err(TaskError::Cancelled) => "cancelled".to_owned(),
        Err(TaskError::Panicked(panic)) => panic.message().to_owned(),
        Err(error) => error.to_string(),
    }
}

/// A runtime whose threads can be met.
struct Stage {
    runtime: Runtime,
    /// Returns the number of threads that run tasks at all times.
    workers: usize,
    /// Where the workers, the one thread for jobs and the test meet.
    barrier: Arc<Barrier>,
}

impl Stage {
    fn new(flavour: Flavour) -> Stage {
        let builder = Runtime::builder().max_blocking_threads(number(1));
        let (builder, workers) = match flavour {
            Flavour::CurrentThread => (builder, 0),
            Flavour::TwoWorkers => (builder.workers(number(2)), 1),
        };
        Stage { runtime: builder.build(), workers, barrier: Arc::new(Barrier::new(workers + 2)) }
    }

    /// Occupies all threads but this one, once they are through with what they do; now only `block_on` runs
    /// tasks.
    fn hold(&self) {
        let meet = |barrier: &Barrier| _ = (barrier.wait(), barrier.wait());
        for _ in 0..self.workers {
            let barrier = self.barrier.clone();
            self.runtime.spawn(async move { meet(&barrier) });
        }
        let barrier = self.barrier.clone();
        self.runtime.spawn_blocking(move || meet(&barrier));
        self.barrier.wait();
    }

    /// Lets the threads go on that are held.
    fn release(&self) {
        self.barrier.wait();
    }

    /// Waits until everything that was being polled, run or dropped no longer is.
    fn settle(&self) {
        self.hold();
        self.release();
    }
}

/// The state that all threads of a cell of the table share.
struct Life {
    cell: Cell,
    handle: Mutex<Option<Task<Output>>>,
    /// The answer of `cancel`.
    answer: Mutex<Option<bool>>,
    racer: Mutex<Option<JoinHandle<()>>>,
    /// The gate that the future is suspended at.
    gate: Gate,
    started: AtomicBool,
    /// Set if the end could be seen before the future was gone.
    ended_early: AtomicBool,
    /// The number of captured values, and of outputs, that were dropped.
    captured: AtomicUsize,
    outputs: AtomicUsize,
    /// The number of outputs that were made.
    made: AtomicUsize,
}

impl Life {
    /// Makes what stays, so that a second drop of the same thing counts rather than corrupts the memory.
    fn keep(cell: Cell) -> &'static Life {
        /// All of them, so that it is no leak.
        static KEPT: Mutex<Vec<&'static Life>> = Mutex::new(Vec::new());
        let life: &'static Life = Box::leak(Box::new(Life {
            cell,
            handle: Mutex::default(),
            answer: Mutex::default(),
            racer: Mutex::default(),
            gate: Gate::default(),
            started: AtomicBool::default(),
            ended_early: AtomicBool::default(),
            captured: AtomicUsize::default(),
            outputs: AtomicUsize::default(),
            made: AtomicUsize::default(),
        }));
        lock(&KEPT).push(life);
        life
    }

    /// Does what the cell has for this moment.
    fn act(&self, now: Moment) {
        self.cancel(now);
        self.drop_handle(now);
    }

    fn cancel(&self, now: Moment) {
        if self.cell.cancelled == Some(now) {
            let answer = lock(&self.handle).as_ref().expect("it is dropped later").cancel();
            *lock(&self.answer) = Some(answer);
        }
    }

    fn drop_handle(&self, now: Moment) {
        if self.cell.dropped == Some(now) {
            let handle = lock(&self.handle).take();
            drop(handle);
        }
    }

    /// Does during a poll what the cell has for this moment.
    fn act_in_poll(&'static self, now: Moment) {
        if self.cell.by == By::Itself {
            return self.act(now);
        }
        let barrier = Arc::new(Barrier::new(2));
        let met = barrier.clone();
        let racer = thread::spawn(move || {
            met.wait();
            self.act(now);
        });
        barrier.wait();
        *lock(&self.racer) = Some(racer);
        if self.cell.by == By::Another {
            self.join_racer();
        }
    }

    fn join_racer(&self) {
        let racer = lock(&self.racer).take();
        let joined = racer.map_or(Ok(()), JoinHandle::join);
        joined.expect("neither cancelling nor dropping a handle panics");
    }

    /// The last poll, or the run of a job.
    fn finish(&'static self) -> Output {
        self.act_in_poll(Moment::LastPoll);
        panic_if(self.cell.panics.body, "body");
        self.made.fetch_add(1, SeqCst);
        Output(self)
    }

    /// Awaits the handle where others find it, too.
    async fn read(&self) -> String {
        let poll = |context: &mut Context<'_>| {
            Pin::new(lock(&self.handle).as_mut().expect("an awaited handle stays")).poll(context)
        };
        in_a_word(poll_fn(poll).await)
    }

    /// Returns true if the handle is there and tells of the end.
    fn is_done(&self) -> bool {
        lock(&self.handle).as_ref().is_some_and(Task::done)
    }

    /// Compares what happened with what is promised.
    fn check(&self, end: Option<&str>) {
        let (cell, answer) = (self.cell, *lock(&self.answer));
        assert!(cell.answers().contains(&answer), "cancel returned {answer:?}");
        let ends = cell.ends(answer == Some(true));
        assert!(end.is_none_or(|end| ends.contains(&end)), "the handle reads {end:?}, but should {ends:?}");
        assert_eq!(self.started.load(SeqCst), cell.cancelled != Some(Moment::Queued), "whether it started");
        assert_eq!(self.captured.load(SeqCst), 1, "drops of the future, or of what the closure captured");
        let made = usize::from(cell.runs() && !cell.panics.body);
        assert_eq!(self.made.load(SeqCst), made, "outputs made");
        assert_eq!(self.outputs.load(SeqCst), made, "outputs dropped");
        // A job that is cancelled while it runs outlives the end of its task.
        let outlives = cell.kind == Kind::Job && cell.cancelled == Some(Moment::LastPoll);
        assert!(
            outlives || !self.ended_early.load(SeqCst),
            "the end could be seen before the future was gone"
        );
    }
}

/// The value that the future, or the closure of the job, holds.
struct Captured(&'static Life);

impl Drop for Captured {
    fn drop(&mut self) {
        self.0.ended_early.fetch_or(self.0.is_done(), SeqCst);
        self.0.captured.fetch_add(1, SeqCst);
        panic_if(self.0.cell.panics.captured, "captured");
    }
}

/// The output of the task.
struct Output(&'static Life);

impl Drop for Output {
    fn drop(&mut self) {
        self.0.outputs.fetch_add(1, SeqCst);
        panic_if(self.0.cell.panics.output, "output");
    }
}

/// Panics without a message on stderr, where hundreds would hide that of a failure.
fn panic_if(condition: bool, message: &'static str) {
    if condition {
        resume_unwind(Box::new(message));
    }
}

/// The future of a task. What it captured goes with it, not while a panic unwinds its body.
struct Subject {
    body: Pin<Box<dyn Future<Output = Output> + Send>>,
    _captured: Captured,
}

impl Subject {
    fn new(life: &'static Life) -> Subject {
        let body = async move {
            life.started.store(true, SeqCst);
            life.act_in_poll(Moment::FirstPoll);
            life.gate.pass().await;
            life.finish()
        };
        Subject { body: Box::pin(body), _captured: Captured(life) }
    }
}

impl Future for Subject {
    type Output = Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Output> {
        self.body.as_mut().poll(context)
    }
}

/// The closure of a job.
fn job(life: &'static Life) -> impl FnOnce() -> Output + Send {
    let captured = Captured(life);
    move || {
        life.started.store(true, SeqCst);
        let output = life.finish();
        drop(captured);
        output
    }
}
