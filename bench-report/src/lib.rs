//! Schedules, measures, judges and draws the race between executors.
//!
//! Data flows one way: lineup, plan, process, samples, statistics, results, page. The modules stand in that order.

pub mod lineup;
pub mod suite;

mod case;
mod costs;
pub mod foreign;
mod lateness;
mod ledger;
mod memory;
mod parts;
mod probe;

mod arguments;
mod gate;
pub mod program;
mod revision;
mod selection;

pub mod plan;

mod child;
pub mod process;
pub mod protocol;
mod worker;

mod counting;
pub mod race;
pub mod rounds;
pub mod samples;

pub mod assemble;
pub mod change;
pub mod statistics;

mod facts;
pub mod known;
pub mod results;

pub mod compare;
pub mod export;
pub mod figures;
pub mod page;
mod terminal;
pub mod verdict;

mod platform;
