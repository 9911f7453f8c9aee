//! Lanes of which one package is another than in the lock file: an older version, a fork.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The build of a lane that is the same as another one but for a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OtherBuild {
    /// Name of the other lane, which is of the run's own build.
    pub lane: String,
    /// The package, and how it was built.
    #[serde(flatten)]
    pub substitute: Substitute,
}

/// A package that was built in the place of that of the lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Substitute {
    /// Name of the package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The version in the run's own build.
    pub instead_of: String,
    /// The place that it comes from: "crates.io", or the path of a folder.
    pub source: String,
    /// Its checksum in the registry; of a folder a hash of its files.
    pub checksum: String,
    /// The features that it was built with.
    pub features: Vec<String>,
    /// `RUSTFLAGS`.
    pub flags: String,
    /// A hash of the program's bytes.
    pub program: String,
    /// Packages that are others because of it, each with its version: "socket2 0.5.10".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// The reason why this version is looked at, if it is one of a list; or the flag that it is compiled with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Orders versions as numbers: 1.9.0 comes before 1.10.0, and 1.10.0-beta.1 before 1.10.0.
pub fn by_version(version: &str) -> impl Ord + use<> {
    let version = version.split('+').next().unwrap_or_default();
    let (numbers, early) = version.split_once('-').unwrap_or((version, ""));
    let numbers: Vec<u64> = numbers.split('.').map(|number| number.parse().unwrap_or(0)).collect();
    (numbers, early.is_empty(), early.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_numbers() {
        let mut versions = ["1.54.1", "1.9.0", "1.54.0", "2.0.0-beta.1", "1.54.1-rc.2", "2.0.0"];
        versions.sort_by_key(|version| by_version(version));
        assert_eq!(versions, ["1.9.0", "1.54.0", "1.54.1-rc.2", "1.54.1", "2.0.0-beta.1", "2.0.0"]);
    }
}
