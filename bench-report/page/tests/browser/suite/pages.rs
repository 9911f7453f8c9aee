//! Draws the pages under test from a made-up run of the default grid, and opens them.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use results::{Cell, Estimate, Memory, Metric, Results, Row, Status, Warning};
use serde_json::{Value, json};

use crate::{extended, served};

/// The made-up run as it is.
pub(crate) static DEFAULT: LazyLock<Page> = LazyLock::new(|| Page::of("default", fixture()));

/// The made-up run with texts that try to become elements, to end attributes, to take all the room and to
/// reverse the page.
pub(crate) static HOSTILE: LazyLock<Page> = LazyLock::new(|| Page::of("hostile", hostile()));

/// The made-up run with nine groups of workloads, each with a verdict.
pub(crate) static GROUPS: LazyLock<Page> = LazyLock::new(|| Page::of("groups", groups(9)));

/// The made-up run with as many groups as the lineup has, of which each lane says how it stands.
pub(crate) static SERVED: LazyLock<Page> = LazyLock::new(|| Page::of("served", served()));

/// A made-up run from before there were rows.
pub(crate) static OLD: LazyLock<Page> = LazyLock::new(|| Page::of("old", old()));

/// A run of forty workloads on twenty lanes.
pub(crate) static LARGE: LazyLock<Page> = LazyLock::new(|| Page::of("large", large()));

/// This is added to every text of a hostile run.
const POISON: &str =
    "\u{202e}' \"><script>alert('x')</script><img src=x onerror=alert(1)><!-- </script> &lt; \\u003c ]]> 😀";

/// The words that the format fixes.
const FIXED: [&str; 3] = ["status", "profile", "place"];

/// The lists of the results whose keys are names.
const NAMED: [&str; 2] = ["ratios", "packages"];

/// Results and their page.
pub(crate) struct Page {
    pub(crate) results: Results,
    pub(crate) html: String,
    /// The address at which it can be opened without a network.
    pub(crate) address: String,
}

impl Page {
    fn of(name: &str, results: Results) -> Page {
        // The file has fewer digits.
        let results: Results = serde_json::from_str(&results.to_json()).unwrap();
        let html = page::render(&results, None);
        let file = folder().join(format!("{name}.html"));
        fs::write(&file, &html).unwrap();
        Page { results, html, address: format!("file://{}", file.display()) }
    }
}

/// A server of one page, on this machine only.
pub(crate) struct Server {
    pub(crate) address: String,
    requests: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn of(html: &'static str) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server {
            address: format!("http://{}/report.html", listener.local_addr().unwrap()),
            requests: Arc::default(),
        };
        let requests = Arc::clone(&server.requests);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                // A browser also connects in advance, without a request.
                let requests = Arc::clone(&requests);
                thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                    if lines.by_ref().take_while(|line| !line.is_empty()).count() > 0 {
                        requests.fetch_add(1, Ordering::SeqCst);
                        let kind = "Content-Type: text/html; charset=utf-8\r\nConnection: close";
                        let _ = write!(
                            stream,
                            "HTTP/1.1 200 OK\r\n{kind}\r\nContent-Length: {}\r\n\r\n{html}",
                            html.len()
                        );
                    }
                });
            }
        });
        server
    }

    /// Returns the number of requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Returns a folder for the files of the tests, within the target folder.
pub(crate) fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Returns the made-up run with what it lacks: costs that are counted, memory, a warning.
fn fixture() -> Results {
    let mut results = extended::run();
    let ok = |cell: &&mut Cell| cell.status == Status::Ok && cell.size == 100;
    for (place, cell) in results.cells.iter_mut().filter(ok).enumerate() {
        // Some values are zero, several are equal, and one unit has no form of its own.
        let value = (place / 2 % 3) as f64;
        cell.metrics.insert("allocations".to_owned(), measured("1/op", value));
        cell.metrics.insert("misses".to_owned(), measured("misses/op", 2_345.6 * value));
    }
    if results.memory.is_empty() {
        let lanes = results.executors.iter().enumerate().flat_map(|lane| [(1, lane), (2, lane)]);
        results.memory = lanes.map(|(threads, (place, lane))| memory(threads, place, &lane.name)).collect();
        results.memory.sort_by_key(|memory| memory.threads);
    }
    if results.warnings.is_empty() {
        let (finding, remedy) = ("a battery feeds it".to_owned(), "plug it in".to_owned());
        results.warnings.push(Warning { finding, remedy });
    }
    results
}

fn old() -> Results {
    Results { rows: Vec::new(), ..fixture() }
}

fn measured(unit: &str, value: f64) -> Metric {
    let estimate = Estimate { value, low: value * 0.98, high: value * 1.03 };
    Metric::Measured { unit: unit.to_owned(), estimate, blocks: vec![value; 5] }
}

fn memory(threads: usize, place: usize, lane: &str) -> Memory {
    let value = 137.5 * (threads + place) as f64;
    // The reason is short enough to be written in full, whatever is added to it.
    let unavailable = Metric::Unavailable { unavailable: "died".to_owned() };
    Memory {
        workload: "sleepers".to_owned(),
        threads,
        executor: lane.to_owned(),
        bytes_a_task: if place == 4 { unavailable } else { measured("bytes", value) },
        r_squared: Some(0.998),
        points: vec![(1_000, 2_097_152), (10_000, 2_097_152 + 9_000 * value as u64)],
    }
}

