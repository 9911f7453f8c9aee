//! Prepares the table of a number of threads: workloads and sizes down, lanes across, and the geometric means
//! below.
//!
//! `templates/report.js` rewrites the same squares when a reader chooses another metric or another reference.

use std::mem;

use super::{known, lanes::Look, links::anchor, sizes, synonyms};
use results::{
    Cell, Estimate, LEVEL, Memory, Metric, Results, Status,
    figures::{bytes, counted, in_unit, interval_in_unit, listed, ratio, ratio_interval, whole},
    lookup,
};

use crate::verdict;

/// The ratios below which a lane has the next lighter shade.
const SHADES: [f64; 4] = [1.25, 2.0, 4.0, 8.0];

/// From this number of lanes on a table needs narrower columns.
const MANY: usize = 9;

/// Reasons longer than this are cut in the table and given in full below it.
const REASON_IN_CELL: usize = 32;

/// The table of one number of threads.
pub(crate) struct Standings {
    pub(crate) threads: String,
    pub(crate) id: String,
    pub(crate) columns: Vec<Column>,
    /// The number of columns, including that of the sizes.
    pub(crate) width: usize,
    pub(crate) groups: Vec<Group>,
    /// The memory per task; hidden until a reader asks for it.
    pub(crate) memory: Vec<Group>,
    pub(crate) means: Vec<Square>,
    /// The number of comparisons that a mean is over.
    pub(crate) comparisons: String,
    pub(crate) absent: Vec<String>,
    pub(crate) reasons: Vec<Reason>,
    /// `true` if it has so many lanes that its columns are narrower.
    pub(crate) is_wide: bool,
    /// The reasons why lanes have a dash, a sentence each.
    pub(crate) without: Vec<String>,
}

/// A lane at the head of its column.
pub(crate) struct Column {
    pub(crate) name: String,
    /// The name and the flavour as they stand above each other.
    pub(crate) executor: String,
    pub(crate) flavour: &'static str,
    pub(crate) look: Look,
    /// `true` for a program: no square below it has a ratio, a rank or a shade.
    pub(crate) is_program: bool,
}

/// The rows of one workload.
pub(crate) struct Group {
    pub(crate) workload: String,
    /// The group of the workload.
    pub(crate) name: String,
    /// `true` if the workload above it is of another group and this group has a name.
    pub(crate) opens: bool,
    /// The anchor of the group's rows; empty if the group has begun above, too.
    pub(crate) id: String,
    /// The anchor of its section, if it has one.
    pub(crate) anchor: Option<String>,
    /// The quantity of its figures: "per task", "lateness of a tick".
    pub(crate) quantity: String,
    /// `true` if that is not time on the clock, so that the mean leaves it out.
    pub(crate) is_otherwise: bool,
    /// The words that a search finds it by, besides its own.
    pub(crate) also: String,
    pub(crate) rows: Vec<Row>,
}

/// One comparison.
pub(crate) struct Row {
    pub(crate) number: u64,
    /// The size with its unit: "50 µs".
    pub(crate) sized: String,
    /// The things that the size counts; may be empty.
    pub(crate) counts: String,
    /// The noise floor of the row, a ratio; empty if it has none of its own.
    pub(crate) floor: String,
    pub(crate) squares: Vec<Square>,
}

/// The square of one lane in one comparison, or in the mean of all.
#[derive(Default)]
pub(crate) struct Square {
    pub(crate) lane: String,
    pub(crate) shade: String,
    /// "best", "level", "near", "open", or nothing for a lane that is behind.
    pub(crate) mark: String,
    pub(crate) figure: String,
    pub(crate) detail: String,
    /// The full reason why a cell was not measured; otherwise empty.
    pub(crate) reason: String,
    /// The place of the full reason, if it did not fit.
    pub(crate) reason_id: Option<String>,
    /// The mark that leads to a known issue of the lane.
    pub(crate) known: Option<known::Mark>,
}

/// The full reason why a cell was not measured.
pub(crate) struct Reason {
    pub(crate) id: String,
    pub(crate) cell: String,
    pub(crate) reason: String,
    pub(crate) has_failed: bool,
}

/// The meanings of the shades.
pub(super) struct Legend {
    /// The ratios at which a shade ends, separated by spaces, for the script.
    pub(super) limits: String,
    pub(super) shades: Vec<Shade>,
    /// The shades of lanes that are ahead of the reference, which happens only if a reader chooses one.
    pub(super) ahead: Vec<Shade>,
}

/// A shade of the table and the ratios it stands for.
pub(super) struct Shade {
    pub(super) class: String,
    pub(super) meaning: String,
}

