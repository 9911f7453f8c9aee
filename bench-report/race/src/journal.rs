//! The journal of a run, `samples.jsonl`: a line a sample, written when its heat has ended, and one line that ends each
//! process.
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
use lane_protocol::{CellId, Count, Counts, Observed, Proof, Rest};
use results::Throttled;
use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::standstill::Stood;

/// The facts that the check of a process gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Checked {
    /// Operations in one run.
    pub operations: u64,
    /// The waiting in one run that no executor can avoid, in ns.
    pub ideal_ns: u64,
    /// The work and the workers of the lane as they were seen.
    pub observed: Observed,
}

/// A sample, without what was checked when it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sample {
    /// The number of runs.
    pub iterations: u64,
    /// Time on the clock for all of them.
    pub wall_ns: u64,
    /// Processor time of the process meanwhile; absent where the system does not say.
    pub cpu_ns: Option<u64>,
    /// The sum of what the workload measures in place of the clock; absent where it measures the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_ns: Option<u64>,
    /// The sum of the ratios that the workload measures in place of a time; absent where it measures a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_ratio: Option<f64>,
    /// Switches that the process asked for by waiting.
    pub voluntary_switches: Option<u64>,
    /// Switches that it suffered.
    pub involuntary_switches: Option<u64>,
}

impl Record {
    /// Notes that the race `stood` still while this comparison or cell had its turn, or right before.
    pub(crate) fn of_standstill(turn: &str, stood: Stood) -> Record {
        let for_ns = stood.whole.as_nanos().try_into().unwrap_or(u64::MAX);
        Record::StoodStill { comparison: turn.to_owned(), times: stood.times, for_ns }
    }
}

impl From<&Proof> for Checked {
    fn from(proof: &Proof) -> Checked {
        Checked { operations: proof.operations, ideal_ns: proof.ideal_ns, observed: proof.observed.clone() }
    }
}

impl From<&lane_protocol::Sample> for Sample {
    fn from(sample: &lane_protocol::Sample) -> Sample {
        Sample {
            iterations: sample.iterations,
            wall_ns: sample.wall_ns,
            cpu_ns: sample.cpu_ns,
            told_ns: sample.told_ns,
            told_ratio: sample.told_ratio,
            voluntary_switches: sample.voluntary_switches,
            involuntary_switches: sample.involuntary_switches,
        }
    }
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Record {
    /// A sample of a process.
    Sample {
        /// The process.
        #[serde(flatten)]
        slot: Slot,
        /// The sample.
        #[serde(flatten)]
        sample: Sample,
    },
    /// The end of a process that measured.
    Process {
        /// The process.
        #[serde(flatten)]
        slot: Slot,
        /// Its number in the system.
        pid: u32,
        /// When it ended, in UTC (RFC 3339).
        ended: String,
        /// The facts that its check gave.
        #[serde(flatten)]
        checked: Checked,
        /// The facts that it told at its end.
        rest: Rest,
    },
    /// The end of a process that did not.
    Failed {
        /// The process.
        #[serde(flatten)]
        slot: Slot,
        /// The reason.
        reason: String,
    },
    /// The end of a process that did not because something other than its lane spoiled its runs, however often its heat was run.
    Spoiled {
        /// The process.
        #[serde(flatten)]
        slot: Slot,
        /// The reason.
        reason: String,
    },
    /// The end of a process that missed a deadline or was spoiled, so that its heat was run again.
    Again {
        /// The process.
        #[serde(flatten)]
        slot: Slot,
        /// The reason why it did not measure.
        reason: String,
    },
    /// The race stood still. What had its turn meanwhile was run again.
    StoodStill {
        /// The comparison or the cell that had its turn then or had it next; or `the end`.
        comparison: String,
        /// The number of standstills.
        times: usize,
        /// Their length together, in ns.
        for_ns: u64,
    },
    /// The effect of the quota on the processes of a comparison in one block.
    Throttled {
        /// The comparison.
        comparison: String,
        /// The effect.
        #[serde(flatten)]
        throttled: Throttled,
    },
    /// The end of all processes of a comparison in one block.
    Heat {
        /// The comparison: WORKLOAD/SIZE/tTHREADS.
        comparison: String,
        /// Its block, from 0.
        block: usize,
        /// The time of all of them together, in ns.
        took_ns: u64,
    },
    /// The end of a process that counted.
    Counted {
        /// The process.
        #[serde(flatten)]
        job: CountingJob,
        /// The counts.
        counts: Counts,
    },
    /// The end of a process that was to count and did not.
    NotCounted {
        /// The process.
        #[serde(flatten)]
        job: CountingJob,
        /// The reason.
        reason: String,
    },
}

/// A process that counts, apart from the blocks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CountingJob {
    /// Its cell.
    #[serde(flatten)]
    pub cell: CellId,
    /// The costs that it counts.
    pub count: Count,
    /// Its place among those that count the same, from 0.
    pub turn: usize,
}

