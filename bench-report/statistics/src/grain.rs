//! Computes from how much work a task on an executor is worth its cost: the minimum effective task granularity.
//!
//! METG(50 %) is the smallest granularity, wall time times cores by tasks, at which half of the best possible rate of work is
//! reached; so it includes the executor's own time. The definition is that of Task Bench (Slaughter et al., SC20, section 4). The best
//! rate is that of plain loops on as many threads in the same blocks; Task Bench takes the best that any system reached.

use results::Estimate;

use super::estimate::{Mean, exponential, geometric_mean, logarithms, ratio};

/// The efficiency above which a curve is refused, if it is surely above 1: who is faster than plain loops does other work, or the
/// loops were disturbed. Without the second half of the rule one curve in twenty would be refused for the noise of three blocks.
pub const MOST_EFFICIENT: f64 = 1.05;

/// The least loss that is believed, as a share: a smaller one is noise, and its logarithm would be anything.
const LEAST_LOSS: f64 = 0.005;

/// The ratio of the ends of an interval up to which it says something.
const WIDEST: f64 = 1_000.0;

/// A lane and its baseline at one amount of work a task.
#[derive(Clone, Debug)]
pub struct Grain {
    /// The granularity in each block: wall time times cores by tasks, in ns.
    pub lane: Vec<f64>,
    /// The same of the plain loops.
    pub baseline: Vec<f64>,
}

/// The reason why a curve has no METG.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoMetg {
    /// It is said to be more efficient than plain loops, at this place of the curve.
    TooEfficient(usize),
    /// It is efficient enough everywhere: METG is less than the first granularity.
    Below,
    /// It is not efficient enough even at its last place: METG is more than that granularity.
    Above,
    /// The blocks differ so much that its interval says nothing.
    Unknown,
}

impl Grain {
    /// Returns the granularity.
    ///
    /// # Panics
    ///
    /// If there are fewer than two blocks.
    pub fn granularity(&self) -> Estimate {
        geometric_mean(&self.lane)
    }

    /// Returns the efficiency: the granularity of the loops by that of the lane, paired by block.
    ///
    /// # Panics
    ///
    /// If the two differ in their blocks, or there are fewer than two.
    pub fn efficiency(&self) -> Estimate {
        ratio(&self.baseline, &self.lane)
    }
}

/// Returns METG(`share`) of a curve, which begins with the least work: the granularity from which on the efficiency is `share`.
///
/// Between two places of the curve it is interpolated on logarithms, that of the granularity and that of the loss (1 − efficiency):
/// where tasks cost the same whatever they do, that is a straight line. The interval follows from the blocks of the two places.
///
/// # Errors
///
/// The reason why there is none: it takes a place on each side, and an efficiency that can be true everywhere.
///
/// # Panics
///
/// If a lane and its baseline differ in their blocks, or have fewer than two.
pub fn metg(curve: &[Grain], share: f64) -> Result<Estimate, NoMetg> {
    let efficiency: Vec<Estimate> = curve.iter().map(Grain::efficiency).collect();
    let is_too_efficient = |efficiency: &Estimate| efficiency.value > MOST_EFFICIENT && efficiency.low > 1.0;
    if let Some(place) = efficiency.iter().position(is_too_efficient) {
        return Err(NoMetg::TooEfficient(place));
    }
    // The last place that falls short: a place above the share before it may be luck.
    let short = efficiency.iter().rposition(|efficiency| efficiency.value < share).ok_or(NoMetg::Below)?;
    let [before, after] = curve.get(short..short + 2).ok_or(NoMetg::Above)? else {
        return Err(NoMetg::Above);
    };
    let crossing = crossing(&Place::of(before), &Place::of(after), (1.0 - share).ln());
    if crossing.high > crossing.low * WIDEST { Err(NoMetg::Unknown) } else { Ok(crossing) }
}

/// A place of the curve on logarithms.
struct Place {
    /// The granularity in each block, and its mean.
    granularities: Vec<f64>,
    granularity: f64,
    /// The efficiency in each block.
    efficiencies: Vec<f64>,
    /// The loss, and its change with the efficiency.
    loss: f64,
    slope: f64,
}

