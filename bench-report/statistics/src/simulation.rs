//! Simulates processes for the tests, with the scatter of a quiet machine: 3 % between processes and 1 %
//! within.

use fastrand::Rng;

use super::estimate::midmean;

/// The scatter between the processes of a cell.
const BETWEEN_PROCESSES: f64 = 0.03;

/// The scatter between the samples of a process.
const WITHIN: f64 = 0.01;

/// The number of samples of a process.
const SAMPLES: usize = 10;

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

    /// Draws from the standard normal distribution (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.random.f64()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.random.f64()).cos()
    }
}
