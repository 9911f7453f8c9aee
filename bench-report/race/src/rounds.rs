//! Chooses the comparison that runs next: first all of them, block by block, then those that are open, round by round.
//!
//! Each round gives another block to comparisons whose order is not settled, until all are, or have had the most blocks
//! they may have, or the time is up. What promises to be settled for the least time comes first: the time that a block of it
//! has taken, times the blocks that it seems to need. What cannot be settled in the time that is left, after what comes
//! before it, gets none of it, as long as there is something that can.
//!
//! Nothing decides but the seed and what has been told: an interrupted run that is told its past again goes on as it
//! would have. A run that is given more time after its end first takes up all that it has measured.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use results::{Cell, CellId, Estimate, LEVEL, Outlook, Row};

use crate::{
    assemble::Order,
    journal::Outcomes,
    plan::{Plan, same_comparison},
    schedule::Schedule,
};

/// The most blocks that a program has which is compared with nobody.
const BLOCKS_OF_PROGRAMS: usize = 3;

/// One block of one comparison: a process for each lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heat {
    /// Which comparison of the plan.
    pub comparison: usize,
    /// Its name: WORKLOAD/SIZE/tTHREADS.
    pub name: String,
    /// Which of its blocks.
    pub block: usize,
    /// Its lanes, in their order.
    pub lanes: Vec<CellId>,
}

/// Estimates the further blocks of each comparison, in the order of the plan; `None` if it is settled.
pub type Judge<'a> = dyn Fn(&Outcomes) -> Vec<Option<f64>> + 'a;

/// The progress of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// In the blocks that all comparisons have.
    First {
        /// Processes that have ended.
        done: usize,
        /// Processes of all these blocks.
        all: usize,
    },
    /// In further rounds.
    Further {
        /// Comparisons that were settled when the round began.
        settled: usize,
        /// All comparisons.
        all: usize,
        /// The rest of the time.
        left: Duration,
    },
}

/// The run as it goes on.
pub struct Rounds<'a> {
    plan: &'a Plan,
    judge: &'a Judge<'a>,
    schedule: Schedule,
    comparisons: Vec<Standing>,
    /// The number of blocks begun, of those that all comparisons have.
    begun: usize,
    /// The number of processes that have ended.
    done: usize,
    /// The rest of the block or the round.
    queue: VecDeque<usize>,
    /// The blocks that were measured before, by the name of their comparison.
    past: HashSet<(String, usize)>,
    settled: usize,
    further_blocks: Vec<Vec<String>>,
}

/// The blocks that a comparison has had, and their time.
struct Standing {
    name: String,
    blocks: usize,
    took: Duration,
}

impl Standing {
    fn new(lanes: &[CellId]) -> Standing {
        let CellId { workload, size, threads, .. } = &lanes[0];
        Standing { name: format!("{workload}/{size}/t{threads}"), blocks: 0, took: Duration::ZERO }
    }

    fn of_a_block(&self) -> Duration {
        self.took.div_f64(self.blocks.max(1) as f64)
    }
}

