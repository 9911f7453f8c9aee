//! Hands the facts of the build to the track, which tells them to the lab. What cargo tells nobody the compiler is asked: see `codegen`.

use std::{env, path::Path, process::Command};

fn main() {
    let rustc = env::var("RUSTC").expect("cargo says which compiler");
    let version = Command::new(rustc).arg("--version").output().expect("the compiler runs");
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    // Cargo parts the flags by a character that none of them has.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default().replace('\u{1f}', " ");
    let profile = profile();
    println!("cargo::rustc-env=BUILD_RUSTC={version}");
    println!("cargo::rustc-env=BUILD_FLAGS={flags}");
    println!("cargo::rustc-env=BUILD_TARGET={}", env::var("TARGET").expect("cargo says for what"));
    println!("cargo::rustc-env=BUILD_PROFILE={profile}");
    println!("cargo::rerun-if-changed=build.rs");
}

/// Returns the name of cargo's profile. PROFILE has "release" for every profile that inherits it; the folder of the
/// output, PROFILE/build/PACKAGE-HASH/out, has the name itself.
fn profile() -> String {
    let inherited = env::var("PROFILE").expect("cargo says which profile");
    let folder = env::var("OUT_DIR").expect("cargo says where the output goes");
    let name = Path::new(&folder).ancestors().nth(3).and_then(Path::file_name);
    match name.and_then(|name| name.to_str()) {
        Some(name) if inherited == "release" => name.to_owned(),
        _ => inherited,
    }
}
