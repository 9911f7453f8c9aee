//! Simulates processes for the tests: with the scatter of a quiet machine, 3 % between processes and 1 %
//! within, or whole runs that scatter in the ways that real ones do.

use fastrand::Rng;

use super::estimate::midmean;

/// The scatter between the processes of a cell.
const BETWEEN_PROCESSES: f64 = 0.03;

/// The scatter between the samples of a process.
const WITHIN: f64 = 0.01;

/// The number of samples of a process.
const SAMPLES: usize = 10;

/// The way in which the processes of a run scatter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// The lanes of a comparison scatter alike, and log-normally.
    Alike,
    /// One lane of a comparison scatters thirty times as much as another.
    Unlike,
    /// One process in some is far off.
    HeavyTails,
    /// Of ten processes three are in a slow mode.
    TwoModes,
    /// The machine becomes slower from block to block, by a tenth or more in all.
    Drift,
}

impl Pattern {
    pub(super) const ALL: [Pattern; 5] =
        [Pattern::Alike, Pattern::Unlike, Pattern::HeavyTails, Pattern::TwoModes, Pattern::Drift];
}

/// A simulated run.
pub(super) struct Run<'a> {
    simulation: &'a mut Simulation,
    pattern: Pattern,
    truths: &'a [f64],
    /// By comparison and lane.
    scatter: Vec<Vec<f64>>,
}

impl Run<'_> {
    /// Returns the figures of so many blocks, by comparison and lane.
    pub(super) fn blocks(&mut self, blocks: usize) -> Vec<Vec<Vec<f64>>> {
        let mut figures = vec![vec![Vec::new(); self.truths.len()]; self.scatter.len()];
        for (comparison, lanes) in figures.iter_mut().enumerate() {
            (0..blocks).for_each(|_| self.add_block(comparison, lanes));
        }
        figures
    }

    /// Adds a block to the lanes of a comparison.
    pub(super) fn add_block(&mut self, comparison: usize, lanes: &mut [Vec<f64>]) {
        let drift = if self.pattern == Pattern::Drift { 0.01 * lanes[0].len() as f64 } else { 0.0 };
        for (place, lane) in lanes.iter_mut().enumerate() {
            let off = match self.pattern {
                Pattern::HeavyTails => self.simulation.heavy_tailed() / 3f64.sqrt(),
                // Three standard deviations apart, with a mean of zero.
                Pattern::TwoModes if self.simulation.random.f64() < 0.3 => {
                    2.1 + 0.5 * self.simulation.normal()
                }
                Pattern::TwoModes => -0.9 + 0.5 * self.simulation.normal(),
                _ => self.simulation.normal(),
            };
            lane.push(self.truths[place] * (drift + self.scatter[comparison][place] * off).exp());
        }
    }
}

/// A simulated machine.
pub(super) struct Simulation {
    random: Rng,
}

impl Simulation {
    pub(super) fn with_seed(seed: u64) -> Simulation {
        Simulation { random: Rng::with_seed(seed) }
    }

    /// Returns the value of a block whose true value is `truth`, measured while the machine is `slow` times
    /// as slow.
    pub(super) fn block(&mut self, truth: f64, slow: f64) -> f64 {
        midmean(&self.process(truth * slow))
    }

    /// Returns the values of `blocks` blocks.
    pub(super) fn blocks(&mut self, truth: f64, blocks: usize) -> Vec<f64> {
        (0..blocks).map(|_| self.block(truth, 1.0)).collect()
    }

    /// Returns the pooled samples of `processes` processes.
    pub(super) fn samples(&mut self, truth: f64, processes: usize) -> Vec<f64> {
        (0..processes).flat_map(|_| self.process(truth)).collect()
    }

    /// Returns the samples of one process.
    fn process(&mut self, truth: f64) -> Vec<f64> {
        let truth = truth * (BETWEEN_PROCESSES * self.normal()).exp();
        (0..SAMPLES).map(|_| truth * (WITHIN * self.normal()).exp()).collect()
    }

    /// Begins a run of so many comparisons of lanes with these true figures.
    ///
    /// In each pattern the most restless comparison scatters some thirty times as much as the calmest.
    pub(super) fn run<'a>(&'a mut self, pattern: Pattern, comparisons: usize, truths: &'a [f64]) -> Run<'a> {
        let scatter = (0..comparisons).map(|_| {
            let of_comparison = self.scatter();
            let of_lane = |simulation: &mut Simulation| match pattern {
                Pattern::Unlike => simulation.scatter(),
                _ => of_comparison,
            };
            truths.iter().map(|_| of_lane(self)).collect()
        });
        let scatter = scatter.collect();
        Run { simulation: self, pattern, truths, scatter }
    }

    /// Draws a scatter from 0.7 to 20 %.
    fn scatter(&mut self) -> f64 {
        0.007 * 30f64.powf(self.random.f64())
    }

    /// Draws from Student's t with three degrees of freedom.
    fn heavy_tailed(&mut self) -> f64 {
        let squares: f64 = (0..3).map(|_| self.normal().powi(2)).sum();
        self.normal() / (squares / 3.0).sqrt()
    }

    /// Draws from the standard normal distribution (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.random.f64()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.random.f64()).cos()
    }
}
