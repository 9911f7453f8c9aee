//! The facts of machine and build that a report states beside its figures.

mod meanwhile;
mod node;
mod packages;
mod repository;
mod warnings;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    thread,
};

use lane_protocol::{Lineup, TrackBuild, WorkloadEntry};
use results::{Build, Machine};

use self::repository::Repository;
use crate::program;

pub use meanwhile::Reading;
pub(crate) use packages::dependencies;
pub use warnings::{warnings, warnings_of_provenance};

/// Reads the facts of the machine below `root`, which is "/" but for tests.
///
/// [`Reading`] adds later what happened while the run measured.
pub fn machine(root: &Path) -> Machine {
    let read = |path: &str| read(root, path);
    let cpu_info = read("proc/cpuinfo");
    let of_cpu = |key| value_of(cpu_info.as_deref()?, key, ':');
    let memory = read("proc/meminfo").and_then(|info| {
        let kibibytes: f64 = value_of(&info, "MemTotal", ':')?.strip_suffix(" kB")?.parse().ok()?;
        Some(format!("{:.1} GiB", kibibytes / 1024.0 / 1024.0))
    });
    let os = read("etc/os-release").and_then(|release| value_of(&release, "PRETTY_NAME", '='));
    let hypervisor = of_cpu("flags").map(|flags| flags.split(' ').any(|flag| flag == "hypervisor"));
    let mask = read("proc/self/status").and_then(|status| value_of(&status, "Cpus_allowed_list", ':'));
    Machine {
        cpu: known(of_cpu("model name")),
        cores: known(thread::available_parallelism().ok().map(|cores| cores.to_string())),
        memory: known(memory),
        kernel: known(read("proc/sys/kernel/osrelease")),
        os: known(os.or_else(|| Some(std::env::consts::OS.to_owned()))),
        architecture: std::env::consts::ARCH.to_owned(),
        governor: known(read("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        virtualised: known(hypervisor.map(yes_or_no)),
        load: known(read("proc/loadavg").and_then(|load| load.split(' ').next().map(str::to_owned))),
        turbo: known(turbo(root).map(on_or_off)),
        hyperthreads: known(switch(root, "sys/devices/system/cpu/smt/active").map(on_or_off)),
        quota: known(quota(root)),
        power: known(power(root)),
        clock: known(read("sys/devices/system/clocksource/clocksource0/current_clocksource")),
        siblings: known(mask.as_deref().and_then(|mask| node::siblings(root, mask))),
        mask: known(mask),
        batch: node::batch(|name| env::var(name).ok()),
        steal: known(None),
        others: known(None),
        memory_pressure: known(None),
    }
}

/// Collects the facts of a build: those that the track tells, and those of the `tree` that it was built from just now, if
/// that is known. The bytes of the program are added by whoever knows its path.
///
/// Also returns the words of git, if it would not tell of the repository.
pub fn build(track: &TrackBuild, tree: Option<&Path>) -> (Build, Option<String>) {
    let (repository, words) = match tree.map(Repository::of) {
        Some(Ok(repository)) => (repository, None),
        Some(Err(words)) => (None, Some(words)),
        None => (None, None),
    };
    let Repository { commit, dirty, address } = repository.unwrap_or_default();
    let build = Build {
        rustc: track.rustc.clone(),
        profile: track.profile.clone(),
        flags: track.flags.clone(),
        allocator: track.allocator.clone(),
        opt_level: track.opt_level.clone(),
        lto: track.lto.clone(),
        codegen_units: track.codegen_units.clone(),
        target: track.target.clone(),
        program: known(None),
        commit: known(commit),
        repository: known(address),
        dirty: known(dirty.map(yes_or_no)),
        packages: packages::versions(),
    };
    (build, words)
}

/// Hashes the sources of the workloads of a lineup, in the `tree` that it was built from: all files beside the one that the
/// lineup names.
pub fn sources(lineup: &Lineup, tree: &Path) -> BTreeMap<String, String> {
    let hash = |workload: &WorkloadEntry| {
        let source = tree.join(&workload.source);
        let files = program::files_below(source.parent()?).ok()?;
        Some((workload.name.clone(), program::hash(files)?))
    };
    lineup.workloads.iter().filter_map(hash).collect()
}

/// Tells whether the processor may clock itself up. Intel's driver and the others say it in different places.
fn turbo(root: &Path) -> Option<bool> {
    let forbidden = switch(root, "sys/devices/system/cpu/intel_pstate/no_turbo");
    forbidden.map(|off| !off).or_else(|| switch(root, "sys/devices/system/cpu/cpufreq/boost"))
}

/// Returns the number of processors whose time the control group of this process may use, or "none".
///
/// The tightest limit on the way up counts. Inside a container the path may lead nowhere: then the top is its own.
fn quota(root: &Path) -> Option<String> {
    let groups = read(root, "proc/self/cgroup")?;
    let mut limits = Vec::new();
    let mut readable = false;
    for line in groups.lines() {
        let [_, controllers, path] = line.splitn(3, ':').collect::<Vec<_>>()[..] else { continue };
        let mounts = match controllers {
            "" => vec![PathBuf::new(), "unified".into()],
            list if list.split(',').any(|controller| controller == "cpu") => vec![list.into(), "cpu".into()],
            _ => continue,
        };
        for mount in mounts {
            let top = Path::new("sys/fs/cgroup").join(mount);
            for group in Path::new(path.trim_start_matches('/')).ancestors() {
                let limit = limit_of_group(&root.join(&top).join(group));
                readable |= limit.is_some();
                limits.extend(limit.flatten());
            }
        }
    }
    let tightest = limits.into_iter().min_by(f64::total_cmp).map(|limit| limit.to_string());
    tightest.or_else(|| readable.then(|| "none".to_owned()))
}

/// The limit of one control group, as version 2 or version 1 says it: none if unreadable, `Some(None)` if there is none.
fn limit_of_group(folder: &Path) -> Option<Option<f64>> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| *number > 0.0);
    if let Some(text) = read(folder, "cpu.max") {
        let (quota, period) = text.trim().split_once(' ')?;
        return Some(number(quota).zip(number(period)).map(|(quota, period)| quota / period));
    }
    let quota = read(folder, "cpu.cfs_quota_us")?;
    let period = read(folder, "cpu.cfs_period_us")?;
    Some(number(&quota).zip(number(&period)).map(|(quota, period)| quota / period))
}

