//! Selects the cells that the command line asks for.

use std::{collections::BTreeMap, num::NonZeroUsize};

use lane_protocol::{Class, LaneDescription, LaneEntry, Lineup, Tier, WorkloadEntry};
use results::{CellId, figures};

use crate::arguments::SelectionArguments;

/// The descriptions of lanes that are programs, by their names; an error says why one cannot run here.
type Descriptions = BTreeMap<String, Result<LaneDescription, String>>;

/// The cells of a run, in the order of the lineup.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Cells that can run.
    pub cells: Vec<CellId>,
    /// Cells that cannot run, each with its reason.
    pub not_applicable: Vec<(CellId, String)>,
    /// Cells whose memory is measured, apart from the race; those of one lane follow each other.
    pub memory: Vec<CellId>,
    /// The versions of the lanes that are programs, by their names.
    pub programs: BTreeMap<String, String>,
    /// The programs that other lanes are measured by.
    pub baselines: Vec<String>,
}

impl Selection {
    /// Leaves nothing to run, for a reason that holds for every cell.
    pub(crate) fn refuse_all(&mut self, reason: &str) {
        self.memory.clear();
        self.not_applicable.extend(self.cells.drain(..).map(|cell| (cell, reason.to_owned())));
    }
}

/// Selects cells of a lineup; threads are 1 and `processors` unless asked for, and in a full run more for some workloads.
///
/// # Errors
///
/// One line that names what does not exist, and what does.
pub(crate) fn select(
    lineup: &Lineup,
    descriptions: &Descriptions,
    arguments: &SelectionArguments,
    processors: NonZeroUsize,
) -> Result<Selection, String> {
    let workloads = by_name("workload", &lineup.workloads, |entry| &entry.name, &arguments.workloads)?;
    by_name("executor", &lineup.lanes, |entry| &entry.name, &arguments.executors)?;
    let lanes: Vec<&LaneEntry> = lineup.lanes.iter().filter(|lane| is_asked_for(lane, arguments)).collect();
    let all_threads = threads(arguments, processors);
    let programs = lanes.iter().filter(|lane| lane.command.is_some());
    let programs = programs.map(|lane| (lane.name.clone(), version(descriptions, lane))).collect();
    let baselines = lanes.iter().filter(|lane| lane.is_baseline).map(|lane| lane.name.clone()).collect();
    let mut selection =
        Selection { cells: Vec::new(), not_applicable: Vec::new(), memory: Vec::new(), programs, baselines };
    for workload in workloads.into_iter().filter(|workload| !is_too_long(workload, arguments)) {
        let most = if arguments.threads.is_empty() { most_threads(workload, processors) } else { usize::MAX };
        let threads: Vec<usize> = all_threads.iter().copied().filter(|&threads| threads <= most).collect();
        // A program's memory is not counted.
        for lane in lanes.iter().filter(|lane| lane.command.is_none()) {
            let able = |threads: &&usize| {
                obstacle(lineup, descriptions, workload, lane, **threads, 1, processors).is_none()
            };
            let Some(&threads) = threads.iter().filter(able).max() else { continue };
            let sizes = memory_sizes(workload, arguments).iter();
            selection.memory.extend(sizes.map(|&size| cell(workload, size, threads, lane)));
        }
        for size in sizes(workload, arguments) {
            for &threads in &threads {
                for lane in &lanes {
                    let cell = cell(workload, size, threads, lane);
                    match obstacle(lineup, descriptions, workload, lane, threads, size, processors) {
                        None => selection.cells.push(cell),
                        // A baseline is that of its workloads, and nobody misses it in others.
                        Some(_) if lane.is_baseline => {}
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

/// Tells whether a run races a lane: the arguments name it, it is of a tier that races unnamed, or others are measured by it.
pub(crate) fn is_asked_for(lane: &LaneEntry, arguments: &SelectionArguments) -> bool {
    if lane.is_baseline {
        return true;
    }
    if !arguments.executors.is_empty() {
        return arguments.executors.contains(&lane.name);
    }
    let names_it = |filter: &String| filter.rsplit('/').next() == Some(&lane.name);
    match lane.tier {
        Tier::Default => true,
        Tier::Full if arguments.full => true,
        Tier::Full | Tier::ByName => arguments.filters.iter().any(names_it),
    }
}

/// Tells whether a quick run leaves a workload out: it has no time for long runs, unless they are asked for.
fn is_too_long(workload: &WorkloadEntry, arguments: &SelectionArguments) -> bool {
    let asks_for_all = arguments.workloads.is_empty() && arguments.filters.is_empty();
    arguments.quick && workload.long && asks_for_all
}

/// Returns the numbers of workers that are asked for, ascending: 1 and `processors` by default, in a full run two and four times as
/// many too, for workloads that are oversubscribed.
pub(crate) fn threads(arguments: &SelectionArguments, processors: NonZeroUsize) -> Vec<usize> {
    match &arguments.threads[..] {
        [] if arguments.full => {
            ascending([1, 2, 4].map(|times| times * processors.get()).into_iter().chain([1]))
        }
        [] => ascending([1, processors.get()]),
        asked => ascending(asked.iter().map(|threads| threads.get())),
    }
}

/// Returns the most workers that a workload races with unless others are asked for.
fn most_threads(workload: &WorkloadEntry, processors: NonZeroUsize) -> usize {
    match processors.get() {
        _ if workload.oversubscribed => usize::MAX,
        // With a single processor it does not apply, and says so.
        processors if workload.loaded_from_outside => (processors - 1).max(1),
        processors => processors,
    }
}

fn cell(workload: &WorkloadEntry, size: u64, threads: usize, lane: &LaneEntry) -> CellId {
    CellId { workload: workload.name.clone(), size, threads, executor: lane.name.clone() }
}

/// Returns the entries that were asked for, all if none was, in the order of the lineup.
fn by_name<'a, T>(
    kind: &str,
    entries: &'a [T],
    name: impl Fn(&T) -> &String,
    asked: &[String],
) -> Result<Vec<&'a T>, String> {
    if let Some(unknown) = asked.iter().find(|asked| !entries.iter().any(|entry| name(entry) == *asked)) {
        let names: Vec<&str> = entries.iter().map(|entry| name(entry).as_str()).collect();
        return Err(format!("no {kind} `{unknown}`; there are {}", names.join(", ")));
    }
    Ok(entries
        .iter()
        .filter(|entry| asked.is_empty() || asked.iter().any(|asked| name(entry) == asked))
        .collect())
}

/// Sizes that were asked for are those of the race: a line through fewer than its own would say nothing.
fn memory_sizes<'a>(workload: &'a WorkloadEntry, arguments: &SelectionArguments) -> &'a [u64] {
    let sizes = &workload.memory_sizes;
    if arguments.quick { &sizes[..sizes.len().min(1)] } else { sizes }
}

fn sizes(workload: &WorkloadEntry, arguments: &SelectionArguments) -> Vec<u64> {
    match &arguments.sizes[..] {
        _ if workload.sizes.is_empty() => Vec::new(),
        [] if arguments.quick => Vec::from_iter(workload.smallest()),
        [] if arguments.full => ascending([&workload.sizes[..], &workload.full_sizes].concat()),
        [] => workload.sizes.to_vec(),
        asked => ascending(asked.iter().copied()),
    }
}

/// Returns the reason why a workload cannot run on a lane; `None` if it can.
fn obstacle(
    lineup: &Lineup,
    descriptions: &Descriptions,
    workload: &WorkloadEntry,
    lane: &LaneEntry,
    threads: usize,
    size: u64,
    processors: NonZeroUsize,
) -> Option<String> {
    if lane.command.is_some() {
        return match descriptions.get(&lane.name) {
            Some(Ok(description)) => obstacle_of_program(description, &workload.name, size, threads),
            Some(Err(reason)) => Some(reason.clone()),
            None => Some("was not asked what it can run".to_owned()),
        };
    }
    // A reason that holds for every workload comes first: then one reason serves for the whole lane.
    if lane.refused.is_some() {
        return lane.refused.clone();
    }
    if lane.class == Class::CurrentThread && threads > 1 {
        return Some("runs on one thread only".to_owned());
    }
    if !lineup.pairs(&workload.name, &lane.name) {
        return Some(format!("needs {}", workload.needs));
    }
    if workload.loaded_from_outside && threads >= processors.get() {
        return Some("its load takes a processor, and workers have all of them".to_owned());
    }
    lane.sockets_refused.clone().filter(|_| workload.sockets)
}

/// Returns the reason why a program cannot run a workload; `None` if it can.
fn obstacle_of_program(lane: &LaneDescription, workload: &str, size: u64, threads: usize) -> Option<String> {
    let [least, most] = lane.threads;
    match lane.workloads.get(workload) {
        _ if threads > most && most == 1 => Some("runs on one thread only".to_owned()),
        _ if threads > most => Some(format!("has at most {most} threads")),
        _ if threads < least => Some(format!("has at least {least} threads")),
        None => Some("does not have this workload".to_owned()),
        Some(&Some(bears)) if size > bears => Some(format!("bears at most {}", figures::whole(bears))),
        _ => None,
    }
}

fn version(descriptions: &Descriptions, lane: &LaneEntry) -> String {
    match descriptions.get(&lane.name) {
        Some(Ok(description)) => description.version.clone(),
        _ => "unknown".to_owned(),
    }
}

/// Keeps the cells that have one of `filters` in their name.
fn filter(selection: &mut Selection, filters: &[String]) -> Result<(), String> {
    let Selection { cells, not_applicable, memory, .. } = selection;
    let all = cells.iter().chain(&*memory).chain(not_applicable.iter().map(|(cell, _)| cell));
    let names: Vec<String> = all.map(CellId::to_string).collect();
    if let Some(unmatched) = filters.iter().find(|filter| !names.iter().any(|name| name.contains(&***filter)))
    {
        return Err(format!("no cell has `{unmatched}` in its name; --list shows them all"));
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
    use lane_protocol::{Measure, PROTOCOL, TrackBuild};

    use super::*;

    /// Two lanes of the track and a program; a workload that all of them have, and one that has memory alone.
    fn lineup() -> Lineup {
        let lane = |name: &str, class, command: Option<&str>| LaneEntry {
            name: name.to_owned(),
            description: String::new(),
            class,
            standing: None,
            has: Vec::new(),
            limits: String::new(),
            package: String::new(),
            homepage: String::new(),
            source: String::new(),
            command: command.map(|command| vec![command.to_owned()]),
            environment: BTreeMap::new(),
            refused: None,
            sockets_refused: None,
            tier: Tier::Default,
            is_baseline: false,
        };
        let workload = |name: &str, sizes: &[u64], full_sizes: &[u64], memory_sizes: &[u64]| WorkloadEntry {
            name: name.to_owned(),
            description: String::new(),
            group: String::new(),
            operation: String::new(),
            size: String::new(),
            shows: String::new(),
            hides: String::new(),
            source: String::new(),
            sizes: sizes.into(),
            full_sizes: full_sizes.into(),
            memory_sizes: memory_sizes.into(),
            measure: Measure::Clock,
            needs: "water".to_owned(),
            has_deadline: false,
            oversubscribed: name == "grow",
            sockets: name == "listen",
            long: name == "drink",
            loaded_from_outside: name == "rain",
        };
        let pairs = [
            ("grow", "oak"),
            ("grow", "bonsai"),
            ("drink", "oak"),
            ("listen", "oak"),
            ("listen", "bonsai"),
            ("rain", "oak"),
        ];
        let refused = Some("the wind is refused".to_owned());
        Lineup {
            protocol: PROTOCOL,
            build: TrackBuild {
                rustc: String::new(),
                profile: String::new(),
                flags: String::new(),
                debug_assertions: false,
                allocator: String::new(),
                ..TrackBuild::unknown()
            },
            lanes: vec![
                lane("oak", Class::MultiThread, None),
                LaneEntry { sockets_refused: refused, ..lane("bonsai", Class::CurrentThread, None) },
                lane("plastic", Class::MultiThread, Some("plastic")),
            ],
            workloads: vec![
                workload("grow", &[1_000], &[20_000, 50, 5_000, 200], &[]),
                workload("drink", &[10], &[], &[4, 8]),
                workload("root", &[], &[], &[1, 2, 3]),
                workload("listen", &[10], &[], &[]),
                workload("rain", &[10], &[], &[]),
            ],
            pairs: pairs.map(|(workload, lane)| (workload.to_owned(), lane.to_owned())).into(),
        }
    }

    fn selected(arguments: &SelectionArguments) -> Result<Selection, String> {
        select(&lineup(), &Descriptions::new(), arguments, NonZeroUsize::MIN)
    }

    fn of(lanes: &[&str], workloads: &[&str]) -> SelectionArguments {
        let [executors, workloads] =
            [lanes, workloads].map(|names| names.iter().map(|&name| name.to_owned()).collect());
        SelectionArguments { executors, workloads, ..SelectionArguments::default() }
    }

    fn names(cells: &[CellId]) -> Vec<String> {
        cells.iter().map(CellId::to_string).collect()
    }

    #[test]
    fn a_baseline_races_wherever_its_workload_does_and_is_missed_nowhere() {
        let mut lineup = lineup();
        lineup.lanes[2].is_baseline = true;
        let description = LaneDescription {
            protocol: PROTOCOL,
            version: "1.0".to_owned(),
            threads: [1, 8],
            workloads: BTreeMap::from([("grow".to_owned(), None)]),
        };
        let descriptions = BTreeMap::from([("plastic".to_owned(), Ok(description))]);
        let arguments = of(&["oak"], &["grow", "drink"]);
        let selection =
            select(&lineup, &descriptions, &arguments, NonZeroUsize::MIN).expect("there are some");
        assert_eq!(names(&selection.cells), ["grow/1000/t1/oak", "grow/1000/t1/plastic", "drink/10/t1/oak"]);
        assert!(selection.not_applicable.is_empty(), "nobody misses it where it has no work");
        assert_eq!(selection.baselines, ["plastic"]);
    }

    #[test]
    fn a_full_run_has_all_sizes_in_their_order_and_a_quick_one_the_smallest() {
        let sizes = |quick: bool, full: bool| {
            let arguments = SelectionArguments { quick, full, ..of(&["bonsai"], &["grow"]) };
            let cells = selected(&arguments).expect("there are some").cells;
            cells.iter().map(|cell| cell.size).collect::<Vec<_>>()
        };
        assert_eq!(sizes(false, false), [1_000]);
        assert_eq!(sizes(false, true), [50, 200, 1_000, 5_000, 20_000]);
        assert_eq!(sizes(true, false), [50]);
    }

    #[test]
    fn what_a_lane_lacks_does_not_apply_and_the_reason_for_all_of_it_comes_first() {
        let threads = [1, 2].map(|threads| NonZeroUsize::new(threads).expect("it is no 0")).into();
        let arguments = SelectionArguments { threads, ..of(&["oak", "bonsai"], &["drink"]) };
        let selection = selected(&arguments).expect("oak has it");
        assert_eq!(names(&selection.cells), ["drink/10/t1/oak", "drink/10/t2/oak"]);
        let reasons = selection.not_applicable.iter().map(|(cell, reason)| (cell.to_string(), &**reason));
        let expected =
            [("drink/10/t1/bonsai", "needs water"), ("drink/10/t2/bonsai", "runs on one thread only")];
        assert_eq!(reasons.collect::<Vec<_>>(), expected.map(|(cell, reason)| (cell.to_owned(), reason)));
    }

    #[test]
    fn a_lane_races_in_the_runs_of_its_tier_and_wherever_it_is_named() {
        let mut lineup = lineup();
        lineup.lanes[1].tier = Tier::ByName;
        lineup.lanes[2].tier = Tier::Full;
        let described = LaneDescription {
            protocol: PROTOCOL,
            version: "Plastic 2".to_owned(),
            threads: [1, 1],
            workloads: [("grow".to_owned(), None)].into(),
        };
        let descriptions = Descriptions::from([("plastic".to_owned(), Ok(described))]);
        let raced = |full, executors: &[&str], filters: &[&str]| {
            let filters = filters.iter().map(|&filter| filter.to_owned()).collect();
            let asked = SelectionArguments { full, filters, sizes: vec![50], ..of(executors, &["grow"]) };
            let selection =
                select(&lineup, &descriptions, &asked, NonZeroUsize::MIN).expect("there are some");
            let mut lanes: Vec<String> = selection.cells.into_iter().map(|cell| cell.executor).collect();
            lanes.dedup();
            lanes.join(" ")
        };
        assert_eq!(raced(false, &[], &[]), "oak");
        assert_eq!(raced(true, &[], &["t1"]), "oak plastic");
        assert_eq!(raced(false, &["bonsai", "plastic"], &[]), "bonsai plastic");
        assert_eq!(raced(false, &[], &["bonsai"]), "bonsai");
        assert_eq!(raced(false, &[], &["oak", "grow/50/t1/plastic"]), "oak plastic");
    }

    #[test]
    fn a_lane_whose_sockets_are_refused_runs_what_has_none() {
        let selection = selected(&of(&["oak", "bonsai"], &["grow", "listen"])).expect("there are some");
        assert_eq!(names(&selection.cells), ["grow/1000/t1/oak", "grow/1000/t1/bonsai", "listen/10/t1/oak"]);
        let [(cell, reason)] = &selection.not_applicable[..] else { panic!("one cell does not apply") };
        assert_eq!((&*cell.to_string(), &**reason), ("listen/10/t1/bonsai", "the wind is refused"));
    }

    #[test]
    fn a_lane_that_is_refused_runs_nothing() {
        let mut lineup = lineup();
        lineup.lanes[1].refused = Some("the soil is refused".to_owned());
        let threads = [1, 2].map(|threads| NonZeroUsize::new(threads).expect("it is no 0")).into();
        let arguments =
            SelectionArguments { threads, ..of(&["oak", "bonsai"], &["grow", "drink", "listen"]) };
        let selection = select(&lineup, &Descriptions::new(), &arguments, NonZeroUsize::MIN);
        let selection = selection.expect("oak has all of them");
        assert!(selection.cells.iter().all(|cell| cell.executor == "oak"), "{:?}", selection.cells);
        let reasons = selection.not_applicable.iter().map(|(_, reason)| &**reason);
        assert_eq!(reasons.collect::<Vec<_>>(), ["the soil is refused"; 6]);
    }

    #[test]
    fn a_quick_run_has_no_long_workload_unless_it_is_asked_for() {
        let quick = |workloads: &[&str], filters: &[&str]| {
            let filters = filters.iter().map(|&filter| filter.to_owned()).collect();
            let arguments = SelectionArguments { quick: true, filters, ..of(&["oak"], workloads) };
            names(&selected(&arguments).expect("there are some").cells)
        };
        assert_eq!(quick(&[], &[]), ["grow/50/t1/oak", "listen/10/t1/oak"]);
        assert_eq!(quick(&["drink"], &[]), ["drink/10/t1/oak"]);
        assert_eq!(quick(&[], &["drink"]), ["drink/10/t1/oak"]);
        let all = selected(&of(&["oak"], &[])).expect("there are some");
        assert_eq!(names(&all.cells), ["grow/1000/t1/oak", "drink/10/t1/oak", "listen/10/t1/oak"]);
    }

    #[test]
    fn a_load_from_outside_has_a_processor_that_is_no_workers() {
        let three = NonZeroUsize::new(3).expect("it is no 0");
        let threads = [1, 2, 3].map(|threads| NonZeroUsize::new(threads).expect("it is no 0")).into();
        let arguments = SelectionArguments { threads, ..of(&["oak"], &["rain"]) };
        let selection = select(&lineup(), &Descriptions::new(), &arguments, three).expect("there are some");
        assert_eq!(names(&selection.cells), ["rain/10/t1/oak", "rain/10/t2/oak"]);
        let [(cell, reason)] = &selection.not_applicable[..] else { panic!("one cell does not apply") };
        let expected = ("rain/10/t3/oak", "its load takes a processor, and workers have all of them");
        assert_eq!((&*cell.to_string(), &**reason), expected);
        // Nobody has asked for three.
        let unasked = SelectionArguments { threads: Vec::new(), ..arguments };
        let selection = select(&lineup(), &Descriptions::new(), &unasked, three).expect("there are some");
        assert_eq!(names(&selection.cells), ["rain/10/t1/oak"]);
        assert!(selection.not_applicable.is_empty(), "{:?}", selection.not_applicable);
        let selection = selected(&of(&["oak"], &["grow", "rain"])).expect("the other has some");
        assert_eq!(selection.not_applicable.len(), 1, "one processor is too few, and it is said");
    }

    #[test]
    fn a_program_that_was_not_asked_does_not_apply_and_has_no_version() {
        let selection = selected(&of(&["oak", "plastic"], &["grow"])).expect("oak has it");
        let [(cell, reason)] = &selection.not_applicable[..] else { panic!("one cell does not apply") };
        assert_eq!(
            (&*cell.to_string(), &**reason),
            ("grow/1000/t1/plastic", "was not asked what it can run")
        );
        let described = LaneDescription {
            protocol: PROTOCOL,
            version: "Plastic 2".to_owned(),
            threads: [1, 1],
            workloads: [("grow".to_owned(), None)].into(),
        };
        let descriptions = Descriptions::from([("plastic".to_owned(), Ok(described))]);
        let arguments = of(&["plastic"], &["grow"]);
        let selection = select(&lineup(), &descriptions, &arguments, NonZeroUsize::MIN);
        let selection = selection.expect("it has it");
        assert_eq!(names(&selection.cells), ["grow/1000/t1/plastic"]);
        assert_eq!(selection.programs["plastic"], "Plastic 2");
    }

    #[test]
    fn memory_is_measured_at_its_own_sizes_and_with_the_most_threads() {
        let two = NonZeroUsize::new(2).expect("it is no 0");
        let memory = |quick| {
            let arguments =
                SelectionArguments { quick, sizes: vec![7], ..of(&["oak", "bonsai"], &["drink"]) };
            let selection = select(&lineup(), &Descriptions::new(), &arguments, two).expect("oak has it");
            names(&selection.memory)
        };
        assert_eq!(memory(false), ["drink/4/t2/oak", "drink/8/t2/oak"]);
        assert_eq!(memory(true), ["drink/4/t2/oak"]);
    }

    #[test]
    fn a_full_run_oversubscribes_the_workloads_that_say_so() {
        let two = NonZeroUsize::new(2).expect("it is no 0");
        let threads = |workload: &str, full: bool, asked: &[usize]| -> Vec<usize> {
            let asked =
                asked.iter().map(|&threads| NonZeroUsize::new(threads).expect("it is no 0")).collect();
            let arguments = SelectionArguments { full, threads: asked, ..of(&["oak"], &[workload]) };
            let selection = select(&lineup(), &Descriptions::new(), &arguments, two).expect("oak has it");
            // The memory of a workload is that with the most threads it races at.
            assert!(selection.memory.iter().all(|cell| cell.threads == 2));
            ascending(selection.cells.iter().map(|cell| cell.threads))
        };
        assert_eq!(threads("grow", true, &[]), [1, 2, 4, 8]);
        assert_eq!(threads("grow", false, &[]), [1, 2]);
        assert_eq!(threads("drink", true, &[]), [1, 2]);
        assert_eq!(threads("grow", true, &[3]), [3], "what is asked for is all there is");
    }

    #[test]
    fn what_does_not_exist_is_named_with_what_does() {
        let refused = |arguments: SelectionArguments| selected(&arguments).expect_err("it makes no sense");
        let of_lane = refused(of(&["elm"], &[]));
        assert_eq!(of_lane, "no executor `elm`; there are oak, bonsai, plastic");
        let of_workload = refused(of(&[], &["sleep"]));
        assert_eq!(of_workload, "no workload `sleep`; there are grow, drink, root, listen, rain");
        let filters = vec!["oak".to_owned(), "elm".to_owned()];
        let of_filter = refused(SelectionArguments { filters, ..SelectionArguments::default() });
        assert_eq!(of_filter, "no cell has `elm` in its name; --list shows them all");
        assert_eq!(refused(of(&["plastic"], &[])), "no cell is left to run; --list shows what there is");
    }

    #[test]
    fn threads_are_one_and_all_unless_asked_for() {
        let four = NonZeroUsize::new(4).expect("it is no 0");
        assert_eq!(threads(&SelectionArguments::default(), four), [1, 4]);
        assert_eq!(threads(&SelectionArguments::default(), NonZeroUsize::MIN), [1]);
        let full = SelectionArguments { full: true, ..SelectionArguments::default() };
        assert_eq!(threads(&full, four), [1, 4, 8, 16]);
        let asked = [4, 2, 4].map(|threads| NonZeroUsize::new(threads).expect("it is no 0"));
        let asked = SelectionArguments { threads: asked.into(), ..SelectionArguments::default() };
        assert_eq!(threads(&asked, four), [2, 4]);
    }
}
