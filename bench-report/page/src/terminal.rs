//! Writes the end of a run for a terminal: the answers of the page's first screen, in 80 columns and few lines.

use std::fmt::Write;

use results::{
    Cell, Results, Status,
    figures::{counted, listed},
};

use crate::{
    circumstances,
    first::{First, FirstRace, FirstSquare, Head, Question},
    table::{self, WIDTH},
    versions::OverVersions,
};

/// The most lines of the end of a run, with the line behind it that says where the page is.
pub const LINES: usize = 30;

/// The most lines of a sentence.
const MOST: usize = 2;

/// The most steps between the builds of a lane that are told.
const STEPS: usize = 6;

/// The narrowest column of a runtime, a space in front of it included.
const NARROWEST: usize = 7;

/// The longest name at the head of a column.
const LONGEST_HEAD: usize = 20;

/// The shortest and the longest name of a kind of work.
const KIND: [usize; 2] = [18, 36];

/// The lines above the first kind of work: an empty one, and two of heads.
const HEAD: usize = 3;

/// The edge behind the runtimes that can serve.
const EDGE: &str = " |";

/// Writes the answers of a run, of [`LINES`] less one at most, of 80 columns each. What has failed is not in them.
pub fn ending(results: &Results) -> String {
    let first = First::of(results);
    let mut lines = wrapped(&summary(results));
    lines.extend(wrapped(&machine(results)));
    let rows = first.races.first().map_or(0, |race| {
        let has_room = Columns::of(race).widths.len() == race.heads.len();
        kinds(race).count() + 1 + memory(race).iter().count() + usize::from(!has_room)
    });
    let mut end = end(results, &first, true);
    if lines.len() + HEAD + rows + end.len() >= LINES {
        end = self::end(results, &first, false);
    }
    if let Some(race) = first.races.first() {
        lines.push(String::new());
        let room = (LINES - 1).saturating_sub(lines.len() + end.len());
        lines.extend(table(race, room));
    }
    lines.extend(end);
    lines.truncate(LINES - 1);
    lines.iter().fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

/// Writes what follows the table, with the reason for most rows that are lost if there is room for it.
fn end(results: &Results, first: &First, with_reason: bool) -> Vec<String> {
    let mut end: Vec<String> = OverVersions::all(results).iter().flat_map(over_versions).collect();
    if let Some(race) = first.races.first() {
        end.extend(first.races[1..].iter().filter_map(in_a_line));
        end.push("Second column: rows. Lower is better; = level, ≈ near, ~ open, - no figure.".to_owned());
        end.extend(race.pairs.iter().take(1).cloned());
        end.extend(race.reasons.iter().take(usize::from(with_reason)).map(|reason| {
            format!("{}: {} ({}, {}).", reason.runtimes, reason.says, reason.issue, reason.rows)
        }));
        end.extend(race.absent.clone());
    }
    // The first clause: what it means stands on the page.
    let silent = first.silent.split(". ").next().unwrap_or_default();
    end.push(format!("Not measured: {}.", silent.trim_end_matches('.')));
    if let Some(settled) = table::settled(results) {
        end.push(format!("{}.", capitalised(&settled)));
        end.push("All of them: `target/lab/bench-report show`.".to_owned());
    }
    end.iter().flat_map(|line| wrapped(line)).collect()
}

/// Writes the certain steps between the builds of one lane, the first ones if there are many.
fn over_versions(OverVersions { package, steps, .. }: &OverVersions) -> Vec<String> {
    if steps.is_empty() {
        return vec![format!("Between these builds of {package} no difference is certain.")];
    }
    let shown = steps.iter().take(STEPS).cloned();
    let more = steps.len().saturating_sub(STEPS);
    let rest = (more > 0)
        .then(|| format!("And {} between builds of {package}: see the page.", counted(more, "more step")));
    shown.chain(rest).collect()
}

/// Counts what was measured: "Photofinish: 58 comparisons, 391 cells, none failed, in 5:46".
fn summary(results: &Results) -> String {
    let count = |status: Status| results.cells.iter().filter(|cell| cell.status == status).count();
    let [measured, failed] = [Status::Ok, Status::Failed].map(count);
    let failed_in_words = if failed == 0 { "none failed".to_owned() } else { format!("{failed} failed") };
    let comparison = |Cell { workload, size, threads, .. }: &'_ Cell| (workload.clone(), *size, *threads);
    let mut comparisons: Vec<_> = results.cells.iter().map(comparison).collect();
    comparisons.sort_unstable();
    comparisons.dedup();
    format!(
        "Photofinish: {}, {}, {failed_in_words}{}",
        counted(comparisons.len(), "comparison"),
        counted(measured + failed, "cell"),
        circumstances::duration(&results.run).map_or(String::new(), |time| format!(", in {time}"))
    )
}

/// Names the machine and its noise.
fn machine(results: &Results) -> String {
    let machine = &results.machine;
    let warnings = match results.warnings.len() {
        0 => String::new(),
        warnings => format!("; {}", counted(warnings, "warning")),
    };
    let noise = circumstances::noise_floor(results);
    let conditions = match circumstances::conditions(results) {
        none if none.is_empty() => none,
        conditions => format!("; under {conditions}"),
    };
    format!("{}, {} processors{conditions}; noise floor {noise}{warnings}", machine.cpu, machine.cores)
}

/// Draws the table of a race in so many lines at most: the kinds of work, or the comparisons if there is one kind only.
fn table(race: &FirstRace, most: usize) -> Vec<String> {
    let columns = Columns::of(race);
    let mut lines = columns.head(race);
    let mut end: Vec<String> = Vec::new();
    let all = race.questions.iter().find(|question| question.key == "all:");
    end.extend(all.into_iter().chain(memory(race)).map(|question| columns.question(race, question)));
    if columns.widths.len() < race.heads.len() {
        let left_out = race.heads[columns.widths.len()..].iter().map(|head| &*head.name);
        end.extend(wrapped(&format!("No room for {}.", listed(&left_out.collect::<Vec<_>>()))));
    }
    let rows: Vec<String> = kinds(race).map(|kind| columns.question(race, kind)).collect();
    let room = most.saturating_sub(lines.len() + end.len());
    if rows.len() <= room {
        lines.extend(rows);
    } else {
        let fitting = room.saturating_sub(1);
        lines.extend(rows[..fitting].iter().cloned());
        lines.push("  and more: target/lab/bench-report show".to_owned());
    }
    lines.extend(end);
    lines
}

/// Returns the kinds of work, or the comparisons if there is one kind only.
fn kinds(race: &FirstRace) -> impl Iterator<Item = &Question> {
    let is_kind = |question: &&Question| ["group:", "row:"].iter().any(|kind| question.key.starts_with(kind));
    race.questions.iter().filter(is_kind)
}

/// Returns the first row of memory: that of a sleeping task.
fn memory(race: &FirstRace) -> Option<&Question> {
    race.questions.iter().find(|question| question.key.starts_with("memory:"))
}

/// The columns of the table: the kinds of work, and as many runtimes as fit.
struct Columns {
    /// The width of the column of kinds.
    kinds: usize,
    /// The width of each runtime's column.
    widths: Vec<usize>,
}

impl Columns {
    fn of(race: &FirstRace) -> Columns {
        let [shortest, longest] = KIND;
        let names = kinds(race).map(|question| name(question).chars().count());
        let width = names.max().unwrap_or(0).clamp(shortest, longest) + 3;
        let mut left = usize::from(WIDTH) - width - EDGE.len();
        let mut widths = Vec::new();
        for head in &race.heads {
            let texts = [short(&head.name), remark(head)];
            let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
            let squares = race
                .questions
                .iter()
                .filter(|question| question.class.starts_with("means"))
                .chain(memory(race));
            let figures = squares.filter_map(|question| question.squares.get(widths.len()));
            let figures = figures.map(|square| figure(square).chars().count()).max().unwrap_or(0);
            let width = (width.max(figures) + 1).max(NARROWEST);
            let Some(rest) = left.checked_sub(width) else { break };
            left = rest;
            widths.push(width);
        }
        Columns { kinds: width, widths }
    }

    /// Writes the names of the runtimes, and below them what keeps one from being chosen, or its version.
    fn head(&self, race: &FirstRace) -> Vec<String> {
        let corner = race.corner.trim_start_matches("times as long as the ");
        let title = format!("{}: times the", race.threads);
        vec![
            self.line(race, &title, race.heads.iter().map(|head| short(&head.name))),
            self.line(race, corner, race.heads.iter().map(remark)),
        ]
    }

    fn question(&self, race: &FirstRace, question: &Question) -> String {
        let length = self.kinds - 3;
        let name: String = name(question).chars().take(length).collect();
        let number = if question.class == "values" { "" } else { &question.small };
        self.line(race, &format!("{name:<length$}{number:>3}"), question.squares.iter().map(figure))
    }

    /// Writes a line: a title on the left, a text a runtime on the right, and an edge between those that can serve and others.
    fn line(&self, race: &FirstRace, title: &str, texts: impl Iterator<Item = String>) -> String {
        let title: String = title.chars().take(self.kinds).collect();
        let mut line = format!("{title:<width$}", width = self.kinds);
        for ((head, width), text) in race.heads.iter().zip(&self.widths).zip(texts) {
            if head.class == "yardstick first" {
                line += EDGE;
            }
            write!(line, "{text:>width$}").expect("a string takes what is written");
        }
        line
    }
}

/// Names a kind of work, in which several workloads have a figure, or what is counted.
fn name(question: &Question) -> &str {
    match question.key.strip_prefix("group:") {
        Some(group) => group,
        None => &question.name,
    }
}

/// Writes the first part of a remark: "1.54.1", "ours".
fn remark(head: &Head) -> String {
    short(head.remark.split(',').next().unwrap_or_default())
}

fn short(name: &str) -> String {
    name.chars().take(LONGEST_HEAD).collect()
}

/// Writes a figure so that its digits stand above those of others: "1.52 ", "1.05~".
fn figure(square: &FirstSquare) -> String {
    match &*square.text {
        "–" | "" => "- ".to_owned(),
        "only one" => "only ".to_owned(),
        text if text.ends_with(['=', '≈', '~']) => text.replace(' ', ""),
        text => format!("{text} "),
    }
}

/// Writes the standings over all that is measured by the clock in another race.
fn in_a_line(race: &FirstRace) -> Option<String> {
    let all = race.questions.iter().find(|question| question.key == "all:")?;
    let known = race.heads.iter().zip(&all.squares).filter(|(_, square)| figure(square) != "- ");
    let known = known.map(|(head, square)| format!("{} {}", short(&head.name), figure(square).trim_end()));
    let known: Vec<String> = known.collect();
    (!known.is_empty()).then(|| format!("{}, {} timed: {}.", race.threads, all.small, known.join(", ")))
}

/// Breaks a text into lines of 80 columns, [`MOST`] at most; what follows the first is indented.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let word: String = word.chars().take(usize::from(WIDTH) - 4).collect();
        let line = lines.last_mut().expect("there is one");
        if line.chars().count() + word.chars().count() >= usize::from(WIDTH) && !line.trim().is_empty() {
            lines.push(format!("  {word}"));
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
    }
    if lines.len() > MOST {
        lines.truncate(MOST);
        let last = lines.last_mut().expect("there are some");
        *last = last.chars().take(usize::from(WIDTH) - 4).chain(" ...".chars()).collect();
    }
    lines
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
