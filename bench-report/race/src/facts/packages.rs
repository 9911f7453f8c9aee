//! Reads the lock file: the versions of the packages in the program, and the number that one of them needs.

use std::{collections::BTreeMap, iter, ptr, sync::LazyLock};

use serde::Deserialize;

/// The lock file this program was built with.
static LOCK: LazyLock<Lock> = LazyLock::new(|| {
    let lock = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock"));
    toml::from_str(lock).expect("cargo wrote the lock file")
});

/// The manifests of the packages of this repository that a lane stands on.
///
/// Of these the lock file mixes what they need with what their tests need; of others it has only what they need.
const MANIFESTS: [&str; 2] = [
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../executors/hand-rolled/Cargo.toml")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../executors/api/Cargo.toml")),
];

/// A table of `[dependencies]`, and those for some targets only.
#[derive(Deserialize)]
struct Manifest {
    package: toml::Table,
    #[serde(flatten)]
    always: Needs,
    #[serde(default)]
    target: BTreeMap<String, Needs>,
}

#[derive(Deserialize)]
struct Needs {
    #[serde(default)]
    dependencies: toml::Table,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// Where it comes from; none if from this repository.
    source: Option<String>,
    /// By name, with the version behind it where the lock file has several.
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Returns the version of every package; the highest where there are several.
pub(super) fn versions() -> BTreeMap<String, String> {
    LOCK.package.iter().map(|package| (package.name.clone(), package.version.clone())).collect()
}

/// Counts the packages from elsewhere that a package needs, directly or not: on any platform, to be built too, and with the
/// features that anything in this repository asks for. `None` if the lock file does not know the package, or cannot tell.
pub(crate) fn dependencies(package: &str) -> Option<usize> {
    let mut needed = vec![LOCK.find(package)?];
    let mut next = 0;
    while let Some(package) = needed.get(next) {
        for other in LOCK.needed_by(package)? {
            if !needed.iter().any(|known| ptr::eq(*known, other)) {
                needed.push(other);
            }
        }
        next += 1;
    }
    Some(needed[1..].iter().filter(|package| package.source.is_some()).count())
}

impl Lock {
    /// Finds a package as the lock file refers to it: "name", "name version", or with its source behind.
    fn find(&self, reference: &str) -> Option<&Package> {
        let mut words = reference.split(' ');
        let (name, version) = (words.next()?, words.next());
        let is_it = |package: &&Package| {
            package.name == name && version.is_none_or(|version| package.version == version)
        };
        self.package.iter().rev().find(is_it)
    }

    /// Returns the packages that one needs directly; `None` if only its manifest could tell, and is not at hand.
    fn needed_by(&self, package: &Package) -> Option<Vec<&Package>> {
        let mut manifests = MANIFESTS
            .iter()
            .map(|text| -> Manifest { toml::from_str(text).expect("cargo has read the manifest too") });
        let references = match &package.source {
            Some(_) => package.dependencies.clone(),
            None => {
                let of_package =
                    |manifest: &Manifest| manifest.package["name"].as_str() == Some(&package.name);
                manifests.find(of_package)?.needs()
            }
        };
        Some(references.iter().filter_map(|reference| self.find(reference)).collect())
    }
}

impl Manifest {
    /// Returns the names of the packages that it needs on any platform.
    fn needs(&self) -> Vec<String> {
        // How the model checker has it compiled is no platform.
        let platforms =
            self.target.iter().filter(|(target, _)| *target != "cfg(loom)").map(|(_, needs)| needs);
        let needs = iter::once(&self.always).chain(platforms);
        needs.flat_map(|needs| needs.dependencies.keys().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_of_all_packages_are_known() {
        assert!(versions().contains_key("tokio"));
    }

    #[test]
    fn what_a_package_needs_is_counted_to_the_end() {
        // tokio stands on mio, socket2, libc, bytes, pin-project-lite, and what these need on other systems than Linux; smol
        // stands on crates that stand on crates.
        assert_eq!(dependencies("pin-project-lite"), Some(0));
        assert_eq!(dependencies("tokio"), Some(8));
        let [smol, async_std] = ["smol", "async-std"].map(|package| dependencies(package).unwrap());
        assert!(
            smol > LOCK.find("smol").unwrap().dependencies.len() && async_std > smol,
            "{smol} {async_std}"
        );
    }

    #[test]
    fn what_tests_need_and_what_is_ours_is_not_counted() {
        let listed = &LOCK.find("hand-rolled").unwrap().dependencies;
        assert!(listed.iter().any(|package| package == "proptest"), "the lock file has both");
        assert_eq!(dependencies("executor-api"), Some(0));
        let more = ["proptest", "loom"].map(|package| dependencies(package).unwrap());
        assert!(more.iter().all(|more| dependencies("hand-rolled").unwrap() < *more), "{more:?}");
    }

    #[test]
    fn what_is_needed_on_one_platform_is_counted() {
        let rustix = dependencies("rustix").unwrap();
        assert_eq!(dependencies("hand-rolled"), Some(rustix + 1), "rustix, for the sockets of Linux");
    }

    #[test]
    fn what_nobody_knows_is_not_counted() {
        assert_eq!(dependencies("no-such-package"), None);
        assert_eq!(dependencies("bench-report"), None, "its manifest is not at hand");
    }
}
