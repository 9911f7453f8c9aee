//! The plan of a run: everything that is decided before its first process starts.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use results::{Build, CellId, Conditions, Machine, Part, Period, Profile, Substitute};
use serde::{Deserialize, Serialize};

use crate::quota;

/// The time that a process of a default run may take.
pub const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The number of blocks in which a cell is checked. In the others it is only measured: every answer is compared there too, and
/// the program is the same.
pub const CHECKED_BLOCKS: usize = 1;

/// The number of blocks in which sleeps are watched after the samples: as many as an interval takes.
pub const WATCHED_BLOCKS: usize = 2;

/// Everything that is decided before the first process starts; enough to resume the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The name of the run.
    pub id: String,
    /// When it started, in UTC (RFC 3339).
    pub started: String,
    /// The arguments it was started with.
    pub command: String,
    /// The lineup that races; the default one if absent.
    #[serde(default)]
    pub lineup: Option<String>,
    /// The conditions of every cell.
    #[serde(default)]
    pub conditions: Conditions,
    /// The seed of the order.
    pub seed: u64,
    /// The least number of processes of each cell.
    pub blocks: usize,
    /// The most that it may have; `blocks` if that is more.
    #[serde(default)]
    pub most_blocks: usize,
    /// The time that all processes together may take; the first `blocks` of each cell may take longer. An interrupted
    /// heat does not count.
    #[serde(default)]
    pub budget: Duration,
    /// The thoroughness of the run.
    pub profile: Profile,
    /// The sampling of each process.
    pub sampling: Sampling,
    /// The time limit of each process.
    pub time_limit: Duration,
    /// The machine when the run started.
    pub machine: Machine,
    /// The program.
    pub build: Build,
    /// The marks by which the program, the workloads and their environment are known again.
    #[serde(default)]
    pub provenance: Provenance,
    /// The cells that apply, in the order of the lineup.
    pub cells: Vec<CellId>,
    /// The cells that do not, each with its reason.
    pub not_applicable: Vec<(CellId, String)>,
    /// Lanes that race under another name than their executor's, by that name.
    #[serde(default)]
    pub aliases: BTreeMap<String, Alias>,
    /// The tracks among theirs in which one package is another, by their paths.
    #[serde(default)]
    pub substitutes: BTreeMap<PathBuf, Substituted>,
    /// The versions of those lanes of the lineup that are programs, by their names.
    #[serde(default)]
    pub programs: BTreeMap<String, String>,
    /// The programs that other lanes are measured by.
    #[serde(default)]
    pub baselines: Vec<String>,
    /// The cells whose memory is measured, apart from the race; those of one lane follow each other.
    #[serde(default)]
    pub memory: Vec<CellId>,
    /// The part of a race that it is; a whole one if absent.
    #[serde(default)]
    pub part: Option<Part>,
    /// The periods in which it was measured, if it went on after its end; the last one is not over.
    #[serde(default)]
    pub periods: Vec<Period>,
}

/// The marks by which what races is known again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The hashes of programs, by their names: the track, and lanes that are programs.
    pub programs: BTreeMap<String, String>,
    /// The hashes of the sources of workloads, by their names, as far as they are known.
    pub sources: BTreeMap<String, String>,
    /// The variables in the environment of the cells that change their figures.
    pub environment: BTreeMap<String, String>,
    /// The reason why git did not tell of the repository, in its words.
    pub words_of_git: Option<String>,
}

/// A lane that races under another name than in its lineup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// Its name in the lineup.
    pub executor: String,
    /// The track that runs it; the one of the run if absent: then it is a twin, raced to show what noise looks like.
    #[serde(default)]
    pub track: Option<PathBuf>,
}

/// A package that stands in for that of the lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Substituted {
    /// The wish of the user: `tokio@1.51.1`.
    pub wish: String,
    /// The facts of the build.
    pub substitute: Substitute,
}

/// The sampling of a process.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// The time for which a lane runs before its first sample.
    pub warm_up: Duration,
    /// The time of all samples together, at least one run each.
    pub measurement: Duration,
    /// The least number of samples of a run that is not slow.
    pub samples: usize,
    /// The most samples, however short they are.
    pub most_samples: usize,
}

/// The number of blocks of a comparison, and the time that all may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blocks {
    /// The number that all comparisons have.
    pub least: usize,
    /// The most that one may have.
    pub most: usize,
    /// The time of all processes together.
    pub budget: Duration,
}

impl Sampling {
    /// Returns the sampling of a profile under these conditions.
    pub fn of(profile: Profile, conditions: &Conditions) -> Sampling {
        let ([warm_up, measurement], most_samples) = match profile {
            Profile::Quick => ([2, 6], 8),
            // Samples scatter as much as processes do, and a process costs 4 ms beside them and 4 for their turns. So half
            // and double the time of samples give intervals that are as wide; more processes are safer.
            Profile::Default => ([6, 24], 12),
            Profile::Full => ([200, 1_000], 100),
        };
        let [warm_up, measurement] = [warm_up, measurement].map(Duration::from_millis);
        let sampling = Sampling { warm_up, measurement, samples: 10, most_samples };
        if conditions.quota.is_some() { sampling.under_quota() } else { sampling }
    }

