//! Schedules, measures, judges and draws the race between executors.

pub mod results;