impl Place {
    fn of(grain: &Grain) -> Place {
        let [granularities, baseline] = [&grain.lane, &grain.baseline].map(|blocks| logarithms(blocks));
        let efficiencies: Vec<f64> =
            baseline.iter().zip(&granularities).map(|(baseline, lane)| baseline - lane).collect();
        let loss = (1.0 - Mean::of(&efficiencies).value.exp()).max(LEAST_LOSS);
        Place {
            granularity: Mean::of(&granularities).value,
            granularities,
            efficiencies,
            loss: loss.ln(),
            slope: -(1.0 - loss) / loss,
        }
    }

    /// Returns a mean whose error is that of the crossing which is due to this place.
    fn error(&self, by_granularity: f64, by_loss: f64) -> Mean {
        let by_efficiency = by_loss * self.slope;
        let blocks = self.granularities.iter().zip(&self.efficiencies);
        let blocks =
            blocks.map(|(granularity, efficiency)| by_granularity * granularity + by_efficiency * efficiency);
        Mean::of(&blocks.collect::<Vec<_>>())
    }
}

/// Returns the granularity at which the line through two places has a loss, all on logarithms.
fn crossing(before: &Place, after: &Place, loss: f64) -> Estimate {
    let (run, fall) = (after.granularity - before.granularity, after.loss - before.loss);
    let part = (loss - before.loss) / fall;
    // The derivatives of the crossing, as far as errors are small: blocks of one place are paired, the places are independent.
    let errors = [
        (1.0, before.error(1.0 - part, run * (part - 1.0) / fall)),
        (1.0, after.error(part, -run * part / fall)),
    ];
    let value = before.granularity + part * run;
    exponential(Mean { value, ..Mean::of_combination(&errors) }.estimate())
}

#[cfg(test)]
mod tests {
    use super::{super::simulation::Simulation, *};

    /// The work of a task at each place, in ns.
    const WORK: [f64; 8] = [0.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5];

    /// The cost of a loop around work.
    const LOOP: f64 = 2.0;

    /// A lane on so many cores: each task keeps the core that runs it for `shared` ns besides its work, and all cores for
    /// `alone` ns, in which nobody else can do anything.
    struct Model {
        cores: f64,
        shared: f64,
        alone: f64,
    }

    impl Model {
        /// Returns the work beside which half of the time is left.
        fn cost(&self) -> f64 {
            self.shared + self.alone * self.cores
        }

        /// Returns the curve of a lane that does this part of the work, whose blocks scatter by `noise`.
        fn curve(&self, part: f64, mut noise: impl FnMut(f64) -> Vec<f64>) -> Vec<Grain> {
            let grain = |work: f64| Grain {
                lane: noise(work * part + self.cost() + LOOP),
                baseline: noise(work + LOOP),
            };
            WORK.map(grain).into()
        }

        fn exact(&self) -> Vec<Grain> {
            self.curve(1.0, |time| vec![time; 3])
        }
    }

    const TWO_CORES: Model = Model { cores: 2.0, shared: 400.0, alone: 0.0 };

    fn close(left: f64, right: f64) -> bool {
        (left / right - 1.0).abs() < 0.01
    }

    #[test]
    fn where_tasks_cost_the_same_metg_is_what_the_definition_says() {
        for cost in [60.0, 400.0, 2_000.0] {
            let curve = Model { shared: cost, ..TWO_CORES }.exact();
            // Half of the time is work at as much work as the cost; nine tenths are at nine times as much.
            let [half, most] = [0.5, 0.9].map(|share| metg(&curve, share).expect("it crosses").value);
            assert!(close(half, 2.0 * cost) && close(most, 10.0 * cost), "{cost}: {half}, {most}");
        }
    }

