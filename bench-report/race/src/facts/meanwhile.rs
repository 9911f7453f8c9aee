//! Reads the kernel before and after a run, and tells what happened on the machine meanwhile.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use super::read;
use results::Machine;

use crate::platform;

/// The kernel's counts up to a moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    at: Instant,
    processors: Option<Processors>,
    /// The processor time of this process and of those it has waited for.
    own: Option<Duration>,
    /// Time in which something waited for memory.
    stalled: Option<Duration>,
}

/// The time of all processors by its use, in ticks.
#[derive(Clone, Copy, Debug)]
struct Processors {
    count: usize,
    busy: u64,
    stolen: u64,
    all: u64,
}

impl Reading {
    /// Reads below `root`: "/" but for tests.
    pub fn take(root: &Path) -> Reading {
        Reading {
            at: Instant::now(),
            processors: read(root, "proc/stat").as_deref().and_then(Processors::of),
            own: platform::cpu_with_children(),
            stalled: read(root, "proc/pressure/memory").as_deref().and_then(stalled),
        }
    }

    /// Writes into `machine` what happened since this reading.
    pub fn tell(&self, now: &Reading, machine: &mut Machine) {
        let elapsed = now.at.duration_since(self.at).as_secs_f64();
        if let Some((before, after)) = self.processors.zip(now.processors) {
            let all = after.all.saturating_sub(before.all) as f64;
            let share = |before: u64, after: u64| after.saturating_sub(before) as f64 / all;
            if all > 0.0 {
                machine.steal = format!("{:.1} %", 100.0 * share(before.stolen, after.stolen));
            }
            if let (Some((earlier, own)), true) = (self.own.zip(now.own), all > 0.0 && elapsed > 0.0) {
                let busy = share(before.busy, after.busy) * after.count as f64;
                let ours = own.saturating_sub(earlier).as_secs_f64() / elapsed;
                machine.others = format!("{:.2}", (busy - ours).max(0.0));
            }
        }
        if let (Some((before, after)), true) = (self.stalled.zip(now.stalled), elapsed > 0.0) {
            let share = after.saturating_sub(before).as_secs_f64() / elapsed;
            machine.memory_pressure = format!("{:.1} %", 100.0 * share);
        }
    }
}

impl Processors {
    /// Parses `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal; the rest is in user and nice.
    fn of(stat: &str) -> Option<Processors> {
        let all = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Option<Vec<u64>> = all.split_whitespace().map(|ticks| ticks.parse().ok()).collect();
        let ticks = ticks?;
        let &[user, nice, system, idle, waiting, interrupts, soft_interrupts, stolen, ..] = ticks.as_slice()
        else {
            return None;
        };
        let busy = user + nice + system + interrupts + soft_interrupts;
        let count = stat.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu ")).count();
        Some(Processors { count, busy, stolen, all: busy + stolen + idle + waiting })
    }
}

/// Parses `/proc/pressure/memory`: the line "some", its total in microseconds.
fn stalled(pressure: &str) -> Option<Duration> {
    let some = pressure.lines().find(|line| line.starts_with("some "))?;
    let total = some.split(' ').find_map(|word| word.strip_prefix("total="))?;
    Some(Duration::from_micros(total.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{fake_root, machine};

    /// A reading of a root with these files, `seconds` after `start`, when this process had used `own` seconds.
    fn reading(start: Instant, seconds: u64, own: u64, files: &[(&str, &str)]) -> Reading {
        let reading = Reading::take(fake_root(files).path());
        let at = start + Duration::from_secs(seconds);
        Reading { at, own: Some(Duration::from_secs(own)), ..reading }
    }

    #[test]
    fn what_happened_between_two_readings_is_told() {
        let start = Instant::now();
        let before = reading(
            start,
            0,
            5,
            &[
                ("proc/stat", "cpu  100 0 0 100 0 0 0 0 0 0\ncpu0 50 0 0 50\ncpu1 50 0 0 50\n"),
                ("proc/pressure/memory", "some avg10=0.00 total=1000000\nfull avg10=0.00 total=0\n"),
            ],
        );
        // Two processors for ten seconds: 2,000 ticks, 1,500 of them busy, 100 stolen; eleven seconds were ours.
        let after = reading(
            start,
            10,
            16,
            &[
                ("proc/stat", "cpu  1400 100 100 500 0 0 0 100 0 0\ncpu0 1 0 0 1\ncpu1 1 0 0 1\nintr 5\n"),
                ("proc/pressure/memory", "some avg10=0.00 total=1500000\nfull avg10=0.00 total=0\n"),
            ],
        );
        let mut machine = machine(fake_root(&[]).path());
        before.tell(&after, &mut machine);
        assert_eq!(machine.steal, "5.0 %");
        assert_eq!(machine.others, "0.40");
        assert_eq!(machine.memory_pressure, "5.0 %");
    }

    #[test]
    fn what_cannot_be_read_stays_unknown() {
        let start = Instant::now();
        let broken = [("proc/stat", "cpu  1 2 x\n"), ("proc/pressure/memory", "none\n")];
        for files in [&[][..], &broken] {
            let mut machine = machine(fake_root(&[]).path());
            reading(start, 0, 0, files).tell(&reading(start, 1, 0, files), &mut machine);
            let facts = [&*machine.steal, &*machine.others, &*machine.memory_pressure];
            assert_eq!(facts, ["unknown"; 3]);
        }
    }

    #[test]
    fn two_readings_of_one_moment_tell_nothing() {
        let files = [("proc/stat", "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1\n")];
        let start = Instant::now();
        let mut machine = machine(fake_root(&[]).path());
        reading(start, 0, 0, &files).tell(&reading(start, 0, 0, &files), &mut machine);
        assert_eq!([&*machine.steal, &*machine.others], ["unknown"; 2]);
    }
}
