//! Gathers the lanes of a race into runtimes, those that can serve first.

use results::{Capability, Executor, Results, Standing, lookup};

/// A runtime, with its flavours in a race.
pub(super) struct Runtime<'a> {
    /// The name of its first lane.
    pub(super) name: &'a str,
    pub(super) package: &'a str,
    pub(super) lanes: Vec<&'a str>,
    pub(super) serves: bool,
}

/// Returns the runtimes of a race in the order of the lineup, those that can serve first. Programs are none.
pub(super) fn of(results: &Results, threads: usize) -> Vec<Runtime<'_>> {
    let mut runtimes: Vec<Runtime<'_>> = Vec::new();
    for lane in lookup::racing(results, threads) {
        let Some(executor) = results.executors.iter().find(|executor| executor.name == lane) else {
            continue;
        };
        if lookup::is_program(results, lane) {
            continue;
        }
        let package = package(executor);
        match runtimes.iter_mut().find(|runtime| runtime.package == package) {
            Some(runtime) => runtime.lanes.push(lane),
            None => runtimes.push(Runtime {
                name: lane,
                package,
                lanes: vec![lane],
                serves: executor.can_serve(),
            }),
        }
    }
    runtimes.sort_by_key(|runtime| !runtime.serves);
    runtimes
}

/// Returns the package that a lane is a flavour of, or its name in files from before that was said.
pub(super) fn package(executor: &Executor) -> &str {
    if executor.package.is_empty() { &executor.name } else { &executor.package }
}

/// Tells of each runtime whether a reader may choose it: if it can serve, or no runtime is known to.
pub(super) fn choices(runtimes: &[Runtime<'_>]) -> Vec<bool> {
    let tells = runtimes.iter().any(|runtime| runtime.serves);
    runtimes.iter().map(|runtime| runtime.serves || !tells).collect()
}

impl<'a> Runtime<'a> {
    /// Returns the lane with the least value, and the value.
    pub(super) fn least(&self, value: impl Fn(&str) -> Option<f64>) -> Option<(&'a str, f64)> {
        let found = self.lanes.iter().filter_map(|lane| Some((*lane, value(lane)?)));
        found.min_by(|(_, one), (_, other)| one.total_cmp(other))
    }

    /// Names a flavour that is not the first one.
    pub(super) fn flavour(&self, lane: &str) -> String {
        if lane == self.name { String::new() } else { format!("({lane})") }
    }

    /// Writes its version, or what keeps it from being chosen.
    pub(super) fn remark(&self, results: &Results) -> String {
        let executor = results.executors.iter().find(|executor| executor.name == self.name);
        executor.map_or(String::new(), remark)
    }
}

/// Writes the version of a lane, or what keeps it from being chosen.
fn remark(executor: &Executor) -> String {
    let lacks = |capability| !executor.has.contains(&capability);
    match &executor.standing {
        Some(Standing::Discontinued(_)) => "discontinued".to_owned(),
        Some(Standing::Ours) => "ours".to_owned(),
        Some(Standing::Experiment) => "an experiment".to_owned(),
        Some(Standing::Published) if lacks(Capability::Timer) => "no timer".to_owned(),
        Some(Standing::Published) if lacks(Capability::Sockets) => "no sockets".to_owned(),
        Some(Standing::Published) | None => executor.version.clone(),
    }
}
