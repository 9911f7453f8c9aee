//! `samples.jsonl`: one line a sample, appended as it is taken, and one line that ends each process.
//!
//! A block of a comparison counts once its last line is there; what a crash cut off is measured again.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::protocol::{CellId, Checked, Count, Counts, Done, Sample};

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Record {
    /// A sample of a process.
    Sample {
        /// The process.
        #[serde(flatten)]
        place: Place,
        /// What it took.
        #[serde(flatten)]
        sample: Sample,
    },
    /// The end of a process that measured.
    Process {
        /// The process.
        #[serde(flatten)]
        place: Place,
        /// Its number in the system.
        pid: u32,
        /// When it ended, in UTC (RFC 3339).
        ended: String,
        /// What it knew after its check.
        #[serde(flatten)]
        checked: Checked,
        /// What it knew at its end.
        #[serde(flatten)]
        done: Done,
    },
    /// The end of a process that did not.
    Failed {
        /// The process.
        #[serde(flatten)]
        place: Place,
        /// Why.
        reason: String,
    },
    /// The end of all processes of a comparison in one block.
    Heat {
        /// The comparison: WORKLOAD/SIZE/tTHREADS.
        comparison: String,
        /// Which of its blocks, from 0.
        block: usize,
        /// How long they took together, in ns.
        took_ns: u64,
    },
    /// The end of a process that counted.
    Counted {
        /// The process.
        #[serde(flatten)]
        errand: Errand,
        /// What it counted.
        counts: Counts,
    },
    /// The end of a process that was to count and did not.
    NotCounted {
        /// The process.
        #[serde(flatten)]
        errand: Errand,
        /// Why.
        reason: String,
    },
}

/// Which process of a run, of those that count, apart from the blocks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Errand {
    /// Its cell.
    #[serde(flatten)]
    pub cell: CellId,
    /// What it counts.
    pub count: Count,
    /// Which it is of those that count the same, from 0.
    pub turn: usize,
}

/// What the processes that count have said so far; the reason of those that did not.
pub type Tallies = HashMap<Errand, Result<Counts, String>>;

/// Which process of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Its block, from 0.
    pub block: usize,
    /// Its turn among the lanes of its comparison, from 0.
    pub position: usize,
    /// Its cell.
    #[serde(flatten)]
    pub cell: CellId,
}

/// What is known of a process that has ended.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all processes measure")]
pub enum Outcome {
    /// It measured.
    Measured(Checked, Vec<Sample>, Done),
    /// It did not, and why.
    Failed(String),
}

/// The outcomes of a run so far, by cell and block.
pub type Outcomes = HashMap<(CellId, usize), Outcome>;

/// How long each block of each comparison took that has ended, by name and block.
pub type Times = HashMap<(String, usize), Duration>;

/// The file, open at its end.
#[derive(Debug)]
pub struct SampleLog {
    path: PathBuf,
    file: File,
}

impl SampleLog {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn open(path: &Path) -> Result<SampleLog> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.with_context(|| format!("failed to open {}", path.display()))?;
        Ok(SampleLog { path: path.to_owned(), file })
    }

    /// Writes all that one process has to say, in one go.
    ///
    /// # Errors
    ///
    /// If it cannot be written: a full disk.
    pub fn append(&mut self, records: &[Record]) -> Result<()> {
        let mut lines = String::new();
        for record in records {
            lines += &serde_json::to_string(record).expect("a record is plain data");
            lines.push('\n');
        }
        let written = self.file.write_all(lines.as_bytes());
        written.with_context(|| format!("failed to write to {}", self.path.display()))
    }
}

/// Reads what a run has left, for resuming it, and cuts off what a crash left unfinished at its end: a line, and the
/// samples of a process that never ended, which would count for the one that replaces it.
///
/// # Errors
///
/// If the file cannot be read, or a line is corrupt; the message names file and line.
pub fn read_and_mend(path: &Path) -> Result<Outcomes> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    let complete = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    let outcomes = collect(complete).with_context(|| format!("{} is corrupt", path.display()))?;
    let is_sample = |line: &&str| line.starts_with("{\"kind\":\"sample\"");
    let unfinished: usize = complete.split_inclusive('\n').rev().take_while(is_sample).map(str::len).sum();
    let kept = complete.len() - unfinished;
    if kept < text.len() {
        let file = OpenOptions::new().write(true).open(path);
        file.and_then(|file| file.set_len(kept as u64))
            .with_context(|| format!("failed to cut what is unfinished off {}", path.display()))?;
    }
    Ok(outcomes)
}

/// Reads which blocks of which comparisons have ended, of a file that was mended.
///
/// # Errors
///
/// If the file cannot be read, or a line is corrupt; the message names file and line.
pub fn read_times(path: &Path) -> Result<Times> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    let mut times = Times::new();
    for (index, line) in text.lines().enumerate() {
        let record = serde_json::from_str(line);
        let record = record.with_context(|| format!("{} is corrupt: line {}", path.display(), index + 1))?;
        if let Record::Heat { comparison, block, took_ns } = record {
            times.insert((comparison, block), Duration::from_nanos(took_ns));
        }
    }
    Ok(times)
}