/// The counts of the processes that have counted so far, or the reason why there are none.
pub type Tallies = HashMap<CountingJob, Result<Counts, String>>;

/// The slot of a process in a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// Its block, from 0.
    pub block: usize,
    /// Its turn among the lanes of its comparison, from 0.
    pub position: usize,
    /// Its cell.
    #[serde(flatten)]
    pub cell: CellId,
}

/// The outcome of a process that has ended.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all processes measure")]
pub enum Outcome {
    /// It measured.
    Measured(Checked, Vec<Sample>, Rest),
    /// It did not measure.
    Faulty(Fault),
}

/// The reason why a process did not measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Something is wrong with the cell.
    Failed(String),
    /// Something other than the lane spoiled its runs.
    Spoiled(String),
}

impl Fault {
    /// Returns the reason in words.
    pub fn reason(&self) -> &str {
        let (Fault::Failed(reason) | Fault::Spoiled(reason)) = self;
        reason
    }
}

/// The outcomes of a run so far, by cell and block.
pub type Outcomes = HashMap<(CellId, usize), Outcome>;

/// The time of each block of each comparison that has ended, by name and block.
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

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until all that was written has reached the disk.
    ///
    /// # Errors
    ///
    /// If it has not.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().with_context(|| format!("failed to write to {}", self.path.display()))
    }

    /// Writes these records in one go.
    ///
    /// # Errors
    ///
    /// If it cannot be written, because the disk is full, or the file is gone: what is written to it then is lost.
    pub fn append(&mut self, records: &[Record]) -> Result<()> {
        if !self.path.exists() {
            bail!("{} is gone: somebody has moved or removed it during the race", self.path.display());
        }
        let mut lines = String::new();
        for record in records {
            lines += &serde_json::to_string(record).expect("a record is plain data");
            lines.push('\n');
        }
        let written = self.file.write_all(lines.as_bytes());
        written.with_context(|| format!("failed to write to {}", self.path.display()))
    }
}

/// A journal as it was left.
#[derive(Debug, Default)]
pub struct Past {
    /// The outcomes of the blocks.
    pub outcomes: Outcomes,
    /// The blocks that have ended, and how long each took.
    pub times: Times,
    /// The counts.
    pub tallies: Tallies,
    /// The standstills: their number, and their length together.
    pub stood_still: (usize, Duration),
    /// The effect of the quota; nothing without one.
    pub throttled: Throttled,
}

