//! Hands the facts of the build to the program, for its report.

use std::{env, process::Command};

fn main() {
    let rustc = env::var("RUSTC").expect("cargo says which compiler");
    let version = Command::new(rustc).arg("--version").output().expect("the compiler runs");
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    // Cargo parts the flags by a character that none of them has.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default().replace('\u{1f}', " ");
    let profile = env::var("PROFILE").expect("cargo says which profile");
    println!("cargo::rustc-env=BUILD_RUSTC={version}");
    println!("cargo::rustc-env=BUILD_FLAGS={flags}");
    println!("cargo::rustc-env=BUILD_PROFILE={profile}");
    println!("cargo::rerun-if-changed=build.rs");
}
