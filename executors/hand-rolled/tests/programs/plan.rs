//! A program with its parts numbered, and what must hold of them in whatever order they run.
//!
//! Nobody awaits a task with a lower number than its own, so that nobody waits in a circle, and the root waits
//! without a limit for nothing that may not end. What is said here of a part is on the safe side: an outcome
//! that cannot be excluded is allowed.

use crate::language::{End, Program, Step, Verb};

/// A program whose steps have numbers, in the order of its text; the root is number 0.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) end: End,
    pub(crate) nodes: Vec<Node>,
}

/// A step.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) verb: Verb,
    pub(crate) number: u8,
    /// The steps of the body.
    pub(crate) body: Vec<usize>,
    /// The step whose body this one is in.
    pub(crate) parent: usize,
    /// The task, job or thread that takes this step.
    owner: usize,
    /// The tasks that this step is about.
    pub(crate) targets: Vec<usize>,
}

/// The outcomes that a task may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) finished: bool,
    pub(crate) cancelled: bool,
    pub(crate) panicked: bool,
    /// True if it must have been started.
    pub(crate) surely_started: bool,
}

impl Verb {
    /// Returns true if a step of this kind makes a task with a handle.
    pub(crate) fn makes_a_task(self) -> bool {
        matches!(self, Verb::Spawn | Verb::Local | Verb::Job | Verb::Pool | Verb::Promise)
    }

    /// Returns true if the body is of the same task.
    fn is_inline(self) -> bool {
        matches!(self, Verb::Timeout | Verb::Group | Verb::Nested)
    }

    /// Returns true if the body runs on a thread that it may block.
    pub(crate) fn blocks(self) -> bool {
        matches!(self, Verb::Job | Verb::Pool | Verb::Thread)
    }

    /// Returns true if it waits for its targets, for as long as that takes.
    fn awaits(self) -> bool {
        matches!(self, Verb::Await | Verb::Gather | Verb::GatherAll | Verb::AsCompleted)
    }

    /// Returns true if it may cancel its targets.
    fn cancels(self) -> bool {
        matches!(self, Verb::Cancel | Verb::WaitFor | Verb::Gather | Verb::GatherAll | Verb::Set)
    }
}

impl Plan {
    /// Numbers the steps of a program.
    pub(crate) fn new(program: &Program) -> Plan {
        let root =
            Node { verb: Verb::Main, number: 0, body: Vec::new(), parent: 0, owner: 0, targets: Vec::new() };
        let mut plan = Plan { end: program.end, nodes: vec![root] };
        plan.add(&program.steps, 0, 0);
        for node in 0..plan.nodes.len() {
            plan.nodes[node].targets = plan.choose_targets(node);
        }
        plan
    }

    fn add(&mut self, steps: &[Step], parent: usize, owner: usize) {
        for step in steps {
            let node = self.nodes.len();
            let (verb, number) = (step.verb, step.number);
            self.nodes.push(Node { verb, number, body: Vec::new(), parent, owner, targets: Vec::new() });
            self.nodes[parent].body.push(node);
            self.add(&step.body, node, if verb.is_inline() { owner } else { node });
        }
    }

    /// Returns the tasks that a step is about.
    fn choose_targets(&self, node: usize) -> Vec<usize> {
        let Node { verb, number, owner, .. } = self.nodes[node];
        let all = |later: bool| {
            let is_wanted =
                move |node: &usize| self.nodes[*node].verb.makes_a_task() && (*node > owner) == later;
            (0..self.nodes.len()).filter(is_wanted)
        };
        let (mut candidates, count): (Vec<_>, _) = match verb {
            Verb::Await | Verb::WaitFor | Verb::Shield => (all(true).collect(), 1),
            Verb::Gather | Verb::GatherAll | Verb::Wait | Verb::AsCompleted => (all(true).collect(), 3),
            Verb::Cancel | Verb::Detach | Verb::Watch | Verb::Peek => {
                (all(true).chain(all(false)).collect(), 1)
            }
            Verb::Set => (all(true).chain(all(false)).collect(), 1),
            _ => return Vec::new(),
        };
        if verb == Verb::Set {
            candidates.retain(|node| self.nodes[*node].verb == Verb::Promise);
        }
        let first = usize::from(number) % candidates.len().max(1);
        candidates.into_iter().cycle().skip(first).take(count).collect::<Vec<_>>().into_iter().fold(
            Vec::new(),
            |mut targets, target| {
                if !targets.contains(&target) {
                    targets.push(target);
                }
                targets
            },
        )
    }

    /// Returns true if a task may not end by itself, once all gates are open and all promises are gone, or
    /// before that.
    pub(crate) fn may_hang(&self, task: usize, gates_are_open: bool) -> bool {
        let inside = || (task + 1..self.nodes.len()).take_while(|node| self.is_inside(*node, task));
        match self.nodes[task].verb {
            Verb::Promise => !gates_are_open,
            // A runtime inside of it waits for all its jobs.
            verb if verb.blocks() && inside().any(|node| self.nodes[node].verb == Verb::Nested) => {
                inside().any(|node| self.step_may_hang(node, gates_are_open))
            }
            _ => self.body_may_hang(task, gates_are_open),
        }
    }

    fn body_may_hang(&self, node: usize, gates_are_open: bool) -> bool {
        self.nodes[node].body.iter().any(|step| self.step_may_hang(*step, gates_are_open))
    }

