//! Made-up processes, for the tests: 3 % between processes and 1 % within, as a quiet machine has them.

use fastrand::Rng;

use super::midmean;

/// How much the processes of a cell differ from each other.
const BETWEEN_PROCESSES: f64 = 0.03;

/// How much the samples of a process differ from each other.
const WITHIN: f64 = 0.01;

/// How many samples a process takes.
const SAMPLES: usize = 10;

/// A machine that never was.
pub(super) struct Simulation {
    random: Rng,
}

impl Simulation {
    pub(super) fn with_seed(seed: u64) -> Simulation {
        Simulation { random: Rng::with_seed(seed) }
    }

    /// The value of a block whose true value is `truth`, measured while the machine is `slow` times as slow.
    pub(super) fn block(&mut self, truth: f64, slow: f64) -> f64 {
        midmean(&self.process(truth * slow))
    }

    /// The values of as many blocks.
    pub(super) fn blocks(&mut self, truth: f64, blocks: usize) -> Vec<f64> {
        (0..blocks).map(|_| self.block(truth, 1.0)).collect()
    }

    /// The samples of as many processes, pooled.
    pub(super) fn samples(&mut self, truth: f64, processes: usize) -> Vec<f64> {
        (0..processes).flat_map(|_| self.process(truth)).collect()
    }

    /// The samples of one process.
    fn process(&mut self, truth: f64) -> Vec<f64> {
        let truth = truth * (BETWEEN_PROCESSES * self.normal()).exp();
        (0..SAMPLES).map(|_| truth * (WITHIN * self.normal()).exp()).collect()
    }

    /// Of the standard normal distribution (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.random.f64()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.random.f64()).cos()
    }
}
