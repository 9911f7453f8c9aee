//! Children that are processes: their group, their end, their memory. Only some systems have all of it.
//!
//! Everything here has an answer everywhere; where a system has none, the answer is `None`.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

#[cfg(unix)]
mod system {
    use std::{
        os::unix::process::{CommandExt, ExitStatusExt},
        process::{Child, Command, ExitStatus},
    };

    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;

    use super::*;

    /// Returns the processor time of this process and of those it has waited for, since it started.
    pub(crate) fn cpu_with_children() -> Option<Duration> {
        let used = |who| {
            let usage = getrusage(who).ok()?;
            let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
            Some(Duration::from_micros(microseconds.try_into().ok()?))
        };
        Some(used(UsageWho::RUSAGE_SELF)? + used(UsageWho::RUSAGE_CHILDREN)?)
    }

    /// Keeps the signals of a terminal (Ctrl-C) away from a child: its parent decides about its end.
    pub(crate) fn shield_from_terminal(command: &mut Command) {
        command.process_group(0);
    }

    /// Ends a child that is shielded from the terminal, with all that it has started.
    pub(crate) fn end_with_children(child: &mut Child) {
        end_group(child.id());
        child.wait().ok();
    }

    /// Ends all processes of a group.
    pub(crate) fn end_group(group: u32) {
        use nix::{sys::signal::Signal, unistd::Pid};
        if let Ok(group) = group.try_into() {
            // An error says that all have ended already.
            nix::sys::signal::killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
        }
    }

    /// Ends a process.
    pub(crate) fn end_process(process: u32) {
        use nix::{sys::signal::Signal, unistd::Pid};
        // 0 stands for one outside of our container, and would end ourselves.
        if let Some(process) = i32::try_from(process).ok().filter(|&process| process > 0) {
            // An error says that it has ended already.
            nix::sys::signal::kill(Pid::from_raw(process), Signal::SIGKILL).ok();
        }
    }

    /// Becomes another program, in the same process; returns why it does not.
    pub(crate) fn become_program(command: &mut Command) -> io::Error {
        command.exec()
    }

    /// Returns the process that holds the lock of a file, where the system says.
    pub(crate) fn holder_of_lock(file: &fs::File) -> Option<u32> {
        use std::os::unix::fs::MetadataExt;
        let inode = format!(":{}", file.metadata().ok()?.ino());
        let locks = fs::read_to_string("/proc/locks").ok()?;
        // 1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF
        locks.lines().find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let &[_, "FLOCK", _, _, pid, place, ..] = fields.as_slice() else { return None };
            if place.ends_with(&inode) { pid.parse().ok().filter(|&pid| pid > 0) } else { None }
        })
    }

    /// Opens a file to write to it; a pipe that nobody reads is an error.
    pub(crate) fn open_at_once(path: &Path) -> io::Result<fs::File> {
        use std::os::unix::fs::OpenOptionsExt;
        fs::OpenOptions::new().write(true).custom_flags(nix::libc::O_NONBLOCK).open(path)
    }

    /// Tells whether an error is for want of room: of processes, threads, descriptors or memory, or a program that is still being
    /// written.
    pub(crate) fn is_scarcity(error: &io::Error) -> bool {
        use nix::errno::Errno::{EAGAIN, EMFILE, ENFILE, ENOMEM, ETXTBSY};
        [EAGAIN, EMFILE, ENFILE, ENOMEM, ETXTBSY]
            .map(|code| code as i32)
            .iter()
            .any(|&code| error.raw_os_error() == Some(code))
    }

    /// Tells whether a process was ended by a signal that asks for it, as a batch system sends it to all of a job.
    pub(crate) fn was_asked_to_end(status: ExitStatus) -> bool {
        use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGTERM, SIGXCPU};
        [SIGHUP, SIGINT, SIGTERM, SIGXCPU]
            .map(|signal| signal as i32)
            .iter()
            .any(|&asks| status.signal() == Some(asks))
    }

    /// Says how a process ended.
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

    /// Returns `None`: this system does not tell.
    pub(crate) fn cpu_with_children() -> Option<Duration> {
        None
    }

    /// Does nothing: children have no process groups here.
    pub(crate) fn shield_from_terminal(_command: &mut Command) {}

    /// Ends a child; what it has started goes on.
    pub(crate) fn end_with_children(child: &mut Child) {
        child.kill().ok();
        child.wait().ok();
    }

    /// Does nothing: there are no process groups here.
    pub(crate) fn end_group(_group: u32) {}

    /// Does nothing: there are no control groups here.
    pub(crate) fn end_process(_process: u32) {}

    /// Returns an error: no process becomes another here.
    pub(crate) fn become_program(_command: &mut Command) -> io::Error {
        io::ErrorKind::Unsupported.into()
    }

    /// Returns `None`: this system does not tell.
    pub(crate) fn holder_of_lock(_file: &fs::File) -> Option<u32> {
        None
    }

    /// Opens a file to write to it.
    pub(crate) fn open_at_once(path: &Path) -> io::Result<fs::File> {
        fs::OpenOptions::new().write(true).open(path)
    }

    /// Tells whether an error is for want of room.
    pub(crate) fn is_scarcity(error: &io::Error) -> bool {
        [io::ErrorKind::WouldBlock, io::ErrorKind::OutOfMemory].contains(&error.kind())
    }

    /// Returns `false`: there are no signals here.
    pub(crate) fn was_asked_to_end(_status: ExitStatus) -> bool {
        false
    }

    /// Says how a process ended.
    pub(crate) fn describe_exit(status: ExitStatus) -> String {
        format!("ended with {status}")
    }
}

