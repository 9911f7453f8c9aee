//! The language of the programs: steps with a number and a body, their text, and how they are made up.
//!
//! A number chooses a target, a gate or a length, modulo what there is, so that every program means something.

use std::{fmt, iter::Peekable, str::SplitWhitespace};

use proptest::{collection::vec, prelude::*, sample::select};

/// The kinds of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// The root.
    Main,
    // Those with a body that is a task, a job or a thread.
    /// Starts a task.
    Spawn,
    /// Starts a local task where there are such, and otherwise a task.
    Local,
    /// Starts a blocking job.
    Job,
    /// Submits a job to the thread pool.
    Pool,
    /// Starts a thread that belongs to no runtime.
    Thread,
    /// Starts a thread that calls `block_on` of the same runtime, if that has workers.
    Drive,
    /// Runs a runtime inside a job or a thread.
    Nested,
    /// Queues a function.
    Soon,
    // Those with a body that is of the same task.
    /// Runs the body for a limited time.
    Timeout,
    /// Runs the body as a task group, of which the tasks are that it spawns.
    Group,
    // Those without a body.
    /// Yields.
    Yield,
    /// Sleeps for some ticks.
    Sleep,
    /// Makes a promise.
    Promise,
    /// Sets a promise.
    Set,
    /// Awaits a task.
    Await,
    /// Awaits a task for some ticks, and cancels it then.
    WaitFor,
    /// Awaits a task for a tick, and leaves it.
    Shield,
    /// Awaits some tasks.
    Gather,
    /// Awaits some tasks, with their errors.
    GatherAll,
    /// Waits for the first of some tasks.
    Wait,
    /// Takes some tasks as they end.
    AsCompleted,
    /// Cancels a task.
    Cancel,
    /// Drops the handle of a task.
    Detach,
    /// Adds a callback to a task.
    Watch,
    /// Asks a task how it is.
    Peek,
    /// Opens a gate.
    Open,
    /// Waits until a gate is open.
    Pass,
    /// Leaves a waker behind.
    Leave,
    /// Wakes all wakers that were left behind.
    Poke,
    /// Panics.
    Panic,
    /// Never ends.
    Forever,
}

/// The words of the verbs.
const WORDS: [(Verb, &str); 31] = [
    (Verb::Spawn, "spawn"),
    (Verb::Local, "local"),
    (Verb::Job, "job"),
    (Verb::Pool, "pool"),
    (Verb::Thread, "thread"),
    (Verb::Drive, "drive"),
    (Verb::Nested, "nested"),
    (Verb::Soon, "soon"),
    (Verb::Timeout, "timeout"),
    (Verb::Group, "group"),
    (Verb::Yield, "yield"),
    (Verb::Sleep, "sleep"),
    (Verb::Promise, "promise"),
    (Verb::Set, "set"),
    (Verb::Await, "await"),
    (Verb::WaitFor, "wait-for"),
    (Verb::Shield, "shield"),
    (Verb::Gather, "gather"),
    (Verb::GatherAll, "gather-all"),
    (Verb::Wait, "wait"),
    (Verb::AsCompleted, "as-completed"),
    (Verb::Cancel, "cancel"),
    (Verb::Detach, "detach"),
    (Verb::Watch, "watch"),
    (Verb::Peek, "peek"),
    (Verb::Open, "open"),
    (Verb::Pass, "pass"),
    (Verb::Leave, "leave"),
    (Verb::Poke, "poke"),
    (Verb::Panic, "panic"),
    (Verb::Forever, "forever"),
];

/// One step of a program.
#[derive(Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) verb: Verb,
    pub(crate) number: u8,
    pub(crate) body: Vec<Step>,
}

/// The way in which a program ends its runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The root waits until all has ended that can.
    Wait,
    /// The runtime is dropped at once.
    Drop,
    /// The runtime is dropped at once, on another thread.
    Elsewhere,
    /// The root panics, then the runtime is dropped.
    Panic,
    /// A thread drives the runtime in the background, and is told to stop.
    Driven,
}

