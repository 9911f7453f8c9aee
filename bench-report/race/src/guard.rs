//! A guard over the processes of a race: ends those that are left when the lab is killed.
//!
//! A process that gets SIGKILL can do nothing any more, so the guard is a process of its own. The lab tells it, on a pipe,
//! of every process group that it starts and of every one that has ended. The end of the pipe is the end of the lab.
//!
//! It also has the last word: a lab that runs out of memory aborts, or is killed by the kernel, and says no more where its
//! samples are.

use std::{
    collections::BTreeSet,
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{platform, quota};

/// A guard that is told of processes; the default one does nothing.
#[derive(Clone, Debug, Default)]
pub struct Guard(Option<Arc<Mutex<Stationed>>>);

#[derive(Debug)]
struct Stationed {
    handle: Child,
    /// Taken at the end, so that the guard goes.
    stdin: Option<ChildStdin>,
}

/// A process that the guard knows of, until this is dropped.
#[derive(Debug)]
pub(crate) struct Guarded {
    guard: Guard,
    group: u32,
}

impl Guard {
    /// Starts `command`, which is to call [`stand`], as a guard; one that does nothing if it does not start.
    ///
    /// A race does not depend on it: it is there for the case that the lab is killed.
    pub fn station(mut command: Command) -> Guard {
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        // What is sent to the group of the lab, as Ctrl-C is, must not end its guard.
        platform::shield_from_terminal(&mut command);
        let Ok(mut handle) = command.spawn() else { return Guard::default() };
        let stdin = handle.stdin.take();
        Guard(Some(Arc::new(Mutex::new(Stationed { handle, stdin }))))
    }

    /// Has the guard say a line if the lab is killed.
    pub fn say_at_death(&self, line: &str) {
        self.tell(&format!("={}\n", line.replace('\n', " ")));
    }

    /// Has the guard remove the control group of a run if the lab is killed.
    pub(crate) fn remove_at_death(&self, folder: &Path) {
        // A path that is no text has to wait for the next run.
        if let Some(folder) = folder.to_str().filter(|folder| !folder.contains('\n')) {
            self.tell(&format!("@{folder}\n"));
        }
    }

    /// Has the guard watch over a process and all of its group.
    pub(crate) fn watch(&self, group: u32) -> Guarded {
        self.tell(&format!("+{group}\n"));
        Guarded { guard: self.clone(), group }
    }

    /// Tells the guard a line. Write errors are ignored: a guard that somebody has killed guards nothing.
    fn tell(&self, line: &str) {
        let Some(stationed) = &self.0 else { return };
        let mut stationed = stationed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stdin) = &mut stationed.stdin {
            stdin.write_all(line.as_bytes()).ok();
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.guard.tell(&format!("-{}\n", self.group));
    }
}

impl Drop for Stationed {
    fn drop(&mut self) {
        // This is no death.
        if let Some(mut stdin) = self.stdin.take() {
            stdin.write_all(b"=\n").ok();
        }
        self.handle.wait().ok();
    }
}

/// Stands guard: reads what the lab tells, to its end, kills the process groups that have not ended by then, removes the control
/// groups that are left, and says what it is to say.
pub fn stand(told: impl BufRead) {
    let mut groups = BTreeSet::new();
    let mut control_groups = Vec::new();
    let mut last_word = String::new();
    for line in told.lines().map_while(Result::ok) {
        match line.split_at_checked(1) {
            Some(("+", group)) => drop(groups.insert(group.to_owned())),
            Some(("-", group)) => drop(groups.remove(group)),
            Some(("@", folder)) => control_groups.push(PathBuf::from(folder)),
            Some(("=", line)) => line.clone_into(&mut last_word),
            _ => {}
        }
    }
    groups.iter().filter_map(|group| group.parse().ok()).for_each(platform::end_group);
    control_groups.iter().for_each(|folder| quota::remove(folder));
    if !last_word.is_empty() {
        writeln!(io::stderr(), "{last_word}").ok();
    }
}