/// Returns the time since the machine was started, its sleep included.
#[cfg(target_os = "linux")]
pub(crate) fn since_boot() -> Option<Duration> {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).ok().map(Duration::from)
}

/// Returns `None`: this system does not tell.
#[cfg(not(target_os = "linux"))]
pub(crate) fn since_boot() -> Option<Duration> {
    None
}

/// Returns the time for which this thread has had something to do and no processor.
pub(crate) fn waited_for_processor() -> Option<Duration> {
    let statistics = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    statistics.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

/// Returns the number of times that this thread gave its processor away.
#[cfg(target_os = "linux")]
pub(crate) fn voluntary_switches() -> Option<u64> {
    use nix::sys::resource::{UsageWho, getrusage};
    getrusage(UsageWho::RUSAGE_THREAD).ok()?.voluntary_context_switches().try_into().ok()
}

/// Returns `None`: this system does not tell.
#[cfg(not(target_os = "linux"))]
pub(crate) fn voluntary_switches() -> Option<u64> {
    None
}

/// Leaves signals to the other threads of this process.
#[cfg(unix)]
pub(crate) fn hear_no_signals() {
    // An error leaves some to it, which is no harm.
    nix::sys::signal::SigSet::all().thread_block().ok();
}

/// Does nothing: this system interrupts no thread.
#[cfg(not(unix))]
pub(crate) fn hear_no_signals() {}

/// Has a flag set whenever this process goes on after a stop.
#[cfg(unix)]
pub(crate) fn set_when_continued(flag: &Arc<AtomicBool>) -> io::Result<()> {
    signal_hook::flag::register(signal_hook::consts::SIGCONT, flag.clone()).map(drop)
}

/// Does nothing: this system stops no process so.
#[cfg(not(unix))]
pub(crate) fn set_when_continued(_flag: &Arc<AtomicBool>) -> io::Result<()> {
    Ok(())
}

/// Returns the most memory that a process ever had, in bytes, by its number in the system.
pub(crate) fn peak_rss_of(process: u32) -> Option<u64> {
    let kibibytes: u64 = status_of(process, "VmHWM")?.strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Returns the number of threads that a process has, as the kernel sees it.
pub(crate) fn threads_of(process: u32) -> Option<usize> {
    status_of(process, "Threads")?.parse().ok()
}

/// Returns a line of the status of a process, by its name.
fn status_of(process: u32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let mut lines = status.lines().filter_map(|line| line.split_once(':'));
    lines.find_map(|(key, value)| (key == name).then(|| value.trim().to_owned()))
}

pub(crate) use system::{
    become_program, cpu_with_children, describe_exit, end_group, end_process, end_with_children,
    holder_of_lock, is_scarcity, open_at_once, shield_from_terminal, was_asked_to_end,
};
