//! Exports results to other software: CSV for a spreadsheet, Markdown for a text.
//!
//! The CSV has the numbers of `results.json`, digit for digit. The Markdown has the strings of the page: both
//! are made from the same standings.

use results::{Cell, Estimate, Executor, Grain, Metric, Results, Standing, Status, lookup};

use crate::{
    circumstances,
    first::{First, FirstRace, FirstSquare, Head},
    standings::{Column, Row, Square, Standings},
};

/// The columns of the CSV.
const COLUMNS: [&str; 26] = [
    "workload",
    "size",
    "threads",
    "executor",
    "status",
    "reason",
    "metric",
    "unit",
    "value",
    "low",
    "high",
    "blocks",
    "ratio",
    "ratio-low",
    "ratio-high",
    "rank",
    "tied",
    "undecided",
    "near",
    "size-counts",
    "measure",
    "quota",
    "build",
    "standing",
    "package",
    "version",
];

/// Writes a row for each cell and metric; a cell without metrics has one row. Behind them come the figures that a lane has over all
/// sizes of a workload, whose rows have no size: METG(50 %) and METG(90 %).
///
/// The blocks of a metric are separated by spaces. Ratio, rank, tied, undecided and near are those of the
/// cell, by its overhead; the measure names the quantity of that overhead, if it is not time on the clock. Quota and build
/// are those of the run, if they are not the default ones; standing, package and version are those of the lane.
pub fn csv(results: &Results) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |row: Vec<String>| writer.write_record(row).expect("all rows have the same columns");
    write(COLUMNS.map(str::to_owned).to_vec());
    for cell in &results.cells {
        for (name, metric) in &cell.metrics {
            write(csv_row(results, cell, name, Some(metric)));
        }
        if cell.metrics.is_empty() {
            write(csv_row(results, cell, "", None));
        }
    }
    for (curve, lane) in
        results.grain.iter().flat_map(|curve| curve.lanes.iter().map(move |lane| (curve, lane)))
    {
        for (name, metric) in [("metg-50", &lane.metg_50), ("metg-90", &lane.metg_90)] {
            write(csv_row_of_curve(curve, &lane.executor, name, metric));
        }
    }
    let bytes = writer.into_inner().expect("memory can be written to");
    String::from_utf8(bytes).expect("texts make a text")
}

fn csv_row_of_curve(curve: &Grain, lane: &str, name: &str, metric: &Metric) -> Vec<String> {
    let identity = [&*curve.workload, "", &curve.threads.to_string(), lane].map(str::to_owned);
    let (reason, unit, estimate) = match metric {
        Metric::Measured { unit, estimate, .. } => ("", &**unit, Some(estimate)),
        Metric::Unavailable { unavailable } => (&**unavailable, "", None),
    };
    let outcome = ["ok", reason, name, unit].map(str::to_owned);
    let mut row = [&identity[..], &outcome, &numbers(estimate)].concat();
    row.resize(COLUMNS.len(), String::new());
    row
}

fn csv_row(results: &Results, cell: &Cell, name: &str, metric: Option<&Metric>) -> Vec<String> {
    let mut reason = cell.reason.clone().unwrap_or_default();
    let mut figures = vec![String::new(); 5];
    match metric {
        Some(Metric::Measured { unit, estimate, blocks }) => {
            let blocks: Vec<String> = blocks.iter().map(|value| number(*value)).collect();
            figures = [vec![unit.clone()], numbers(Some(estimate)).to_vec(), vec![blocks.join(" ")]].concat();
        }
        Some(Metric::Unavailable { unavailable }) => reason.clone_from(unavailable),
        None => {}
    }
    let status = match cell.status {
        Status::Ok => "ok",
        Status::Failed => "failed",
        Status::NotApplicable => "not-applicable",
    };
    let Cell { workload, size, threads, executor, rank, tied, undecided, near, .. } = cell;
    let identity = [workload.clone(), size.to_string(), threads.to_string(), executor.clone()];
    let outcome = [status.to_owned(), reason, name.to_owned()];
    let rank = rank.map_or(String::new(), |rank| rank.to_string());
    let place = [rank, tied.to_string(), undecided.to_string(), near.to_string()];
    let counts = results.workloads.iter().find(|known| known.name == *workload);
    let kind = [
        counts.map_or(String::new(), |known| known.size.clone()),
        lookup::measure(results, workload).to_owned(),
        results.run.conditions.quota.map_or(String::new(), number),
        results.run.conditions.build.clone().unwrap_or_default(),
    ];
    let lane = lane(results.executors.iter().find(|lane| lane.name == *executor));
    [&identity[..], &outcome, &figures, &numbers(cell.ratio.as_ref()), &place, &kind, &lane].concat()
}

/// Returns the standing of a lane, its package and its version, as far as they are known.
fn lane(lane: Option<&Executor>) -> [String; 3] {
    let Some(Executor { standing, package, version, .. }) = lane else { return Default::default() };
    let standing = match standing {
        Some(Standing::Published) => "published",
        Some(Standing::Discontinued(_)) => "discontinued",
        Some(Standing::Ours) => "ours",
        Some(Standing::Experiment) => "experiment",
        None => "",
    };
    [standing.to_owned(), package.clone(), version.clone()]
}

fn numbers(estimate: Option<&Estimate>) -> [String; 3] {
    let of = |end: fn(&Estimate) -> f64| estimate.map_or(String::new(), |estimate| number(end(estimate)));
    [of(|estimate| estimate.value), of(|estimate| estimate.low), of(|estimate| estimate.high)]
}