/// Makes the made-up run one of so many groups of workloads.
fn groups(many: usize) -> Results {
    let mut results = fixture();
    let workloads = results.workloads.clone();
    let cells = results.cells.clone();
    let (summaries, rows) = (results.groups.clone(), results.rows.clone());
    (results.workloads, results.cells, results.groups, results.rows) = Default::default();
    for place in 0..many {
        let (group, mut workload) =
            (format!("Group number {place}"), workloads[place % workloads.len()].clone());
        let same = |cell: &&Cell| cell.workload == workload.name;
        let name = format!("{}-{place}", workload.name);
        let renamed = |cell: &Cell| Cell { workload: name.clone(), ..cell.clone() };
        results.cells.extend(cells.iter().filter(same).map(renamed));
        let rows = rows.iter().filter(|row| row.workload == workload.name);
        results.rows.extend(rows.map(|row| Row { workload: name.clone(), ..row.clone() }));
        (workload.name, workload.group) = (name.clone(), group.clone());
        results.workloads.push(workload);
        for threads in [1, 2] {
            let mut here = summaries.iter().filter(|summary| summary.summary.threads == threads);
            let mut summary = here.nth(place % 2).unwrap().clone();
            summary.group.clone_from(&group);
            results.groups.push(summary);
        }
    }
    results
}

fn served() -> Results {
    let mut results = groups(13);
    served::serve(&mut results);
    results
}

fn hostile() -> Results {
    let mut value = serde_json::to_value(fixture()).unwrap();
    poison(&mut value);
    // What is measured on the clock has no other measure, and so a cost in cores.
    value["workloads"][0]["measure"] = "".into();
    value["run"]["conditions"] = json!({"quota": 1.5, "build": poisoned("release")});
    serde_json::from_value(value).unwrap()
}

fn poison(value: &mut Value) {
    match value {
        Value::String(text) => *text = poisoned(text),
        Value::Array(values) => values.iter_mut().for_each(poison),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if !(FIXED.contains(&name.as_str()) && value.is_string() || *value == "program") {
                    poison(value);
                }
                if let Value::Object(named) = value
                    && NAMED.contains(&name.as_str())
                {
                    *named = std::mem::take(named)
                        .into_iter()
                        .map(|(name, value)| (poisoned(&name), value))
                        .collect();
                }
            }
        }
        _ => {}
    }
}

fn poisoned(text: &str) -> String {
    format!("{text}{POISON}{}", "long".repeat(50))
}

/// Repeats each workload and each lane under other names, a little slower every time.
fn large() -> Results {
    const WORKLOADS: usize = 40;
    const LANES: usize = 20;
    let mut results = fixture();
    let (workloads, lanes) = (results.workloads.clone(), results.executors.clone());
    let name = |name: &str, index: usize, of: usize| match index / of {
        0 => name.to_owned(),
        again => format!("{name}-{}", again + 1),
    };
    let source = |index: usize| &workloads[index % workloads.len()];
    results.workloads = (0..WORKLOADS).map(|index| source(index).clone()).collect();
    for (index, workload) in results.workloads.iter_mut().enumerate() {
        workload.name = name(&workload.name, index, workloads.len());
    }
    results.executors = (0..LANES).map(|index| lanes[index % lanes.len()].clone()).collect();
    for (index, lane) in results.executors.iter_mut().enumerate() {
        lane.name = name(&lane.name, index, lanes.len());
    }
    let (mut cells, mut rows) = (Vec::new(), Vec::new());
    for (index, workload) in results.workloads.iter().enumerate() {
        let of_source = results.rows.iter().filter(|row| row.workload == source(index).name);
        rows.extend(of_source.map(|row| Row { workload: workload.name.clone(), ..row.clone() }));
        let same = |cell: &&Cell| cell.workload == source(index).name;
        for comparison in fixture()
            .cells
            .iter()
            .filter(same)
            .collect::<Vec<_>>()
            .chunk_by(|one, other| (one.size, one.threads) == (other.size, other.threads))
        {
            for (lane, executor) in results.executors.iter().enumerate() {
                let of_lane = |cell: &&&Cell| cell.executor == lanes[lane % lanes.len()].name;
                let Some(cell) = comparison.iter().find(of_lane) else { continue };
                let (workload, executor) = (workload.name.clone(), executor.name.clone());
                cells.push(slower(cell, workload, executor, 1.0 + 0.37 * (lane / lanes.len()) as f64));
            }
        }
    }
    (results.cells, results.rows) = (cells, rows);
    results
}

/// Returns a cell under other names that takes `times` times as long; behind the best, if it takes longer at
/// all.
fn slower(cell: &Cell, workload: String, executor: String, times: f64) -> Cell {
    let mut cell = Cell { workload, executor, ..cell.clone() };
    let scale = |estimate: &mut Estimate| {
        for end in [&mut estimate.value, &mut estimate.low, &mut estimate.high] {
            *end *= times;
        }
    };
    for metric in cell.metrics.values_mut() {
        if let Metric::Measured { estimate, .. } = metric {
            scale(estimate);
        }
    }
    if times > 1.0 {
        cell.ratio.as_mut().map(scale);
        cell.rank = cell.rank.map(|rank| rank + 1);
        (cell.tied, cell.undecided, cell.near) = (false, false, false);
    }
    cell
}
