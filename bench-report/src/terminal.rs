//! What the terminal shows: progress with the time left, then the verdict table.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{figures, protocol::CellId, race::Progress, results::Results, verdict};

/// Progress on the standard error: a bar on a terminal, a line now and then elsewhere.
pub(crate) struct Bar {
    bar: ProgressBar,
    start: Instant,
    /// When the last line was printed, where there is no terminal.
    last_line: Option<Instant>,
}

/// How often a line is printed where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

impl Bar {
    /// Shows nothing yet.
    pub(crate) fn new() -> Bar {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}  {prefix} left  {msg}");
        bar.set_style(style.expect("the template is right"));
        Bar { bar, start: Instant::now(), last_line: None }
    }

    /// Takes the bar off the screen.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// What the processes so far took each, times those to come.
    fn left(&self, done: usize, all: usize) -> String {
        if done == 0 {
            return "?:??".to_owned();
        }
        let left = self.start.elapsed().as_secs_f64() / done as f64 * (all - done) as f64;
        format!("{}:{:02}", left as u64 / 60, left as u64 % 60)
    }
}

impl Default for Bar {
    fn default() -> Bar {
        Bar::new()
    }
}

impl Progress for Bar {
    fn next(&mut self, done: usize, all: usize, next: &CellId) {
        if std::io::stderr().is_terminal() {
            self.bar.set_length(all as u64);
            self.bar.set_position(done as u64);
            self.bar.set_prefix(self.left(done, all));
            self.bar.set_message(next.to_string());
        } else if self.last_line.is_none_or(|last| last.elapsed() > BETWEEN_LINES) {
            eprintln!("{done} of {all} processes, {} left", self.left(done, all));
            self.last_line = Some(Instant::now());
        }
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
                table.add_row([comparison, overhead, verdict]);
            }
        }
    }
    table.to_string()
}

/// The narrowest terminal that people use.
const WIDTH: u16 = 80;
