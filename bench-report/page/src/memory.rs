//! Prepares the memory per task: a chart for each number of threads, and the table that it was drawn from.

use std::cmp::Reverse;

use super::lanes::Look;
use results::{
    Estimate, Memory, Metric, Results,
    figures::{bytes, counted, metric, whole},
};

const WIDTH: f64 = 420.0;
const LEFT: f64 = 168.0;
const RIGHT: f64 = 268.0;
const TOP: f64 = 4.0;
const ROW: f64 = 19.0;

/// The memory of all lanes' tasks.
pub(super) struct MemoryOfTasks {
    /// The charts of each workload, most threads first. Those of one share an axis, so that they can be compared at sight.
    pub(super) charts: Vec<Chart>,
    pub(super) slopes: Vec<Slope>,
}

/// The bytes per task of each lane in one workload at one number of threads, in the units of its own view box.
pub(super) struct Chart {
    pub(super) id: String,
    /// The workload if there are several, and the number of threads.
    pub(super) heading: String,
    pub(super) width: f64,
    pub(super) height: f64,
    /// The end of the names, and the beginning of the bars.
    pub(super) names: f64,
    pub(super) left: f64,
    pub(super) bars: Vec<Bar>,
}

/// A lane of a chart.
pub(super) struct Bar {
    pub(super) lane: String,
    pub(super) look: Look,
    pub(super) y: f64,
    /// `None` without a figure.
    pub(super) extent: Option<Extent>,
    /// The place at which its text begins.
    pub(super) text_at: String,
    pub(super) text: String,
    pub(super) tooltip: String,
}

/// The ends of a bar and of its interval.
pub(super) struct Extent {
    pub(super) width: String,
    pub(super) low: String,
    pub(super) high: String,
}

/// The memory of one lane's tasks.
pub(super) struct Slope {
    pub(super) look: Look,
    pub(super) lane: String,
    /// The workload if there are several, and the number of threads.
    pub(super) heading: String,
    pub(super) bytes_a_task: String,
    /// The share of the variance that the line explains.
    pub(super) fit: String,
    /// The points that it was fitted through: `10,000 tasks: 1.20 MiB, ...`.
    pub(super) points: String,
}

impl MemoryOfTasks {
    pub(super) fn of(results: &Results) -> MemoryOfTasks {
        let mut charts: Vec<(&str, usize)> = Vec::new();
        for memory in &results.memory {
            if !charts.contains(&(&memory.workload, memory.threads)) {
                charts.push((&memory.workload, memory.threads));
            }
        }
        let place = |workload: &str| results.memory.iter().position(|memory| memory.workload == workload);
        charts.sort_by_key(|&(workload, threads)| (place(workload), Reverse(threads)));
        let chart = |&(workload, threads): &(&str, usize)| Chart::of(results, workload, threads);
        MemoryOfTasks {
            charts: charts.iter().map(chart).collect(),
            slopes: results.memory.iter().map(|memory| Slope::of(results, memory)).collect(),
        }
    }
}

impl Chart {
    /// Draws the chart of one workload and number of threads.
    fn of(results: &Results, workload: &str, threads: usize) -> Chart {
        let of_workload: Vec<&Memory> =
            results.memory.iter().filter(|memory| memory.workload == workload).collect();
        let highs = of_workload.iter().filter_map(|memory| estimate(memory)).map(|estimate| estimate.high);
        // So many bytes reach the end of the axis.
        let most = highs.fold(1.0, f64::max);
        let memories: Vec<&Memory> =
            of_workload.into_iter().filter(|memory| memory.threads == threads).collect();
        Chart {
            id: format!("memory-{workload}-{threads}"),
            heading: heading(results, workload, threads),
            width: WIDTH,
            height: TOP * 2.0 + ROW * memories.len() as f64,
            names: LEFT - 8.0,
            left: LEFT,
            bars: memories
                .iter()
                .enumerate()
                .map(|(index, memory)| Bar::of(results, memory, TOP + ROW * (index as f64 + 0.5), most))
                .collect(),
        }
    }
}

impl Bar {
    fn of(results: &Results, memory: &Memory, y: f64, most: f64) -> Bar {
        let x = |value: f64| LEFT + value.clamp(0.0, most) / most * (RIGHT - LEFT);
        let estimate = estimate(memory);
        let end = estimate.map_or(LEFT, |estimate| x(estimate.high));
        let figure = metric(&memory.bytes_a_task);
        Bar {
            lane: memory.executor.clone(),
            look: Look::of(results, &memory.executor),
            y,
            extent: estimate.map(|estimate| Extent {
                width: format!("{:.1}", x(estimate.value) - LEFT),
                low: format!("{:.1}", x(estimate.low)),
                high: format!("{:.1}", x(estimate.high)),
            }),
            text_at: format!("{:.1}", end + 7.0),
            // The reason for a missing figure is in the table, where there is room.
            text: if estimate.is_some() { figure.clone() } else { "n/a".to_owned() },
            tooltip: format!(
                "{}, {}: {figure}{}, R² {}",
                memory.executor,
                counted(memory.threads, "thread"),
                if estimate.is_some() { " per task" } else { "" },
                fit(memory)
            ),
        }
    }
}

impl Slope {
    fn of(results: &Results, memory: &Memory) -> Slope {
        Slope {
            look: Look::of(results, &memory.executor),
            lane: memory.executor.clone(),
            heading: heading(results, &memory.workload, memory.threads),
            bytes_a_task: metric(&memory.bytes_a_task),
            fit: fit(memory),
            points: memory
                .points
                .iter()
                .map(|&(tasks, peak)| format!("{} tasks: {}", whole(tasks), bytes(peak as f64)))
                .collect::<Vec<_>>()
                .join(", "),
        }
    }
}

/// Names a workload, if there are several, and a number of threads.
fn heading(results: &Results, workload: &str, threads: usize) -> String {
    let threads = counted(threads, "thread");
    let is_only = results.memory.iter().all(|memory| memory.workload == workload);
    if is_only { threads } else { format!("{workload}, {threads}") }
}

fn estimate(memory: &Memory) -> Option<&Estimate> {
    match &memory.bytes_a_task {
        Metric::Measured { estimate, .. } => Some(estimate),
        Metric::Unavailable { .. } => None,
    }
}

fn fit(memory: &Memory) -> String {
    memory.r_squared.map_or("n/a".to_owned(), |fit| format!("{fit:.4}"))
}