/// Returns what feeds the machine. The battery of a mouse does not count.
fn power(root: &Path) -> Option<String> {
    let supplies = fs::read_dir(root.join("sys/class/power_supply")).ok()?.flatten();
    let supplies: Vec<PathBuf> = supplies.map(|entry| entry.path()).collect();
    let says = |supply: &PathBuf, file: &str, word: &str| {
        read(supply, file).is_some_and(|text| text.trim().eq_ignore_ascii_case(word))
    };
    let of_machine = supplies.iter().filter(|supply| !says(supply, "scope", "Device"));
    let (batteries, mains): (Vec<_>, Vec<_>) = of_machine.partition(|supply| says(supply, "type", "Battery"));
    let plugged = mains.iter().any(|supply| says(supply, "online", "1"));
    let discharging = batteries.iter().any(|supply| says(supply, "status", "Discharging"));
    match (plugged, discharging, batteries.is_empty()) {
        (false, true, _) => Some("battery".to_owned()),
        (true, ..) | (.., false) => Some("mains".to_owned()),
        _ => None,
    }
}

fn read(root: &Path, path: &str) -> Option<String> {
    fs::read_to_string(root.join(path)).ok()
}

/// A file that says 0 or 1.
fn switch(root: &Path, path: &str) -> Option<bool> {
    match read(root, path)?.trim() {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// The value of the first line that begins with `key` and has `separator` next.
fn value_of(text: &str, key: &str, separator: char) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(separator))?;
    Some(value.trim().trim_matches('"').to_owned())
}

fn known(fact: Option<String>) -> String {
    let fact = fact.map(|fact| fact.trim().to_owned()).filter(|fact| !fact.is_empty());
    fact.unwrap_or_else(|| "unknown".to_owned())
}

fn yes_or_no(fact: bool) -> String {
    if fact { "yes".to_owned() } else { "no".to_owned() }
}

fn on_or_off(fact: bool) -> String {
    if fact { "on".to_owned() } else { "off".to_owned() }
}