impl<'a> Rounds<'a> {
    /// Begins a run, of which the blocks in `past` were measured before, by the name of their comparison. If it had come to
    /// its end and goes on, they come before all others.
    pub fn new(plan: &'a Plan, judge: &'a Judge<'a>, past: HashSet<(String, usize)>) -> Rounds<'a> {
        Rounds {
            plan,
            judge,
            schedule: Schedule::of(plan),
            comparisons: plan.comparisons().map(Standing::new).collect(),
            begun: 0,
            done: 0,
            queue: VecDeque::new(),
            past,
            settled: 0,
            further_blocks: Vec::new(),
        }
    }

    /// Returns the next heat; `outcomes` are those of the heats so far and no others.
    pub fn next(&mut self, outcomes: &Outcomes) -> Option<Heat> {
        loop {
            while let Some(comparison) = self.queue.pop_front() {
                if self.further_blocks.is_empty() || self.is_past(comparison) || self.fits(comparison) {
                    return Some(self.heat(comparison));
                }
            }
            self.queue = if self.begun < self.plan.blocks { self.next_block() } else { self.round(outcomes) };
            if self.queue.is_empty() {
                return None;
            }
        }
    }

    /// Notes that a heat has ended, and the time it took.
    pub fn ended(&mut self, heat: &Heat, took: Duration) {
        let comparison = &mut self.comparisons[heat.comparison];
        comparison.blocks += 1;
        self.done += heat.lanes.len();
        comparison.took = comparison.took.saturating_add(took);
        if let Some(round) = self.further_blocks.last_mut() {
            round.push(comparison.name.clone());
        }
    }

    /// Returns the progress of the run.
    pub fn stage(&self) -> Stage {
        if self.further_blocks.is_empty() {
            Stage::First { done: self.done, all: self.plan.blocks * self.plan.cells.len() }
        } else {
            let all = self.comparisons.len();
            Stage::Further { settled: self.settled, all, left: self.plan.budget.saturating_sub(self.used()) }
        }
    }

    /// The names of the comparisons that had another block in each round, in their order.
    pub fn further_blocks(mut self) -> Vec<Vec<String>> {
        self.further_blocks.retain(|round| !round.is_empty());
        self.further_blocks
    }

    fn heat(&self, comparison: usize) -> Heat {
        let Standing { name, blocks: block, .. } = &self.comparisons[comparison];
        let mut lanes = self.schedule.lanes(comparison, *block).to_vec();
        if *block >= self.plan.blocks.min(BLOCKS_OF_PROGRAMS) {
            // Others are to settle an order, which concerns those in it, and what they are measured by.
            lanes.retain(|CellId { executor, .. }| {
                self.plan.is_compared(executor) || self.plan.is_baseline(executor)
            });
        }
        Heat { comparison, name: name.clone(), block: *block, lanes }
    }

    fn next_block(&mut self) -> VecDeque<usize> {
        self.begun += 1;
        self.schedule.comparisons(self.begun - 1).iter().copied().collect()
    }

    /// The open comparisons, those that promise to be settled for the least time first.
    fn round(&mut self, outcomes: &Outcomes) -> VecDeque<usize> {
        if !self.plan.goes_on() {
            return VecDeque::new();
        }
        let past = (0..self.comparisons.len()).filter(|&comparison| self.is_past(comparison));
        let past: VecDeque<usize> = past.collect();
        // An interrupted run comes upon them by itself. One that goes on has more time than it had when it chose them.
        if !past.is_empty() && !self.plan.periods.is_empty() {
            self.further_blocks.push(Vec::new());
            return past;
        }
        let mut open = self.open(outcomes);
        self.settled = self.comparisons.len() - open.len();
        open.retain(|&(_, comparison)| self.may_go_on(comparison));
        self.further_blocks.push(Vec::new());
        let mut left = self.plan.budget.saturating_sub(self.used()).as_secs_f64();
        let affordable = open.iter().take_while(|(price, _)| {
            left -= price;
            left >= 0.0
        });
        // Where nothing seems to be settled in time any more, what comes nearest to it goes on.
        let affordable = affordable.count().max(1);
        open.into_iter().take(affordable).map(|(_, comparison)| comparison).collect()
    }

    /// Returns the time that each open comparison seems to need until it is settled, in seconds, the shortest first.
    fn open(&self, outcomes: &Outcomes) -> Vec<(f64, usize)> {
        let price = |(comparison, to_go): (usize, Option<f64>)| {
            Some((to_go? * self.comparisons[comparison].of_a_block().as_secs_f64(), comparison))
        };
        let to_go = (self.judge)(outcomes);
        let mut open: Vec<(f64, usize)> = to_go.into_iter().enumerate().filter_map(price).collect();
        open.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
        open
    }

    /// Estimates what up to ten more minutes would settle; `None` if that is nothing.
    pub fn outlook(&self, outcomes: &Outcomes) -> Option<Outlook> {
        const AT_MOST: f64 = 600.0;
        let (mut seconds, mut settles) = (0.0, 0);
        for (price, _) in self.open(outcomes) {
            if seconds + price > AT_MOST {
                break;
            }
            seconds += price;
            settles += 1;
        }
        (settles > 0).then(|| Outlook { minutes: ((seconds / 60.0).ceil() as u64).max(1), settles })
    }

    /// Tells whether the next block of a comparison was measured before.
    fn is_past(&self, comparison: usize) -> bool {
        let Standing { name, blocks, .. } = &self.comparisons[comparison];
        self.past.contains(&(name.clone(), *blocks))
    }

    fn may_go_on(&self, comparison: usize) -> bool {
        self.comparisons[comparison].blocks < self.plan.most_blocks && self.fits(comparison)
    }

    /// Tells whether another block of the comparison ends in time, if it takes as long as those before.
    fn fits(&self, comparison: usize) -> bool {
        self.used().saturating_add(self.comparisons[comparison].of_a_block()) <= self.plan.budget
    }

    fn used(&self) -> Duration {
        self.comparisons.iter().fold(Duration::ZERO, |used, comparison| used.saturating_add(comparison.took))
    }
}

/// Estimates the further blocks that each comparison of the plan needs, by the order so far; `None` if it is settled.
pub fn blocks_to_go(plan: &Plan, Order { cells, rows }: &Order) -> Vec<Option<f64>> {
    let of_comparison = |lanes: &[CellId]| {
        let CellId { workload, size, threads, .. } = &lanes[0];
        let row =
            rows.iter().find(|row| (&row.workload, &row.size, &row.threads) == (workload, size, threads))?;
        let cells = cells.iter().filter(|cell| same_comparison(&cell.id(), &lanes[0]));
        cells.filter(|cell| row.open.contains(&cell.executor)).map(|cell| to_go(cell, row)).reduce(f64::max)
    };
    plan.comparisons().map(of_comparison).collect()
}

/// Estimates the further blocks that a lane needs until it is known to be behind the leader, or level with it, or near.
///
/// A rule of thumb, which decides nothing but the order: an interval shrinks with the root of the number of blocks, and so
/// does the floor.
fn to_go(cell: &Cell, row: &Row) -> f64 {
    /// A lower bound, which holds for all lanes at once, is farther away than an upper bound by about so much.
    const DOWN: f64 = 1.5;
    let Some(Estimate { value, high, .. }) = cell.ratio else { return f64::INFINITY };
    let (behind, reach, level) = (value.ln(), (high / value).ln(), LEVEL.ln());
    let by_shrinking_to = [
        behind / (DOWN * reach + row.floor.ln()),
        (level - behind) / reach,
        level / if behind > level { DOWN * reach } else { reach },
    ];
    let shrunk = by_shrinking_to.into_iter().fold(0.0, f64::max);
    let blocks = row.blocks as f64;
    // Something that has had many blocks and is still open is not as easily settled as it looks.
    (blocks / shrunk.powi(2) - blocks).max(blocks / 4.0).max(1.0)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    use super::*;
    use results::{Period, Profile};

    use crate::{
        assemble, facts,
        journal::{Fault, Outcome},
        plan::Sampling,
        twins,
    };

    const SECOND: Duration = Duration::from_secs(1);

    /// A plan of so many comparisons of three lanes, one of them a twin, with two blocks at least and ten at most.
    fn plan(comparisons: u64) -> Plan {
        let cell = |size, executor: &str| CellId {
            workload: "w".into(),
            size,
            threads: 1,
            executor: executor.into(),
        };
        let cells: Vec<CellId> =
            (1..=comparisons).flat_map(|size| [cell(size, "a"), cell(size, "b")]).collect();
        let (cells, aliases) = twins::add_twins(&cells, &BTreeMap::new(), twins::Twins::One, 3);
        Plan {
            id: String::new(),
            started: String::new(),
            command: String::new(),
            lineup: None,
            conditions: results::Conditions::default(),
            seed: 3,
            blocks: 2,
            most_blocks: 10,
            budget: 1_000 * SECOND,
            profile: Profile::Default,
            sampling: Sampling {
                warm_up: Duration::ZERO,
                measurement: Duration::ZERO,
                samples: 10,
                most_samples: 10,
            },
            time_limit: SECOND,
            machine: facts::machine(Path::new("/no/such/root")),
            build: facts::build(&crate::test_lineup().build, None).0,
            provenance: crate::plan::Provenance::default(),
            cells,
            not_applicable: Vec::new(),
            aliases,
            substitutes: BTreeMap::new(),
            programs: BTreeMap::new(),
            baselines: Vec::new(),
            memory: Vec::new(),
            part: None,
            periods: Vec::new(),
        }
    }

    fn measured(wall_ns: u64) -> Outcome {
        let checked = r#"{"operations": 1, "ideal-ns": 0, "observed": {"threads": 1, "spawned": 0, "finished": 0,
            "cancelled": 0, "polls": 1, "jobs": 0, "jobs-at-once": 0}}"#;
        let checked = serde_json::from_str(checked).expect("it is what a process knows");
        let sample = format!(r#"{{"iterations": 1, "wall-ns": {wall_ns}}}"#);
        let sample = serde_json::from_str(&sample).expect("it is a sample");
        let done = serde_json::from_str("{}").expect("it is what a process knows at its end");
        Outcome::Measured(checked, vec![sample; 10], done)
    }

