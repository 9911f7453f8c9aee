//! Programs in a folder of their own, with the facts of their build: for machines on which nothing is built.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use race::{folder::write, program, track::TRACK};
use results::Build;
use serde::{Deserialize, Serialize};

use crate::commands::Prepared;

/// The file with the facts, beside the track.
const FACTS: &str = "build.json";

/// The facts of the build of a track, which its tree told when it was built.
#[derive(Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) build: Build,
    /// The hashes of the sources of workloads, by their names.
    pub(crate) sources: BTreeMap<String, String>,
}

impl Facts {
    /// Reads the facts beside a track; `None` if there are none, or they are of a track of other bytes.
    pub(crate) fn beside(track: &Path, hash: &str) -> Option<Facts> {
        let text = fs::read_to_string(track.with_file_name(FACTS)).ok()?;
        let facts: Facts = serde_json::from_str(&text).ok()?;
        (facts.build.program == hash).then_some(facts)
    }
}

/// Copies the lab, the track and the programs of its lanes into a folder, and returns the sum of each file there.
///
/// # Errors
///
/// If a file cannot be copied; the message names it.
pub(crate) fn keep(prepared: &Prepared, folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let lab = env::current_exe().context("this program does not know where it is")?;
    let track = &prepared.track;
    let lanes = track.programs_of_lanes().map(|(name, path)| (name.to_owned(), path.to_owned()));
    let own = [("bench-report".to_owned(), lab), (TRACK.to_owned(), track.path.clone())];
    let mut sums = Vec::new();
    for (name, from) in own.into_iter().chain(lanes) {
        let to = folder.join(&name);
        fs::copy(&from, &to)
            .with_context(|| format!("failed to copy {} to {}", from.display(), to.display()))?;
        let sum = program::sum(&to).with_context(|| format!("failed to read {}", to.display()))?;
        sums.push((sum, name.into()));
    }
    let (build, provenance) = prepared.facts();
    let facts = Facts { build, sources: provenance.sources };
    let facts = serde_json::to_string_pretty(&facts).context("failed to write the facts of the build")?;
    write(&folder.join(FACTS), &facts)?;
    Ok(sums)
}
