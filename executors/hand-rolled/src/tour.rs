//! A guided tour: one task, from `spawn` to the last destructor, and each file where its part happens.
//!
//! It takes an evening. Every name of a file is a link to the file itself; open it when the tour gets there,
//! and read its first lines, which say what it is for and, where there is unsafe code or more than one
//! thread, the rules that it relies on. The [list of all files](crate#layout) is on the first page, and so
//! is the life of a task [in ten lines](crate#a-tasks-life-in-ten-lines). If you have never written an
//! executor, begin with the six small ones in `executors/steps`: the tour says where it meets their ideas.
//!
//! # The program
//!
//! ```
//! use std::{num::NonZeroUsize, sync::mpsc, time::Duration};
//! use hand_rolled::{Runtime, sleep, spawn};
//!
//! let runtime = Runtime::multi_thread(NonZeroUsize::new(2).unwrap());
//! let (light, dark) = mpsc::channel::<()>();
//! let photo = runtime.block_on(async {
//!     let task = spawn(async move {
//!         let _light = light;
//!         sleep(Duration::from_millis(5)).await;
//!         String::from("photo")
//!     });
//!     let photo = task.await;
//!     // The future went before its end could be seen, and `light` with it.
//!     assert_eq!(dark.try_recv(), Err(mpsc::TryRecvError::Disconnected));
//!     photo
//! });
//! drop(runtime);
//! assert_eq!(photo, Ok(String::from("photo")));
//! ```
//!
//! There are two futures. The outer one, which `block_on` has, is the *root*. The inner one becomes a
//! *task*, and is the hero of this tour. Two threads play: *worker 0* is the thread that calls `block_on`,
//! *worker 1* belongs to the runtime. Where the two race, the tour follows the more likely way and says so.
//!
//! ```text
//!      worker 0                              worker 1
//!         |                                     |
//!     1   | starts the runtime ---------------> | finds nothing, parks
//!     2   | polls the root                      |
//!     3   | spawns: a cell, an entry, the ring  |
//!     4   | the root awaits                     |
//!     5   | parks                         ----> | is woken, steals
//!     6                                         | first poll
//!     7                                         | sets a timer
//!     8                                         | suspends the task, parks
//!         .                                     .
//!     9                                         | fires the timer: a wake
//!    10                                         | second poll: ready
//!    11   | is woken <------------------------- | tells the awaiter
//!    12   | takes the output                    |
//!    13   | gives the cell back                 |
//!    14   | ends the runtime -----------------> | ends
//! ```
//!
//! # 1. The runtime starts
//!
//! `Runtime::multi_thread` is short for a [`Builder`](crate::Builder) with two workers.
//! [`runtime/builder.rs`] makes a *scheduler*, the state that the workers share ([`scheduler.rs`]): a ring,
//! timers and counters for each worker, one injector, one place to park, and the slab, which is the memory
//! of all tasks. Whatever is no scheduling, such as the threads for blocking jobs, is beside it in `Shared`
//! ([`runtime.rs`]), which the scheduler knows as its *host* only. So no file of the scheduler uses one of
//! the runtime.
//!
//! Then worker 1 starts. Its thread joins the *crew* of the runtime ([`crew.rs`]), through which threads
//! that would wait for their own end find out. It enters the runtime ([`scheduler/context.rs`]), so that
//! whatever runs on the thread finds it, and goes round in `Worker::turn` ([`scheduler/worker.rs`]): take a
//! task and run it, else fire timers that are due, else park. There is nothing yet, so it parks
//! ([`scheduler/parking.rs`], which has a picture of the states of a worker).
//!
//! # 2. The caller of `block_on` is a worker
//!
//! `block_on` makes the calling thread a *driver* ([`scheduler/driver.rs`]). It takes the one *slot* there
//! is for a driver and with it the place of worker 0; a second caller, on another thread, would wait for the
//! slot and poll its own root meanwhile. Part of a worker, its `Core`, stays in the slot between two
//! callers: the free cells, and on an event loop the queue.
//!
//! The driver polls the root at once, before it has any need of a task for it. The root is none because it
//! may borrow, as it borrows `dark` here, and need not be `Send`. No other thread can ever poll it.
//!
//! # 3. Spawned
//!
//! In its first poll the root calls [`spawn`](crate::spawn()) ([`runtime/spawn.rs`]). Nobody has passed it a
//! runtime: [`scheduler/context.rs`] keeps, in a thread-local, the scheduler that the thread works for, and
//! the worker that it is. It is looked up once and passed down, because each look is time. From here on the
//! future travels by reference ([`task/moving.rs`]), and is moved only once, into its final place; by value
//! it would be copied in each function on the way.
//!
//! `Scheduler::try_spawn` ([`scheduler/home.rs`]) counts the spawn ([`scheduler/counters.rs`]) and asks
//! [`task.rs`] for a task. That file is the gate to the folder `task`. Its head lists the kinds of pointers
//! to a task and the rules that all unsafe code of a task relies on; read these before the rest of the
//! folder. The folder in turn knows the scheduler as the trait in [`task/home.rs`] only, the *home* of its
//! tasks.
//!
//! **The cell.** `open` in [`task/cell.rs`] needs memory for a header and the future. For each type of
//! future the compiler has picked a size, or *class* ([`task/class.rs`]), and a table of functions that know
//! the type, the vtable. Worker 0 has a *magazine* of free cells for each class ([`task/slab.rs`]), and
//! takes one without a lock. This first time the magazine is empty and is filled by the *depot*
//! ([`task/depot.rs`]), which is under a lock. The depot has no memory either, so it allocates a *chunk* of
//! 64 KiB and cuts up to 64 cells ([`task/chunk.rs`] has a picture of the life of a chunk). A chunk begins
//! on a multiple of its size. So the address of a cell tells the chunk, the chunk tells the scheduler, and
//! no task has to store a pointer to its runtime. Nor is there a list of tasks: whoever looks for all of
//! them walks the chunks.
//!
//! Future, state and, later, the output are thus one allocation, and not even that: mostly a free cell is
//! taken from a stack. (You have seen one allocation for all three in step 2.)
//!
//! **The state.** The future is moved into the cell behind the header ([`task/header.rs`]), and last of all
//! the *state* is set ([`task/state.rs`]). It is one word, a few bits and a count of references, and every
//! step of the task from here on is one atomic operation on it. The picture at the head of that file is the
//! one to keep in mind. The task begins as queued: `OPEN`, `SCHEDULED`, `HANDLE`.
//!
//! **Two pointers.** What comes out is an `Entry` ([`task/entry.rs`]), the right and the duty to run the
//! task once, and a `Handle` ([`task/handle.rs`]), the right to its output. Neither is counted: the state
//! says that they are there.
//!
//! **The queue.** The entry goes to worker 0, which pushes it to its *ring* ([`scheduler/ring.rs`]), a run
//! queue of 256 places that the worker fills and from which any worker takes, without a lock. (Stealing is
//! step 3.) A full ring would move half of its tasks to the injector. Had the spawner been a task, the entry
//! would have come into the slot `next` instead, to run after this poll and to be stolen by nobody (step 5).
//!
//! # 4. Awaited
//!
//! Back in the root, `task.await` polls the [`Task`](crate::Task) ([`handle.rs`], the handle that users
//! see). The task has not ended, so the root's waker becomes its *awaiter* ([`task/watchers.rs`]). The lock
//! around the watchers, the only one in a cell, is taken only by tasks that somebody watches; the bit
//! `WATCHED` tells whoever ends the task that there is something behind the lock.
//!
//! The root is pending now. So that it can be woken it gets a *stand-in* ([`scheduler/driver.rs`]), a task
//! of the runtime's own that waits its turn in the queues like any other. When the root's waker is called it
//! wakes the stand-in; when the stand-in is polled, on whichever worker, it tells the driver that the turn
//! of the root has come. That is how a root takes turns with the tasks though it is none.
//!
//! # 5. Stolen
//!
//! The push to the ring was followed by a look at the parked workers ([`scheduler/parking.rs`]). Worker 1 is
//! parked and nobody is on the way to look for tasks, so worker 1 was woken and counts as *searching*. While
//! it does no other push wakes anybody, which keeps a burst of tasks from waking all workers at once (step
//! 4). Pusher and parker must not miss each other: each writes, passes a fence, and reads what the other has
//! written. The head of the file has the proof, and `src/models/parking.rs` tries it in every interleaving.
//!
//! Worker 0 does not take the task itself as long as a worker is free: a task may block its thread, and no
//! other thread can poll the root. It parks. Worker 1 finds its own ring empty, takes half of the other's
//! ring, which is this one entry, and ends its search. It would wake the next searcher if there were more.
//!
//! # 6. The first poll
//!
//! Now worker 1 has the entry in hand and runs it ([`task/entry.rs`]). `start` turns `SCHEDULED` into
//! `RUNNING`. From here on worker 1 is the *runner*: the body of the cell is its own, and it needs no lock
//! to use it. A wake that came now would set `SCHEDULED` again and queue nothing, so no two workers ever
//! poll one task. Had the task been cancelled in the queue, the runner would drop the future in place of a
//! poll.
//!
//! `poll` in [`task/cell.rs`] calls the future with a waker ([`task/waker.rs`]) that is nothing but the
//! address of the cell and a table. (In step 1 you have seen why: a waker is a pointer to a task that can be
//! queued.) It is not even counted, because the poll is over before the cell can go. A clone of it is
//! counted. The call is wrapped in `contain` ([`panic.rs`]): a panic ends the task, and never its worker.
//!
//! # 7. A timer
//!
//! The future takes `light`, and polls a [`Sleep`](crate::Sleep) ([`time.rs`]). Its deadline was fixed when
//! `sleep` was called. It clones the waker, which adds a reference to the state of the task, squeezed into
//! one word (`ThinWaker`), and sets a timer with it among those of worker 1 ([`scheduler/timers.rs`]). They
//! are in a wheel ([`scheduler/wheel.rs`]), which sorts deadlines by how far away they are. To set a timer
//! and to take it back takes constant time, and that is what most timers are for: they are timeouts, and
//! never fire (step 6).
//!
//! This timer is the first to fire, so a sleeping worker might have to know. But the task that waits for it
//! is in its poll on this very worker, which will look at the deadlines before it parks. So nobody is told.
//!
//! # 8. Suspended, and parked
//!
//! The future returns `Pending`. `suspend` takes `RUNNING` away: the task is idle, in no queue, and no
//! thread's. Only the timer's waker, the handle, and the chunk in the books of the depot lead to it. From
//! this step on worker 1 must not touch the cell, which another thread may be running already. (Had the task
//! been woken in its poll, `suspend` would have told its runner to queue it again. A task that yields does
//! not even come here: it sets a flag of its worker, and goes to the tail of the queue as it is, without an
//! atomic operation on its state.)
//!
//! Worker 1 goes round again, finds no task and no timer that is due, and parks ([`scheduler/worker/rest.rs`]). Of all workers that are
//! parked one keeps the time. Worker 0 was there first, but at that moment there may have been no deadline;
//! so worker 1 sets the *alarm*, and has the system wake it in time ([`scheduler/slack.rs`]). Before it lies
//! down it also looks whether memory is due to go back to the system ([`scheduler/trimming.rs`]). Had a task from
//! outside woken it the last time, it would look for the next one for some microseconds first
//! ([`scheduler/worker/lingering.rs`]), a habit that it keeps as long as that pays ([`scheduler/worker/habit.rs`]).
//!
//! # 9. Woken
//!
//! Five milliseconds later worker 1 gets up, finds no task, and fires the timers that are due: all wakers
//! are taken out under the lock and called after it, because a waker may be anybody's code. Ours sets
//! `SCHEDULED` and gives its reference up, in one step of the state; as the task was idle, the caller is to
//! queue it. The caller is a worker of that runtime, which it learns by comparing an address in the chunk
//! with its thread-local, so the entry goes to its own ring. A wake only ever queues. It polls nothing,
//! whoever calls it.
//!
//! A caller that is no worker would have pushed the entry to the *injector* ([`scheduler/injector.rs`]), a
//! queue under a lock. Workers take their share of it when they begin a *round*, that is, when all tasks
//! have had their turn that were in their ring before ([`scheduler/worker/rounds.rs`]). So nobody is overtaken
//! for ever.
//!
//! Worker 0 is parked and is woken to search, in case worker 1 is kept busy by something else. Mostly it
//! comes too late and parks again. If it comes first, the second poll is on worker 0, and all else goes the
//! same way.
//!
//! # 10. The second poll, and the end
//!
//! Worker 1 pops the entry, `start` makes it the runner, and the future is polled again. The sleep asks
//! whether its timer has fired: one comparison with the time up to which all of them have, without a lock or
//! a look at the timer. It is ready; so the block goes on to its end, drops `_light`, and returns the
//! string.
//!
//! `finish` in [`task/cell.rs`] does three things in a fixed order. It drops the future, or what is left of
//! it, in its place. It moves the output to where the future was. Then `close` publishes that: it takes
//! `OPEN` away, and notes how the task ended, its *outcome* ([`task/outcome.rs`]). So whoever sees that a
//! task has ended knows that its future is gone. This is a promise of the crate, and the assertion in the
//! program relies on it. If a cancellation comes before `close`, that step fails and is tried anew, with the
//! output dropped; a caller of `cancel` that was told "yes" never sees an output.
//!
//! # 11. Announced
//!
//! The task was watched, so `close` has counted a reference for the runner, which keeps the cell during what
//! comes now. `announce` takes the watchers out of the lock; then it wakes the awaiter and queues the
//! callbacks, if there are any ([`task/callback.rs`]), in the order in which they came.
//!
//! The awaiter is the waker of the root, and wakes the stand-in. This one comes in line and not into the
//! slot `next`: whoever awaits a task often awaits a hundred, and would be run once for each of them. The
//! stand-in is polled, tells the driver that its turn has come, and worker 0 gets up.
//!
//! # 12. The output
//!
//! Worker 0 polls the root, and that polls the handle. The task is closed, and a closed task with a handle
//! is the handle's: `take` in [`task/handle.rs`] notes `TAKEN` and moves the string out of the cell. A
//! second await would find that bit, and panic.
//!
//! # 13. The last reference
//!
//! The handle has done its work and is dropped. `detach_closed` takes `HANDLE` away, and looks at what is
//! left: not open, no handle, no reference. The task is *free*. Exactly one step of one thread can make it
//! so, and the thread whose step it was gives the cell back: `free` in [`task/reference.rs`]. If worker 1
//! still had the reference of its announcement, this thread would leave the cell to it. A waker that
//! somebody had kept would keep the cell, too, for a day if need be.
//!
//! The cell goes to the magazine of the worker that freed it, here worker 0, where the next task of that
//! class takes it, warm in the cache. A magazine with twice as many cells as it was filled with gives half
//! of them back to the depot; a chunk all of whose cells are back may be cut into cells of another size; and
//! what no task has needed for a second goes back to the system.
//!
//! # 14. The end of the runtime
//!
//! The root is ready. The stand-in is cancelled, the driver leaves its core in the slot, and `block_on`
//! returns. Then `drop(runtime)` runs [`runtime/ending.rs`], which has a picture of its steps. It takes
//! nothing away from those who wait: queues close, all timers fire, every future that is queued or suspended
//! is dropped, and only then are threads waited for. To find those that are suspended it walks the chunks.
//! Here at most the stand-in is left, if worker 1 has not ended it yet. Worker 1 leaves its loop, gives its
//! free cells back, and is joined; those of worker 0 lie in the slot, and follow. The chunk has all its
//! cells and is freed.
//!
//! The string lives on. It is the program's, and its destructor, at the end of the program, is the last.
//!
//! # Side roads
//!
//! **The event loop.** With [`Runtime::current_thread`](crate::Runtime::current_thread) and
//! [`run`](crate::run) worker 0 is the only one. It has no ring: one queue, first in, first out, as asyncio
//! has it, to which the injector is emptied. There is no stealing, no slot `next`, and nobody to wake. All
//! else on this tour is the same code. Only an event loop has [`spawn_local`](crate::spawn_local), for
//! futures that are not `Send` ([`local.rs`]): the future stays in a store of its thread, and the task has a
//! key to it.
//!
//! **Other drivers.** [`Driven`](crate::Driven) ([`runtime/driven.rs`]) is a runtime with a thread that
//! calls `block_on` until it is told to stop. [`Spawner`](crate::Spawner) ([`spawner.rs`]) spawns from any
//! thread, through the injector, and does not keep the runtime.
//!
//! **Blocking jobs.** [`spawn_blocking`](crate::spawn_blocking) makes a task whose future is a closure
//! ([`task/job.rs`]). Its entry goes to the queue of a pool ([`blocking/pool.rs`]; [`blocking.rs`] is the
//! folder), whose threads start when they are needed. [`ThreadPool`](crate::ThreadPool)
//! ([`blocking/thread_pool.rs`]) is such a pool without a runtime, and has a small scheduler of its own for
//! callbacks.
//!
//! **Promises.** [`promise`](crate::promise()) makes a task without a future, which ends when somebody sets
//! its outcome ([`promise.rs`], [`task/promise.rs`]).
//!
//! **Cancellation.** `cancel` sets `CANCELLED` and queues the task like a wake; its runner then drops the
//! future. A job that runs cannot be stopped, so its task ends and the closure goes on.
//!
//! **Sockets.** A read ([`net/source.rs`]) asks the system first. If nothing is there the socket gets a slot in the reactor
//! ([`scheduler/reactor.rs`], [`scheduler/reactor/slots.rs`]), and the task stores its waker there
//! ([`scheduler/reactor/slot.rs`], whose head says why no event is slept over). A worker that parks while there are such
//! sockets waits in epoll ([`scheduler/reactor/epoll.rs`]) in place of sleeping, and one that is busy looks there now and
//! then ([`scheduler/worker/sockets.rs`]). An event is a wake like any other. The sockets themselves are std's
//! ([`net.rs`], [`net/tcp.rs`], [`net/unix.rs`]); elsewhere than on Linux there are none
//! ([`scheduler/reactor/nothing.rs`]).
//!
//! **Timeouts and calls.** [`timeout`](crate::timeout()) polls a future beside a sleep
//! ([`time/timeout.rs`]). [`call_later`](crate::call_later) and its like are tasks of a kind of their own
//! ([`calls.rs`]), as are callbacks and stand-ins, so that there is one kind of queue for all.
//!
//! **Several tasks.** [`compose.rs`] has [`wait`](crate::wait) and [`wait_for`](crate::wait_for). In its
//! folder are [`compose/gather.rs`], [`compose/as_completed.rs`], [`compose/shield.rs`], and
//! [`compose/set.rs`], which is for all that watch several tasks at once; the condition of a `wait` is in
//! [`compose/ending.rs`]. A [`TaskGroup`](crate::TaskGroup)
//! ([`group.rs`]) waits for all tasks that are started in it; both it and the task can drop the future of a
//! member ([`group/member.rs`]), so that nothing is left of a group that is dropped.
//!
//! **A look inside.** [`inspect.rs`] lists tasks and counts, and [`task/inspect.rs`] is how a thread looks
//! at a task to which it has no right. Names, and the debug mode that reports slow polls, are a table beside
//! the tasks ([`scheduler/debug.rs`]). A task without a name pays nothing for it.
//!
//! **Ends that go wrong.** A runtime that is dropped in one of its own tasks would wait for itself, and a
//! child of a fork has none of the threads of its parent. [`crew.rs`] and [`fork.rs`] have what happens
//! then. Destructors that lead to destructors, as of groups in groups, would take all of the stack:
//! [`nesting.rs`] has the outermost do what lies too deep.
//!
//! # How it is known to be right
//!
//! [`sync.rs`] is where all files take their locks, atomics and threads from. A model checker can take the
//! place of std there, and `src/models.rs` runs the steps of this tour in every interleaving, with a table
//! of the memory orderings and of the model that fails without each. `tests/it` holds the crate to its
//! promises through the public interface, often beside the same program in Python. `DESIGN.md` is the log of
//! what was tried and of what it gave, and [`lib.rs`] the list of all rooms.
//!
//! [`blocking.rs`]: ../../src/hand_rolled/blocking.rs.html
//! [`blocking/pool.rs`]: ../../src/hand_rolled/blocking/pool.rs.html
//! [`blocking/thread_pool.rs`]: ../../src/hand_rolled/blocking/thread_pool.rs.html
//! [`calls.rs`]: ../../src/hand_rolled/calls.rs.html
//! [`compose.rs`]: ../../src/hand_rolled/compose.rs.html
//! [`compose/as_completed.rs`]: ../../src/hand_rolled/compose/as_completed.rs.html
//! [`compose/ending.rs`]: ../../src/hand_rolled/compose/ending.rs.html
//! [`compose/gather.rs`]: ../../src/hand_rolled/compose/gather.rs.html
//! [`compose/set.rs`]: ../../src/hand_rolled/compose/set.rs.html
//! [`compose/shield.rs`]: ../../src/hand_rolled/compose/shield.rs.html
//! [`crew.rs`]: ../../src/hand_rolled/crew.rs.html
//! [`fork.rs`]: ../../src/hand_rolled/fork.rs.html
//! [`group.rs`]: ../../src/hand_rolled/group.rs.html
//! [`group/member.rs`]: ../../src/hand_rolled/group/member.rs.html
//! [`handle.rs`]: ../../src/hand_rolled/handle.rs.html
//! [`inspect.rs`]: ../../src/hand_rolled/inspect.rs.html
//! [`lib.rs`]: ../../src/hand_rolled/lib.rs.html
//! [`local.rs`]: ../../src/hand_rolled/local.rs.html
//! [`nesting.rs`]: ../../src/hand_rolled/nesting.rs.html
//! [`net.rs`]: ../../src/hand_rolled/net.rs.html
//! [`net/source.rs`]: ../../src/hand_rolled/net/source.rs.html
//! [`net/tcp.rs`]: ../../src/hand_rolled/net/tcp.rs.html
//! [`net/unix.rs`]: ../../src/hand_rolled/net/unix.rs.html
//! [`panic.rs`]: ../../src/hand_rolled/panic.rs.html
//! [`promise.rs`]: ../../src/hand_rolled/promise.rs.html
//! [`runtime.rs`]: ../../src/hand_rolled/runtime.rs.html
//! [`runtime/builder.rs`]: ../../src/hand_rolled/runtime/builder.rs.html
//! [`runtime/driven.rs`]: ../../src/hand_rolled/runtime/driven.rs.html
//! [`runtime/ending.rs`]: ../../src/hand_rolled/runtime/ending.rs.html
//! [`runtime/spawn.rs`]: ../../src/hand_rolled/runtime/spawn.rs.html
//! [`scheduler.rs`]: ../../src/hand_rolled/scheduler.rs.html
//! [`scheduler/context.rs`]: ../../src/hand_rolled/scheduler/context.rs.html
//! [`scheduler/counters.rs`]: ../../src/hand_rolled/scheduler/counters.rs.html
//! [`scheduler/debug.rs`]: ../../src/hand_rolled/scheduler/debug.rs.html
//! [`scheduler/driver.rs`]: ../../src/hand_rolled/scheduler/driver.rs.html
//! [`scheduler/home.rs`]: ../../src/hand_rolled/scheduler/home.rs.html
//! [`scheduler/injector.rs`]: ../../src/hand_rolled/scheduler/injector.rs.html
//! [`scheduler/parking.rs`]: ../../src/hand_rolled/scheduler/parking.rs.html
//! [`scheduler/reactor.rs`]: ../../src/hand_rolled/scheduler/reactor.rs.html
//! [`scheduler/reactor/epoll.rs`]: ../../src/hand_rolled/scheduler/reactor/epoll.rs.html
//! [`scheduler/reactor/nothing.rs`]: ../../src/hand_rolled/scheduler/reactor/nothing.rs.html
//! [`scheduler/reactor/slot.rs`]: ../../src/hand_rolled/scheduler/reactor/slot.rs.html
//! [`scheduler/reactor/slots.rs`]: ../../src/hand_rolled/scheduler/reactor/slots.rs.html
//! [`scheduler/ring.rs`]: ../../src/hand_rolled/scheduler/ring.rs.html
//! [`scheduler/slack.rs`]: ../../src/hand_rolled/scheduler/slack.rs.html
//! [`scheduler/timers.rs`]: ../../src/hand_rolled/scheduler/timers.rs.html
//! [`scheduler/trimming.rs`]: ../../src/hand_rolled/scheduler/trimming.rs.html
//! [`scheduler/wheel.rs`]: ../../src/hand_rolled/scheduler/wheel.rs.html
//! [`scheduler/worker.rs`]: ../../src/hand_rolled/scheduler/worker.rs.html
//! [`scheduler/worker/habit.rs`]: ../../src/hand_rolled/scheduler/worker/habit.rs.html
//! [`scheduler/worker/lingering.rs`]: ../../src/hand_rolled/scheduler/worker/lingering.rs.html
//! [`scheduler/worker/rest.rs`]: ../../src/hand_rolled/scheduler/worker/rest.rs.html
//! [`scheduler/worker/rounds.rs`]: ../../src/hand_rolled/scheduler/worker/rounds.rs.html
//! [`scheduler/worker/sockets.rs`]: ../../src/hand_rolled/scheduler/worker/sockets.rs.html
//! [`spawner.rs`]: ../../src/hand_rolled/spawner.rs.html
//! [`sync.rs`]: ../../src/hand_rolled/sync.rs.html
//! [`task.rs`]: ../../src/hand_rolled/task.rs.html
//! [`task/callback.rs`]: ../../src/hand_rolled/task/callback.rs.html
//! [`task/cell.rs`]: ../../src/hand_rolled/task/cell.rs.html
//! [`task/chunk.rs`]: ../../src/hand_rolled/task/chunk.rs.html
//! [`task/class.rs`]: ../../src/hand_rolled/task/class.rs.html
//! [`task/depot.rs`]: ../../src/hand_rolled/task/depot.rs.html
//! [`task/entry.rs`]: ../../src/hand_rolled/task/entry.rs.html
//! [`task/handle.rs`]: ../../src/hand_rolled/task/handle.rs.html
//! [`task/header.rs`]: ../../src/hand_rolled/task/header.rs.html
//! [`task/home.rs`]: ../../src/hand_rolled/task/home.rs.html
//! [`task/inspect.rs`]: ../../src/hand_rolled/task/inspect.rs.html
//! [`task/job.rs`]: ../../src/hand_rolled/task/job.rs.html
//! [`task/moving.rs`]: ../../src/hand_rolled/task/moving.rs.html
//! [`task/outcome.rs`]: ../../src/hand_rolled/task/outcome.rs.html
//! [`task/promise.rs`]: ../../src/hand_rolled/task/promise.rs.html
//! [`task/reference.rs`]: ../../src/hand_rolled/task/reference.rs.html
//! [`task/slab.rs`]: ../../src/hand_rolled/task/slab.rs.html
//! [`task/state.rs`]: ../../src/hand_rolled/task/state.rs.html
//! [`task/waker.rs`]: ../../src/hand_rolled/task/waker.rs.html
//! [`task/watchers.rs`]: ../../src/hand_rolled/task/watchers.rs.html
//! [`time.rs`]: ../../src/hand_rolled/time.rs.html
//! [`time/timeout.rs`]: ../../src/hand_rolled/time/timeout.rs.html
