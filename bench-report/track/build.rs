//! Hands the facts of the build to the track, which tells them to the lab.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

fn main() {
    let rustc = env::var("RUSTC").expect("cargo says which compiler");
    let version = Command::new(rustc).arg("--version").output().expect("the compiler runs");
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    // Cargo parts the flags by a character that none of them has.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default().replace('\u{1f}', " ");
    let profile = profile();
    println!("cargo::rustc-env=BUILD_RUSTC={version}");
    println!("cargo::rustc-env=BUILD_FLAGS={flags}");
    println!("cargo::rustc-env=BUILD_OPT_LEVEL={}", env::var("OPT_LEVEL").expect("cargo says how"));
    println!("cargo::rustc-env=BUILD_TARGET={}", env::var("TARGET").expect("cargo says for what"));
    println!("cargo::rustc-env=BUILD_LTO={}", setting(&profile, "lto"));
    println!("cargo::rustc-env=BUILD_CODEGEN_UNITS={}", setting(&profile, "codegen-units"));
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

/// Returns a setting of the profile, which cargo tells nobody: from where it takes it, the environment before the manifest
/// of the workspace. "unknown" if a configuration file has profiles, which would come between the two.
fn setting(profile: &str, name: &str) -> String {
    let variable = |profile: &str| {
        let name = format!("CARGO_PROFILE_{profile}_{name}").to_uppercase().replace('-', "_");
        println!("cargo::rerun-if-env-changed={name}");
        env::var(name).ok()
    };
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    println!("cargo::rerun-if-changed={}", manifest.display());
    let manifest = fs::read_to_string(manifest).unwrap_or_default();
    if configurations().any(|text| text.contains("[profile")) {
        return "unknown".to_owned();
    }
    let mut profile = profile.to_owned();
    loop {
        let of_manifest = value(&manifest, &profile, name);
        if let Some(setting) = variable(&profile).or(of_manifest) {
            return setting;
        }
        match value(&manifest, &profile, "inherits") {
            Some(parent) => profile = parent,
            None => return "cargo's own".to_owned(),
        }
    }
}

/// Returns the value of a key in the section of a profile.
fn value(manifest: &str, profile: &str, key: &str) -> Option<String> {
    let header = format!("[profile.{profile}]");
    let section = manifest.lines().skip_while(|line| line.trim() != header).skip(1);
    let mut section = section.take_while(|line| !line.starts_with('['));
    let value = section.find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='))?;
    Some(value.trim().trim_matches('"').to_owned())
}

/// Returns the texts of cargo's configuration files.
fn configurations() -> impl Iterator<Item = String> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = package.ancestors().map(|folder| folder.join(".cargo"));
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let files =
        folders.chain(home).flat_map(|folder| ["config.toml", "config"].map(|file| folder.join(file)));
    files.filter_map(|file| fs::read_to_string(file).ok())
}
