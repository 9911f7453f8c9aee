//! The gate: two tracks in one run, block by block, until every cell is decided or the time is over.
//!
//! Two runs at different times differ by the mood of the machine, and on a busy one by more than any margin. Here both
//! programs meet the same mood: in each comparison a lane of the old one and the same lane of this one take their samples
//! in turn. Their ratio is paired in each block.

use std::{collections::BTreeMap, path::Path};

use race::plan::{Alias, Plan};
use results::{
    Cell, CellId, Results, Status,
    comparison::{Change, ChangeReport, ComparedCell, Side},
    lookup,
};
use statistics::change::{Rules, to_next_look};

use crate::others::Names;

/// The probability that any cell at all is called regressed or improved for nothing.
pub(crate) const FALSE_ALARMS: f64 = 0.01;

/// The most blocks that a comparison has: the last of six looks.
pub(crate) const MOST_BLOCKS: usize = 640;

/// The beginning of the complaint of a track that lacks what it was asked for.
const LACKS: &str = "the lineup has no ";

/// Adds the same cells of the track at `track`, under the names that its lanes race by, and says what the added lanes are.
pub(crate) fn pair(cells: &[CellId], names: &Names, track: &Path) -> (Vec<CellId>, BTreeMap<String, Alias>) {
    let mut aliases = BTreeMap::new();
    let mut both = Vec::new();
    for cell in cells {
        let name = names[&cell.executor].clone();
        let alias = Alias { executor: cell.executor.clone(), track: Some(track.to_owned()) };
        aliases.insert(name.clone(), alias);
        both.extend([cell.clone(), CellId { executor: name, ..cell.clone() }]);
    }
    (both, aliases)
}

/// Counts the further blocks that each comparison of the plan needs until its next look; `None` if all of it is decided.
pub(crate) fn blocks_to_go(plan: &Plan, results: &Results, margin: f64) -> Vec<Option<f64>> {
    let rules = rules(plan, margin);
    let of_comparison = |lanes: &[CellId]| {
        let pairs = lanes.iter().filter_map(|cell| pair_of(plan, results, cell));
        // What is spoiled has no further blocks.
        let pairs = pairs.filter(|(old, new)| !old.spoiled && !new.spoiled);
        let open = pairs.filter(|&(old, new)| answer(&rules, old, new, false).change == Change::Undecided);
        let to_go = open.map(|(old, _)| to_next_look(old.overhead_of_blocks().len()));
        to_go.max().map(|blocks| blocks as f64)
    };
    plan.comparisons().map(of_comparison).collect()
}

/// Reports what has changed, once the run is over.
pub(crate) fn comparison(
    plan: &Plan,
    results: &Results,
    margin: f64,
    [old, new]: [Side; 2],
    mut notes: Vec<String>,
) -> ChangeReport {
    let rules = rules(plan, margin);
    let mut cells = Vec::new();
    for (old, new) in plan.cells.iter().filter_map(|cell| pair_of(plan, results, cell)) {
        let lacking = lookup::reason(old).contains(LACKS);
        match (old.status, new.status) {
            (Status::Ok, _) => cells.push(answer(&rules, old, new, true)),
            (_, Status::Ok) if lacking => notes.push(format!("only the new program has {}", new.id())),
            (_, Status::Ok) => cells.push(answer(&rules, old, new, true)),
            _ => notes.push(format!("{} failed in both: {}", new.id(), lookup::reason(new))),
        }
    }
    ChangeReport::new(old, new, margin, notes, cells)
}

fn rules(plan: &Plan, margin: f64) -> Rules {
    Rules { margin, false_alarms: FALSE_ALARMS, cells: plan.cells.len() / 2 }
}

/// The old cell and the new one, by that of the other track: of a revision the other is the old one, and of one with another
/// package the new one.
fn pair_of<'a>(plan: &Plan, results: &'a Results, cell: &CellId) -> Option<(&'a Cell, &'a Cell)> {
    plan.aliases.get(&cell.executor)?;
    let find = |id: &CellId| results.cells.iter().find(|cell| cell.id() == *id);
    let (other, ours) = (find(cell)?, find(&plan.in_lineup(cell))?);
    let is_new = plan.substitute_of(&cell.executor).is_some();
    Some(if is_new { (ours, other) } else { (other, ours) })
}

/// Judges one cell; `is_over` if there are no more blocks to come.
fn answer(rules: &Rules, old: &Cell, new: &Cell, is_over: bool) -> ComparedCell {
    let [in_old, in_new] = [old, new].map(Cell::overhead_of_blocks);
    let look = rules.judge_pairs(in_old, in_new, is_over);
    let failed = |cell: &Cell| format!("failed: {}", lookup::reason(cell));
    let spoiled = [old, new].into_iter().find(|cell| cell.spoiled);
    let (change, reason) = match (old.status, new.status) {
        (Status::Ok, Status::Ok) => (look.map_or(Change::Undecided, |look| look.change), None),
        _ if let Some(cell) = spoiled => (Change::Undecided, Some(format!("n/a: {}", lookup::reason(cell)))),
        (Status::Ok, _) => (Change::Regressed, Some(failed(new))),
        _ => (Change::Improved, Some(format!("{} before", failed(old)))),
    };
    let overhead = |cell: &Cell| Some(cell.overhead()?.value);
    let blocks = look.map_or([in_old.len(), in_new.len()], |look| [look.blocks; 2]);
    ComparedCell {
        cell: new.id(),
        change,
        ratio: look.map(|look| look.difference.plain_ratio()),
        unit: new.unit().to_owned(),
        old: overhead(old),
        new: overhead(new),
        blocks,
        reason,
    }
}
