//! Every workload answers right and does its work on every lane: a test for each pair, in the processes of a race.
//!
//! Of a lane that is a program, with the workloads that it has. Where it cannot run its test is ignored, and a line
//! says why.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use lane_protocol::{Capability, CellId, Class, LaneDescription, LaneEntry, Lineup, WorkloadEntry};
use libtest_mimic::{Arguments, Failed, Trial};
use race::{
    cargo::{Build, Built},
    facts,
    groups::GROUPS,
    guard::Guard,
    heat::Launcher,
    known::KNOWN,
    lane::{self, Limits, Trouble},
    plan::{Plan, Provenance, Sampling, TIME_LIMIT},
    standstill::Standstills,
    track::{Programs, Specifications, Track, Tracks},
};
use results::{Conditions, Profile};

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The numbers of workers that lanes are checked with.
const THREADS: [usize; 2] = [1, 2];

fn main() {
    let limits = Limits {
        time: TIME_LIMIT,
        interrupted: Arc::default(),
        guard: Guard::default(),
        standstills: Standstills::watch(),
    };
    let programs = build_programs(env!("CARGO_BIN_EXE_track").as_ref());
    let asked = Track::ask(programs, WORKSPACE.as_ref(), &THREADS, &limits);
    let track = asked.unwrap_or_else(|trouble| panic!("the track: {}", reason(trouble)));
    let lineup = track.lineup.clone();

    let (refused, able): (Vec<_>, Vec<_>) = lineup.pairs.iter().partition(|pair| refused(&lineup, pair));
    let mut pairs: Vec<Pair> = able.into_iter().map(|pair| Pair::of_track(&lineup, pair)).collect();
    let mut programs = BTreeMap::new();
    let mut ignored = Vec::new();
    for (workload, lane) in refused {
        ignored.push(Trial::test(format!("{workload} on {lane}, which is refused"), || Ok(())));
    }
    for lane in lineup.lanes.iter().filter(|lane| lane.command.is_some()) {
        match track.command(&lane.name, 1).and_then(|command| lane::describe(command, &limits)) {
            Ok(description) => {
                pairs.extend(Pair::of_program(&lineup, lane, &description));
                programs.insert(lane.name.clone(), description.version);
            }
            Err(trouble) => {
                eprintln!("Tests of {} ignored: {}", lane.name, reason(trouble));
                ignored.push(Trial::test(format!("everything on {}", lane.name), || Ok(())));
            }
        }
    }
    let of_programs = pairs.iter().filter(|pair| programs.contains_key(&pair.lane));
    let specifications = specifications(&track, of_programs.flat_map(|pair| &pair.cells), &limits);
    let plan = Arc::new(plan(&track, programs));
    let tracks = Tracks { this: track, others: BTreeMap::new() };
    let launcher = Arc::new(Launcher { tracks, specifications, limits, quota: None });

    let trial = |pair: Pair| {
        let (plan, launcher) = (plan.clone(), launcher.clone());
        Trial::test(format!("{} on {}", pair.workload, pair.lane), move || pair.check(&launcher, &plan))
    };
    let mut trials: Vec<Trial> = pairs.into_iter().map(trial).collect();
    trials.extend(ignored.into_iter().map(|trial| trial.with_ignored_flag(true)));
    let facts: [(&str, Fact); 6] = [
        ("no lane has the name of a twin", no_lane_has_the_name_of_a_twin),
        ("what is known is of this lineup", what_is_known_is_of_this_lineup),
        ("every group has words and no other has", every_group_has_words_and_no_other_has),
        ("the rows of a group stand together", the_rows_of_a_group_stand_together),
        ("every lane says how it stands and what it has", every_lane_says_how_it_stands_and_what_it_has),
        ("every lane says who drops what is cancelled", every_lane_says_who_drops_what_is_cancelled),
    ];
    let fact = |(name, fact): (&str, Fact)| {
        let lineup = lineup.clone();
        Trial::test(name, move || fact(&lineup))
    };
    trials.extend(facts.map(fact));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Returns true if this machine refuses a lane, or the sockets that the workload uses.
fn refused(lineup: &Lineup, (workload, lane): &(String, String)) -> bool {
    let uses_sockets = lineup.workload(workload).is_some_and(|workload| workload.sockets);
    let refused = |lane: &LaneEntry| lane.refused.is_some() || uses_sockets && lane.sockets_refused.is_some();
    lineup.lane(lane).is_some_and(refused)
}

/// A fact of a lineup, which takes no process.
type Fact = fn(&Lineup) -> Result<(), Failed>;

/// A workload on a lane, and the cells that are checked of it.
struct Pair {
    workload: String,
    lane: String,
    cells: Vec<CellId>,
}

impl Pair {
    /// The smallest cells: those that race, and the one whose memory is measured.
    fn of_track(lineup: &Lineup, (workload, lane): &(String, String)) -> Pair {
        let entry = lineup.workload(workload).expect("a pair is of the lineup");
        let threads = match lineup.lane(lane).expect("a pair is of the lineup").class {
            Class::CurrentThread => &THREADS[..1],
            Class::MultiThread => &THREADS[..],
        };
        let raced = entry.smallest().into_iter().flat_map(|size| threads.iter().map(move |&of| (size, of)));
        let most = threads.iter().copied().max().unwrap_or(1);
        let measured = entry.memory_sizes.iter().min().map(|&size| (size, most));
        Pair::new(workload, lane, raced.chain(measured))
    }

    /// Each workload that a program has and that races; one that is unknown is a pair of no cells.
    fn of_program<'a>(
        lineup: &'a Lineup,
        lane: &'a LaneEntry,
        description: &'a LaneDescription,
    ) -> impl Iterator<Item = Pair> + 'a {
        let threads = description.threads[0];
        let size = |workload: &String| lineup.workload(workload).and_then(WorkloadEntry::smallest);
        let races = |workload: &&String| lineup.workload(workload).is_none() || size(workload).is_some();
        let workloads = description.workloads.keys().filter(races);
        let pair = move |workload: &String| {
            Pair::new(workload, &lane.name, size(workload).map(|size| (size, threads)))
        };
        workloads.map(pair).collect::<Vec<_>>().into_iter()
    }

    fn new(workload: &str, lane: &str, cells: impl IntoIterator<Item = (u64, usize)>) -> Pair {
        let cell = |(size, threads)| CellId {
            workload: workload.to_owned(),
            size,
            threads,
            executor: lane.to_owned(),
        };
        let cells = cells.into_iter().map(cell).collect();
        Pair { workload: workload.to_owned(), lane: lane.to_owned(), cells }
    }

    fn check(&self, launcher: &Launcher, plan: &Plan) -> Result<(), Failed> {
        if self.cells.is_empty() {
            return Err(format!("the lineup has no {}, or no size of it", self.workload).into());
        }
        for cell in &self.cells {
            launcher.check(plan, cell).map_err(|trouble| format!("{cell}: {}", reason(trouble)))?;
        }
        Ok(())
    }
}