    /// Returns the sampling under a quota, which holds in periods: fewer samples, of several periods each. Shorter ones would
    /// end before a lane has used up what it has at hand.
    fn under_quota(self) -> Sampling {
        const SAMPLES: usize = 3;
        const PERIODS: u32 = 3;
        let measurement = self.measurement.max(SAMPLES as u32 * PERIODS * quota::PERIOD);
        Sampling { measurement, samples: SAMPLES, most_samples: SAMPLES, ..self }
    }
}

impl Blocks {
    /// Returns the blocks of a profile, unless the user asks for `exactly` so many, or for another `budget`.
    pub fn of(profile: Profile, exactly: Option<usize>, budget: Option<Duration>) -> Blocks {
        let (least, most, seconds) = match profile {
            // So that a run ends within a minute, or six, with the counting after the race.
            Profile::Quick => (2, 40, 55),
            Profile::Default => (3, 80, 280),
            Profile::Full => (10, 80, 3_600),
        };
        let budget = budget.unwrap_or(Duration::from_secs(seconds));
        match exactly {
            Some(exactly) => Blocks { least: exactly, most: exactly, budget },
            None => Blocks { least, most, budget },
        }
    }
}

impl Plan {
    /// Gives a run that was `measured` for so long, and had `finished`, `more` time from `now` on, and as many blocks as fit.
    pub fn go_on(&mut self, measured: Duration, finished: String, more: Duration, now: String) {
        self.budget = measured.saturating_add(more);
        self.most_blocks = usize::MAX;
        match self.periods.last_mut() {
            Some(last) => last.finished = finished,
            None => self.periods.push(Period { started: self.started.clone(), finished }),
        }
        self.periods.push(Period { started: now, finished: String::new() });
    }

    /// Tells whether comparisons that are open may have more blocks than all have.
    pub fn goes_on(&self) -> bool {
        self.block_limit() > self.blocks
    }

    /// Returns the cells of each comparison, twins included.
    pub fn comparisons(&self) -> impl Iterator<Item = &[CellId]> {
        self.cells.chunk_by(same_comparison)
    }

    /// Tells whether the cell is a lane that races against itself.
    pub fn is_twin(&self, cell: &CellId) -> bool {
        self.aliases.get(&cell.executor).is_some_and(|alias| alias.track.is_none())
    }

    /// Tells whether the lane is a program of its own: it has no rank, and is part of no ratio.
    pub fn is_program(&self, lane: &str) -> bool {
        let executor = self.aliases.get(lane).map_or(lane, |alias| &alias.executor);
        self.programs.contains_key(executor)
    }

    /// Tells whether the lane is compared with another: in a race an executor, in a gate every lane, with that of the other
    /// revision.
    pub fn is_compared(&self, lane: &str) -> bool {
        !self.is_program(lane)
            || self.aliases.iter().any(|(name, alias)| name == lane || alias.executor == lane)
    }

    /// Tells whether others are measured by the lane: then it has every block that they have.
    pub fn is_baseline(&self, lane: &str) -> bool {
        self.baselines.iter().any(|baseline| baseline == lane)
    }

    /// Returns the package that the lane was built with in the place of another; `None` if it is of the run's own build.
    pub fn substitute_of(&self, lane: &str) -> Option<&Substitute> {
        let track = self.aliases.get(lane)?.track.as_ref()?;
        self.substitutes.get(track).map(|substituted| &substituted.substitute)
    }

    /// Returns the number of blocks that a comparison may have.
    pub fn block_limit(&self) -> usize {
        self.blocks.max(self.most_blocks)
    }

    /// Returns the cell as the track that runs it knows it: under the name of its executor.
    pub fn in_lineup(&self, cell: &CellId) -> CellId {
        let executor = self.aliases.get(&cell.executor).map_or(&cell.executor, |alias| &alias.executor);
        CellId { executor: executor.clone(), ..cell.clone() }
    }
}

impl Provenance {
    /// Says in which ways other programs, or another environment, would go on with a run that began with these.
    pub fn differences(&self, now: &Provenance) -> Vec<String> {
        let programs = self.programs.iter().filter_map(|(name, before)| {
            let now = now.programs.get(name)?;
            (before != now).then(|| format!("{name} had the bytes {before}, and now has {now}"))
        });
        let [before, now] = [&self.environment, &now.environment];
        let mut variables: Vec<&String> = before.keys().chain(now.keys()).collect();
        variables.sort();
        variables.dedup();
        let value = |of: &BTreeMap<String, String>, name: &str| {
            of.get(name).map_or("not set".to_owned(), |value| format!("`{value}`"))
        };
        let variables = variables.into_iter().filter(|name| before.get(*name) != now.get(*name));
        let variables = variables
            .map(|name| format!("{name} was {}, and now is {}", value(before, name), value(now, name)));
        programs.chain(variables).collect()
    }
}

/// Tells whether two cells are measured against each other.
pub fn same_comparison(left: &CellId, right: &CellId) -> bool {
    (&left.workload, left.size, left.threads) == (&right.workload, right.size, right.threads)
}
