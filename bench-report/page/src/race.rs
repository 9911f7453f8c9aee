//! Prepares the races: for each number of threads the verdicts, and the table below them.

use super::{links::anchor, standings::Standings};
use results::{Results, figures::counted, lookup};

use crate::verdict;

/// One number of threads, from its verdicts to its table.
pub(super) struct Race {
    pub(super) number: usize,
    pub(super) threads: String,
    /// A remark on the number of threads, to follow it; empty if there are processors enough.
    pub(super) remark: &'static str,
    pub(super) groups: Vec<GroupFinding>,
    pub(super) verdicts: Vec<Finding>,
    pub(super) standings: Standings,
}

/// The verdict on a group of workloads.
pub(super) struct GroupFinding {
    pub(super) name: String,
    /// `true` for the verdict over all comparisons.
    pub(super) is_all: bool,
    pub(super) finding: String,
    pub(super) missing: Option<String>,
    /// Links to the sections of its workloads.
    pub(super) workloads: Vec<Link>,
}

/// A link to a section of the page.
pub(super) struct Link {
    pub(super) name: String,
    pub(super) anchor: String,
}

/// The verdict on one workload, beside its name.
pub(super) struct Finding {
    pub(super) workload: String,
    pub(super) anchor: String,
    pub(super) finding: String,
    pub(super) missing: Vec<String>,
}

/// The remark on more threads than processors.
const OVERSUBSCRIBED: &str = ", oversubscribed: more than there are processors";

/// Returns the races of a run, in the order of [`lookup::races`].
pub(super) fn races(results: &Results) -> Vec<Race> {
    let race = |race: verdict::Race| Race {
        number: race.threads,
        threads: counted(race.threads, "thread"),
        remark: if lookup::is_oversubscribed(results, race.threads) { OVERSUBSCRIBED } else { "" },
        groups: race
            .groups
            .into_iter()
            .map(|verdict| GroupFinding::of(results, race.threads, verdict))
            .collect(),
        verdicts: race.verdicts.into_iter().map(Finding::of).collect(),
        standings: Standings::of(results, race.threads),
    };
    verdict::races(results).into_iter().map(race).collect()
}

impl GroupFinding {
    fn of(results: &Results, threads: usize, verdict: verdict::GroupVerdict) -> GroupFinding {
        let ran = |name: &str| !lookup::sizes(results, name, threads).is_empty();
        let workloads = results
            .workloads
            .iter()
            .filter(|workload| verdict.group.as_ref() == Some(&workload.group) && ran(&workload.name));
        GroupFinding {
            name: verdict.title(),
            is_all: verdict.group.is_none(),
            workloads: workloads
                .map(|workload| Link { name: workload.name.clone(), anchor: anchor(&workload.name) })
                .collect(),
            finding: verdict.sentence(),
            missing: verdict.missing,
        }
    }
}

impl Finding {
    fn of(verdict: verdict::Verdict) -> Finding {
        Finding {
            anchor: anchor(&verdict.workload),
            workload: verdict.workload,
            finding: verdict.finding,
            missing: verdict.missing,
        }
    }
}
