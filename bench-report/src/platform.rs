//! What only some systems give: resource usage, signals, standard output's file descriptor.
//!
//! Everything here has an answer everywhere; where a system has none, the answer is `None` or "unknown".

use std::{
    collections::BTreeSet,
    fs, io,
    ops::{Add, Sub},
    time::Duration,
};

/// What this process has used since it started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// Processor time of all threads, in user mode and in the kernel.
    pub cpu: Duration,
    /// Times that a thread gave its processor up, to wait for something; absent where nobody says.
    pub voluntary_switches: Option<u64>,
    /// Times that a thread lost its processor to another.
    pub involuntary_switches: Option<u64>,
}

impl Sub for Usage {
    type Output = Usage;

    fn sub(self, earlier: Usage) -> Usage {
        Usage {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            voluntary_switches: combine(self.voluntary_switches, earlier.voluntary_switches, u64::sub),
            involuntary_switches: combine(self.involuntary_switches, earlier.involuntary_switches, u64::sub),
        }
    }
}

impl Add for Usage {
    type Output = Usage;

    fn add(self, other: Usage) -> Usage {
        Usage {
            cpu: self.cpu + other.cpu,
            voluntary_switches: combine(self.voluntary_switches, other.voluntary_switches, u64::add),
            involuntary_switches: combine(self.involuntary_switches, other.involuntary_switches, u64::add),
        }
    }
}

fn combine(one: Option<u64>, other: Option<u64>, operation: fn(u64, u64) -> u64) -> Option<u64> {
    one.zip(other).map(|(one, other)| operation(one, other))
}

#[cfg(unix)]
mod system {
    use std::{
        os::unix::process::{CommandExt, ExitStatusExt},
        process::{Child, Command, ExitStatus},
    };

    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;

    use super::*;

    impl Usage {
        /// Reads the counters of the kernel.
        pub fn now() -> Option<Usage> {
            let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
            let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
            Some(Usage {
                cpu: Duration::from_micros(cpu.try_into().ok()?),
                voluntary_switches: usage.voluntary_context_switches().try_into().ok(),
                involuntary_switches: usage.involuntary_context_switches().try_into().ok(),
            })
        }
    }

    /// Processor time of this process and of those it has waited for, since it started.
    pub(crate) fn cpu_with_children() -> Option<Duration> {
        let used = |who| {
            let usage = getrusage(who).ok()?;
            let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
            Some(Duration::from_micros(microseconds.try_into().ok()?))
        };
        Some(used(UsageWho::RUSAGE_SELF)? + used(UsageWho::RUSAGE_CHILDREN)?)
    }

    /// Gives the standard output to the caller alone: what anybody else prints goes to the standard error.
    pub(crate) fn take_stdout() -> io::Result<Box<dyn io::Write>> {
        use std::os::fd::AsFd;
        let ours = io::stdout().as_fd().try_clone_to_owned()?;
        nix::unistd::dup2_stdout(io::stderr())?;
        Ok(Box::new(std::fs::File::from(ours)))
    }

    /// Keeps the signals of a terminal (Ctrl-C) away from a child: its parent decides about its end.
    pub(crate) fn shield_from_terminal(command: &mut Command) {
        command.process_group(0);
    }

    /// Ends a child that is shielded from the terminal, with all that it has started.
    pub(crate) fn end_with_children(child: &mut Child) {
        use nix::{sys::signal::Signal, unistd::Pid};
        if let Ok(group) = child.id().try_into() {
            // An error says that all have ended already.
            nix::sys::signal::killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
        }
        child.wait().ok();
    }

    /// Ends this process, and with it all that it has started if it is shielded from the terminal.
    pub(crate) fn end_this_with_children() -> ! {
        use nix::{sys::signal::Signal, unistd};
        let this = unistd::getpid();
        if unistd::getpgrp() == this {
            nix::sys::signal::killpg(this, Signal::SIGKILL).ok();
        }
        std::process::exit(1);
    }

    /// Becomes another program, in the same process.
    pub(crate) fn become_program(mut command: Command) -> io::Error {
        command.exec()
    }

    /// How a process ended, in words.
    pub(crate) fn describe_exit(status: ExitStatus) -> String {
        match status.signal() {
            Some(signal) => match nix::sys::signal::Signal::try_from(signal) {
                Ok(name) => format!("was killed by {name}"),
                Err(_) => format!("was killed by signal {signal}"),
            },
            None => format!("ended with {status}"),
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::process::{Child, Command, ExitStatus};

    use super::*;

    impl Usage {
        /// Not to be had on this system.
        pub fn now() -> Option<Usage> {
            None
        }
    }

    /// Not to be had on this system.
    pub fn cpu_with_children() -> Option<Duration> {
        None
    }

    /// Gives the standard output to the caller, who shares it with whatever else prints.
    pub fn take_stdout() -> io::Result<Box<dyn io::Write>> {
        Ok(Box::new(io::stdout()))
    }

    /// Children have no process groups here.
    pub fn shield_from_terminal(_command: &mut Command) {}

    /// Ends a child; what it has started goes on.
    pub fn end_with_children(child: &mut Child) {
        child.kill().ok();
        child.wait().ok();
    }

    /// Ends this process; what it has started goes on.
    pub fn end_this_with_children() -> ! {
        std::process::exit(1);
    }

    /// Runs another program and ends as it ends.
    pub fn become_program(mut command: Command) -> io::Error {
        match command.status() {
            Ok(status) => std::process::exit(status.code().unwrap_or(1)),
            Err(error) => error,
        }
    }

    /// How a process ended, in words.
    pub fn describe_exit(status: ExitStatus) -> String {
        format!("ended with {status}")
    }
}

/// The most memory this process ever had, in bytes.
///
/// Not `ru_maxrss`, which begins with what the parent had when it forked.
pub(crate) fn peak_rss() -> Option<u64> {
    peak_rss_of("self")
}

/// The most memory that a process ever had, by its number in the system.
pub(crate) fn peak_rss_of(process: &str) -> Option<u64> {
    let kibibytes: u64 = status(process, "VmHWM:")?.strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Lets the most memory this process ever had begin again with what it has now, where the kernel allows that.
pub(crate) fn forget_peak_rss() {
    fs::write("/proc/self/clear_refs", "5").ok();
}

/// What the kernel says about a process under a name.
fn status(process: &str, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim().to_owned())
}

/// How many threads this process has.
pub(crate) fn threads() -> Option<usize> {
    Some(fs::read_dir("/proc/self/task").ok()?.count())
}

/// The processors that this thread may run on, as the kernel writes it: `0-3,8`.
pub(crate) fn allowed_cpus() -> Option<String> {
    let status = fs::read_to_string("/proc/thread-self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(list.trim().to_owned())
}

/// Whether `list` has every processor that `of` has, both as the kernel writes them.
pub(crate) fn covers(list: &str, of: &str) -> bool {
    let [list, of] = [list, of].map(processors);
    of.is_subset(&list)
}

/// The processors of a list; what is no number is left out.
fn processors(list: &str) -> BTreeSet<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

pub(crate) use system::{
    become_program, cpu_with_children, describe_exit, end_this_with_children, end_with_children,
    shield_from_terminal, take_stdout,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_processors_covers_what_is_in_it() {
        assert!(covers("0-3,8", "0,2-3") && covers("0-1", "0-1") && covers("0-7", "0-3,5"));
        assert!(!covers("0-3,8", "4") && !covers("0", "0-1") && !covers("", "0"));
    }
}
