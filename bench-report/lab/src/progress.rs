//! Progress with the time left, on the terminal.

use std::{
    env,
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use race::{journal::Fault, race::Progress};
use results::CellId;

use crate::output::complain;

/// Progress on the standard error: a bar on a terminal, a line now and then elsewhere.
pub(crate) struct Bar {
    bar: ProgressBar,
    start: Instant,
    /// The time for measuring where the order is open, if there is any.
    budget: Option<Duration>,
    /// The number of processes that had ended before the first was told of: those of the run that is resumed.
    before: Option<usize>,
    /// True on a terminal whose cursor can be moved.
    draws: bool,
    /// When the last line was printed, where there is none.
    last_line: Option<Instant>,
}

/// The pause between two lines where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

impl Bar {
    /// Shows nothing yet.
    pub(crate) fn new(budget: Option<Duration>) -> Bar {
        let bar = ProgressBar::new(0);
        // What is too long for the line is cut off its end.
        let style = ProgressStyle::with_template("{bar:16} {prefix}  {wide_msg}");
        bar.set_style(style.expect("the template is right"));
        let draws = io::stderr().is_terminal() && moves_its_cursor();
        Bar { bar, start: Instant::now(), budget, before: None, draws, last_line: None }
    }

    /// Takes the bar off the screen.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&mut self, [done, all]: [u64; 2], prefix: String, next: &CellId) {
        if self.draws {
            self.bar.set_length(all);
            self.bar.set_position(done);
            self.bar.set_prefix(prefix);
            self.bar.set_message(next.to_string());
        } else if self.last_line.is_none_or(|last| last.elapsed() > BETWEEN_LINES) {
            complain(&prefix);
            self.last_line = Some(Instant::now());
        }
    }

    /// Estimates the time left: the mean of the processes so far, times those to come; then the rest of the budget.
    fn left(&mut self, done: usize, all: usize) -> String {
        let before = *self.before.get_or_insert(done);
        if done == before {
            return "?:??".to_owned();
        }
        let took = self.start.elapsed();
        let left = took.div_f64((done - before) as f64).mul_f64(all.saturating_sub(done) as f64);
        match self.budget.map(|budget| budget.saturating_sub(took)) {
            Some(most) if most > left => format!("{} to {}", clock(left), clock(most)),
            _ => clock(left),
        }
    }
}

/// Tells whether the terminal moves its cursor: that of an editor says that it is "dumb", and others say nothing.
fn moves_its_cursor() -> bool {
    cfg!(windows) || env::var_os("TERM").is_some_and(|name| !name.is_empty() && name != "dumb")
}

/// Minutes and seconds.
fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Progress of a build that takes minutes, whose own words go into a file.
pub(crate) struct Building {
    bar: ProgressBar,
    draws: bool,
    start: Instant,
    last_line: Option<Instant>,
}

impl Building {
    /// Shows nothing yet.
    pub(crate) fn new() -> Building {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{bar:16} {wide_msg}");
        bar.set_style(style.expect("the template is right"));
        let draws = io::stderr().is_terminal() && moves_its_cursor();
        Building { bar, draws, start: Instant::now(), last_line: Some(Instant::now()) }
    }

    /// Shows how many packages are ready, of about how many.
    pub(crate) fn show(&mut self, ready: usize, all: usize) {
        let line = format!("{ready} of {all} packages ready, {}", clock(self.start.elapsed()));
        if self.draws {
            self.bar.set_length(all as u64);
            self.bar.set_position(ready as u64);
            self.bar.set_message(line);
        } else if self.last_line.is_none_or(|last| last.elapsed() > BETWEEN_LINES) {
            complain(&line);
            self.last_line = Some(Instant::now());
        }
    }

    /// Takes the bar off the screen.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn next(&mut self, done: usize, all: usize, next: &CellId) {
        let prefix = format!("{done} of {all} done, {} left", self.left(done, all));
        self.show([done as u64, all as u64], prefix, next);
    }

    fn further(&mut self, settled: usize, all: usize, left: Duration, next: &CellId) {
        let budget = self.budget.unwrap_or(left).as_secs();
        let prefix = format!("{settled} of {all} settled, {} left", clock(left));
        self.show([budget.saturating_sub(left.as_secs()), budget], prefix, next);
    }

    fn counting(&mut self, done: usize, all: usize, next: &CellId) {
        self.show([done as u64, all as u64], format!("counting, {done} of {all} done"), next);
    }

    fn stood_still(&mut self, time: Duration, next: &str) {
        let seconds = time.as_secs_f64();
        let line = format!("the race stood still for {seconds:.1} s: {next} starts anew");
        self.bar.suspend(|| complain(&line));
    }

    fn faulty(&mut self, cell: &CellId, fault: &Fault) {
        let line = match fault {
            Fault::Failed(reason) => format!("{cell} failed: {reason}"),
            Fault::Spoiled(reason) => format!("{cell} n/a: {reason}"),
        };
        self.bar.suspend(|| complain(&line));
    }
}