/// Has cargo build the lanes that are programs of this workspace, beside the track. Where it cannot they are not there,
/// which is the reason why their tests are ignored.
fn build_programs(track: &Path) -> Programs {
    let folder = track.ancestors().nth(2).expect("a program lies in a folder of its profile");
    let workspace = Path::new(WORKSPACE);
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let build =
        Build { workspace, manifest: None, profile, target_folder: Some(folder), flags: None, log: None };
    match build.run(&["executor-*"], &AtomicBool::new(false)) {
        Ok(Built::Programs(lanes)) => Programs { track: track.to_owned(), lanes },
        other => {
            eprintln!("no lane is built that is a program: {other:?}");
            Programs { track: track.to_owned(), lanes: BTreeMap::new() }
        }
    }
}

fn specifications<'a>(
    track: &Track,
    cells: impl Iterator<Item = &'a CellId>,
    limits: &Limits,
) -> Specifications {
    let specified = track.specify(cells, limits);
    specified.unwrap_or_else(|trouble| panic!("the track does not specify: {}", reason(trouble)))
}

/// A plan of which only the programs matter.
fn plan(track: &Track, programs: BTreeMap<String, String>) -> Plan {
    Plan {
        id: String::new(),
        started: String::new(),
        lineup: None,
        conditions: Conditions::default(),
        command: String::new(),
        seed: 0,
        blocks: 0,
        most_blocks: 0,
        budget: TIME_LIMIT,
        profile: Profile::Quick,
        sampling: Sampling::of(Profile::Quick, &Conditions::default()),
        time_limit: TIME_LIMIT,
        machine: facts::machine(Path::new("/")),
        build: facts::build(&track.lineup.build, None).0,
        provenance: Provenance::default(),
        cells: Vec::new(),
        not_applicable: Vec::new(),
        aliases: BTreeMap::new(),
        substitutes: BTreeMap::new(),
        programs,
        baselines: Vec::new(),
        memory: Vec::new(),
        part: None,
        periods: Vec::new(),
    }
}

