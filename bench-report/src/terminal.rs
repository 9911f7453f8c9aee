//! What the terminal shows: progress with the time left, then the verdict table.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    figures::{self, listed},
    protocol::CellId,
    race::Progress,
    results::{Cell, Results},
    verdict,
};

/// Progress on the standard error: a bar on a terminal, a line now and then elsewhere.
pub(crate) struct Bar {
    bar: ProgressBar,
    start: Instant,
    /// How long measuring may go on where the order is open, if it may.
    budget: Option<Duration>,
    /// How many processes had ended before the first was told of: those of the run that is resumed.
    before: Option<usize>,
    /// When the last line was printed, where there is no terminal.
    last_line: Option<Instant>,
}

/// How often a line is printed where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

impl Bar {
    /// Shows nothing yet.
    pub(crate) fn new(budget: Option<Duration>) -> Bar {
        let bar = ProgressBar::new(0);
        // What is too long for the line is cut off its end.
        let style = ProgressStyle::with_template("{bar:16} {prefix}  {wide_msg}");
        bar.set_style(style.expect("the template is right"));
        Bar { bar, start: Instant::now(), budget, before: None, last_line: None }
    }

    /// Takes the bar off the screen.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&mut self, [done, all]: [u64; 2], prefix: String, next: &CellId) {
        if std::io::stderr().is_terminal() {
            self.bar.set_length(all);
            self.bar.set_position(done);
            self.bar.set_prefix(prefix);
            self.bar.set_message(next.to_string());
        } else if self.last_line.is_none_or(|last| last.elapsed() > BETWEEN_LINES) {
            eprintln!("{prefix}");
            self.last_line = Some(Instant::now());
        }
    }

    /// What the processes so far took each, times those to come; then what is left of the budget.
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

/// Minutes and seconds.
fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

impl Progress for Bar {
    fn next(&mut self, done: usize, all: usize, next: &CellId) {
        let prefix = format!("{done} of {all} done, {} left", self.left(done, all));
        self.show([done as u64, all as u64], prefix, next);
    }

    fn further(&mut self, open: usize, left: Duration, next: &CellId) {
        let all = self.budget.unwrap_or(left).as_secs();
        let prefix = format!("{open} still open, {} left at most", clock(left));
        self.show([all.saturating_sub(left.as_secs()), all], prefix, next);
    }

    fn counting(&mut self, done: usize, all: usize, next: &CellId) {
        self.show([done as u64, all as u64], format!("counting, {done} of {all} done"), next);
    }

    fn failed(&mut self, cell: &CellId, reason: &str) {
        self.bar.suspend(|| eprintln!("{cell} failed: {reason}"));
    }
}

/// The verdict table: a row for each comparison, 80 columns wide at most.
pub(crate) fn verdict_table(results: &Results) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(["comparison", "per op", "verdict"]);
    table.set_constraints([ColumnConstraint::ContentWidth, ColumnConstraint::ContentWidth]);
    for workload in &results.workloads {
        for threads in verdict::threads(results) {
            for size in verdict::sizes(results, &workload.name, threads) {
                let comparison = format!("{}/{size}/t{threads}", workload.name);
                let winner = verdict::winner(results.comparison(&workload.name, size, threads));
                let [overhead, verdict] = match winner {
                    Some(winner) => [figures::ns(winner.overhead.value), winner.to_string()],
                    None => [String::new(), "nobody was measured".to_owned()],
                };
                let measure = Some(&workload.measure).filter(|measure| !measure.is_empty());
                let said = [measure.cloned(), Some(verdict), beside(results, &workload.name, size, threads)];
                let verdict = said.into_iter().flatten().collect::<Vec<_>>().join("; ");
                table.add_row([comparison, overhead, verdict]);
            }
        }
    }
    table.to_string()
}

/// The figures of the programs beside a comparison, if there are any.
fn beside(results: &Results, workload: &str, size: u64, threads: usize) -> Option<String> {
    let programs = results.comparison(workload, size, threads);
    let programs = programs.filter(|cell| verdict::is_program(results, &cell.executor));
    let figure = |cell: &Cell| Some(format!("{} {}", cell.executor, figures::ns(cell.overhead()?.value)));
    let figures: Vec<String> = programs.filter_map(figure).collect();
    (!figures.is_empty()).then(|| format!("beside: {}", listed(&figures)))
}

/// The narrowest terminal that people use.
pub(crate) const WIDTH: u16 = 80;
