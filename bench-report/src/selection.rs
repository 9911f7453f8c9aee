//! Which cells the command line asks for.

use std::{collections::BTreeMap, num::NonZeroUsize};

use executor_api::Class;

use crate::{
    arguments::SelectionArguments,
    protocol::CellId,
    suite::{ExecutorEntry, Suite, WorkloadEntry},
};

/// The cells of a run, in the order of the lineup.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Those that can run.
    pub cells: Vec<CellId>,
    /// Those that cannot, and why.
    pub not_applicable: Vec<(CellId, String)>,
    /// Those whose memory is measured, apart from the race; those of one lane follow each other.
    pub memory: Vec<CellId>,
    /// The versions of the lanes that are programs, by their names.
    pub programs: BTreeMap<String, String>,
}

/// Selects cells of `suite`; threads are 1 and `processors` unless asked for.
///
/// # Errors
///
/// One line that names what does not exist, and what does.
pub(crate) fn select(
    suite: &Suite,
    arguments: &SelectionArguments,
    processors: NonZeroUsize,
) -> Result<Selection, String> {
    let workloads = by_name("workload", &suite.workloads, |entry| entry.about.name, &arguments.workloads)?;
    let executors = by_name("executor", &suite.executors, |entry| entry.about.name, &arguments.executors)?;
    let threads = match &arguments.threads[..] {
        [] => ascending([1, processors.get()]),
        asked => ascending(asked.iter().map(|threads| threads.get())),
    };
    let programs = executors.iter().filter_map(|executor| version(executor)).collect();
    let mut selection =
        Selection { cells: Vec::new(), not_applicable: Vec::new(), memory: Vec::new(), programs };
    for workload in workloads {
        // What a program adds to memory nobody counts.
        for executor in executors.iter().filter(|executor| executor.program.is_none()) {
            let able = |threads: &&usize| obstacle(suite, workload, executor, **threads, 1).is_none();
            let Some(&threads) = threads.iter().filter(able).max() else { continue };
            let cells = memory_sizes(workload, arguments).iter().map(|&size| CellId {
                workload: workload.about.name.to_owned(),
                size,
                threads,
                executor: executor.about.name.to_owned(),
            });
            selection.memory.extend(cells);
        }
        for size in sizes(workload, arguments) {
            for &threads in &threads {
                for executor in &executors {
                    let cell = CellId {
                        workload: workload.about.name.to_owned(),
                        size,
                        threads,
                        executor: executor.about.name.to_owned(),
                    };
                    match obstacle(suite, workload, executor, threads, size) {
                        None => selection.cells.push(cell),
                        Some(reason) => selection.not_applicable.push((cell, reason)),
                    }
                }
            }
        }
    }
    filter(&mut selection, &arguments.filters)?;
    if selection.cells.is_empty() && selection.memory.is_empty() {
        return Err("no cell is left to run; --list shows what there is".to_owned());
    }
    Ok(selection)
}

/// The executor of a cell that was asked for by its name.
///
/// # Errors
///
/// One line that says why there is no such cell.
pub(crate) fn applicable<'a>(suite: &'a Suite, cell: &CellId) -> Result<&'a ExecutorEntry, String> {
    let one = |name: &String| [name.clone()];
    let workload = by_name("workload", &suite.workloads, |entry| entry.about.name, &one(&cell.workload))?[0];
    let executor = by_name("executor", &suite.executors, |entry| entry.about.name, &one(&cell.executor))?[0];
    let has_size_0 = || [workload.sizes, workload.full_sizes].concat().contains(&0);
    if cell.threads == 0 || cell.size == 0 && !has_size_0() {
        return Err(format!("{cell}: a cell has a size and threads, 1 or more"));
    }
    match obstacle(suite, workload, executor, cell.threads, cell.size) {
        None => Ok(executor),
        Some(reason) => Err(format!("{cell}: {} {reason}", executor.about.name)),
    }
}

/// The entries that were asked for, all if none was, in the order of the lineup.
fn by_name<'a, T>(
    kind: &str,
    entries: &'a [T],
    name: impl Fn(&T) -> &'static str,
    asked: &[String],
) -> Result<Vec<&'a T>, String> {
    if let Some(unknown) = asked.iter().find(|asked| !entries.iter().any(|entry| name(entry) == **asked)) {
        let names: Vec<&str> = entries.iter().map(&name).collect();
        return Err(format!("no {kind} `{unknown}`; there are {}", names.join(", ")));
    }
    Ok(entries
        .iter()
        .filter(|entry| asked.is_empty() || asked.iter().any(|asked| name(entry) == *asked))
        .collect())
}

