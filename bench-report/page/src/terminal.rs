//! Writes the end of a run for a terminal: the answers of the page's first screen, in 80 columns and few lines.

use std::fmt::Write;

use results::{
    Cell, Results, Standing, Status,
    figures::{counted, listed, ratio},
    lookup,
};

use crate::{
    answers::{Answers, Kind, Mark, Pair, Place},
    circumstances,
    table::{self, WIDTH},
};

/// The most lines of the end of a run, with the line behind it that says where the page is.
pub const LINES: usize = 30;

/// The narrowest column of a lane.
const NARROWEST: usize = 6;

/// The longest part of a lane's name in one line of a head.
const LONGEST_PART: usize = 11;

/// The most lines of a sentence.
const MOST: usize = 2;

/// The longest name of a kind of work.
const LONGEST_KIND: usize = 22;

/// Writes the answers of a run, of [`LINES`] less one at most, of 80 columns each. What has failed is not in them.
pub fn ending(results: &Results) -> String {
    let races = lookup::races(results);
    let Some((&threads, others)) = races.split_first() else {
        return format!("{}\n", summary(results));
    };
    let answers = Answers::of(results, threads);
    let mut end = Vec::new();
    end.extend(others.iter().filter_map(|&threads| in_a_line(results, threads)));
    end.push(LEGEND.to_owned());
    end.push(String::new());
    end.extend(pair(results, &answers));
    end.extend(standings(results, &answers));
    end.extend(table::settled(results).map(|settled| format!("{}.", capitalised(&settled))));
    end.push("Every comparison: bench-report show".to_owned());
    let end: Vec<String> = end.iter().flat_map(|line| wrapped(line)).collect();
    let mut lines = wrapped(&summary(results));
    lines.extend(wrapped(&machine(results)));
    lines.push(String::new());
    lines.extend(Columns::of(&answers).table(results, &answers, LINES - 1 - end.len() - lines.len()));
    lines.extend(end);
    lines.iter().fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

/// The meaning of the marks behind a ratio.
const LEGEND: &str = "= level, ~ open: more blocks would tell, - no such part or no figure";

/// Counts what was measured: "Photofinish: 58 comparisons, 391 cells, none failed, in 5:46".
fn summary(results: &Results) -> String {
    let count = |status: Status| results.cells.iter().filter(|cell| cell.status == status).count();
    let [measured, failed] = [Status::Ok, Status::Failed].map(count);
    let failed_in_words = if failed == 0 { "none failed".to_owned() } else { format!("{failed} failed") };
    let mut comparisons: Vec<_> =
        results.cells.iter().map(|Cell { workload, size, threads, .. }| (workload, size, threads)).collect();
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
    format!("{}, {} processors; noise floor {noise}{warnings}", machine.cpu, machine.cores)
}

/// The columns of the table: as many lanes as fit.
struct Columns {
    /// The width of the column of kinds.
    kinds: usize,
    /// The parts of each lane's name, a line each, and the width of its column.
    heads: Vec<(Vec<String>, usize)>,
}

impl Columns {
    fn of(answers: &Answers) -> Columns {
        let titles = answers.kinds.iter().chain(&answers.all).map(|kind| kind.name.chars().count());
        let kinds = titles.max().unwrap_or(0).clamp("Bytes a sleeping task".len() - 3, LONGEST_KIND) + 4;
        let mut left = usize::from(WIDTH) - kinds - SERVING_END.len();
        let mut heads = Vec::new();
        for lane in &answers.lanes {
            let mut parts = parts(&lane.name);
            parts.push(String::new());
            let width = parts.iter().map(|part| part.chars().count()).max().unwrap_or(0).max(NARROWEST) + 2;
            let Some(rest) = left.checked_sub(width) else { break };
            left = rest;
            heads.push((parts, width));
        }
        Columns { kinds, heads }
    }

    /// Draws the table in so many lines at most.
    fn table(&self, results: &Results, answers: &Answers, most: usize) -> Vec<String> {
        let height = self.heads.iter().map(|(parts, _)| parts.len()).max().unwrap_or(0).saturating_sub(1);
        let all_serve = answers.lanes.iter().all(|lane| lane.can_serve);
        let of_whom = if all_serve { "" } else { "that can serve" };
        let titles = [format!("{}, times the best", counted(answers.threads, "thread")), of_whom.to_owned()];
        let height = height.max(if all_serve { 1 } else { 2 });
        let mut lines = Vec::new();
        for line in 0..height {
            let part = |(parts, _): &(Vec<String>, usize)| {
                // Names stand on the ground of the head.
                let above = height - (parts.len() - 1);
                line.checked_sub(above).and_then(|place| parts.get(place)).cloned().unwrap_or_default()
            };
            let title = titles.get((line + titles.len()).wrapping_sub(height.max(titles.len())));
            let title = if height == 1 { Some(&titles[0]) } else { title };
            lines.push(self.line(answers, title.map_or("", |title| title), self.heads.iter().map(part)));
        }
        let shown = &answers.lanes[..self.heads.len()];
        let left_out: Vec<&str> = answers.lanes[shown.len()..].iter().map(|lane| &*lane.name).collect();
        let mut end = Vec::new();
        end.extend(answers.all.iter().map(|all| self.kind(answers, all)));
        end.extend(self.memory(results, answers));
        if !left_out.is_empty() {
            end.extend(wrapped(&format!("No room for {}.", listed(&left_out))));
        }
        let room = most.saturating_sub(lines.len() + end.len());
        let kinds = &answers.kinds;
        let fitting = if kinds.len() <= room { kinds.len() } else { room.saturating_sub(1) };
        lines.extend(kinds[..fitting].iter().map(|kind| self.kind(answers, kind)));
        if fitting < kinds.len() {
            lines.push(format!("  and {} more", kinds.len() - fitting));
        }
        lines.extend(end);
        lines
    }

    /// Writes a line: a title on the left, a figure a lane on the right, and an edge between lanes that can serve and others.
    fn line(&self, answers: &Answers, title: &str, figures: impl Iterator<Item = String>) -> String {
        let mut line = format!("{title:<width$}", width = self.kinds);
        let mut serving = true;
        for ((lane, (_, width)), figure) in answers.lanes.iter().zip(&self.heads).zip(figures) {
            if serving && !lane.can_serve {
                line += SERVING_END;
            }
            serving = lane.can_serve;
            write!(line, "{figure:>width$}").expect("a string takes what is written");
        }
        line
    }

    fn kind(&self, answers: &Answers, kind: &Kind) -> String {
        let name: String = kind.name.chars().take(LONGEST_KIND).collect();
        let number = if kind.comparisons > 1 { kind.comparisons.to_string() } else { String::new() };
        let title = format!("{name:<width$}{number:>3}", width = self.kinds - 3);
        self.line(answers, &title, kind.places.iter().map(figure))
    }

    /// Writes the memory of a sleeping task, if it was measured.
    fn memory(&self, results: &Results, answers: &Answers) -> Option<String> {
        let workload = &results.memory.first()?.workload;
        let bytes = answers.bytes_a_task(results, workload);
        let figure = |bytes: &Option<f64>| bytes.map_or("- ".to_owned(), |bytes| format!("{bytes:.0} "));
        bytes
            .iter()
            .any(Option::is_some)
            .then(|| self.line(answers, "Bytes a sleeping task", bytes.iter().map(figure)))
    }
}

/// The edge behind the lanes that can serve.
const SERVING_END: &str = " |";

/// Cuts a name behind its hyphens into parts that are short enough for a head.
fn parts(name: &str) -> Vec<String> {
    let mut parts: Vec<String> = vec![String::new()];
    for piece in name.split_inclusive('-') {
        let last = parts.last_mut().expect("there is one");
        if !last.is_empty() && last.chars().count() + piece.chars().count() > LONGEST_PART {
            parts.push(piece.to_owned());
        } else {
            last.push_str(piece);
        }
    }
    parts.truncate(MOST + 1);
    parts.iter().map(|part| part.chars().take(2 * LONGEST_PART).collect()).collect()
}

/// Writes the place of a lane: "best", "1.52", "1.05~".
fn figure(place: &Place) -> String {
    match place {
        Place::Missing(_) => "- ".to_owned(),
        Place::Alone => "alone ".to_owned(),
        Place::Known(_, Mark::Best) => "best ".to_owned(),
        Place::Known(ratio, mark) => format!("{}{}", number(ratio.value), mark_of(*mark)),
    }
}

/// Writes a ratio without its sign.
fn number(value: f64) -> String {
    ratio(value).trim_end_matches('×').to_owned()
}

fn mark_of(mark: Mark) -> char {
    match mark {
        Mark::Level => '=',
        Mark::Open => '~',
        Mark::Best | Mark::Ahead | Mark::Near | Mark::Behind => ' ',
    }
}

/// Writes the standings over all that is measured by the clock at another number of threads.
fn in_a_line(results: &Results, threads: usize) -> Option<String> {
    let answers = Answers::of(results, threads);
    let all = answers.all.as_ref()?;
    let mut lanes: Vec<(&str, &Place)> =
        answers.lanes.iter().map(|lane| &*lane.name).zip(&all.places).collect();
    lanes.retain(|(_, place)| matches!(place, Place::Known(..)));
    lanes.sort_by(|(_, one), (_, other)| value(one).total_cmp(&value(other)));
    let lanes: Vec<String> =
        lanes.iter().map(|(name, place)| format!("{name} {}", figure(place).trim_end())).collect();
    let title = format!("{}, all {} in time", counted(threads, "thread"), all.comparisons);
    (!lanes.is_empty()).then(|| format!("{title}: {}", lanes.join(", ")))
}

fn value(place: &Place) -> f64 {
    match place {
        Place::Known(ratio, _) => ratio.value,
        Place::Missing(_) | Place::Alone => f64::INFINITY,
    }
}

/// Counts the rows in which one of the first two lanes that can serve leads the other.
fn pair(results: &Results, answers: &Answers) -> Option<String> {
    let mut serving = answers.lanes.iter().filter(|lane| lane.can_serve);
    let (first, second) = (serving.next()?, serving.next()?);
    let Pair { rows, first: leads, second: other_leads, level, open } =
        Pair::of(results, answers.threads, first, second);
    (rows > 1).then(|| {
        format!(
            "Of {rows} rows {} leads {leads} and {} {other_leads}; {level} are level, {open} open.",
            first.name, second.name
        )
    })
}

/// Says which of the lanes nobody should choose, and why.
fn standings(results: &Results, answers: &Answers) -> Option<String> {
    let lane = |name: &str| results.executors.iter().find(|lane| lane.name == name);
    let shown = answers.lanes.iter().filter_map(|known| lane(&known.name));
    let of = |is: fn(&Standing) -> bool| {
        let lanes = shown.clone().filter(|lane| lane.standing.as_ref().is_some_and(is));
        lanes.map(|lane| &*lane.name).collect::<Vec<_>>()
    };
    let discontinued = shown.clone().filter_map(|lane| match &lane.standing {
        Some(Standing::Discontinued(advisory)) => {
            Some(format!("{} is discontinued ({advisory}).", lane.name))
        }
        _ => None,
    });
    let ours = of(|standing| *standing == Standing::Ours);
    let ours = (!ours.is_empty()).then(|| format!("{}: ours, a yardstick.", listed(&ours)));
    let sentences: Vec<String> = discontinued.chain(ours).collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
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
