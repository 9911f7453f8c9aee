//! Computes estimates over blocks; reads no file and no clock.
//!
//! The unit is the block: samples inside one process are not independent of each other, so together they
//! count as one value. Intervals are Student's t, on the logarithms where a figure is a ratio or is compared
//! as one. They are exact for values that scatter log-normally, and wide where there are few blocks.

mod estimate;

pub mod change;
pub mod lateness;

mod noise;
mod overall;
mod standings;
mod trend;

#[cfg(test)]
mod simulation;

pub use self::{
    estimate::{CONFIDENCE, geometric_mean, mean, midmean, quantiles, ratio, ratios},
    noise::{is_different, noise_floor},
    overall::{Overall, overall},
    standings::{CONFIDENCE_OF_ORDER, Standing, standings},
    trend::{Line, exponent, line},
};