    /// The course of a heat: the outcome of each lane, and the time of the heat.
    type Sport<'a> = &'a dyn Fn(&Heat, &CellId) -> (Outcome, Duration);

    /// The heats of a run, in their order.
    fn run(plan: &Plan, judge: &Judge<'_>, sport: Sport<'_>) -> Vec<Heat> {
        let mut rounds = Rounds::new(plan, judge, HashSet::new());
        let mut outcomes = Outcomes::new();
        let mut heats = Vec::new();
        while let Some(heat) = rounds.next(&outcomes) {
            let mut took = Duration::ZERO;
            for cell in &heat.lanes {
                let (outcome, time) = sport(&heat, cell);
                took += time;
                outcomes.insert((cell.clone(), heat.block), outcome);
            }
            rounds.ended(&heat, took);
            heats.push(heat);
        }
        heats
    }

    /// Judges by the results, as a run does.
    fn by_results(plan: &Plan) -> impl Fn(&Outcomes) -> Vec<Option<f64>> {
        |outcomes| blocks_to_go(plan, &assemble::order(&crate::test_lineup(), plan, outcomes))
    }

    fn blocks_of(heats: &[Heat], comparison: usize) -> usize {
        heats.iter().filter(|heat| heat.comparison == comparison).count()
    }

    /// In the first comparison `b` takes twice as long, in the second now one lane does and now the other; in the third
    /// they take the same.
    fn three_sorts(heat: &Heat, cell: &CellId) -> (Outcome, Duration) {
        let is_slow = match heat.comparison {
            0 => cell.executor.starts_with('b'),
            1 => cell.executor.starts_with('b') == heat.block.is_multiple_of(2),
            _ => false,
        };
        let noise = (heat.block as u64 * 7 + cell.executor.len() as u64 * 3) % 5;
        (measured(if is_slow { 200_000 } else { 100_000 } + 100 * noise), SECOND)
    }