/// The words of the ends.
const ENDS: [(End, &str); 5] = [
    (End::Wait, "wait:"),
    (End::Drop, "drop:"),
    (End::Elsewhere, "elsewhere:"),
    (End::Panic, "panic:"),
    (End::Driven, "driven:"),
];

/// A program: what the root does, and how it ends.
#[derive(Clone, PartialEq)]
pub(crate) struct Program {
    pub(crate) end: End,
    pub(crate) steps: Vec<Step>,
}

impl Program {
    /// Reads the text of a program.
    pub(crate) fn parse(text: &str) -> Program {
        let mut words = text.split_whitespace().peekable();
        let end = words.next().and_then(|word| ENDS.iter().find(|(_, end)| *end == word));
        let end = end.unwrap_or_else(|| panic!("no end of a program begins `{text}`")).0;
        let steps = parse_steps(&mut words);
        assert_eq!(words.next(), None, "of `{text}`");
        Program { end, steps }
    }
}

/// Reads steps up to a closing brace.
fn parse_steps(words: &mut Peekable<SplitWhitespace<'_>>) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some(word) = words.next_if(|word| *word != "}") {
        let name = word.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let verb = WORDS.iter().find(|(_, word)| *word == name);
        let verb = verb.unwrap_or_else(|| panic!("no step is called `{name}`")).0;
        let number = word[name.len()..].parse().unwrap_or(0);
        let body = words.next_if_eq(&"{").map_or_else(Vec::new, |_| {
            let body = parse_steps(words);
            assert_eq!(words.next(), Some("}"), "the end of {name}");
            body
        });
        steps.push(Step { verb, number, body });
    }
    steps
}

impl fmt::Debug for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = ENDS.iter().find(|(end, _)| *end == self.end).expect("all ends have a word").1;
        formatter.write_str(end)?;
        self.steps.iter().try_for_each(|step| write!(formatter, " {step:?}"))
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = WORDS.iter().find(|(verb, _)| *verb == self.verb).expect("all verbs have a word").1;
        write!(formatter, "{word}{}", self.number)?;
        if !self.body.is_empty() {
            write!(formatter, " {{")?;
            self.body.iter().try_for_each(|step| write!(formatter, " {step:?}"))?;
            write!(formatter, " }}")?;
        }
        Ok(())
    }
}

/// Makes up programs of all verbs.
pub(crate) fn any_program() -> impl Strategy<Value = Program> {
    let bodies = prop_oneof![
        8 => Just(Verb::Spawn),
        8 => select(&WORDS[..10]).prop_map(|(verb, _)| verb),
    ];
    let ends = prop_oneof![Just(End::Wait), select(&ENDS[..]).prop_map(|(end, _)| end)];
    programs(bodies, select(&WORDS[10..]).prop_map(|(verb, _)| verb), ends)
}

/// Makes up programs of which an event loop has but one order.
pub(crate) fn calm_program() -> impl Strategy<Value = Program> {
    let verbs = prop_oneof![
        3 => select(&[Verb::Yield, Verb::Await, Verb::Cancel][..]),
        1 => select(&[Verb::Watch, Verb::Detach, Verb::Peek, Verb::Open, Verb::Pass, Verb::Panic, Verb::Forever][..]),
    ];
    programs(Just(Verb::Spawn), verbs, Just(End::Wait))
}

/// Makes up programs of steps with bodies and steps without.
fn programs(
    bodies: impl Strategy<Value = Verb> + Clone + 'static,
    verbs: impl Strategy<Value = Verb> + 'static,
    ends: impl Strategy<Value = End>,
) -> impl Strategy<Value = Program> {
    let leaf = (verbs, 0..8_u8).prop_map(|(verb, number)| Step { verb, number, body: Vec::new() }).boxed();
    let step = leaf.prop_recursive(4, 40, 6, move |step| {
        let body = (bodies.clone(), 0..8_u8, vec(step.clone(), 0..6));
        let body = body.prop_map(|(verb, number, body)| Step { verb, number, body });
        prop_oneof![3 => body, 2 => step]
    });
    (ends, vec(step, 1..8)).prop_map(|(end, steps)| Program { end, steps })
}