    #[test]
    fn a_planted_microsecond_a_task_adds_its_share_of_the_cores_to_the_work_at_half_efficiency() {
        /// Returns the work in a task of METG(50 %): half of it.
        fn work(model: &Model) -> f64 {
            metg(&model.exact(), 0.5).expect("it crosses").value / 2.0
        }
        for cores in [1.0, 2.0, 8.0] {
            let plain = Model { cores, ..TWO_CORES };
            let on_its_worker = Model { shared: plain.shared + 1_000.0, ..plain };
            assert!(close(work(&on_its_worker), work(&plain) + 1_000.0), "{cores} cores, each its tasks");
            let on_one = Model { alone: 1_000.0, ..plain };
            assert!(
                close(work(&on_one), work(&plain) + 1_000.0 * cores),
                "{cores} cores, which wait for one"
            );
        }
    }

    #[test]
    fn a_lane_that_does_half_the_work_is_refused() {
        let curve = TWO_CORES.curve(0.5, |time| vec![time; 3]);
        let place = WORK.iter().position(|&work| work == 1e3).expect("it is raced");
        for share in [0.5, 0.9] {
            assert_eq!(metg(&curve, share), Err(NoMetg::TooEfficient(place)));
        }
    }

    #[test]
    fn a_curve_needs_a_place_on_each_side() {
        let curve = Model { shared: 30_000.0, ..TWO_CORES }.exact();
        assert!(metg(&curve, 0.5).is_ok());
        assert_eq!(metg(&curve, 0.9), Err(NoMetg::Above));
        assert_eq!(metg(&curve[7..], 0.5), Err(NoMetg::Below));
        assert_eq!(metg(&curve[..7], 0.55), Err(NoMetg::Above));
        assert_eq!(metg(&[], 0.5), Err(NoMetg::Below));
    }

    #[test]
    fn a_place_that_is_above_by_luck_is_not_where_it_begins() {
        let mut curve = TWO_CORES.exact();
        curve[1].lane = vec![150.0; 3];
        let half = metg(&curve, 0.5).expect("it crosses").value;
        assert!(close(half, 800.0), "{half}");
    }

    #[test]
    fn an_efficiency_of_one_and_a_little_more_is_a_small_loss() {
        let mut curve = TWO_CORES.exact();
        for grain in &mut curve[5..] {
            grain.lane = grain.baseline.iter().map(|time| time / 1.03).collect();
        }
        let most = metg(&curve, 0.9).expect("it crosses");
        assert!((3_400.0..5_000.0).contains(&most.value), "{most:?}");
    }

    #[test]
    fn blocks_that_differ_by_everything_say_nothing() {
        let mut curve = TWO_CORES.exact();
        curve[5].lane = vec![1_000.0, 1_000_000.0, 1_100.0];
        assert_eq!(metg(&curve, 0.9), Err(NoMetg::Unknown));
        assert!(metg(&TWO_CORES.exact(), 0.9).is_ok());
    }

    #[test]
    fn a_drift_that_hits_both_makes_no_efficiency() {
        let mut curve = TWO_CORES.exact();
        for grain in &mut curve {
            for blocks in [&mut grain.lane, &mut grain.baseline] {
                blocks[2] *= 1.5;
            }
        }
        let efficiency = curve[3].efficiency();
        assert!(close(efficiency.low, efficiency.high), "{efficiency:?}");
    }

    #[test]
    fn the_interval_of_metg_covers_the_truth_as_often_as_it_says() {
        let mut simulation = Simulation::with_seed(21);
        for (share, truth) in [(0.5, 800.0), (0.9, 4_000.0)] {
            for blocks in [3, 10] {
                let curves = (0..1_000).map(|_| TWO_CORES.curve(1.0, |time| simulation.blocks(time, blocks)));
                let found: Vec<Estimate> = curves.filter_map(|curve| metg(&curve, share).ok()).collect();
                let covered = found.iter().filter(|metg| (metg.low..=metg.high).contains(&truth)).count();
                assert!(found.len() >= 970, "{share}, {blocks} blocks: {} of 1,000 curves", found.len());
                assert!((920..=990).contains(&covered), "{share}, {blocks} blocks: {covered} of 1,000");
            }
        }
    }
}
