//! Adds the lanes of other builds to a selection: the same cells under other names, run by other tracks.

use std::{collections::BTreeMap, path::Path};

use lane_protocol::LaneEntry;
use race::{
    plan::{Alias, same_comparison},
    substitute::{Origin, Wish},
};
use results::CellId;

use crate::selection::Selection;

/// The lanes of a track, by their names in the lineup, each with the name that it races under.
pub(crate) type Names = BTreeMap<String, String>;

/// Names the lanes of a track in which the package of a wish is another: `tokio@1.51.1`, or where the lane is not the
/// package's own, `smol@async-executor-1.13.3`. No name is `taken` already, nor is it afterwards.
pub(crate) fn names(wish: &Wish, lanes: &[&LaneEntry], taken: &mut Vec<String>) -> Names {
    let origin = match &wish.origin {
        Origin::Version(version) => version.clone(),
        Origin::Folder(folder) => name_of_folder(folder, &wish.package),
        Origin::Git { revision, .. } => in_a_name(revision),
        Origin::Flag(flag) => flag.clone(),
    };
    let name = |lane: &LaneEntry| {
        let plain = if lane.package == wish.package {
            format!("{}@{origin}", lane.name)
        } else {
            format!("{}@{}-{origin}", lane.name, wish.package)
        };
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        [plain.clone()].into_iter().chain(numbered).find(|name| !taken.contains(name)).expect("numbers go on")
    };
    let names: Names = lanes.iter().map(|lane| (lane.name.clone(), name(lane))).collect();
    taken.extend(names.values().cloned());
    names
}

/// Returns the name of a folder as a part of the name of a lane; "path" if it says no more than the package.
fn name_of_folder(folder: &Path, package: &str) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = in_a_name(&name);
    if name.is_empty() || name == package { "path".to_owned() } else { name }
}

/// Returns a text with letters that the name of a lane may have.
fn in_a_name(text: &str) -> String {
    let of_name = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    text.chars().map(|letter| if of_name(letter) { letter } else { '_' }).collect()
}

/// Adds the lanes of a track to what is selected: behind those of the lineup in each comparison, and with their memory.
pub(crate) fn add(selection: &mut Selection, names: &Names, track: &Path) -> BTreeMap<String, Alias> {
    let under_other_name =
        |cell: &CellId| Some(CellId { executor: names.get(&cell.executor)?.clone(), ..cell.clone() });
    let Selection { cells, not_applicable, memory, .. } = selection;
    let mut all = Vec::new();
    for lanes in cells.chunk_by(same_comparison) {
        all.extend_from_slice(lanes);
        all.extend(lanes.iter().filter_map(under_other_name));
    }
    *cells = all;
    let lacking: Vec<_> = not_applicable
        .iter()
        .filter_map(|(cell, reason)| Some((under_other_name(cell)?, reason.clone())))
        .collect();
    not_applicable.extend(lacking);
    let is_of_line = |one: &CellId, other: &CellId| {
        (&one.workload, one.threads, &one.executor) == (&other.workload, other.threads, &other.executor)
    };
    let mut all = Vec::new();
    for line in memory.chunk_by(is_of_line) {
        all.extend_from_slice(line);
        all.extend(line.iter().filter_map(under_other_name));
    }
    *memory = all;
    let alias = |(executor, name): (&String, &String)| {
        (name.clone(), Alias { executor: executor.clone(), track: Some(track.to_owned()) })
    };
    names.iter().map(alias).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(name: &str, package: &str) -> LaneEntry {
        LaneEntry {
            name: name.to_owned(),
            description: String::new(),
            class: lane_protocol::Class::MultiThread,
            limits: String::new(),
            package: package.to_owned(),
            standing: None,
            has: Vec::new(),
            tier: lane_protocol::Tier::Default,
            is_baseline: false,
            homepage: String::new(),
            source: String::new(),
            command: None,
            environment: BTreeMap::new(),
            refused: None,
            sockets_refused: None,
        }
    }

    fn named(wishes: &[&str]) -> Vec<String> {
        let [oak, moss] = [lane("oak", "oak"), lane("moss", "lichen")];
        let mut taken = Vec::new();
        for wish in wishes {
            names(&wish.parse().expect("it is one"), &[&oak, &moss], &mut taken);
        }
        taken.sort_unstable();
        taken
    }

    #[test]
    fn a_lane_is_named_for_what_is_other_about_it() {
        assert_eq!(named(&["oak@1.2.3"]), ["moss@oak-1.2.3", "oak@1.2.3"]);
        assert_eq!(named(&["oak=../my fork"]), ["moss@oak-my_fork", "oak@my_fork"]);
        assert_eq!(named(&["oak=/a/oak"]), ["moss@oak-path", "oak@path"]);
        assert_eq!(named(&["oak=file:///oak#a/b"]), ["moss@oak-a_b", "oak@a_b"]);
        assert_eq!(named(&["oak+oak_unstable"]), ["moss@oak-oak_unstable", "oak@oak_unstable"]);
    }

    #[test]
    fn two_folders_of_one_name_are_two_lanes() {
        assert_eq!(
            named(&["oak=/a/fork", "oak=/b/fork"]),
            ["moss@oak-fork", "moss@oak-fork-2", "oak@fork", "oak@fork-2"]
        );
    }

    #[test]
    fn the_lanes_of_a_track_stand_behind_the_others_of_their_comparison() {
        let cell = |threads, executor: &str| CellId {
            workload: "grow".to_owned(),
            size: 1,
            threads,
            executor: executor.to_owned(),
        };
        let mut selection = Selection {
            cells: vec![cell(1, "oak"), cell(1, "elm"), cell(2, "oak"), cell(2, "elm")],
            not_applicable: Vec::new(),
            memory: vec![cell(2, "oak"), cell(2, "elm")],
            programs: BTreeMap::new(),
            baselines: Vec::new(),
        };
        let names = Names::from([("oak".to_owned(), "oak@1.2.3".to_owned())]);
        let aliases = add(&mut selection, &names, Path::new("/kept/track"));
        let lanes: Vec<&str> = selection.cells.iter().map(|cell| &*cell.executor).collect();
        assert_eq!(lanes, ["oak", "elm", "oak@1.2.3", "oak", "elm", "oak@1.2.3"]);
        let memory: Vec<&str> = selection.memory.iter().map(|cell| &*cell.executor).collect();
        assert_eq!(memory, ["oak", "oak@1.2.3", "elm"]);
        let alias = Alias { executor: "oak".to_owned(), track: Some("/kept/track".into()) };
        assert_eq!(aliases, BTreeMap::from([("oak@1.2.3".to_owned(), alias)]));
    }
}
