//! The made-up run again, with lanes that say their standing, and what they have.

use results::{Capability, Cell, Estimate, Executor, Metric, Results, Standing, Status};

/// Says of each lane how it stands and what it has: tokio and smol can serve, and all others are yardsticks.
pub(crate) fn serve(results: &mut Results) {
    for lane in results.executors.iter_mut().filter(|lane| lane.class != "program") {
        stand(lane);
    }
    for group in &mut results.groups {
        group.about = format!("work of {}", group.group);
    }
    let late = |cell: &&mut Cell| cell.status == Status::Ok && cell.workload.starts_with("sleep-fan-out");
    for (place, cell) in results.cells.iter_mut().filter(late).enumerate() {
        let value = 1e5 * (3 + place * 7 % 5) as f64;
        let estimate = Estimate { value, low: value * 0.9, high: value * 1.1 };
        let metric = Metric::Measured { unit: "ns".to_owned(), estimate, blocks: vec![value; 5] };
        cell.metrics.insert("lateness-p99".to_owned(), metric);
    }
}

fn stand(lane: &mut Executor) {
    let (package, standing) = match &*lane.name {
        "tokio" | "tokio-current-thread" => ("tokio", Standing::Published),
        "smol" | "smol-local" => ("smol", Standing::Published),
        "async-std" => ("async-std", Standing::Discontinued("RUSTSEC-2025-0052".to_owned())),
        "hand-rolled" | "hand-rolled-current-thread" => ("hand-rolled", Standing::Ours),
        _ => ("rayon", Standing::Published),
    };
    lane.package = package.to_owned();
    lane.standing = Some(standing);
    lane.has = match package {
        "rayon" => vec![Capability::BlockingPool],
        _ => vec![Capability::Timer, Capability::Sockets],
    };
}
