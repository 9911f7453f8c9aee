//! THE list of ladders: for a package, the versions that `--ladder` races beside that of the lock file, and why each.

/// The versions of a package that are worth a look.
#[derive(Debug)]
pub struct Ladder {
    /// The name of the package.
    pub package: &'static str,
    /// The versions, the oldest first. That of the lock file races anyway.
    pub rungs: &'static [Rung],
}

/// A version and the reason why it is worth a look.
#[derive(Debug)]
pub struct Rung {
    /// The version.
    pub version: &'static str,
    /// The reason, without a full stop.
    pub reason: &'static str,
}

/// The ladders.
pub const LADDERS: &[Ladder] = &[Ladder {
    package: "tokio",
    rungs: &[
        Rung {
            version: "1.44.2",
            reason: "the last with a timer wheel for each worker; some stayed on it because 1.45 was slower for them (#7744)",
        },
        Rung {
            version: "1.47.5",
            reason: "long-term support until September 2026; all timers in one wheel again (#7226)",
        },
        Rung {
            version: "1.50.0",
            reason: "the last before the slot for the newest task could be stolen from; the current-thread runtime parks less (#7835)",
        },
        Rung { version: "1.51.1", reason: "the slot for the newest task can be stolen from (#7431)" },
        Rung {
            version: "1.51.6",
            reason: "long-term support until March 2027; stealing from that slot was taken back (#8100)",
        },
        Rung {
            version: "1.53.3",
            reason: "long-term support until September 2027; sleeps register when they are polled (#8132)",
        },
    ],
}];

/// Finds the ladder of a package.
pub fn ladder(package: &str) -> Option<&'static Ladder> {
    LADDERS.iter().find(|ladder| ladder.package == package)
}

#[cfg(test)]
mod tests {
    use results::by_version;

    use super::*;

    #[test]
    fn the_rungs_are_complete_versions_and_the_oldest_is_the_first() {
        for Ladder { package, rungs } in LADDERS {
            for rung in *rungs {
                let wish = format!("{package}@{}", rung.version).parse::<crate::substitute::Wish>();
                assert!(wish.is_ok() && !rung.reason.is_empty() && !rung.reason.ends_with('.'), "{rung:?}");
            }
            assert!(rungs.is_sorted_by(|older, newer| by_version(older.version) < by_version(newer.version)));
        }
    }
}
