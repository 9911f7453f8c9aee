//! The lock file of a workspace, and the package of it that another version would stand in for.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;

/// The packages of a lock file.
#[derive(Debug, Deserialize)]
pub(super) struct Lock {
    #[serde(rename = "package", default)]
    pub(super) packages: Vec<Locked>,
}

/// A package, in one version and from one source.
#[derive(Debug, Deserialize)]
pub(super) struct Locked {
    pub(super) name: String,
    pub(super) version: String,
    source: Option<String>,
    pub(super) checksum: Option<String>,
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is none.
    pub(super) fn read(path: &Path) -> Result<Lock> {
        let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is no lock file", path.display()))
    }

    /// Tells whether it has this package, in this version and from this source.
    pub(super) fn has(&self, other: &Locked) -> bool {
        self.packages.iter().any(|locked| {
            (&locked.name, &locked.version, &locked.source) == (&other.name, &other.version, &other.source)
        })
    }

    /// Returns the version of a package that another version would stand in for: the one with the same leading number, or
    /// else the highest.
    pub(super) fn alike(&self, package: &str, version: &str) -> Option<&str> {
        let versions = || self.packages.iter().filter(|locked| locked.name == package);
        let alike = versions().find(|locked| leading(&locked.version) == leading(version));
        alike.or_else(|| versions().next_back()).map(|locked| &*locked.version)
    }

    /// Returns a package as cargo has it named where the lock file may have several versions.
    pub(super) fn specification(&self, package: &str, version: &str) -> String {
        match self.alike(package, version) {
            Some(alike) => format!("{package}@{alike}"),
            None => package.to_owned(),
        }
    }
}

/// Returns the numbers of a version that have to be the same for one to stand in for the other.
fn leading(version: &str) -> Vec<&str> {
    let mut leading = Vec::new();
    for number in version.split('.') {
        leading.push(number);
        if number != "0" {
            break;
        }
    }
    leading
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_another_stands_in_for_has_the_same_leading_number() {
        let versions = ["0.4.1", "0.5.2", "1.3.0", "2.0.1"];
        let lock = versions.map(|version| format!("[[package]]\nname = \"oak\"\nversion = \"{version}\"\n"));
        let lock: Lock = toml::from_str(&lock.concat()).expect("it is a lock file");
        for (version, expected) in [
            ("0.4.9", "0.4.1"),
            ("0.5.0", "0.5.2"),
            ("1.0.0", "1.3.0"),
            ("2.9.9", "2.0.1"),
            ("3.0.0", "2.0.1"),
        ] {
            assert_eq!(lock.alike("oak", version), Some(expected), "{version}");
        }
        assert_eq!(lock.specification("oak", "1.0.0"), "oak@1.3.0");
        assert_eq!(lock.specification("elm", "1.0.0"), "elm");
    }
}
