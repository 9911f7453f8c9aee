//! Warns of facts of the machine, the build or the run that make the figures worse than they need be.
//!
//! Only what is known is warned of: an unknown fact is stated as such, and is no finding.

use results::{Build, Machine, Warning};

use crate::{environment::PASSED, plan::Provenance};

/// Governors that follow the load: a process that has just begun is slow, and a lane that waits is slower than one
/// that spins.
const POWER_SAVING: [&str; 4] = ["powersave", "conservative", "ondemand", "schedutil"];

/// Clocks that cannot be read without a system call, which timers do all the time.
const SLOW_CLOCKS: [&str; 3] = ["hpet", "acpi_pm", "jiffies"];

/// The number of processors that other programs may keep busy. Not the load average, which still knows of the build
/// before the run.
const MOST_OTHERS: f64 = 0.2;

/// Percent of the time that other guests may take.
const MOST_STEAL: f64 = 1.0;

/// Percent of the time in which something may wait for memory.
const MOST_PRESSURE: f64 = 1.0;

/// Returns the warnings of a run with up to `threads` workers.
///
/// A virtual machine is none in itself: what matters of it is the time that other guests take, which is measured.
pub fn warnings(machine: &Machine, build: &Build, threads: usize) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |condition: bool, finding: String, remedy: &str| {
        if condition {
            warnings.push(Warning { finding, remedy: remedy.to_owned() });
        }
    };
    let Machine { governor, quota, clock, siblings, steal, others, memory_pressure, .. } = machine;
    warn(
        build.profile == "debug",
        "this is a debug build".to_owned(),
        "its figures mean nothing: use `cargo bench`",
    );
    warn(
        build.dirty == "yes",
        "the working tree differs from its commit".to_owned(),
        "commit first, so that others can make this run again",
    );
    warn(
        number(&build.opt_level).is_some_and(|level| level < 3.0) || ["s", "z"].contains(&&*build.opt_level),
        format!("it was compiled with opt-level {}", build.opt_level),
        "use `cargo bench`, without CARGO_PROFILE_* in the environment",
    );
    warn(
        build.profile == "track" && !["fat", "unknown"].contains(&&*build.lto),
        format!("it was linked with lto {}", build.lto),
        "use `cargo bench`, without CARGO_PROFILE_* in the environment",
    );
    warn(
        POWER_SAVING.contains(&&**governor),
        format!("the frequency governor is {governor}"),
        "set it to performance: `sudo cpupower frequency-set -g performance`",
    );
    warn(
        machine.turbo == "on",
        "turbo is on: the clock rate depends on how warm the processor is".to_owned(),
        "write 1 to /sys/devices/system/cpu/intel_pstate/no_turbo or 0 to /sys/devices/system/cpu/cpufreq/boost",
    );
    warn(
        machine.power == "battery",
        "the machine runs on its battery".to_owned(),
        "plug it in: on battery the clock rate is lower and changes",
    );
    warn(
        number(quota).is_some_and(|quota| quota < threads as f64),
        format!("the control group may use {quota} processors, and lanes have up to {threads} workers"),
        "raise the quota, or race with fewer threads: a group that is over its quota stands still",
    );
    warn(
        !["none", "unknown"].contains(&&**siblings),
        format!("processors that share a core are among those of this run: {siblings}"),
        "have one of each core: `taskset`, or under Slurm `--hint=nomultithread`; two of a core are no two processors",
    );
    warn(
        SLOW_CLOCKS.contains(&&**clock),
        format!("the clock is read from {clock}, by a system call each time"),
        "boot with clocksource=tsc if the processor's counter is steady: lanes with timers suffer most",
    );
    warn(
        number(others).is_some_and(|others| others > MOST_OTHERS),
        format!("other programs kept {others} processors busy during the run"),
        "end them and run again: they take turns with the workers",
    );
    warn(
        number(steal).is_some_and(|steal| steal > MOST_STEAL),
        format!("the hypervisor gave {steal} of the processors' time to other guests during the run"),
        "run on a machine of its own, or at a quieter hour",
    );
    warn(
        number(memory_pressure).is_some_and(|pressure| pressure > MOST_PRESSURE),
        format!("in {memory_pressure} of the time something waited for memory during the run"),
        "free memory and run again",
    );
    warnings
}

/// Returns the warnings of an environment that changes figures, and of a repository that git does not tell of.
pub fn warnings_of_provenance(provenance: &Provenance) -> Vec<Warning> {
    let variables = provenance.environment.iter().filter(|(name, _)| *name != PASSED);
    let variables = variables.map(|(name, value)| Warning {
        finding: format!("the environment has {name}={value}"),
        remedy: "unset it: it changes the allocator, the loader or a runtime of the lanes".to_owned(),
    });
    let git = provenance.words_of_git.iter().map(|words| Warning {
        finding: "git does not tell the commit".to_owned(),
        remedy: format!("it says: {words}"),
    });
    variables.chain(git).collect()
}

