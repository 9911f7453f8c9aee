//! The guided tour and the list of files keep up with the files.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Returns the folder of the sources.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Returns the text of a source file.
fn text(name: &str) -> String {
    fs::read_to_string(sources().join(name)).expect("the file is there")
}

/// Returns the names of all source files, but for the models and the tour.
fn files() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![sources()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it is a folder") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(sources()).expect("it is among them");
                names.insert(name.to_str().expect("it is plain text").to_string());
            }
        }
    }
    names.retain(|name| !name.starts_with("models") && name != "tour.rs");
    names
}

#[test]
fn the_tour_links_to_each_file_and_to_no_other() {
    let tour = text("tour.rs");
    let mut linked = BTreeSet::new();
    for line in tour.lines() {
        if let Some((name, target)) = line.strip_prefix("//! [`").and_then(|line| line.split_once("`]: ")) {
            assert_eq!(target, format!("../../src/hand_rolled/{name}.html"));
            linked.insert(name.to_string());
        }
    }
    assert_eq!(linked, files());
    for name in linked {
        assert!(tour.matches(&format!("[`{name}`]")).count() > 1, "the tour does not come to {name}");
    }
}

#[test]
fn the_layout_names_each_file() {
    let layout = text("lib.rs");
    let missing: Vec<_> = files()
        .into_iter()
        .filter(|name| name != "lib.rs" && !layout.contains(&format!("`{name}`")))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}
