//! Prepares the section over versions: how the lanes of several builds compare, a chart for each comparison, and the steps
//! between two versions that are certain.

use std::iter;

use results::{
    Cell, Estimate, Executor, OtherBuild, Results, Substitute, by_version,
    figures::{counted, ratio, ratio_interval, ratio_with_interval},
};

use super::{lanes::Look, sizes};

/// The places of a chart, in the units of its view box: 400 wide, as all charts.
const LEFT: f64 = 46.0;
const RIGHT: f64 = 396.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 104.0;

/// A lane in several versions of one package.
pub(super) struct OverVersions {
    /// The anchor of its part of the page.
    pub(super) id: String,
    pub(super) lane: String,
    pub(super) package: String,
    pub(super) look: Look,
    pub(super) versions: Vec<Version>,
    /// A sentence for each step that is certain.
    pub(super) steps: Vec<String>,
    pub(super) charts: Vec<VersionChart>,
}

/// A version of the package.
pub(super) struct Version {
    pub(super) label: String,
    /// The reason why it is looked at, and what it was built from.
    pub(super) reason: String,
    /// Its lane.
    pub(super) lane: String,
}

/// A comparison over the versions.
pub(super) struct VersionChart {
    pub(super) id: String,
    pub(super) workload: String,
    pub(super) name: String,
    pub(super) points: Vec<Point>,
    /// The line through the points that are there.
    pub(super) line: String,
    /// The range of ratios that are noise: the top of its box, and its height.
    pub(super) floor: [f64; 2],
    /// The height of the ratio 1, and those of the numbers beside the axis.
    pub(super) one: f64,
    pub(super) numbers: Vec<(f64, String)>,
    pub(super) places: Vec<(f64, String)>,
}

/// A version in a comparison.
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) figure: String,
    pub(super) interval: String,
    pub(super) tooltip: String,
}

/// A lane of the run, as one of several versions.
struct Rung<'a> {
    lane: &'a Executor,
    version: &'a str,
    label: String,
}

impl OverVersions {
    /// Returns a part for each lane that raced in several builds.
    pub(super) fn all(results: &Results) -> Vec<OverVersions> {
        let mut of_lanes: Vec<(&str, &str)> = Vec::new();
        for OtherBuild { lane, substitute } in
            results.executors.iter().filter_map(|lane| lane.other_build.as_ref())
        {
            if !of_lanes.contains(&(lane, &substitute.package)) {
                of_lanes.push((lane, &substitute.package));
            }
        }
        of_lanes.into_iter().filter_map(|(lane, package)| OverVersions::of(results, lane, package)).collect()
    }

    fn of(results: &Results, lane: &str, package: &str) -> Option<OverVersions> {
        let rungs = rungs(results, lane, package)?;
        let comparisons = comparisons(results, lane);
        let charts = comparisons.iter().filter_map(|cell| VersionChart::of(results, cell, &rungs));
        let steps = comparisons.iter().flat_map(|cell| steps(results, cell, &rungs));
        Some(OverVersions {
            id: format!("versions-{lane}-{package}"),
            lane: lane.to_owned(),
            package: package.to_owned(),
            look: Look::of(results, lane),
            versions: rungs.iter().map(|rung| rung.described(package)).collect(),
            steps: steps.collect(),
            charts: charts.collect(),
        })
    }
}

/// Returns the builds of a lane, the oldest version first; that of the run itself is one of them.
fn rungs<'a>(results: &'a Results, lane: &str, package: &str) -> Option<Vec<Rung<'a>>> {
    let own = results.executors.iter().find(|executor| executor.name == lane)?;
    let others = results.executors.iter().filter_map(|executor| {
        let build = executor.other_build.as_ref()?;
        let is_of_lane = build.lane == lane && build.substitute.package == package;
        is_of_lane.then_some((executor, &build.substitute))
    });
    let others: Vec<(&Executor, &Substitute)> = others.collect();
    let (_, first) = others.first()?;
    let today = Rung { lane: own, version: &first.instead_of, label: first.instead_of.clone() };
    let others = others.into_iter().map(|(lane, substitute)| {
        let label = lane.name.split_once('@').map_or(&*substitute.version, |(_, label)| label);
        let label = label.strip_prefix(&format!("{package}-")).unwrap_or(label).to_owned();
        Rung { lane, version: &substitute.version, label }
    });
    // A fork of today's version, or a build of it with a flag, comes behind it.
    let mut rungs: Vec<Rung<'_>> = iter::once(today).chain(others).collect();
    rungs.sort_by_key(|rung| by_version(rung.version));
    Some(rungs)
}

impl Rung<'_> {
    fn described(&self, package: &str) -> Version {
        let reason = match &self.lane.other_build {
            None => "the one of the lock file".to_owned(),
            Some(OtherBuild { substitute, .. }) => {
                let Substitute { version, source, reason, .. } = substitute;
                reason.clone().unwrap_or_else(|| format!("{package} {version} from {source}"))
            }
        };
        Version { label: self.label.clone(), reason, lane: self.lane.name.clone() }
    }
}

/// Returns the cells of a lane that were measured, the most threads first in each workload.
fn comparisons<'a>(results: &'a Results, lane: &str) -> Vec<&'a Cell> {
    let cells = results.cells.iter().filter(|cell| cell.executor == lane && cell.overhead().is_some());
    cells.collect()
}

