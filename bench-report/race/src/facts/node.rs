//! The node of a cluster: the job of the batch system, and processors of it that share a core.
//!
//! No option of a batch system is trusted: the processors are those that the kernel lets this process run on.

use std::{collections::BTreeMap, path::Path};

use results::BatchJob;

use super::read;

/// Reads what Slurm tells of the job of this process; `None` if it is none.
pub(super) fn batch(variable: impl Fn(&str) -> Option<String>) -> Option<BatchJob> {
    let job = variable("SLURM_JOB_ID")?;
    let element = variable("SLURM_ARRAY_JOB_ID").zip(variable("SLURM_ARRAY_TASK_ID"));
    let known = |name: &str| variable(name).unwrap_or_else(|| "unknown".to_owned());
    Some(BatchJob {
        node: known("SLURMD_NODENAME"),
        partition: known("SLURM_JOB_PARTITION"),
        job: element.map_or(job, |(array, index)| format!("{array}_{index}")),
    })
}

/// Names the processors of a `mask` that share a core with each other, a group each; `None` where the kernel does not say.
pub(super) fn siblings(root: &Path, mask: &str) -> Option<String> {
    let ours = processors(mask)?;
    let mut cores: BTreeMap<Vec<usize>, Vec<String>> = BTreeMap::new();
    for processor in ours {
        let list = format!("sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list");
        let core = processors(&read(root, &list)?)?;
        cores.entry(core).or_default().push(processor.to_string());
    }
    let shared: Vec<String> =
        cores.values().filter(|threads| threads.len() > 1).map(|threads| threads.join("+")).collect();
    Some(if shared.is_empty() { "none".to_owned() } else { shared.join(", ") })
}

/// Returns the numbers in a list such as "0-3,8".
fn processors(list: &str) -> Option<Vec<usize>> {
    let mut all: Vec<usize> = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let [first, last]: [usize; 2] = [first.parse().ok()?, last.parse().ok()?];
        all.extend(first..=last);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fake_root;

    #[test]
    fn an_element_of_an_array_is_named_by_both_numbers() {
        let variables = [
            ("SLURM_JOB_ID", "12"),
            ("SLURM_ARRAY_JOB_ID", "10"),
            ("SLURM_ARRAY_TASK_ID", "2"),
            ("SLURMD_NODENAME", "n7"),
            ("SLURM_JOB_PARTITION", "fast"),
        ];
        let of = |variables: &[(&str, &str)]| {
            batch(|name| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let [node, partition] = ["n7", "fast"].map(str::to_owned);
        assert_eq!(of(&variables), Some(BatchJob { node, partition, job: "10_2".to_owned() }));
        assert_eq!(of(&variables[..1]).map(|job| job.job).as_deref(), Some("12"));
        assert_eq!(of(&variables[1..]), None);
    }

    #[test]
    fn processors_that_share_a_core_are_named_if_both_are_ours() {
        let of =
            |processor: usize| format!("sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list");
        let [zero, one, eight, nine] = [0, 1, 8, 9].map(of);
        let root = fake_root(&[(&zero, "0,8\n"), (&eight, "0,8\n"), (&one, "1,9\n"), (&nine, "1,9\n")]);
        let siblings = |mask| siblings(root.path(), mask);
        assert_eq!(siblings("0-1").as_deref(), Some("none"));
        assert_eq!(siblings("0-1,8").as_deref(), Some("0+8"));
        assert_eq!(siblings("0-1,8-9\n").as_deref(), Some("0+8, 1+9"));
        assert_eq!(siblings("0-2"), None, "the kernel does not tell of the third");
        assert_eq!(siblings("all"), None);
    }
}