impl Past {
    /// Reads what a run has left; empty if it has not begun.
    ///
    /// Cuts off what a crash left unfinished at the end of the file: what is no line, because it was never ended or a disk
    /// has the room for it and not the text, and the samples of a process that never ended, which would count for the one that
    /// replaces it.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or a line is corrupt; the message names file and line.
    pub fn read_and_mend(path: &Path) -> Result<Past> {
        if !path.exists() {
            return Ok(Past::default());
        }
        let text = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
        let end = end_of_lines(&text);
        let complete =
            str::from_utf8(&text[..end]).with_context(|| format!("{} is corrupt", path.display()))?;
        let past = Past::collect(complete).with_context(|| format!("{} is corrupt", path.display()))?;
        let is_sample = |line: &&str| line.starts_with("{\"kind\":\"sample\"");
        let unfinished: usize =
            complete.split_inclusive('\n').rev().take_while(is_sample).map(str::len).sum();
        let kept = complete.len() - unfinished;
        if kept < text.len() {
            let file = OpenOptions::new().write(true).open(path);
            file.and_then(|file| file.set_len(kept as u64))
                .with_context(|| format!("failed to cut what is unfinished off {}", path.display()))?;
        }
        Ok(past)
    }

    fn collect(text: &str) -> Result<Past> {
        let mut past = Past::default();
        let mut samples: HashMap<Slot, Vec<Sample>> = HashMap::new();
        // An editor may have left a line that is empty.
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        for (index, line) in lines {
            let record = serde_json::from_str(line).with_context(|| format!("line {}", index + 1))?;
            match record {
                Record::Sample { slot, sample } => samples.entry(slot).or_default().push(sample),
                Record::Process { slot, checked, rest, .. } => {
                    let Some(samples) = samples.remove(&slot) else {
                        bail!("line {}: no samples before it", index + 1)
                    };
                    past.outcomes.insert((slot.cell, slot.block), Outcome::Measured(checked, samples, rest));
                }
                Record::Failed { slot, reason } => {
                    past.outcomes.insert((slot.cell, slot.block), Outcome::Faulty(Fault::Failed(reason)));
                }
                Record::Spoiled { slot, reason } => {
                    past.outcomes.insert((slot.cell, slot.block), Outcome::Faulty(Fault::Spoiled(reason)));
                }
                Record::Again { .. } => {}
                Record::StoodStill { times, for_ns, .. } => {
                    past.stood_still.0 += times;
                    past.stood_still.1 += Duration::from_nanos(for_ns);
                }
                Record::Throttled { throttled, .. } => past.throttled.add(throttled),
                Record::Heat { comparison, block, took_ns } => {
                    past.times.insert((comparison, block), Duration::from_nanos(took_ns));
                }
                Record::Counted { job, counts } => drop(past.tallies.insert(job, Ok(counts))),
                Record::NotCounted { job, reason } => drop(past.tallies.insert(job, Err(reason))),
            }
        }
        Ok(past)
    }
}

/// Returns the end of the last line that is whole, whatever a crash has left after it; that of the file if there is none, in which
/// case it is no journal.
fn end_of_lines(text: &[u8]) -> usize {
    let mut end = text.len();
    for line in text.split_inclusive(|&byte| byte == b'\n').rev() {
        // A record that only a later version knows is one.
        if line.ends_with(b"\n") && serde_json::from_slice::<IgnoredAny>(line).is_ok() {
            return end;
        }
        end -= line.len();
    }
    text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1)
}

#[cfg(test)]
mod tests {
    use lane_protocol::Lateness;

    use super::*;

    fn slot(block: usize) -> Slot {
        let cell = CellId { workload: "w".into(), size: 1, threads: 1, executor: "e".into() };
        Slot { block, position: 0, cell }
    }

    fn records(block: usize) -> Vec<Record> {
        let sample = Sample {
            iterations: 1,
            wall_ns: 5,
            told_ns: None,
            told_ratio: None,
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
            driver: None,
        };
        let checked = Checked { operations: 2, ideal_ns: 0, observed };
        let lateness = Some(Lateness { samples: 3, histogram: vec![(0, 1), (5, 2)] });
        let rest = Rest { peak_rss: Some(1024), threads_after: Some(2), lateness };
        let end = Record::Process { slot: slot(block), pid: 7, ended: "now".into(), checked, rest };
        vec![Record::Sample { slot: slot(block), sample }, Record::Sample { slot: slot(block), sample }, end]
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
        let outcomes = Past::read_and_mend(&path).expect("it is well").outcomes;
        assert_eq!(outcomes.len(), 2);
        let Outcome::Measured(checked, samples, rest) = &outcomes[&(slot(1).cell, 1)] else {
            panic!("it was measured")
        };
        assert_eq!(samples.len(), 2);
        let Record::Process { checked: written, rest: last, .. } = &records(1)[2] else { panic!("the last") };
        assert_eq!((checked, rest), (written, last));
    }