/// Returns the cell of a build in the comparison of another.
fn beside<'a>(results: &'a Results, cell: &'a Cell, lane: &'a str) -> Option<&'a Cell> {
    results.comparison(&cell.workload, cell.size, cell.threads).find(|other| other.executor == lane)
}

fn name(results: &Results, cell: &Cell) -> String {
    format!("{}, {}", sizes::sized(results, &cell.workload, cell.size), counted(cell.threads, "thread"))
}

/// Returns a sentence for each version that is certain to differ from the one before it: by the interval of their ratio, and by
/// more than the noise floor of the row.
fn steps<'a>(results: &'a Results, cell: &'a Cell, rungs: &[Rung<'a>]) -> Vec<String> {
    let floor = results.floor_of_row(&cell.workload, cell.size, cell.threads);
    let measured = rungs.iter().filter_map(|rung| Some((rung, beside(results, cell, &rung.lane.name)?)));
    let measured: Vec<(&Rung<'_>, &Cell)> = measured.filter(|(_, cell)| cell.overhead().is_some()).collect();
    let step = |pair: &[(&Rung<'_>, &Cell)]| {
        let [(before, _), (after, cell)] = pair else { return None };
        let change = cell.ratios.get(&before.lane.name)?;
        let how = if change.low > floor {
            "longer"
        } else if change.high < 1.0 / floor {
            "less long"
        } else {
            return None;
        };
        Some(format!(
            "{} {}: {} takes {how} than {}, {} the time.",
            cell.workload,
            name(results, cell),
            after.label,
            before.label,
            ratio_with_interval(change)
        ))
    };
    measured.windows(2).filter_map(step).collect()
}

impl VersionChart {
    /// Draws the builds of a lane in the comparison of a cell; `None` if only one of them was measured.
    fn of<'a>(results: &'a Results, own: &'a Cell, rungs: &[Rung<'a>]) -> Option<VersionChart> {
        let floor = results.floor_of_row(&own.workload, own.size, own.threads);
        let to_own = |rung: &Rung<'a>| {
            if rung.lane.name == own.executor {
                return Some(Estimate { value: 1.0, low: 1.0, high: 1.0 });
            }
            beside(results, own, &rung.lane.name)?.ratios.get(&own.executor).copied()
        };
        let ratios: Vec<Option<Estimate>> = rungs.iter().map(to_own).collect();
        let measured: Vec<Estimate> = ratios.iter().flatten().copied().collect();
        if measured.len() < 2 {
            return None;
        }
        // An interval that reaches towards zero is cut.
        let lowest =
            measured.iter().map(|ratio| ratio.low.max(ratio.value / 2.0)).fold(1.0 / floor, f64::min);
        let highest = measured.iter().map(|ratio| ratio.high.min(ratio.value * 2.0)).fold(floor, f64::max);
        let (lowest, highest) = (lowest.ln() - 0.01, highest.ln() + 0.01);
        let y = |ratio: f64| {
            let share = (ratio.ln().clamp(lowest, highest) - lowest) / (highest - lowest);
            rounded(BOTTOM - share * (BOTTOM - TOP))
        };
        let step = (RIGHT - LEFT) / rungs.len() as f64;
        let x = |place: usize| rounded(LEFT + step * (place as f64 + 0.5));
        let point = |(place, estimate): (usize, &Option<Estimate>)| {
            let estimate = (*estimate)?;
            let today = rungs[place].lane.name == own.executor;
            let figure = if today { "1".to_owned() } else { ratio(estimate.value) };
            Some(Point {
                x: x(place),
                y: y(estimate.value),
                low: y(estimate.low),
                high: y(estimate.high),
                interval: if today { String::new() } else { ratio_interval(&estimate) },
                tooltip: if today {
                    format!("{}, which the others are compared with", rungs[place].label)
                } else {
                    format!("{}: {}", rungs[place].label, ratio_with_interval(&estimate))
                },
                figure,
            })
        };
        let points: Vec<Point> = ratios.iter().enumerate().filter_map(point).collect();
        let line: Vec<String> = points.iter().map(|point| format!("{} {}", point.x, point.y)).collect();
        let values = measured.iter().map(|ratio| ratio.value);
        let [least, most] = [values.clone().fold(1.0, f64::min), values.fold(1.0, f64::max)];
        let mut numbers: Vec<(f64, String)> = vec![(y(1.0), "1×".to_owned())];
        for value in [least, most] {
            // Beside the 1 there is no room for another number.
            if (y(value) - y(1.0)).abs() > 12.0 {
                numbers.push((y(value), ratio(value)));
            }
        }
        Some(VersionChart {
            id: format!("versions-{}-{}-{}-{}", own.executor, own.workload, own.size, own.threads),
            workload: own.workload.clone(),
            name: name(results, own),
            points,
            line: format!("M{}", line.join("L")),
            floor: [y(floor), rounded(y(1.0 / floor) - y(floor))],
            one: y(1.0),
            numbers,
            places: rungs.iter().enumerate().map(|(place, rung)| (x(place), rung.label.clone())).collect(),
        })
    }
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
