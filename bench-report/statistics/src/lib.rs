//! Computes estimates over blocks; reads no file and no clock.
//!
//! The unit is the block: samples inside one process are not independent of each other, so together they
//! count as one value. Intervals are Student's t, on the logarithms where a figure is a ratio or is compared
//! as one. They are exact for values that scatter log-normally, and wide where there are few blocks.

mod estimate;

pub mod change;
pub mod grain;
pub mod lateness;

mod noise;
mod overall;
mod scatter;
mod standings;
mod trend;

#[cfg(test)]
mod simulation;

pub use self::{
    estimate::{CONFIDENCE, geometric_mean, mean, midmean, quantiles, ratio, ratios},
    noise::{floor_of_mean, floor_of_row, noise_floor},
    overall::{Overall, overall},
    scatter::{Comparison, Scatter},
    standings::{CONFIDENCE_OF_ORDER, Standing},
    trend::{Line, exponent, line},
};
