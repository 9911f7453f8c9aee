//! The facts of machine and build that a report states beside its figures.

use std::{collections::BTreeMap, fs, path::Path, process::Command, thread};

use serde::Deserialize;

use crate::results::{Build, Machine};

/// Reads what is known of the machine, below `root`: "/" but for tests.
pub(crate) fn machine(root: &Path) -> Machine {
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    let cpu_info = read("proc/cpuinfo");
    let of_cpu = |key| value_of(cpu_info.as_deref()?, key, ':');
    let memory = read("proc/meminfo").and_then(|info| {
        let kibibytes: f64 = value_of(&info, "MemTotal", ':')?.strip_suffix(" kB")?.parse().ok()?;
        Some(format!("{:.1} GiB", kibibytes / 1024.0 / 1024.0))
    });
    let os = read("etc/os-release").and_then(|release| value_of(&release, "PRETTY_NAME", '='));
    let governor = read("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    let hypervisor = of_cpu("flags").map(|flags| flags.split(' ').any(|flag| flag == "hypervisor"));
    let load = read("proc/loadavg").and_then(|load| load.split(' ').next().map(str::to_owned));
    Machine {
        cpu: known(of_cpu("model name")),
        cores: known(thread::available_parallelism().ok().map(|cores| cores.to_string())),
        memory: known(memory),
        kernel: known(read("proc/sys/kernel/osrelease")),
        os: known(os.or_else(|| Some(std::env::consts::OS.to_owned()))),
        architecture: std::env::consts::ARCH.to_owned(),
        governor: known(governor),
        virtualised: known(hypervisor.map(yes_or_no)),
        load: known(load),
    }
}

/// Collects what is known of this program.
pub(crate) fn build() -> Build {
    let git = |arguments: &[&str]| {
        let output =
            Command::new("git").arg("-C").arg(env!("CARGO_MANIFEST_DIR")).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let flags = env!("BUILD_FLAGS");
    Build {
        rustc: env!("BUILD_RUSTC").to_owned(),
        profile: env!("BUILD_PROFILE").to_owned(),
        flags: if flags.is_empty() { "none".to_owned() } else { flags.to_owned() },
        allocator: "system".to_owned(),
        commit: known(git(&["rev-parse", "HEAD"])),
        dirty: known(git(&["status", "--porcelain"]).map(|changes| yes_or_no(!changes.is_empty()))),
        packages: packages(),
    }
}

/// The versions in the lock file this program was built with.
fn packages() -> BTreeMap<String, String> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
    }
    let lock = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));
    let lock: Lock = toml::from_str(lock).expect("cargo wrote the lock file");
    lock.package.into_iter().map(|package| (package.name, package.version)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_below_the_root() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a path in a folder")).expect("the folder is ours");
            fs::write(path, text).expect("the folder is ours");
        };
        write("proc/cpuinfo", "processor\t: 0\nmodel name\t: Fast CPU\nflags\t\t: fpu hypervisor\n");
        write("proc/meminfo", "MemTotal:       16777216 kB\n");
        write("proc/sys/kernel/osrelease", "6.1.0\n");
        write("etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian 12\"\n");
        write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
        write("proc/loadavg", "0.50 0.40 0.30 1/100 999\n");
        let machine = machine(root.path());
        assert_eq!(machine.cpu, "Fast CPU");
        assert_eq!(machine.memory, "16.0 GiB");
        assert_eq!(machine.kernel, "6.1.0");
        assert_eq!(machine.os, "Debian 12");
        assert_eq!(machine.governor, "powersave");
        assert_eq!(machine.virtualised, "yes");
        assert_eq!(machine.load, "0.50");
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let machine = machine(root.path());
        assert_eq!([&*machine.cpu, &*machine.memory, &*machine.governor], ["unknown"; 3]);
        assert_eq!(machine.virtualised, "unknown");
    }

    #[test]
    fn the_build_knows_the_versions_of_its_packages() {
        assert!(build().packages.contains_key("tokio"));
    }
}
