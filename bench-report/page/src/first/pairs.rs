//! Sets one runtime against another over all rows of a race, in a sentence.

use results::{
    Cell, Estimate, LEVEL, Results, Status,
    figures::{counted, listed},
};

use super::runtimes::Runtime;

/// From this number of runtimes on there are too many pairs to name.
const MANY: usize = 4;

/// The number of rows of two runtimes, by what is known of them.
#[derive(Default)]
struct Count {
    /// Those that the first leads, and those that the second leads.
    leads: [usize; 2],
    level: usize,
    near: usize,
    open: usize,
}

/// Writes a sentence for each two runtimes that can serve.
pub(super) fn sentences(results: &Results, threads: usize, runtimes: &[Runtime<'_>]) -> Vec<String> {
    let served: Vec<&Runtime<'_>> = runtimes.iter().filter(|runtime| runtime.serves).collect();
    if served.len() >= MANY {
        return Vec::new();
    }
    let pairs = served
        .iter()
        .enumerate()
        .flat_map(|(place, one)| served[place + 1..].iter().map(move |other| (one, other)));
    pairs.map(|(one, other)| sentence(results, threads, one, other)).collect()
}

fn sentence(results: &Results, threads: usize, one: &Runtime<'_>, other: &Runtime<'_>) -> String {
    let count = count(results, threads, one, other);
    let [ahead, behind] = count.leads;
    let all = ahead + behind + count.level + count.near + count.open;
    let mut parts = vec![format!("{} leads {ahead}", one.name), format!("{} {behind}", other.name)];
    let more = [(count.level, "level"), (count.near, "near"), (count.open, "open")];
    let more = more.into_iter().filter(|(many, _)| *many > 0);
    parts.extend(more.map(|(many, word)| format!("{many} {} {word}", if many == 1 { "is" } else { "are" })));
    format!("Of {} {}.", counted(all, "row"), listed(&parts.iter().map(String::as_str).collect::<Vec<_>>()))
}

fn count(results: &Results, threads: usize, one: &Runtime<'_>, other: &Runtime<'_>) -> Count {
    let same = |one: &Cell, other: &Cell| {
        (&one.workload, one.size, one.threads) == (&other.workload, other.size, other.threads)
    };
    let mut count = Count::default();
    for lanes in results.cells.chunk_by(same).filter(|lanes| lanes[0].threads == threads) {
        let [Some(first), Some(second)] = [one, other].map(|runtime| best(lanes, runtime)) else { continue };
        let Some(ratio) = first.ratios.get(&second.executor) else { continue };
        let floor = results.floor_of_row(&first.workload, first.size, threads);
        if is_behind(second, first, floor) {
            count.leads[0] += 1;
        } else if is_behind(first, second, floor) {
            count.leads[1] += 1;
        } else if ratio.high <= LEVEL && ratio.low >= 1.0 / LEVEL {
            count.level += 1;
        } else if is_known(ratio) {
            count.near += 1;
        } else {
            count.open += 1;
        }
    }
    count
}

/// Returns the cell of the best flavour of a runtime.
pub(super) fn best<'a>(lanes: &'a [Cell], runtime: &Runtime<'_>) -> Option<&'a Cell> {
    let of_runtime = |cell: &&Cell| {
        cell.status == Status::Ok && cell.rank.is_some() && runtime.lanes.contains(&&*cell.executor)
    };
    let value = |cell: &Cell| cell.overhead().map_or(f64::INFINITY, |overhead| overhead.value);
    lanes.iter().filter(of_runtime).min_by(|one, other| value(one).total_cmp(&value(other)))
}

/// Tells whether a lane is surely behind another; files from before that was said have the interval of the two alone.
pub(super) fn is_behind(lane: &Cell, other: &Cell, floor: f64) -> bool {
    match lane.rank {
        Some(rank) if rank > 1 && lane.behind.is_empty() => {
            lane.ratios.get(&other.executor).is_some_and(|ratio| ratio.low > floor)
        }
        _ => lane.behind.contains(&other.executor),
    }
}

/// Tells whether a ratio is known to within 10 %.
fn is_known(ratio: &Estimate) -> bool {
    ratio.high <= ratio.value * LEVEL && ratio.low >= ratio.value / LEVEL
}