    #[test]
    fn what_is_settled_stops_and_what_is_open_goes_on_to_the_limit() {
        let plan = Plan { blocks: 3, ..plan(3) };
        let heats = run(&plan, &by_results(&plan), &three_sorts);
        assert_eq!([0, 1, 2].map(|comparison| blocks_of(&heats, comparison)), [3, 10, 3]);
    }

    #[test]
    fn the_same_seed_and_the_same_outcomes_give_the_same_order() {
        // All are open and promise the same, so that nothing but the seed parts them.
        let sport = |heat: &Heat, cell: &CellId| {
            let slow = cell.executor.starts_with('b') == heat.block.is_multiple_of(2);
            (measured(if slow { 200_000 } else { 100_000 }), SECOND)
        };
        let of_seed = |seed| {
            let plan = Plan { seed, budget: 100 * SECOND, ..plan(6) };
            run(&plan, &by_results(&plan), &sport)
        };
        let heats = of_seed(3);
        assert!(heats.len() > 12, "there are further rounds: {}", heats.len());
        assert_eq!(heats, of_seed(3));
        assert_ne!(heats, of_seed(4));
    }

    #[test]
    fn what_promises_most_for_its_time_comes_first() {
        let plan = Plan { most_blocks: 3, ..plan(4) };
        let judge = |_: &Outcomes| vec![Some(9.0), Some(4.0), None, Some(1.0)];
        // A block of the last one takes as long as six of the others.
        let sport =
            |heat: &Heat, _: &CellId| (measured(1), if heat.comparison == 3 { 6 * SECOND } else { SECOND });
        let heats = run(&plan, &judge, &sport);
        let further: Vec<usize> = heats[8..].iter().map(|heat| heat.comparison).collect();
        assert_eq!(further, [1, 3, 0]);
    }

