//! The examples print what the originals print, which lie beside them and are run by CPython.

use std::{path::Path, process::Command};

/// Runs an example as a user does, and its original, and compares their lines.
#[track_caller]
fn same_lines(example: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = ["run", "--quiet", "--package", "hand-rolled", "--example", example];
    let ours = lines(Command::new(env!("CARGO")).args(run).current_dir(folder)).expect("cargo is there");
    assert!(ours.len() > 2, "{ours:?}");
    let original = folder.join("examples").join(example).with_extension("py");
    match lines(Command::new("python3").arg(original)) {
        Some(theirs) => assert_eq!(ours, theirs, "ours is on the left, the original's on the right"),
        None => eprintln!("not compared with the original: there is no python3"),
    }
}

/// Returns the lines that a program prints; `None` if it does not start.
#[track_caller]
fn lines(program: &mut Command) -> Option<Vec<String>> {
    let output = program.output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).lines().map(String::from).collect())
}

#[test]
fn say_hello() {
    same_lines("say_hello");
}

#[test]
fn get_items() {
    same_lines("get_items");
}

#[test]
fn blocking_squares() {
    same_lines("blocking_squares");
}
