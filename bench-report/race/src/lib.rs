//! Runs a race: the plan, the processes, the journal, and the results that are made of its samples.
//!
//! # Layout, in the order of the data
//!
//! - [`plan`], [`schedule`], [`twins`], [`part`]: what is decided before the first process starts
//! - [`cargo`], [`track`], [`revision`], [`substitute`]: has cargo build what is measured, and asks it what it has
//! - [`ladder`]: versions that are worth a look
//! - [`program`], [`environment`]: the bytes of what races, and the variables it has; `git`: what git says
//! - [`rounds`]: which comparison runs next
//! - [`race`], [`heat`]: runs the plan; one block of one comparison
//! - `calibrate`, [`lane`], `child`, `verify`: the process of a lane, asked for runs; a program is held to its specification
//! - [`standstill`], `nap`: time in which all of this stood still, which counts for nobody
//! - [`quota`]: how much processor time they may use
//! - [`guard`]: ends the processes of lanes if the lab is killed
//! - `errands`: the processes that count
//! - [`journal`], [`folder`]: the files of a run
//! - [`merge`]: the parts of a race, put together
//! - [`assemble`]: from outcomes to results; [`known`] and [`facts`] stand beside the figures

pub mod part;
pub mod plan;
pub mod schedule;
pub mod twins;

pub mod cargo;
pub mod environment;
mod git;
pub mod ladder;
pub mod program;
pub mod revision;
pub mod substitute;
pub mod track;

pub mod rounds;

pub mod heat;
pub mod race;

mod calibrate;
mod child;
mod errands;
pub mod groups;
pub mod guard;
pub mod lane;
mod nap;
pub mod quota;
pub mod standstill;
mod verify;

pub mod folder;
pub mod journal;

pub mod assemble;
pub mod facts;
pub mod known;
pub mod merge;

mod platform;

/// A lineup of nothing, for tests of what needs one.
#[cfg(test)]
fn test_lineup() -> lane_protocol::Lineup {
    lane_protocol::Lineup {
        protocol: lane_protocol::PROTOCOL,
        build: lane_protocol::TrackBuild {
            rustc: "rustc".to_owned(),
            profile: "release".to_owned(),
            flags: "none".to_owned(),
            debug_assertions: false,
            allocator: "system".to_owned(),
            ..lane_protocol::TrackBuild::unknown()
        },
        lanes: Vec::new(),
        workloads: Vec::new(),
        pairs: Vec::new(),
    }
}
