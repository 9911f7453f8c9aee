//! Writes sizes with their units: `50 µs`, `64 places`, `fib(20)`.

use results::{
    Results,
    figures::{self, whole},
};

/// Writes a size of a workload with the first word of what it counts: a row has no room for "ms of a poll that does not
/// yield". Results that do not say what it counts have the number alone.
pub(crate) fn sized(results: &Results, workload: &str, size: u64) -> String {
    let counts =
        results.workloads.iter().find(|known| known.name == workload).map_or("", |known| &*known.size);
    let unit = counts.split([' ', ';', ',']).next().unwrap_or_default();
    match unit {
        "" => whole(size),
        // Of older results.
        "n" => format!("n = {}", whole(size)),
        _ if counts.contains("(n)") => counts.replace("(n)", &format!("({})", whole(size))),
        _ if counts.ends_with(" a second") => format!("{} {counts}", whole(size)),
        _ if size == 1 && !is_symbol(unit) => format!("1 {}", unit.strip_suffix('s').unwrap_or(unit)),
        _ => format!("{} {unit}", whole(size)),
    }
}

/// Writes a size as the first of several results that have the workload does.
pub(crate) fn of_runs<'a>(mut runs: impl Iterator<Item = &'a Results>, workload: &str, size: u64) -> String {
    let has_it = |results: &&Results| results.workloads.iter().any(|known| known.name == workload);
    runs.find(has_it).map_or(whole(size), |results| sized(results, workload, size))
}

/// Lists sizes of a workload, from the smallest, with their unit once: `100 and 10,000 tasks`, `fib(20) and fib(25)`.
pub(crate) fn listed(results: &Results, workload: &str, sizes: &[u64]) -> String {
    let Some((&last, others)) = sizes.split_last() else { return String::new() };
    let largest = sized(results, workload, last);
    let is_once = largest.starts_with(&whole(last));
    let other = |&size: &u64| if is_once { whole(size) } else { sized(results, workload, size) };
    let mut all: Vec<String> = others.iter().map(other).collect();
    all.push(largest);
    figures::listed(&all.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Tells whether a unit is the symbol of one, which has no plural.
fn is_symbol(unit: &str) -> bool {
    ["ns", "µs", "ms", "s"].contains(&unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_the_unit_of_its_workload() {
        let mut results =
            Results::parse(include_str!("../../results/tests/fixtures/results.json")).expect("it is one");
        let name = results.workloads[0].name.clone();
        let mut counted = |counts: &str| {
            counts.clone_into(&mut results.workloads[0].size);
            sized(&results, &name, 2_000)
        };
        assert_eq!(counted("fib(n)"), "fib(2,000)");
        assert_eq!(counted("µs of work"), "2,000 µs");
        assert_eq!(counted("pairs of tasks"), "2,000 pairs");
        assert_eq!(counted("requests a second"), "2,000 requests a second");
        assert_eq!(counted(""), "2,000");
        for (counts, one) in [("pairs of tasks", "1 pair"), ("µs of work", "1 µs"), ("threads", "1 thread")]
        {
            counts.clone_into(&mut results.workloads[0].size);
            assert_eq!(sized(&results, &name, 1), one);
        }
    }

    #[test]
    fn a_list_of_sizes_has_their_unit_once() {
        let mut results =
            Results::parse(include_str!("../../results/tests/fixtures/results.json")).expect("it is one");
        let name = results.workloads[0].name.clone();
        let mut counted = |counts: &str, sizes: &[u64]| {
            counts.clone_into(&mut results.workloads[0].size);
            listed(&results, &name, sizes)
        };
        assert_eq!(counted("pairs of tasks", &[1, 100]), "1 and 100 pairs");
        assert_eq!(counted("ns of work a task", &[0, 300, 1_000]), "0, 300 and 1,000 ns");
        assert_eq!(counted("fib(n)", &[20, 25]), "fib(20) and fib(25)");
        assert_eq!(counted("pairs of tasks", &[1]), "1 pair");
        assert_eq!(counted("", &[1, 100]), "1 and 100");
    }
}
