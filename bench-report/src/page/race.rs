//! The race at one number of threads: a verdict for each group of workloads, and the table below.

use super::{anchor, standings::Standings};
use crate::{
    figures::{counted, whole},
    results::Results,
    verdict,
};

/// One number of threads, from its verdicts to its table.
pub(super) struct Race {
    pub(super) number: usize,
    pub(super) threads: String,
    pub(super) groups: Vec<GroupFinding>,
    pub(super) verdicts: Vec<Finding>,
    pub(super) standings: Standings,
}

/// The verdict on a group of workloads.
pub(super) struct GroupFinding {
    pub(super) name: String,
    pub(super) finding: String,
    pub(super) missing: Vec<String>,
    /// Where more is said: the sections of its workloads.
    pub(super) workloads: Vec<Link>,
}

/// A place on the page.
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

/// The verdict on a group of workloads, in words.
struct GroupVerdict {
    group: String,
    comparisons: usize,
    finding: String,
    missing: Vec<String>,
}

/// The races of a run, that with most threads first.
pub(super) fn races(results: &Results) -> Vec<Race> {
    let race = |race: verdict::Race| Race {
        number: race.threads,
        threads: counted(race.threads, "thread"),
        groups: groups(results, race.threads),
        verdicts: race.verdicts.into_iter().map(Finding::of).collect(),
        standings: Standings::of(results, race.threads),
    };
    verdict::races(results).into_iter().rev().map(race).collect()
}

fn groups(results: &Results, threads: usize) -> Vec<GroupFinding> {
    let verdicts: Vec<GroupVerdict> = results
        .summaries
        .iter()
        .filter(|summary| summary.threads == threads)
        .map(|summary| GroupVerdict {
            group: String::new(),
            comparisons: summary.comparisons,
            finding: format!("{} leads", summary.reference.as_deref().unwrap_or("nobody")),
            missing: Vec::new(),
        })
        .collect();
    verdicts.into_iter().map(|verdict| GroupFinding::of(results, threads, verdict)).collect()
}

impl GroupFinding {
    fn of(results: &Results, threads: usize, verdict: GroupVerdict) -> GroupFinding {
        let all = verdict.group.is_empty();
        let ran = |name: &str| !verdict::sizes(results, name, threads).is_empty();
        let workloads = results
            .workloads
            .iter()
            .filter(|workload| !all && workload.group == verdict.group && ran(&workload.name));
        GroupFinding {
            name: if all {
                format!("All {} comparisons", whole(verdict.comparisons as u64))
            } else {
                verdict.group.clone()
            },
            finding: verdict.finding,
            missing: verdict.missing,
            workloads: workloads
                .map(|workload| Link { name: workload.name.clone(), anchor: anchor(&workload.name) })
                .collect(),
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
