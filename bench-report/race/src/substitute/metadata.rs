//! Asks cargo about a workspace: its packages, and which of them depends on which.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use lane_protocol::LaneEntry;
use serde::Deserialize;

use crate::cargo;

/// The packages of a workspace and what they depend on.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    /// Absent if only the members were asked for.
    resolve: Option<Resolve>,
}

/// A package, in one version and from one source.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: String,
    manifest_path: PathBuf,
    /// The oldest compiler that it builds with, as far as it says.
    pub(super) rust_version: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    kind: Option<String>,
}

impl Package {
    /// Returns the folder of its manifest.
    pub(super) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new("/"))
    }
}

impl Metadata {
    /// Asks cargo about the workspace of a manifest, as its lock file has it, and as it is built for a `target`.
    ///
    /// # Errors
    ///
    /// Returns cargo's words.
    pub(super) fn of(workspace: &Path, manifest: &Path, target: &str) -> Result<Metadata> {
        let mut arguments = vec![OsStr::new("--locked")];
        // Or it downloads what other systems need.
        if target != "unknown" {
            arguments.extend(["--filter-platform", target].map(OsStr::new));
        }
        Metadata::ask(workspace, manifest, &arguments)
    }

    /// Asks cargo about the members of the workspace of a manifest alone.
    ///
    /// # Errors
    ///
    /// Returns cargo's words.
    pub(super) fn of_members(workspace: &Path, manifest: &Path) -> Result<Metadata> {
        Metadata::ask(workspace, manifest, &[OsStr::new("--no-deps")])
    }

    fn ask(workspace: &Path, manifest: &Path, more: &[&OsStr]) -> Result<Metadata> {
        let arguments = ["metadata", "--format-version", "1", "--quiet", "--manifest-path"].map(OsStr::new);
        let arguments = [&arguments[..], &[manifest.as_os_str()], more].concat();
        let text = cargo::ask(workspace, &arguments)?;
        serde_json::from_str(&text).context("cargo tells nothing that can be read of its workspace")
    }

    /// Returns the packages of the workspace.
    pub(super) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// Finds a package of the workspace by its name.
    pub(super) fn member(&self, name: &str) -> Option<&Package> {
        self.members().find(|package| package.name == name)
    }

    /// Returns a package, and all that it depends on, directly or not, but for what its tests need.
    pub(super) fn needed_by(&self, package: &Package) -> Vec<&Package> {
        let nodes = self.resolve.iter().flat_map(|resolve| &resolve.nodes);
        let nodes: BTreeMap<&str, &Node> = nodes.map(|node| (&*node.id, node)).collect();
        let mut found = BTreeSet::from([&*package.id]);
        let mut next = vec![&*package.id];
        while let Some(node) = next.pop().and_then(|id| nodes.get(id)) {
            let is_built = |needed: &&Dependency| {
                needed.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"))
            };
            let built = node.deps.iter().filter(is_built).map(|needed| &*needed.pkg);
            next.extend(built.filter(|id| found.insert(id)));
        }
        self.packages.iter().filter(|package| found.contains(&*package.id)).collect()
    }

    /// Tells whether the package of the workspace that has the source of a lane depends on a package.
    pub(super) fn stands_on(&self, lane: &LaneEntry, package: &str, workspace: &Path) -> bool {
        let source = workspace.join(&lane.source);
        let holds = |member: &&Package| source.starts_with(member.folder());
        // The innermost, where one lies in the folder of another.
        let member = self.members().filter(holds).max_by_key(|member| member.folder().as_os_str().len());
        member.is_some_and(|member| self.needed_by(member).iter().any(|needed| needed.name == package))
    }
}
