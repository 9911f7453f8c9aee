//! Schedules, measures, judges and draws the race between executors.

pub mod figures;
pub mod page;
pub mod results;
pub mod verdict;
