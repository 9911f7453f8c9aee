//! The measured program: every executor and every workload of the race, and nothing of the lab.
//!
//! [`lineup`] is THE list. `main.rs` serves it to the lab; `benches/criterion.rs` runs the same cells under Criterion.

pub mod lineup;

use lane_protocol::TrackBuild;

/// Returns how this program was built.
pub fn build() -> TrackBuild {
    let flags = env!("BUILD_FLAGS");
    TrackBuild {
        rustc: env!("BUILD_RUSTC").to_owned(),
        profile: env!("BUILD_PROFILE").to_owned(),
        flags: if flags.is_empty() { "none".to_owned() } else { flags.to_owned() },
        debug_assertions: cfg!(debug_assertions),
        allocator: "system".to_owned(),
        opt_level: env!("BUILD_OPT_LEVEL").to_owned(),
        lto: env!("BUILD_LTO").to_owned(),
        codegen_units: env!("BUILD_CODEGEN_UNITS").to_owned(),
        target: env!("BUILD_TARGET").to_owned(),
    }
}
