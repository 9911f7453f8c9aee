//! The conditions that a user puts a run under. They hold for each of its cells, so they stand with the run: a cell has
//! the same name in runs under other conditions, and its figures are never those of the same mean.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The conditions of a run; the default ones are those of `cargo bench` without options.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conditions {
    /// The processor time that each process of a cell may use, in processors: 1.5. Absent for no quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<f64>,
    /// Cargo's profile that the track was built with; absent for that of the track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
}

impl Conditions {
    /// Tells whether they are the default ones.
    pub fn is_default(&self) -> bool {
        *self == Conditions::default()
    }

    /// Returns the options that ask for them, each with a space in front.
    pub fn options(&self) -> String {
        let quota = self.quota.map(|quota| format!(" --quota {quota}"));
        let build = self.build.as_ref().map(|build| format!(" --build {build}"));
        quota.into_iter().chain(build).collect()
    }
}

impl fmt::Display for Conditions {
    /// Writes them in words: "quota of 1.5 processors, build release".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quota = self.quota.map(|quota| {
            let unit = if quota == 1.0 { "processor" } else { "processors" };
            format!("quota of {quota} {unit}")
        });
        let build = self.build.as_ref().map(|build| format!("build {build}"));
        let words: Vec<String> = quota.into_iter().chain(build).collect();
        formatter.write_str(if words.is_empty() { "none" } else { "" })?;
        formatter.write_str(&words.join(", "))
    }
}

/// The effect of a quota, over all processes of the cells that it held for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Throttled {
    /// The periods of the quota in which a process worked.
    pub periods: u64,
    /// The number of them in which it used its quota up, and was stopped.
    pub throttled: u64,
    /// The time for which processors were withheld, in seconds.
    pub seconds: f64,
}

impl Throttled {
    /// Adds the effect on further processes.
    pub fn add(&mut self, further: Throttled) {
        self.periods += further.periods;
        self.throttled += further.throttled;
        self.seconds += further.seconds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_said_in_words_and_as_they_are_asked_for() {
        let said = |quota, build: Option<&str>| {
            let conditions = Conditions { quota, build: build.map(str::to_owned) };
            [conditions.to_string(), conditions.options()]
        };
        assert_eq!(said(None, None), ["none", ""]);
        assert_eq!(said(Some(1.0), None), ["quota of 1 processor", " --quota 1"]);
        let both = ["quota of 1.5 processors, build release", " --quota 1.5 --build release"];
        assert_eq!(said(Some(1.5), Some("release")), both);
    }
}