    #[test]
    fn a_line_that_a_crash_left_unfinished_is_cut_off_and_its_process_forgotten() {
        let (_folder, path) = file_with("");
        SampleLog::open(&path).expect("it opens").append(&records(0)).expect("there is room");
        let whole = fs::read_to_string(&path).expect("it was written");
        fs::write(&path, &whole[..whole.len() - 10]).expect("the folder is ours");
        assert!(Past::read_and_mend(&path).expect("it is well").outcomes.is_empty());
        SampleLog::open(&path).expect("it opens").append(&records(0)).expect("there is room");
        let outcomes = Past::read_and_mend(&path).expect("it is well").outcomes;
        let Some(Outcome::Measured(_, samples, _)) = outcomes.get(&(slot(0).cell, 0)) else {
            panic!("it was measured again")
        };
        assert_eq!(samples.len(), 2, "those of the crash do not count");
    }

    #[test]
    fn what_is_no_record_at_the_end_is_cut_off_and_an_empty_line_is_none() {
        let (_folder, path) = file_with("");
        SampleLog::open(&path).expect("it opens").append(&records(0)).expect("there is room");
        let whole = fs::read_to_string(&path).expect("it was written");
        for rubbish in ["\n", "\0\0\0\0", "\0\0\0\0\n", "{\"kind\":\"sam\n\n", "\r\n"] {
            fs::write(&path, format!("{whole}{rubbish}")).expect("the folder is ours");
            let past = Past::read_and_mend(&path).expect("it is well");
            assert_eq!(past.outcomes.len(), 1, "{rubbish:?}");
            assert_eq!(fs::read_to_string(&path).expect("it is there"), whole, "{rubbish:?}");
        }
        fs::write(&path, whole.replace('\n', "\r\n\r\n")).expect("the folder is ours");
        assert_eq!(Past::read_and_mend(&path).expect("it is well").outcomes.len(), 1);
    }

    #[test]
    fn a_corrupt_line_is_an_error_that_names_file_and_line() {
        let (_folder, path) = file_with("");
        SampleLog::open(&path).expect("it opens").append(&records(0)).expect("there is room");
        let whole = fs::read_to_string(&path).expect("it was written");
        let of_tomorrow = "{\"kind\":\"of-tomorrow\"}\n";
        for (text, line) in [
            (format!("{{\"kind\":\"sam\n{whole}"), "line 1"),
            ("no journal\n".to_owned(), "line 1"),
            (format!("{whole}{of_tomorrow}"), "line 4"),
        ] {
            fs::write(&path, &text).expect("the folder is ours");
            let message = format!("{:#}", Past::read_and_mend(&path).expect_err("it is corrupt"));
            assert!(message.contains("samples.jsonl") && message.contains(line), "{message}");
            assert_eq!(fs::read_to_string(&path).expect("it is there"), text, "nothing is cut off");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_journal_that_is_gone_is_an_error_at_once() {
        let (folder, path) = file_with("");
        let mut log = SampleLog::open(&path).expect("it opens");
        log.append(&records(0)).expect("there is room");
        drop(folder);
        let message = format!("{:#}", log.append(&records(1)).expect_err("it is gone"));
        assert!(message.contains("samples.jsonl is gone"), "{message}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_that_names_the_file() {
        let mut log = SampleLog::open(Path::new("/dev/full")).expect("it opens");
        let message = format!("{:#}", log.append(&records(0)).expect_err("it is full"));
        assert!(message.contains("/dev/full") && message.contains("No space left"), "{message}");
    }
}