/// Reads what the processes that count have left, of a file that was mended.
///
/// # Errors
///
/// If the file cannot be read, or a line is corrupt; the message names file and line.
pub fn read_tallies(path: &Path) -> Result<Tallies> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    let mut tallies = Tallies::new();
    for (index, line) in text.lines().enumerate() {
        let record = serde_json::from_str(line);
        match record.with_context(|| format!("{} is corrupt: line {}", path.display(), index + 1))? {
            Record::Counted { errand, counts } => tallies.insert(errand, Ok(counts)),
            Record::NotCounted { errand, reason } => tallies.insert(errand, Err(reason)),
            _ => continue,
        };
    }
    Ok(tallies)
}

fn collect(text: &str) -> Result<Outcomes> {
    let mut outcomes = Outcomes::new();
    let mut samples: HashMap<Place, Vec<Sample>> = HashMap::new();
    for (index, line) in text.lines().enumerate() {
        let record = serde_json::from_str(line).with_context(|| format!("line {}", index + 1))?;
        let (place, outcome) = match record {
            Record::Sample { place, sample } => {
                samples.entry(place).or_default().push(sample);
                continue;
            }
            Record::Process { place, checked, done, .. } => {
                let Some(samples) = samples.remove(&place) else {
                    bail!("line {}: no samples before it", index + 1)
                };
                (place, Outcome::Measured(checked, samples, done))
            }
            Record::Failed { place, reason } => (place, Outcome::Failed(reason)),
            Record::Heat { .. } | Record::Counted { .. } | Record::NotCounted { .. } => continue,
        };
        outcomes.insert((place.cell, place.block), outcome);
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Lateness, Observed};

    fn place(block: usize) -> Place {
        let cell = CellId { workload: "w".into(), size: 1, threads: 1, executor: "e".into() };
        Place { block, position: 0, cell }
    }

    fn records(block: usize) -> Vec<Record> {
        let sample = Sample {
            iterations: 1,
            wall_ns: 5,
            told_ns: None,
            cpu_ns: Some(4),
            voluntary_switches: None,
            involuntary_switches: Some(0),
        };
        let observed = Observed {
            threads: 1,
            spawned: 2,
            finished: 2,
            cancelled: 0,
            polls: Some(3),
            jobs: 0,
            jobs_at_once: Some(0),
            at_once: Some(1),
            sleeps: 0,
            workers: 1,
            root_on_worker: true,
            cpus: "0-1".into(),
            threads_before: Some(2),
            threads_after: None,
        };
        let checked = Checked { operations: 2, ideal_ns: 0, observed };
        let lateness = Some(Lateness { samples: 3, histogram: vec![(0, 1), (5, 2)] });
        let done = Done { peak_rss: Some(1024), threads_after: Some(2), lateness };
        let end = Record::Process { place: place(block), pid: 7, ended: "now".into(), checked, done };
        vec![
            Record::Sample { place: place(block), sample },
            Record::Sample { place: place(block), sample },
            end,
        ]
    }

    fn file_with(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("samples.jsonl");
        fs::write(&path, text).expect("the folder is ours");
        (folder, path)
    }

    #[test]
    fn what_was_written_is_read_again() {
        let (_folder, path) = file_with("");
        SampleLog::open(&path).expect("it opens").append(&records(0)).expect("there is room");
        SampleLog::open(&path).expect("it opens").append(&records(1)).expect("there is room");
        let outcomes = read_and_mend(&path).expect("it is well");
        assert_eq!(outcomes.len(), 2);
        let Outcome::Measured(checked, samples, done) = &outcomes[&(place(1).cell, 1)] else {
            panic!("it was measured")
        };
        assert_eq!(samples.len(), 2);
        let Record::Process { checked: written, done: last, .. } = &records(1)[2] else { panic!("the last") };
        assert_eq!((checked, done), (written, last));
    }

    #[test]
    fn a_line_that_a_crash_left_unfinished_is_cut_off_and_its_process_forgotten() {
        let (_folder, path) = file_with("");
        SampleLog::open(&path).expect("it opens").append(&records(0)).expect("there is room");
        let whole = fs::read_to_string(&path).expect("it was written");
        fs::write(&path, &whole[..whole.len() - 10]).expect("the folder is ours");
        assert!(read_and_mend(&path).expect("it is mended").is_empty());
        SampleLog::open(&path).expect("it opens").append(&records(0)).expect("there is room");
        let outcomes = read_and_mend(&path).expect("it is well");
        let Some(Outcome::Measured(_, samples, _)) = outcomes.get(&(place(0).cell, 0)) else {
            panic!("it was measured again")
        };
        assert_eq!(samples.len(), 2, "those of the crash do not count");
    }

    #[test]
    fn a_corrupt_line_is_an_error_that_names_file_and_line() {
        let (_folder, path) = file_with("{\"kind\":\"sam\n");
        let message = format!("{:#}", read_and_mend(&path).expect_err("it is corrupt"));
        assert!(message.contains("samples.jsonl") && message.contains("line 1"), "{message}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_that_names_the_file() {
        let mut log = SampleLog::open(Path::new("/dev/full")).expect("it opens");
        let message = format!("{:#}", log.append(&records(0)).expect_err("it is full"));
        assert!(message.contains("/dev/full") && message.contains("No space left"), "{message}");
    }
}