    #[test]
    fn what_does_not_fit_into_the_budget_is_not_begun() {
        // Three lanes of a second each, of three seconds in the last comparison: 2 blocks take 36 seconds.
        let plan = Plan { budget: 52 * SECOND, ..plan(4) };
        let judge = |_: &Outcomes| vec![Some(1.0); 4];
        let sport =
            |heat: &Heat, _: &CellId| (measured(1), if heat.comparison == 3 { 3 * SECOND } else { SECOND });
        let heats = run(&plan, &judge, &sport);
        let further: Vec<usize> = heats[8..].iter().map(|heat| heat.comparison).collect();
        assert_eq!(further, [0, 1, 2, 0, 1], "16 seconds are left for blocks of 3, 3, 3 and 9 seconds");
    }

    #[test]
    fn the_blocks_that_all_have_run_whatever_they_take() {
        let plan = Plan { budget: SECOND, ..plan(3) };
        let judge = |_: &Outcomes| vec![Some(1.0); 3];
        let heats = run(&plan, &judge, &three_sorts);
        assert_eq!(heats.len(), 6);
    }

    #[test]
    fn a_fixed_number_of_blocks_asks_nobody() {
        let plan = Plan { most_blocks: 2, ..plan(3) };
        let judge = |_: &Outcomes| panic!("nobody is asked");
        assert_eq!(run(&plan, &judge, &three_sorts).len(), 6);
    }

    #[test]
    fn a_program_has_no_further_blocks_unless_it_is_compared_with_another_revision() {
        let programs = BTreeMap::from([("b".to_owned(), "1.0".to_owned())]);
        let judge = |_: &Outcomes| vec![Some(1.0)];
        let sport = |_: &Heat, _: &CellId| (measured(1), SECOND);
        let lanes = |plan: &Plan| -> Vec<usize> {
            run(plan, &judge, &sport).iter().map(|heat| heat.lanes.len()).collect()
        };
        let race = Plan { most_blocks: 4, programs, ..plan(1) };
        assert!(!race.is_compared("b") && race.is_compared("a"));
        assert_eq!(lanes(&race), [3, 3, 2, 2]);
        let baselines = vec!["b".to_owned()];
        assert_eq!(lanes(&Plan { baselines, ..race.clone() }), [3; 4], "others are measured by it");
        let other = crate::plan::Alias { executor: "b".to_owned(), track: Some("/old".into()) };
        let aliases = BTreeMap::from([("a-twin".to_owned(), other)]);
        assert_eq!(lanes(&Plan { aliases, ..race }), [3; 4]);
    }

    #[test]
    fn the_order_of_further_blocks_is_kept() {
        let plan = Plan { most_blocks: 4, ..plan(3) };
        let judge = |outcomes: &Outcomes| match outcomes.len() {
            18 => vec![Some(2.0), None, Some(1.0)],
            _ => vec![None, Some(1.0), None],
        };
        let mut rounds = Rounds::new(&plan, &judge, HashSet::new());
        let mut outcomes = Outcomes::new();
        while let Some(heat) = rounds.next(&outcomes) {
            outcomes.extend(heat.lanes.iter().map(|cell| ((cell.clone(), heat.block), measured(1))));
            rounds.ended(&heat, SECOND);
        }
        let further_blocks = rounds.further_blocks();
        assert_eq!(further_blocks, [vec!["w/3/t1", "w/1/t1"], vec!["w/2/t1"], vec!["w/2/t1"]]);
    }

