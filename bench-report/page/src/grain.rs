//! Prepares the section on tasks that compute: from how much work on it pays to make a task, and does not matter on which lane.

use results::{
    Estimate, Grain, GrainOfLane, Metric, Results,
    figures::{counted, listed, ns, ns_interval},
};

use super::{chart::Efficiency, lanes::Look};

/// The curves of one workload at one number of threads.
pub(super) struct GrainOfThreads {
    /// The anchor of its part of the page.
    pub(super) id: String,
    pub(super) threads: String,
    /// The work from which on the lanes are level, in a sentence.
    pub(super) level: String,
    /// The time that a task has to take so that half of it is work, in a sentence; empty if no lane has a figure.
    pub(super) half: String,
    pub(super) chart: Option<Efficiency>,
    pub(super) lanes: Vec<LaneRow>,
}

/// The figures of a lane.
pub(super) struct LaneRow {
    pub(super) lane: String,
    pub(super) look: Look,
    /// The cost of a task without work, METG(50 %), METG(90 %).
    pub(super) figures: [Figure; 3],
    pub(super) level_from: String,
}

/// A figure with its interval, or the reason why there is none.
pub(super) struct Figure {
    pub(super) text: String,
    pub(super) small: String,
    /// `true` if what is small is a reason.
    pub(super) is_reason: bool,
}

impl GrainOfThreads {
    /// Returns a part for each number of threads, the most first.
    pub(super) fn all(results: &Results) -> Vec<GrainOfThreads> {
        let mut curves: Vec<&Grain> = results.grain.iter().filter(|curve| !curve.lanes.is_empty()).collect();
        curves.sort_by_key(|curve| std::cmp::Reverse(curve.threads));
        curves.into_iter().map(|curve| GrainOfThreads::of(results, curve)).collect()
    }

    fn of(results: &Results, curve: &Grain) -> GrainOfThreads {
        GrainOfThreads {
            id: format!("{}-tasks-{}", curve.workload, curve.threads),
            threads: counted(curve.threads, "thread"),
            level: level(curve),
            half: half(curve),
            chart: Efficiency::of(results, curve),
            lanes: curve.lanes.iter().map(|lane| LaneRow::of(results, curve, lane)).collect(),
        }
    }
}

impl LaneRow {
    fn of(results: &Results, curve: &Grain, lane: &GrainOfLane) -> LaneRow {
        LaneRow {
            lane: lane.executor.clone(),
            look: Look::of(results, &lane.executor),
            figures: [&lane.overhead, &lane.metg_50, &lane.metg_90].map(Figure::of),
            level_from: match lane.level_from {
                Some(size) => work(curve, size),
                None => format!("not even at {}", largest(curve)),
            },
        }
    }
}

impl Figure {
    fn of(metric: &Metric) -> Figure {
        match metric {
            Metric::Measured { estimate, .. } => {
                Figure { text: ns(estimate.value), small: ns_interval(estimate), is_reason: false }
            }
            Metric::Unavailable { unavailable } => {
                Figure { text: "n/a".to_owned(), small: unavailable.clone(), is_reason: true }
            }
        }
    }
}

/// Writes the work of a task at a size, as it was measured.
fn work(curve: &Grain, size: u64) -> String {
    if size == 0 {
        return "no work at all".to_owned();
    }
    curve.work_at(size).map_or_else(|| ns(size as f64), |work| ns(work.value))
}

/// Writes the most work that raced.
fn largest(curve: &Grain) -> String {
    curve.work.last().map_or_else(String::new, |last| work(curve, last.size))
}

fn level(curve: &Grain) -> String {
    let threads = counted(curve.threads, "thread");
    let largest = largest(curve);
    let never = curve.never_level();
    let others = curve.lanes.iter().filter_map(|lane| lane.level_from).max();
    match (curve.level_from, others) {
        _ if curve.lanes.len() < 2 => format!("At {threads} there is nothing to compare the lane with."),
        (Some(size), _) => format!(
            "At {threads}, from {} in a task on, all lanes are level: it does not matter which.",
            of_work(curve, size)
        ),
        // A lane alone is the best one, which is level with itself.
        (None, Some(size)) if never.len() <= 3 && never.len() + 1 < curve.lanes.len() => format!(
            "At {threads}, {} {} not shown to be level with the best even at {largest} of work in a task; the others are from {} on.",
            listed(&never),
            if never.len() == 1 { "is" } else { "are" },
            of_work(curve, size)
        ),
        (None, _) => format!(
            "At {threads}, {} of {} lanes are not shown to be level with the best even at {largest} of work in a task.",
            never.len(),
            curve.lanes.len()
        ),
    }
}

/// Writes an amount of work for a sentence: "9.21 µs of work".
fn of_work(curve: &Grain, size: u64) -> String {
    if size == 0 { work(curve, size) } else { format!("{} of work", work(curve, size)) }
}

fn half(curve: &Grain) -> String {
    let measured = |lane: &GrainOfLane| match &lane.metg_50 {
        Metric::Measured { estimate: Estimate { value, .. }, .. } => Some((lane.executor.clone(), *value)),
        Metric::Unavailable { .. } => None,
    };
    let mut lanes: Vec<(String, f64)> = curve.lanes.iter().filter_map(measured).collect();
    lanes.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    match &lanes[..] {
        [] => String::new(),
        [(lane, only)] => format!(
            "Half of the time is work if a task takes {} on {lane}, its own cost included.",
            ns(*only)
        ),
        [(first, least), .., (last, most)] => format!(
            "Half of the time is work if a task takes {} on {first} and {} on {last}, its own cost included.",
            ns(*least),
            ns(*most)
        ),
    }
}