/// The number that a fact begins with.
fn number(fact: &str) -> Option<f64> {
    fact.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{self, fake_root};

    const GOVERNOR: &str = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
    const NO_TURBO: &str = "sys/devices/system/cpu/intel_pstate/no_turbo";
    const BOOST: &str = "sys/devices/system/cpu/cpufreq/boost";
    const GOOD: [(&str, &str); 8] = [
        (GOVERNOR, "performance\n"),
        (NO_TURBO, "1\n"),
        ("proc/self/cgroup", "0::/bench\n"),
        ("sys/fs/cgroup/bench/cpu.max", "200000 100000\n"),
        ("sys/class/power_supply/AC/type", "Mains\n"),
        ("sys/class/power_supply/AC/online", "1\n"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
        ("proc/cpuinfo", "model name\t: Fast CPU\nflags\t\t: fpu hypervisor\n"),
    ];

    fn good_build() -> Build {
        let (of_track, _) = facts::build(&crate::test_lineup().build, None);
        Build { profile: "release".to_owned(), dirty: "no".to_owned(), ..of_track }
    }

    /// Returns the findings with two workers on a good machine on which `files` read otherwise.
    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<_> = GOOD.iter().chain(files).copied().collect();
        let mut machine = facts::machine(fake_root(&files).path());
        [machine.steal, machine.others, machine.memory_pressure] =
            ["1.0 %", "0.20", "0.3 %"].map(str::to_owned);
        findings(&machine, &good_build())
    }

    fn findings(machine: &Machine, build: &Build) -> Vec<String> {
        warnings(machine, build, 2).into_iter().map(|warning| warning.finding).collect()
    }

    #[test]
    fn a_good_machine_gives_no_warning() {
        assert_eq!(found(&[]), [""; 0]);
    }

    #[test]
    fn an_unreadable_machine_gives_no_warning() {
        let machine = facts::machine(fake_root(&[]).path());
        assert_eq!(findings(&machine, &good_build()), [""; 0]);
    }

    #[test]
    fn each_bad_file_gives_its_warning_alone() {
        let clock = "sys/devices/system/clocksource/clocksource0/current_clocksource";
        let battery = "sys/class/power_supply/BAT0";
        let [kind, status] = ["type", "status"].map(|file| format!("{battery}/{file}"));
        for (files, finding) in [
            (vec![(GOVERNOR, "powersave\n")], "the frequency governor is powersave"),
            (vec![(GOVERNOR, "schedutil\n")], "the frequency governor is schedutil"),
            (vec![(NO_TURBO, "0\n")], "turbo is on"),
            (vec![(NO_TURBO, "no\n"), (BOOST, "1\n")], "turbo is on"),
            (
                vec![("sys/fs/cgroup/bench/cpu.max", "150000 100000\n")],
                "the control group may use 1.5 processors, and lanes have up to 2 workers",
            ),
            (
                vec![
                    ("sys/class/power_supply/AC/online", "0\n"),
                    (&kind, "Battery\n"),
                    (&status, "Discharging\n"),
                ],
                "the machine runs on its battery",
            ),
            (vec![(clock, "hpet\n")], "the clock is read from hpet"),
            (
                vec![
                    ("proc/self/status", "Cpus_allowed_list:\t0-1\n"),
                    ("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0-1\n"),
                    ("sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "0-1\n"),
                ],
                "processors that share a core are among those of this run: 0+1",
            ),
        ] {
            let found = found(&files);
            assert!(matches!(&found[..], [only] if only.starts_with(finding)), "{finding}: {found:?}");
        }
    }

    #[test]
    fn what_happened_during_the_run_is_warned_of() {
        let quiet = facts::machine(fake_root(&GOOD).path());
        let busy = Machine { others: "0.84".to_owned(), ..quiet.clone() };
        assert_eq!(
            findings(&busy, &good_build()),
            ["other programs kept 0.84 processors busy during the run"]
        );
        let crowded = Machine { steal: "2.5 %".to_owned(), ..quiet.clone() };
        assert!(findings(&crowded, &good_build())[0].contains("gave 2.5 % of the processors' time"));
        let short = Machine { memory_pressure: "7.0 %".to_owned(), ..quiet };
        assert!(findings(&short, &good_build())[0].contains("waited for memory"));
    }

    #[test]
    fn what_changes_figures_in_the_environment_and_what_git_says_are_warned_of() {
        let environment = [("LD_PRELOAD", "fast.so"), (PASSED, "EDITOR")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let words_of_git = Some("detected dubious ownership in repository at '/x'".to_owned());
        let provenance = Provenance { environment, words_of_git, ..Provenance::default() };
        let warnings = warnings_of_provenance(&provenance);
        let [variable, git] = &warnings[..] else { panic!("one of each: {warnings:?}") };
        assert_eq!(variable.finding, "the environment has LD_PRELOAD=fast.so");
        assert_eq!(git.remedy, "it says: detected dubious ownership in repository at '/x'");
    }

    #[test]
    fn a_build_without_optimisation_is_warned_of() {
        let machine = facts::machine(fake_root(&GOOD).path());
        let with = |opt_level: &str, lto: &str| {
            let [opt_level, lto, profile] = [opt_level, lto, "track"].map(str::to_owned);
            findings(&machine, &Build { opt_level, lto, profile, ..good_build() })
        };
        assert_eq!(with("3", "fat"), [""; 0]);
        assert_eq!(with("0", "fat"), ["it was compiled with opt-level 0"]);
        assert_eq!(with("s", "off"), ["it was compiled with opt-level s", "it was linked with lto off"]);
    }

    #[test]
    fn a_debug_build_and_a_dirty_tree_are_warned_of() {
        let machine = facts::machine(fake_root(&GOOD).path());
        let debug = Build { profile: "debug".to_owned(), ..good_build() };
        assert_eq!(findings(&machine, &debug), ["this is a debug build"]);
        let dirty = Build { dirty: "yes".to_owned(), ..good_build() };
        assert_eq!(findings(&machine, &dirty), ["the working tree differs from its commit"]);
    }
}
