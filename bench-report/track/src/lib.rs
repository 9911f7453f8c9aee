//! The measured program: every executor and every workload of the race, and nothing of the lab.
//!
//! [`lineup`] is THE list. `main.rs` serves it to the lab; `benches/criterion.rs` runs the same cells under Criterion.

pub mod lineup;

use lane_protocol::TrackBuild;

/// Returns how the program was built that this stands in.
///
/// A macro, because a library is compiled in another way than the program that it is linked into.
#[macro_export]
macro_rules! build {
    () => {
        $crate::build([
            codegen::option!("opt-level"),
            codegen::option!("lto"),
            codegen::option!("codegen-units"),
        ])
    };
}

/// Returns how a program was built whose code was generated so: its level of optimisation, its LTO, its codegen units.
#[doc(hidden)]
pub fn build([opt_level, lto, codegen_units]: [&str; 3]) -> TrackBuild {
    let flags = env!("BUILD_FLAGS");
    TrackBuild {
        rustc: env!("BUILD_RUSTC").to_owned(),
        profile: env!("BUILD_PROFILE").to_owned(),
        flags: if flags.is_empty() { "none".to_owned() } else { flags.to_owned() },
        debug_assertions: cfg!(debug_assertions),
        allocator: "system".to_owned(),
        opt_level: opt_level.to_owned(),
        lto: lto.to_owned(),
        codegen_units: codegen_units.to_owned(),
        target: env!("BUILD_TARGET").to_owned(),
    }
}