impl Standings {
    pub(crate) fn of(results: &Results, threads: usize) -> Standings {
        let lanes = lookup::racing(results, threads);
        let mut reasons = Vec::new();
        let mut above = "";
        let mut groups = Vec::new();
        for workload in &results.workloads {
            let sizes = lookup::sizes(results, &workload.name, threads).into_iter();
            let rows: Vec<Row> =
                sizes.map(|size| row(results, &workload.name, size, threads, &lanes, &mut reasons)).collect();
            if rows.is_empty() {
                continue;
            }
            groups.push(Group {
                workload: workload.name.clone(),
                name: workload.group.clone(),
                opens: mem::replace(&mut above, &workload.group) != workload.group,
                id: match groups.iter().any(|known: &Group| known.name == workload.group) {
                    true => String::new(),
                    false => group_id(threads, &workload.group),
                },
                anchor: Some(anchor(&workload.name)),
                quantity: lookup::quantity_in_short(results, &workload.name),
                is_otherwise: !workload.measure.is_empty(),
                also: also(results, &workload.name),
                rows,
            });
        }
        Standings {
            threads: counted(threads, "thread"),
            id: id(threads),
            columns: lanes.iter().map(|lane| Column::of(results, lane)).collect(),
            is_wide: lanes.len() >= MANY,
            without: without(&groups),
            width: lanes.len() + 1,
            groups,
            memory: memory(results, threads, &lanes),
            means: lanes.iter().map(|lane| mean(results, threads, lane)).collect(),
            comparisons: over(results, threads),
            absent: verdict::absent(results, threads),
            reasons,
        }
    }
}

impl Column {
    fn of(results: &Results, lane: &str) -> Column {
        let (executor, flavour) = match lane.strip_suffix("-current-thread") {
            Some(executor) if !executor.is_empty() => (executor, "one thread"),
            _ => (lane, ""),
        };
        Column {
            name: lane.to_owned(),
            executor: executor.to_owned(),
            flavour,
            look: Look::of(results, lane),
            is_program: lookup::is_program(results, lane),
        }
    }
}

/// Writes a sentence for each reason why squares have a dash: "rayon and futures: needs a timer".
fn without(groups: &[Group]) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    let squares = groups.iter().flat_map(|group| &group.rows).flat_map(|row| &row.squares);
    for square in squares.filter(|square| square.is_absent()) {
        let place = reasons.iter().position(|(reason, _)| *reason == square.reason);
        let place = place.unwrap_or_else(|| {
            reasons.push((&square.reason, Vec::new()));
            reasons.len() - 1
        });
        let lanes = &mut reasons[place].1;
        if !lanes.contains(&&*square.lane) {
            lanes.push(&square.lane);
        }
    }
    reasons.iter().map(|(reason, lanes)| format!("{reason}: {}", listed(lanes))).collect()
}

impl Standings {
    /// Returns the reasons of the cells that have failed.
    pub(crate) fn failures(&self) -> Vec<&Reason> {
        self.reasons.iter().filter(|reason| reason.has_failed).collect()
    }
}

/// Returns the anchor of the table of a number of threads.
pub(super) fn id(threads: usize) -> String {
    format!("standings-{threads}")
}

/// Returns the anchor of a group's rows in that table.
pub(super) fn group_id(threads: usize, group: &str) -> String {
    let safe = |character: char| if character.is_alphanumeric() { character } else { '-' };
    format!("rows-{threads}-{}", group.chars().map(safe).collect::<String>())
}

/// Returns the shades, from the leader's to that of the highest ratios.
pub(super) fn legend() -> Legend {
    let shade =
        |class: &str, index: usize, meaning: String| Shade { class: format!("{class}-{index}"), meaning };
    let lead = Shade { class: "lead".to_owned(), meaning: "best, or level with it".to_owned() };
    let last = SHADES.len();
    let behind = (0..=last).map(|index| match SHADES.get(index) {
        Some(limit) => shade("shade", index, format!("under {limit}×")),
        None => shade("shade", index, "more".to_owned()),
    });
    let ahead = (0..=last).map(|index| match SHADES.get(index) {
        Some(limit) => shade("ahead", index, format!("over 1/{limit}")),
        None => shade("ahead", index, "less".to_owned()),
    });
    Legend {
        limits: SHADES.map(|limit| limit.to_string()).join(" "),
        shades: [lead].into_iter().chain(behind).collect(),
        ahead: ahead.collect(),
    }
}