/// A root for tests: files by their path below it.
#[cfg(test)]
pub(crate) fn fake_root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a path in a folder")).expect("the folder is ours");
        fs::write(path, text).expect("the folder is ours");
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Machine {
        machine(fake_root(files).path())
    }

    #[test]
    fn facts_are_read_below_the_root() {
        let machine = of(&[
            ("proc/cpuinfo", "processor\t: 0\nmodel name\t: Fast CPU\nflags\t\t: fpu hypervisor\n"),
            ("proc/meminfo", "MemTotal:       16777216 kB\n"),
            ("proc/sys/kernel/osrelease", "6.1.0\n"),
            ("etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian 12\"\n"),
            ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n"),
            ("proc/loadavg", "0.50 0.40 0.30 1/100 999\n"),
            ("sys/devices/system/cpu/smt/active", "1\n"),
            ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
            ("proc/self/status", "Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n"),
        ]);
        assert_eq!(machine.cpu, "Fast CPU");
        assert_eq!(machine.memory, "16.0 GiB");
        assert_eq!(machine.kernel, "6.1.0");
        assert_eq!(machine.os, "Debian 12");
        assert_eq!(machine.governor, "powersave");
        assert_eq!(machine.virtualised, "yes");
        assert_eq!(machine.load, "0.50");
        assert_eq!([&*machine.hyperthreads, &*machine.clock, &*machine.mask], ["on", "tsc", "0-1"]);
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        let Machine { cpu, memory, governor, virtualised, turbo, hyperthreads, quota, power, clock, .. } =
            of(&[]);
        let facts = [cpu, memory, governor, virtualised, turbo, hyperthreads, quota, power, clock];
        assert!(facts.iter().all(|fact| fact == "unknown"), "{facts:?}");
    }

    #[test]
    fn both_drivers_are_asked_about_turbo() {
        let [intel, other] =
            ["sys/devices/system/cpu/intel_pstate/no_turbo", "sys/devices/system/cpu/cpufreq/boost"];
        for (file, text, turbo) in
            [(intel, "0\n", "on"), (intel, "1\n", "off"), (other, "1\n", "on"), (other, "0\n", "off")]
        {
            assert_eq!(of(&[(file, text)]).turbo, turbo, "{file}: {text}");
        }
    }

    #[test]
    fn the_tightest_quota_on_the_way_up_counts() {
        let own = ("proc/self/cgroup", "0::/service/bench\n");
        let top = ("sys/fs/cgroup/service/cpu.max", "150000 100000\n");
        assert_eq!(of(&[own, top, ("sys/fs/cgroup/service/bench/cpu.max", "max 100000\n")]).quota, "1.5");
        assert_eq!(of(&[own, top, ("sys/fs/cgroup/service/bench/cpu.max", "50000 100000\n")]).quota, "0.5");
        assert_eq!(of(&[own, ("sys/fs/cgroup/service/bench/cpu.max", "max 100000\n")]).quota, "none");
        assert_eq!(of(&[own]).quota, "unknown");
    }

    #[test]
    fn the_quota_of_the_first_version_of_control_groups_is_read_too() {
        let groups = "4:cpu,cpuacct:/docker/123\n1:name=systemd:/\n";
        let files = |quota| {
            [
                ("proc/self/cgroup", groups),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", quota),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ]
        };
        assert_eq!(of(&files("200000\n")).quota, "2");
        assert_eq!(of(&files("-1\n")).quota, "none");
    }

    #[test]
    fn a_battery_counts_if_it_feeds_the_machine() {
        let battery = ("sys/class/power_supply/BAT0/type", "Battery\n");
        let discharging = ("sys/class/power_supply/BAT0/status", "Discharging\n");
        assert_eq!(of(&[battery, discharging]).power, "battery");
        assert_eq!(of(&[battery, ("sys/class/power_supply/BAT0/status", "Full\n")]).power, "mains");
        let plug = ("sys/class/power_supply/AC/type", "Mains\n");
        assert_eq!(
            of(&[battery, discharging, plug, ("sys/class/power_supply/AC/online", "1\n")]).power,
            "mains"
        );
        let mouse = ("sys/class/power_supply/BAT0/scope", "Device\n");
        assert_eq!(of(&[battery, discharging, mouse]).power, "unknown");
    }
}
