//! Facts that only some systems tell of this process: resource usage, threads, processors, peak of memory.
//!
//! Everything here has an answer everywhere; where a system has none, the answer is `None`.

use std::{
    collections::BTreeSet,
    fs, io,
    ops::{Add, Sub},
    time::Duration,
};

/// The resources that this process has used since it started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Usage {
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
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;

    use super::*;

    impl Usage {
        /// Reads the counters of the kernel.
        pub(crate) fn now() -> Option<Usage> {
            let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
            let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
            Some(Usage {
                cpu: Duration::from_micros(cpu.try_into().ok()?),
                voluntary_switches: usage.voluntary_context_switches().try_into().ok(),
                involuntary_switches: usage.involuntary_context_switches().try_into().ok(),
            })
        }
    }

    /// Gives the standard output to the caller alone: what anybody else prints goes to the standard error.
    pub(crate) fn take_stdout() -> io::Result<Box<dyn io::Write>> {
        use std::os::fd::AsFd;
        let ours = io::stdout().as_fd().try_clone_to_owned()?;
        nix::unistd::dup2_stdout(io::stderr())?;
        Ok(Box::new(fs::File::from(ours)))
    }

    /// Ends this process, and with it all that it has started if it is the first of its process group.
    pub(crate) fn end_this_with_children() -> ! {
        use nix::{sys::signal::Signal, unistd};
        let this = unistd::getpid();
        if unistd::getpgrp() == this {
            nix::sys::signal::killpg(this, Signal::SIGKILL).ok();
        }
        std::process::exit(1);
    }
}

#[cfg(not(unix))]
mod system {
    use super::*;

    impl Usage {
        /// Returns `None`: this system does not tell.
        pub(crate) fn now() -> Option<Usage> {
            None
        }
    }

    /// Gives the standard output to the caller, who shares it with whatever else prints.
    pub(crate) fn take_stdout() -> io::Result<Box<dyn io::Write>> {
        Ok(Box::new(io::stdout()))
    }

    /// Ends this process; what it has started goes on.
    pub(crate) fn end_this_with_children() -> ! {
        std::process::exit(1);
    }
}

/// Returns the most memory this process ever had, in bytes.
///
/// Not `ru_maxrss`, which begins with what the parent had when it forked.
pub(crate) fn peak_rss() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = peak.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Lets the most memory this process ever had begin again with what it has now, where the kernel allows that.
pub(crate) fn forget_peak_rss() {
    fs::write("/proc/self/clear_refs", "5").ok();
}

/// Counts the threads of this process.
pub(crate) fn threads() -> Option<usize> {
    Some(fs::read_dir("/proc/self/task").ok()?.count())
}

/// Returns the processors that this thread may run on, as the kernel writes it: `0-3,8`.
pub(crate) fn allowed_cpus() -> Option<String> {
    let status = fs::read_to_string("/proc/thread-self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(list.trim().to_owned())
}

/// Tells whether `list` has every processor that `of` has, both as the kernel writes them.
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

/// Returns a time in nanoseconds, of which five hundred years fit.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

pub(crate) use system::{end_this_with_children, take_stdout};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_processors_covers_what_is_in_it() {
        assert!(covers("0-3,8", "0,2-3") && covers("0-1", "0-1") && covers("0-7", "0-3,5"));
        assert!(!covers("0-3,8", "4") && !covers("0", "0-1") && !covers("", "0"));
    }
}