fn row(
    results: &Results,
    workload: &str,
    size: u64,
    threads: usize,
    lanes: &[&str],
    reasons: &mut Vec<Reason>,
) -> Row {
    let best = verdict::winner(results.comparison(workload, size, threads)).map(|winner| winner.leaders[0]);
    let square = |lane: &&str| {
        let cell = results.comparison(workload, size, threads).find(|cell| cell.executor == *lane);
        let square = match cell.map(|cell| (cell.status, cell)) {
            None => unmeasured("n/a", "not run"),
            Some((Status::Ok, cell)) if lookup::is_program(results, lane) => beside(cell),
            Some((Status::Ok, cell)) => measured(cell, best == Some(lane)),
            Some((Status::Failed, cell)) => with_reason(results, "failed", cell, reasons),
            Some((Status::NotApplicable, cell)) => with_reason(results, "n/a", cell, reasons),
        };
        let known = cell.filter(|cell| cell.status == Status::Ok).and_then(|cell| known::mark(results, cell));
        Square { known, ..square.of(results, lane) }
    };
    let counts = results.workloads.iter().find(|known| known.name == workload);
    Row {
        number: size,
        sized: sizes::sized(results, workload, size),
        counts: counts.map_or(String::new(), |workload| workload.size.clone()),
        floor: results.row(workload, size, threads).map_or(String::new(), |row| ratio(row.floor)),
        squares: lanes.iter().map(square).collect(),
    }
}

impl Square {
    /// Returns `true` if it is a dash, since its lane lacks something that the row needs.
    pub(crate) fn is_absent(&self) -> bool {
        self.figure == "n/a" && !self.reason.is_empty()
    }

    /// Returns the detail in two parts: the ratio, and its interval, which has to go where room is scarce.
    pub(crate) fn parts(&self) -> (&str, &str) {
        let behind_ratio = || self.detail.find('×').map_or(self.detail.len(), |at| at + '×'.len_utf8());
        self.detail.split_at(if self.detail.starts_with('[') { 0 } else { behind_ratio() })
    }

    /// Makes this the square of a lane.
    fn of(self, results: &Results, lane: &str) -> Square {
        let parts = [&*self.shade, if lookup::is_program(results, lane) { "program" } else { "" }];
        let shade = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        Square { lane: lane.to_owned(), shade, ..self }
    }
}

/// Makes a row for each workload that keeps its tasks alive, with the bytes per task.
fn memory(results: &Results, threads: usize, lanes: &[&str]) -> Vec<Group> {
    let memories: Vec<&Memory> = results.memory.iter().filter(|memory| memory.threads == threads).collect();
    memories
        .chunk_by(|one, other| one.workload == other.workload)
        .map(|memories| {
            let workload = &*memories[0].workload;
            let known = results.workloads.iter().find(|known| known.name == workload);
            Group {
                workload: workload.to_owned(),
                name: known.map_or(String::new(), |known| known.group.clone()),
                opens: false,
                id: String::new(),
                anchor: known.map(|_| anchor(workload)),
                quantity: "per task".to_owned(),
                is_otherwise: false,
                also: also(results, workload),
                rows: vec![Row {
                    number: 0,
                    sized: String::new(),
                    counts: String::new(),
                    floor: String::new(),
                    squares: lanes.iter().map(|lane| memory_square(results, memories, lane)).collect(),
                }],
            }
        })
        .collect()
}

/// Returns the words that the rows of a workload are found by, besides their own.
fn also(results: &Results, workload: &str) -> String {
    let group =
        results.workloads.iter().find(|known| known.name == workload).map_or("", |known| &known.group);
    synonyms::of(&format!("{workload} {group} {}", lookup::quantity_in_short(results, workload)))
}

/// Makes the square of a lane's bytes per task, from the memory of the lanes in one workload.
fn memory_square(results: &Results, memories: &[&Memory], lane: &str) -> Square {
    let found = memories.iter().find(|memory| memory.executor == lane);
    let square = match found.map(|memory| &memory.bytes_a_task) {
        None => unmeasured("n/a", "not run"),
        Some(Metric::Unavailable { unavailable }) => unmeasured("n/a", unavailable),
        Some(Metric::Measured { estimate, .. }) => {
            Square { figure: bytes(estimate.value), ..Square::default() }
        }
    };
    square.of(results, lane)
}

