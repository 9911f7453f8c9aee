//! Cargo builds what it is asked to, wherever its user keeps what is in between.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::AtomicBool,
};

use race::cargo::{Build, Built, PROFILE};

/// Makes a workspace of one program, which says its name.
fn workspace(root: &Path, name: &str) -> PathBuf {
    let folder = root.join(name);
    fs::create_dir_all(folder.join("src")).expect("the folder is ours");
    let manifest = "[package]\nname = \"toy\"\nedition = \"2024\"\n\n[workspace]\n\n[profile.track]\ninherits = \"dev\"\n";
    let lock = "version = 4\n\n[[package]]\nname = \"toy\"\nversion = \"0.0.0\"\n";
    let main = format!("fn main() {{ print!(\"{name}\"); }}\n");
    for (file, text) in [("Cargo.toml", manifest), ("Cargo.lock", lock), ("src/main.rs", &main)] {
        fs::write(folder.join(file), text).expect("the folder is ours");
    }
    folder
}

/// Builds a workspace, and returns the path of its program.
fn built(workspace: &Path, target_folder: Option<&Path>) -> PathBuf {
    let log = workspace.join("log");
    let build =
        Build { workspace, manifest: None, profile: PROFILE, target_folder, flags: None, log: Some(&log) };
    match build.run(&["toy"], &AtomicBool::new(false)).expect("cargo starts") {
        Built::Programs(programs) => programs["toy"].clone(),
        ended => panic!("{ended:?}"),
    }
}

fn says(program: &Path) -> String {
    let output = Command::new(program).output().expect("it was built");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The names of its units are relative to the workspace, so that in one place for both the older tree's would be taken for the
/// newer one's.
#[test]
fn two_trees_with_one_place_for_what_is_in_between_are_two_programs() {
    let root = tempfile::tempdir().expect("a temporary folder");
    let shared = root.path().join("shared");
    fs::create_dir(root.path().join(".cargo")).expect("the folder is ours");
    let configuration = format!("[build]\nbuild-dir = \"{}\"\n", shared.display());
    fs::write(root.path().join(".cargo/config.toml"), configuration).expect("the folder is ours");
    let [new, old] = ["new", "old"].map(|name| workspace(root.path(), name));
    let ours = built(&new, None);
    let gate = root.path().join("gate");
    let theirs = built(&old, Some(&gate));
    assert_eq!([says(&ours), says(&theirs)], ["new", "old"]);
    assert!(
        !ours.starts_with(&shared) && theirs.starts_with(&gate),
        "{} {}",
        ours.display(),
        theirs.display()
    );
}

/// Whoever compiles for another platform, or for musl, has this in a configuration; then programs lie in a folder of its name.
#[test]
fn a_program_is_where_cargo_says_whatever_it_is_built_for() {
    let root = tempfile::tempdir().expect("a temporary folder");
    let compiler = Command::new("rustc").arg("-vV").output().expect("there is a compiler");
    let words = String::from_utf8(compiler.stdout).expect("it is text");
    let target = words.lines().find_map(|line| line.strip_prefix("host: ")).expect("it says for what");
    fs::create_dir(root.path().join(".cargo")).expect("the folder is ours");
    let configuration = format!("[build]\ntarget = \"{target}\"\nbuild-dir = \"between\"\n");
    fs::write(root.path().join(".cargo/config.toml"), configuration).expect("the folder is ours");
    let program = built(&workspace(root.path(), "toy"), None);
    assert_eq!(says(&program), "toy");
    let folder: PathBuf = [target, PROFILE].iter().collect();
    assert!(program.parent().is_some_and(|parent| parent.ends_with(folder)), "{}", program.display());
}
