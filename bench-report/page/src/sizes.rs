//! Writes sizes with their units: `50 µs`, `64 places`, `fib(20)`.

use results::{Results, figures::whole};

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
}