fn measured(cell: &Cell, best: bool) -> Square {
    let (Some(overhead), Some(ratio), Some(rank)) = (cell.overhead(), &cell.ratio, cell.rank) else {
        return unmeasured("n/a", "no overhead in the results");
    };
    let mark = match rank {
        _ if best => "best",
        1 if cell.undecided => "open",
        1 if cell.near => "near",
        1 => "level",
        _ => "",
    };
    // Blue is for lanes that are the best or level with it. Any other has the shade of its own ratio.
    let shade = match mark {
        "best" | "level" => "lead".to_owned(),
        "open" => format!("{} open", shade(ratio.value)),
        _ => shade(ratio.value),
    };
    let detail = if mark == "open" { bounds(ratio) } else { ratio_to_best(ratio) };
    Square {
        shade,
        mark: mark.to_owned(),
        figure: in_unit(cell.unit(), overhead.value),
        detail,
        ..Square::default()
    }
}

/// Makes the square of a program: its own figure, compared with no other lane.
fn beside(cell: &Cell) -> Square {
    let Some(overhead) = cell.overhead() else {
        return unmeasured("n/a", "no overhead in the results");
    };
    let unit = cell.unit();
    Square {
        figure: in_unit(unit, overhead.value),
        detail: interval_in_unit(unit, overhead),
        ..Square::default()
    }
}

/// Writes a ratio to the best; the best lane's own may have an interval of no width, which is left out.
fn ratio_to_best(estimate: &Estimate) -> String {
    let interval =
        if estimate.low == estimate.high { String::new() } else { format!(" {}", ratio_interval(estimate)) };
    format!("{}{interval}", ratio(estimate.value))
}

/// Writes a ratio to the best that may be anything from level to far behind, and what is known of it.
fn bounds(estimate: &Estimate) -> String {
    let low = if estimate.low <= LEVEL { "level".to_owned() } else { ratio(estimate.low) };
    format!("{}, between {low} and {}", ratio(estimate.value), ratio(estimate.high))
}

pub(super) fn shade(ratio: f64) -> String {
    let index = SHADES.iter().position(|&limit| ratio < limit).unwrap_or(SHADES.len());
    format!("shade-{index}")
}

fn unmeasured(figure: &str, detail: &str) -> Square {
    let shade = if figure == "failed" { "none failed" } else { "none" };
    Square {
        shade: shade.to_owned(),
        figure: figure.to_owned(),
        detail: detail.to_owned(),
        reason: detail.to_owned(),
        ..Square::default()
    }
}

/// Makes the square of a cell without figures, and puts its full reason below the table if it is long.
fn with_reason(results: &Results, figure: &str, cell: &Cell, reasons: &mut Vec<Reason>) -> Square {
    let reason = lookup::reason(cell);
    if reason.chars().count() <= REASON_IN_CELL {
        return unmeasured(figure, reason);
    }
    let id = format!("reason-{}-{}", cell.threads, reasons.len() + 1);
    let Cell { workload, size, threads, executor, .. } = cell;
    let threads = counted(*threads, "thread");
    let size = sizes::sized(results, workload, *size);
    reasons.push(Reason {
        id: id.clone(),
        cell: format!("{executor}, {workload}, {size}, {threads}: {figure}"),
        reason: reason.to_owned(),
        has_failed: figure == "failed",
    });
    let beginning: String = reason.chars().take(REASON_IN_CELL).collect();
    let cut = unmeasured(figure, &format!("{}…", beginning.trim_end()));
    Square { reason_id: Some(id), reason: reason.to_owned(), ..cut }
}

fn comparisons(results: &Results, threads: usize) -> usize {
    results
        .summaries
        .iter()
        .find(|summary| summary.threads == threads)
        .map_or(0, |summary| summary.comparisons)
}

/// Writes the number of comparisons that the means are over, and which they are.
fn over(results: &Results, threads: usize) -> String {
    let many = whole(comparisons(results, threads) as u64);
    let summary = results.summaries.iter().find(|summary| summary.threads == threads);
    let in_part = summary.is_some_and(|summary| verdict::leaves_out(results, summary));
    if in_part { format!("{many}, measured in time") } else { many }
}

/// Makes the square of a lane's geometric mean. It says of a program that it has none, and of a lane with
/// gaps how often it ran.
fn mean(results: &Results, threads: usize, lane: &str) -> Square {
    let summary = results.summaries.iter().find(|summary| summary.threads == threads);
    let found = summary.and_then(|summary| summary.lanes.iter().find(|known| known.executor == lane));
    let square = match found.and_then(|found| found.geomean) {
        Some(geomean) => {
            Square { figure: ratio(geomean.value), detail: ratio_interval(&geomean), ..Square::default() }
        }
        None if lookup::is_program(results, lane) => unmeasured("beside", ""),
        None => {
            let cells = found.map_or(0, |found| found.cells);
            let ran = format!("ran {cells} of {}", comparisons(results, threads));
            Square { reason: String::new(), ..unmeasured("n/a", &ran) }
        }
    };
    square.of(results, lane)
}