/// Sizes that were asked for are those of the race: a line through fewer than its own would say nothing.
fn memory_sizes<'a>(workload: &'a WorkloadEntry, arguments: &SelectionArguments) -> &'a [u64] {
    let sizes = workload.memory_sizes;
    if arguments.quick { &sizes[..sizes.len().min(1)] } else { sizes }
}

fn sizes(workload: &WorkloadEntry, arguments: &SelectionArguments) -> Vec<u64> {
    match &arguments.sizes[..] {
        _ if workload.sizes.is_empty() => Vec::new(),
        [] if arguments.quick => Vec::from_iter(workload.smallest()),
        [] if arguments.full => ascending([workload.sizes, workload.full_sizes].concat()),
        [] => workload.sizes.to_vec(),
        asked => ascending(asked.iter().copied()),
    }
}

/// Why a workload cannot run on an executor.
fn obstacle(
    suite: &Suite,
    workload: &WorkloadEntry,
    executor: &ExecutorEntry,
    threads: usize,
    size: u64,
) -> Option<String> {
    if let Some(program) = &executor.program {
        return program.obstacle(workload.about.name, size, threads);
    }
    // What is so of every workload comes first: then one reason serves for the whole lane.
    if executor.about.class == Class::CurrentThread && threads > 1 {
        return Some("runs on one thread only".to_owned());
    }
    suite
        .case(workload.about.name, executor.about.name)
        .is_none()
        .then(|| format!("needs {}", workload.needs))
}

/// The name and version of a lane that is a program.
fn version(executor: &ExecutorEntry) -> Option<(String, String)> {
    let version = executor.program.as_ref()?.lane().map_or("unknown".to_owned(), |lane| lane.version.clone());
    Some((executor.about.name.to_owned(), version))
}

/// Keeps the cells that have one of `filters` in their name.
fn filter(selection: &mut Selection, filters: &[String]) -> Result<(), String> {
    let Selection { cells, not_applicable, memory, .. } = selection;
    let all = cells.iter().chain(&*memory).chain(not_applicable.iter().map(|(cell, _)| cell));
    let names: Vec<String> = all.map(CellId::to_string).collect();
    if let Some(idle) = filters.iter().find(|filter| !names.iter().any(|name| name.contains(&***filter))) {
        return Err(format!("no cell has `{idle}` in its name; --list shows them all"));
    }
    let kept = |cell: &CellId| {
        let name = cell.to_string();
        filters.is_empty() || filters.iter().any(|filter| name.contains(&**filter))
    };
    cells.retain(kept);
    not_applicable.retain(|(cell, _)| kept(cell));
    memory.retain(kept);
    Ok(())
}

fn ascending<T: Ord>(numbers: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut numbers: Vec<T> = numbers.into_iter().collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lineup::lineup;

    #[test]
    fn a_size_of_0_is_a_cell_of_the_workloads_that_have_it_and_of_no_other() {
        let applicable = |cell: &str| {
            let cell = cell.parse().expect("it is the name of a cell");
            super::applicable(&lineup(), &cell).map(|executor| executor.about.name)
        };
        assert_eq!(applicable("idle/0/t1/tokio"), Ok("tokio"));
        let refused = "spawn-join/0/t1/tokio: a cell has a size and threads, 1 or more";
        assert_eq!(applicable("spawn-join/0/t1/tokio"), Err(refused.to_owned()));
    }

    #[test]
    fn a_full_run_has_all_sizes_in_their_order_and_a_quick_one_the_smallest() {
        let sizes = |quick: bool, full: bool| {
            let arguments = SelectionArguments {
                quick,
                full,
                executors: vec!["smol-local".to_owned()],
                workloads: vec!["timer-accuracy-crowd".to_owned()],
                ..SelectionArguments::default()
            };
            let cells = select(&lineup(), &arguments, NonZeroUsize::MIN).expect("there are some").cells;
            cells.iter().map(|cell| cell.size).collect::<Vec<_>>()
        };
        assert_eq!(sizes(false, false), [1_000]);
        assert_eq!(sizes(false, true), [50, 200, 1_000, 5_000, 20_000]);
        assert_eq!(sizes(true, false), [50]);
    }
}