fn reason(trouble: Trouble) -> String {
    match trouble {
        Trouble::Failed(reason) | Trouble::Spoiled(reason) => reason,
        Trouble::Interrupted => "interrupted".to_owned(),
    }
}

fn no_lane_has_the_name_of_a_twin(lineup: &Lineup) -> Result<(), Failed> {
    let twin = lineup.lanes.iter().find(|lane| lane.name.ends_with("-twin"));
    twin.map_or(Ok(()), |twin| Err(format!("{} would be taken for a twin", twin.name).into()))
}

fn what_is_known_is_of_this_lineup(lineup: &Lineup) -> Result<(), Failed> {
    for entry in KNOWN {
        assert!(entry.workloads.iter().all(|name| lineup.workload(name).is_some()), "{:?}", entry.workloads);
        assert!(entry.lanes.iter().all(|name| lineup.lane(name).is_some()), "{:?}", entry.lanes);
    }
    Ok(())
}

fn the_rows_of_a_group_stand_together(lineup: &Lineup) -> Result<(), Failed> {
    // A workload that is measured for its memory has no rows.
    let groups = lineup.workloads.iter().map(|workload| &*workload.group).filter(|group| *group != "Memory");
    let groups: Vec<&str> = groups.collect();
    let heads: Vec<&str> = groups.chunk_by(|one, other| one == other).map(|rows| rows[0]).collect();
    let distinct: BTreeSet<&str> = heads.iter().copied().collect();
    assert_eq!(heads.len(), distinct.len(), "{heads:?}");
    Ok(())
}

fn every_group_has_words_and_no_other_has(lineup: &Lineup) -> Result<(), Failed> {
    let of_lineup: BTreeSet<&str> = lineup.workloads.iter().map(|workload| &*workload.group).collect();
    assert_eq!(of_lineup, GROUPS.iter().map(|(group, _)| *group).collect());
    Ok(())
}

fn every_lane_says_how_it_stands_and_what_it_has(lineup: &Lineup) -> Result<(), Failed> {
    for lane in &lineup.lanes {
        assert!(lane.standing.is_some(), "{}", lane.name);
        let mut workloads = lineup.workloads.iter().filter(|workload| workload.sockets);
        let uses_sockets = workloads.any(|workload| lineup.pairs(&workload.name, &lane.name));
        assert_eq!(lane.has.contains(&Capability::Sockets), uses_sockets, "{}", lane.name);
        assert_eq!(
            lane.has.contains(&Capability::Timer),
            lineup.pairs("sleep-fan-out", &lane.name),
            "{}",
            lane.name
        );
    }
    Ok(())
}

fn every_lane_says_who_drops_what_is_cancelled(lineup: &Lineup) -> Result<(), Failed> {
    let of_cancellation = KNOWN.iter().filter(|entry| entry.workloads.contains(&"cancellation"));
    let said: Vec<&str> = of_cancellation.flat_map(|entry| entry.lanes).copied().collect();
    // The floor of sockets and the baseline have no tasks, and some programs in other languages have not this workload.
    let lacking = ["epoll", "loops", "go", "java", "node", "rayon-join"];
    for lane in lineup.lanes.iter().filter(|lane| !lacking.contains(&&*lane.name)) {
        assert_eq!(said.iter().filter(|said| **said == lane.name).count(), 1, "{}", lane.name);
    }
    Ok(())
}
