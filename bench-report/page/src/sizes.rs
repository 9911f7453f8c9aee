//! Writes sizes with their units: `50 µs`, `64 places`, `n = 20`.

use results::{Results, figures::whole};

/// Writes a size of a workload with the first word of what it counts: a row has no room for "ms of a poll that does not
/// yield". Results that do not say what it counts have the number alone.
pub(crate) fn sized(results: &Results, workload: &str, size: u64) -> String {
    let counts =
        results.workloads.iter().find(|known| known.name == workload).map_or("", |known| &*known.size);
    let unit = counts.split([' ', ';', ',']).next().unwrap_or_default();
    match unit {
        "" => whole(size),
        "n" => format!("n = {}", whole(size)),
        _ if counts.ends_with(" a second") => format!("{} {counts}", whole(size)),
        _ => format!("{} {unit}", whole(size)),
    }
}