    /// Returns true if a step of a task may not end.
    pub(crate) fn step_may_hang(&self, step: usize, gates_are_open: bool) -> bool {
        let Node { verb, ref targets, ref body, .. } = self.nodes[step];
        match verb {
            // Threads and roots leave these out.
            Verb::Forever => self.is_of_a_task(step),
            Verb::Pass => !gates_are_open && self.is_of_a_task(step),
            // A thread knows no limit.
            Verb::Timeout => {
                self.nodes[self.nodes[step].owner].verb.blocks() && self.body_may_hang(step, gates_are_open)
            }
            verb if verb.awaits() => targets.iter().any(|target| self.may_hang(*target, gates_are_open)),
            Verb::Group => {
                let is_member = |step: &&usize| matches!(self.nodes[**step].verb, Verb::Spawn);
                self.body_may_hang(step, gates_are_open)
                    || body.iter().filter(is_member).any(|task| self.may_hang(*task, gates_are_open))
            }
            _ => false,
        }
    }

    /// Returns true if a task takes the step, and no root or thread.
    fn is_of_a_task(&self, step: usize) -> bool {
        matches!(self.nodes[self.nodes[step].owner].verb, Verb::Spawn | Verb::Local)
    }

    /// Returns true if a step may come later than all that the root waits for.
    fn may_come_late(&self, step: usize) -> bool {
        self.around(step).any(|node| node > 0 && self.may_hang(node, true))
    }

    /// Returns true if all callbacks of a task are added before the root has waited.
    pub(crate) fn is_watched_in_time(&self, task: usize) -> bool {
        let watches =
            |node: &usize| self.nodes[*node].verb == Verb::Watch && self.nodes[*node].targets.contains(&task);
        !(0..self.nodes.len()).filter(watches).any(|node| self.may_come_late(node))
    }

    /// Returns true if `node` is in the body of `around`, or in a body inside of that.
    fn is_inside(&self, node: usize, around: usize) -> bool {
        self.around(node).any(|node| node == around)
    }

    /// Returns the steps that a step is inside of, from the inside out.
    fn around(&self, node: usize) -> impl Iterator<Item = usize> {
        let mut node = node;
        std::iter::from_fn(move || {
            (node > 0).then(|| {
                node = self.nodes[node].parent;
                node
            })
        })
    }

    /// Returns true if a step is part of a runtime inside of the runtime.
    pub(crate) fn is_nested(&self, node: usize) -> bool {
        self.around(node).any(|node| self.nodes[node].verb == Verb::Nested)
    }

    /// Returns true if a task is one of a group.
    pub(crate) fn is_member(&self, task: usize) -> bool {
        let node = &self.nodes[task];
        node.verb == Verb::Spawn && self.nodes[node.parent].verb == Verb::Group
    }

    /// Returns true if a job waits for a task, which may wait for another job.
    pub(crate) fn has_jobs_that_wait(&self) -> bool {
        let is_of_a_job = |node: &Node| self.nodes[node.owner].verb.blocks();
        self.nodes.iter().any(|node| is_of_a_job(node) && matches!(node.verb, Verb::Await | Verb::Nested))
    }

    /// Returns the outcomes that a task may have.
    pub(crate) fn allowed(&self, task: usize) -> Allowed {
        let panicked = self.panics(task);
        let cancelled = self.end != End::Wait
            // What has not ended by then may still start something.
            || self.may_hang(task, true)
            || self.may_come_late(task)
            || self.is_nested(task)
            || self.is_member(task)
            || self.nodes.iter().any(|node| node.verb.cancels() && node.targets.contains(&task));
        if self.nodes[task].verb == Verb::Promise {
            return Allowed { finished: true, cancelled: true, panicked: true, surely_started: false };
        }
        // A panic in a body that has a limit may not be reached.
        let finished = !self.nodes[task].body.iter().any(|step| self.nodes[*step].verb == Verb::Panic);
        Allowed { finished, cancelled, panicked, surely_started: self.is_surely_taken(task) }
    }

    /// Returns true if a body may panic.
    fn panics(&self, node: usize) -> bool {
        self.nodes[node].body.iter().any(|step| match self.nodes[*step].verb {
            Verb::Panic => true,
            Verb::Timeout => self.panics(*step),
            // A group contains the panic, but a thread has no groups.
            Verb::Group => self.nodes[self.nodes[*step].owner].verb.blocks() && self.panics(*step),
            _ => false,
        })
    }

    /// Returns true if a step is taken in each run of the program.
    fn is_surely_taken(&self, node: usize) -> bool {
        if node == 0 {
            return true;
        }
        let parent = self.nodes[node].parent;
        let ends_early = |step: &&usize| {
            let verb = self.nodes[**step].verb;
            verb == Verb::Panic
                || self.step_may_hang(**step, true)
                || verb == Verb::Timeout && self.panics(**step)
        };
        let before = self.nodes[parent].body.iter().take_while(|step| **step < node);
        // The root waits for nothing without a limit, and does not panic before its end.
        let is_reached = parent == 0 || before.filter(ends_early).count() == 0;
        let is_entered = match self.nodes[parent].verb {
            Verb::Main => true,
            Verb::Spawn | Verb::Local => !self.allowed(parent).cancelled,
            _ => return false,
        };
        is_reached && is_entered && self.is_surely_taken(parent)
    }
}
