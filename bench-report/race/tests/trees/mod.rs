//! A lineup of made-up lanes and workloads, which several tests make results of.

use std::collections::BTreeMap;

use lane_protocol::{Class, LaneEntry, Lineup, Measure, PROTOCOL, Tier, TrackBuild, WorkloadEntry};

/// Makes the entry of a lane.
pub(crate) fn lane(name: &str) -> LaneEntry {
    LaneEntry {
        name: name.to_owned(),
        description: "Is a tree.".to_owned(),
        class: Class::MultiThread,
        standing: None,
        has: Vec::new(),
        limits: "Grows slowly.".to_owned(),
        package: "tokio".to_owned(),
        homepage: "https://example.org".to_owned(),
        source: file!().to_owned(),
        command: None,
        environment: BTreeMap::new(),
        refused: None,
        sockets_refused: None,
        tier: Tier::Default,
        is_baseline: false,
    }
}

/// Makes the entry of a workload, which is measured by the clock.
pub(crate) fn workload(name: &str, group: &str) -> WorkloadEntry {
    WorkloadEntry {
        name: name.to_owned(),
        description: "Lets time pass.".to_owned(),
        group: group.to_owned(),
        operation: "one year".to_owned(),
        size: "years".to_owned(),
        shows: "who grows".to_owned(),
        hides: "the roots".to_owned(),
        source: file!().to_owned(),
        sizes: Vec::new(),
        full_sizes: Vec::new(),
        memory_sizes: Vec::new(),
        measure: Measure::Clock,
        needs: "time".to_owned(),
        has_deadline: false,
        oversubscribed: false,
        sockets: false,
        long: false,
        loaded_from_outside: false,
    }
}

/// Makes a lineup of a build of which nothing is known.
pub(crate) fn lineup(lanes: &[&str], workloads: Vec<WorkloadEntry>) -> Lineup {
    Lineup {
        protocol: PROTOCOL,
        build: TrackBuild::unknown(),
        lanes: lanes.iter().map(|name| lane(name)).collect(),
        workloads,
        pairs: Vec::new(),
    }
}
