//! A simple event loop for programs that have but one order there: a queue, and no threads and no time.

use std::collections::VecDeque;

use hand_rolled::Outcome;

use crate::{
    language::{End, Verb},
    plan::Plan,
};

/// Tells the steps of a calm program in their order, and how each task ended.
pub(crate) struct Reference<'a> {
    plan: &'a Plan,
    /// The tasks, by number.
    tasks: Vec<Task>,
    /// The tasks that are due.
    queue: VecDeque<usize>,
    /// The gates: whether they are open, and who waits.
    gates: [(bool, Vec<usize>); GATES],
    pub(crate) trace: Vec<usize>,
}

/// The number of gates.
pub(crate) const GATES: usize = 3;

/// A task of the reference.
#[derive(Default)]
struct Task {
    /// True from its start on.
    is_started: bool,
    /// True as long as the handle is where everybody finds it.
    is_on_board: bool,
    is_queued: bool,
    is_cancelled: bool,
    /// The next step in the body.
    next: usize,
    /// The yields that are left of the last step.
    yields: u8,
    /// The task that awaits this one.
    awaiter: Option<usize>,
    outcome: Option<Outcome>,
}

/// Tells whether a task goes on after a poll, waits, or has ended.
enum Turn {
    /// It goes to the tail of the queue.
    Yielded,
    Suspended,
    Ended(Outcome),
}

/// Returns true if a program has but one order on an event loop.
pub(crate) fn is_calm(plan: &Plan) -> bool {
    let root_waits = |node: &usize| {
        let node = &plan.nodes[*node];
        // The root gives up after a time.
        matches!(node.verb, Verb::Pass | Verb::Forever)
            || node.targets.iter().any(|task| node.verb == Verb::Await && plan.may_hang(*task, false))
    };
    let calm = [Verb::Main, Verb::Spawn, Verb::Await, Verb::Cancel, Verb::Detach, Verb::Watch, Verb::Peek];
    let also = [Verb::Yield, Verb::Open, Verb::Pass, Verb::Panic, Verb::Forever];
    plan.end == End::Wait
        && plan.nodes.iter().all(|node| calm.contains(&node.verb) || also.contains(&node.verb))
        && !plan.nodes[0].body.iter().any(root_waits)
}

impl<'a> Reference<'a> {
    /// Runs a program.
    pub(crate) fn run(plan: &'a Plan) -> Reference<'a> {
        let tasks = plan.nodes.iter().map(|_| Task::default()).collect();
        let gates = Default::default();
        let mut reference = Reference { plan, tasks, queue: VecDeque::from([0]), gates, trace: Vec::new() };
        reference.tasks[0].is_queued = true;
        while let Some(task) = reference.queue.pop_front() {
            reference.turn(task);
        }
        reference
    }

    /// Returns how a task ended, if it did by itself.
    pub(crate) fn outcome(&self, task: usize) -> Option<Outcome> {
        self.tasks[task].outcome
    }

    fn turn(&mut self, task: usize) {
        self.tasks[task].is_queued = false;
        let turn = if self.tasks[task].outcome.is_some() {
            return;
        } else if self.tasks[task].is_cancelled {
            Turn::Ended(Outcome::Cancelled)
        } else {
            self.poll(task)
        };
        match turn {
            Turn::Yielded => self.wake(task),
            Turn::Suspended if self.tasks[task].is_cancelled => self.end(task, Outcome::Cancelled),
            Turn::Suspended => {}
            Turn::Ended(Outcome::Finished) if self.tasks[task].is_cancelled => {
                self.end(task, Outcome::Cancelled);
            }
            Turn::Ended(outcome) => self.end(task, outcome),
        }
    }

    fn poll(&mut self, task: usize) -> Turn {
        loop {
            if self.tasks[task].yields > 0 {
                self.tasks[task].yields -= 1;
                return Turn::Yielded;
            }
            let Some(&step) = self.plan.nodes[task].body.get(self.tasks[task].next) else {
                return Turn::Ended(Outcome::Finished);
            };
            self.tasks[task].next += 1;
            self.trace.push(step);
            if let Some(turn) = self.step(task, step) {
                return turn;
            }
        }
    }

    /// Takes a step; returns what ends the poll, if it does.
    fn step(&mut self, task: usize, step: usize) -> Option<Turn> {
        let node = &self.plan.nodes[step];
        let gate = usize::from(node.number) % GATES;
        match (node.verb, node.targets.first()) {
            (Verb::Yield, _) => self.tasks[task].yields = node.number,
            (Verb::Spawn, _) => {
                self.tasks[step].is_started = true;
                self.tasks[step].is_on_board = true;
                self.wake(step);
            }
            (Verb::Await, Some(&target)) if self.tasks[target].is_on_board => {
                self.tasks[target].is_on_board = false;
                if self.tasks[target].outcome.is_none() {
                    self.tasks[target].awaiter = Some(task);
                    return Some(Turn::Suspended);
                }
            }
            (Verb::Cancel, Some(&target)) if self.tasks[target].is_on_board => {
                self.tasks[target].is_cancelled |= self.tasks[target].outcome.is_none();
                if target != task {
                    self.wake(target);
                }
            }
            (Verb::Detach, Some(&target)) => self.tasks[target].is_on_board = false,
            (Verb::Open, _) => self.open(gate),
            (Verb::Pass, _) if !self.gates[gate].0 => {
                self.gates[gate].1.push(task);
                return Some(Turn::Suspended);
            }
            (Verb::Panic, _) if task > 0 => return Some(Turn::Ended(Outcome::Panicked)),
            (Verb::Forever, _) => return Some(Turn::Suspended),
            _ => {}
        }
        None
    }

    fn open(&mut self, gate: usize) {
        self.gates[gate].0 = true;
        for task in std::mem::take(&mut self.gates[gate].1) {
            self.wake(task);
        }
    }

    fn wake(&mut self, task: usize) {
        if !self.tasks[task].is_queued && self.tasks[task].outcome.is_none() {
            self.tasks[task].is_queued = true;
            self.queue.push_back(task);
        }
    }

    fn end(&mut self, task: usize, outcome: Outcome) {
        self.tasks[task].outcome = Some(outcome);
        if let Some(awaiter) = self.tasks[task].awaiter.take() {
            self.wake(awaiter);
        }
        if task == 0 {
            (0..GATES).for_each(|gate| self.open(gate));
        }
    }
}