/// Writes a number as `results.json` does.
fn number(value: f64) -> String {
    serde_json::to_string(&value).expect("a number is plain data")
}

/// Writes the standings of the page as Markdown: a table for each number of threads.
pub fn markdown(results: &Results) -> String {
    let run = &results.run;
    let conditions = match circumstances::conditions(results) {
        none if none.is_empty() => none,
        conditions => format!(", under {conditions}"),
    };
    let mut text = format!(
        "# Photofinish, run {}\n\n{} profile, {}{conditions}. The figures are time per operation beyond the sleep itself, with the ratio to the \
         best of the row [95 % interval]; a row that measures something else says so.\n",
        escaped(&run.id),
        run.profile,
        circumstances::blocks(results)
    );
    let first = First::of(results);
    for race in &first.races {
        text += &format!("\n## {}: which runtime, for what?\n\n", race.threads);
        append_answers(&mut text, &first, race);
    }
    for threads in lookup::threads(results) {
        append_standings(&mut text, &Standings::of(results, threads));
    }
    text
}

/// Writes the answers of the first screen as Markdown, those with the most threads that there are processors for: a table, and the
/// sentences around it.
pub fn answers(results: &Results) -> String {
    let first = First::of(results);
    let mut text = String::new();
    if let Some(race) = first.races.first() {
        append_answers(&mut text, &first, race);
    }
    text
}

fn append_answers(text: &mut String, first: &First, race: &FirstRace) {
    let head = |head: &Head| format!("{}<br>{}", escaped(&head.name), escaped(&head.remark));
    append_row(
        text,
        &format!("{}, {}", race.threads, race.corner),
        &race.heads.iter().map(head).collect::<Vec<_>>(),
    );
    append_row(text, "---", &vec!["---".to_owned(); race.heads.len()]);
    for question in &race.questions {
        let square = |square: &FirstSquare| match &*square.class {
            "lead" | "least" => format!("**{}**", escaped(&square.text)),
            _ => escaped(&square.text),
        };
        let title = format!("{} ({})", escaped(&question.name), escaped(&question.small));
        append_row(text, &title, &question.squares.iter().map(square).collect::<Vec<_>>());
    }
    *text += "\nBold: best, or level with it (=), or the least figure; ≈ is near, known to within 10 %; ~ is open: more time would tell.\n\n";
    let reasons = race
        .reasons
        .iter()
        .map(|reason| format!("{}: {} ({}, {}).", reason.runtimes, reason.says, reason.issue, reason.rows));
    for sentence in race.pairs.iter().cloned().chain(reasons).chain(race.absent.clone()) {
        *text += &format!("- {}\n", escaped(&sentence));
    }
    *text += &format!("- Not measured: {}\n", escaped(&first.silent));
}

fn append_standings(text: &mut String, standings: &Standings) {
    *text += &format!("\n## {}\n\n", standings.threads);
    let lane = |column: &Column| {
        format!("{}{}", escaped(&column.name), if column.is_program { " (program, beside)" } else { "" })
    };
    let lanes: Vec<String> = standings.columns.iter().map(lane).collect();
    append_row(text, "Size", &lanes);
    append_row(text, "---", &vec!["---".to_owned(); lanes.len()]);
    for group in &standings.groups {
        let title = format!("**{}** {}", escaped(&group.workload), escaped(&group.quantity));
        append_row(text, &title, &vec![String::new(); lanes.len()]);
        for Row { sized, floor, squares, .. } in &group.rows {
            let floor = if floor.is_empty() { String::new() } else { format!(", floor {floor}") };
            append_row(
                text,
                &format!("{}{floor}", escaped(sized)),
                &squares.iter().map(square).collect::<Vec<_>>(),
            );
        }
    }
    let title = format!("**Geometric mean** of {}", standings.comparisons);
    append_row(text, &title, &standings.means.iter().map(square).collect::<Vec<_>>());
    for sentence in &standings.absent {
        *text += &format!("\n{}\n", escaped(sentence));
    }
    if !standings.reasons.is_empty() {
        text.push('\n');
    }
    for reason in &standings.reasons {
        *text += &format!("- {}: {}\n", escaped(&reason.cell), escaped(&reason.reason));
    }
}

fn append_row(text: &mut String, head: &str, squares: &[String]) {
    *text += &format!("| {head} |");
    for square in squares {
        *text += &format!(" {square} |");
    }
    text.push('\n');
}

fn square(square: &Square) -> String {
    let mark = if square.mark.is_empty() { String::new() } else { format!("**{}**", square.mark) };
    let parts = [mark, escaped(&square.figure), escaped(&square.detail)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Escapes a text for a cell of a Markdown table: one line that is neither markup nor HTML.
pub(crate) fn escaped(text: &str) -> String {
    let mut written = String::new();
    let mut last = ' ';
    for character in text.chars() {
        match character {
            '&' => written += "&amp;",
            '<' => written += "&lt;",
            '>' => written += "&gt;",
            '\\' | '|' | '`' | '*' | '_' | '~' => written.extend(['\\', character]),
            // An interval has brackets too; followed by a parenthesis they would make a link.
            '(' if last == ']' => written += "\\(",
            other if other.is_control() => written.push(' '),
            other => written.push(other),
        }
        last = character;
    }
    written
}