    #[test]
    fn a_run_that_goes_on_takes_up_all_that_it_has_measured() {
        let judge = |_: &Outcomes| vec![Some(1.0), Some(4.0), Some(9.0)];
        let past: HashSet<(String, usize)> =
            [("w/3/t1", 0), ("w/3/t1", 1), ("w/3/t1", 2), ("w/3/t1", 3), ("w/1/t1", 2)]
                .map(|(name, block)| (name.to_owned(), block))
                .into();
        let periods = vec![Period { started: String::new(), finished: String::new() }; 2];
        let plan = Plan { budget: 33 * SECOND, periods, ..plan(3) };
        let mut rounds = Rounds::new(&plan, &judge, past);
        let mut heats = Vec::new();
        while let Some(heat) = rounds.next(&Outcomes::new()) {
            rounds.ended(&heat, 3 * SECOND);
            heats.push((heat.comparison, heat.block));
        }
        heats[..6].sort_unstable();
        assert_eq!(heats[..6], [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]);
        // Past ones first, whatever they promise; then what does.
        assert_eq!(heats[6..], [(0, 2), (2, 2), (2, 3), (0, 3), (0, 4)]);
    }

    #[test]
    fn an_outlook_tells_what_ten_minutes_would_settle() {
        let plan = Plan { most_blocks: 2, ..plan(4) };
        let of = |to_go: [Option<f64>; 4]| {
            let judge = |_: &Outcomes| to_go.to_vec();
            let mut rounds = Rounds::new(&plan, &judge, HashSet::new());
            while let Some(heat) = rounds.next(&Outcomes::new()) {
                rounds.ended(&heat, 10 * SECOND);
            }
            rounds.outlook(&Outcomes::new())
        };
        assert_eq!(of([None; 4]), None);
        assert_eq!(of([None, Some(100.0), None, Some(61.0)]), None, "a block takes ten seconds");
        assert_eq!(of([Some(1.0), None, None, None]), Some(Outlook { minutes: 1, settles: 1 }));
        let outlook = of([Some(20.0), Some(9.0), Some(70.0), Some(11.0)]);
        assert_eq!(outlook, Some(Outlook { minutes: 7, settles: 3 }));
    }

    #[test]
    fn every_lane_that_failed_is_nothing_to_wait_for() {
        let plan = plan(1);
        let sport = |_: &Heat, _: &CellId| (Outcome::Faulty(Fault::Failed("on purpose".to_owned())), SECOND);
        assert_eq!(run(&plan, &by_results(&plan), &sport).len(), 2);
    }

    #[test]
    fn what_is_near_no_border_needs_few_blocks_more() {
        // So much slower is one lane than the other, in blocks that differ as much in each.
        let to_go = |slower: f64| {
            let plan = plan(1);
            let of_cell = |cell: &CellId, block: usize| {
                let uneven = [1.1, 0.9, 1.0, 1.05][(block + cell.executor.len()) % 4];
                let slower = if cell.executor.starts_with('b') { slower } else { 1.0 };
                let uneven = if cell.executor.starts_with('b') { uneven } else { 1.0 };
                measured((1e6 * slower * uneven) as u64)
            };
            let keys = (0..4).flat_map(|block| plan.cells.iter().map(move |cell| (cell.clone(), block)));
            let outcomes = keys.map(|(cell, block)| ((cell.clone(), block), of_cell(&cell, block))).collect();
            by_results(&plan)(&outcomes)[0].expect("it is open")
        };
        let (near, far) = (to_go(1.05), to_go(1.16));
        assert!(near > far && far >= 1.0, "{near} {far}");
    }
}
