//! Tests of the whole, as users meet it: `tests/main.rs` starts the lab, which starts faulty lanes.
//!
//! They are a package of their own because they need both programs: the lab has no executor among its dependencies, and
//! the track no lab.

use std::env;

use lane_protocol::TrackBuild;

/// Names in the environment the profile that a track of the tests says it was built with, in place of the true one.
pub const PROFILE: &str = "FAULTS_PROFILE";

/// Returns what every track of the tests says of its build.
pub fn build() -> TrackBuild {
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    TrackBuild {
        rustc: "rustc of the tests".to_owned(),
        profile: env::var(PROFILE).unwrap_or_else(|_| profile.to_owned()),
        flags: "none".to_owned(),
        debug_assertions: cfg!(debug_assertions),
        allocator: "system".to_owned(),
        ..TrackBuild::unknown()
    }
}
