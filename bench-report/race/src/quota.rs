//! A quota of processor time for the processes of cells, as containers have one: control groups of the kernel.
//!
//! A run has a group of its own, and in it one for each process of a cell, which has the quota. What a lane uses up is
//! lacking to itself and to no other, however their turns alternate. A process enters its group by itself, before it becomes
//! the program that it is to be ([`enter`]): runtimes such as Java's ask for their quota when they start, and how many threads
//! they have depends on it.
//!
//! The group of a run goes with the run; the guard removes it if the lab is killed. If the guard is killed too, the next run does:
//! the folder of a group is locked as long as its run lasts, by the kernel, so that no lock outlives its owner.
//!
//! Version 2 of control groups is used where it has the controller of processors, version 1 elsewhere. Only Linux has either.

mod places;

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use results::Throttled;

use crate::{guard::Guard, platform};
use places::{Place, Version, refusal};

/// The period in which a quota holds: the kernel's own, that of Docker and of Kubernetes.
pub const PERIOD: Duration = Duration::from_millis(100);

/// The least quota, in processors: the kernel gives no less than a millisecond of a period.
pub const LEAST: f64 = 0.01;

/// The beginning of the names of groups.
const NAME: &str = "photofinish-";

/// The time that processes which are being ended may take to leave their group.
const PATIENCE: Duration = Duration::from_secs(2);

/// The pause between two tries to remove a group.
const GLANCE: Duration = Duration::from_millis(5);

/// A quota that every process of a cell has for itself; its control groups are gone when this is.
#[derive(Debug)]
pub struct Quota {
    processors: f64,
    version: Version,
    /// The folder of the run's group.
    folder: PathBuf,
    /// Locked as long as the run lasts.
    _lock: File,
    /// The program that becomes the process of a cell, once it has entered a group.
    usher: PathBuf,
    started: AtomicUsize,
    throttled: Arc<Mutex<Throttled>>,
}

/// The group of one process; gone when this is, which is to be after the process.
#[derive(Debug)]
pub(crate) struct Room {
    folder: PathBuf,
    version: Version,
    throttled: Arc<Mutex<Throttled>>,
}

impl Quota {
    /// Makes the group of a run whose processes may use so many `processors` each. The `usher` is a program that calls
    /// [`enter`] when its first argument is `enter`. The `guard` removes the group if this process is killed.
    ///
    /// # Errors
    ///
    /// One line that says why there can be none, and what would help.
    pub fn make(processors: f64, usher: &Path, guard: &Guard) -> Result<Quota, String> {
        let mut first_refusal = None;
        for place in places::find(Path::new("/")) {
            match Quota::make_in(&place, processors, usher, guard) {
                Ok(quota) => return Ok(quota),
                Err(refusal) => drop(first_refusal.get_or_insert(refusal)),
            }
        }
        Err(first_refusal.unwrap_or_else(|| {
            "no control groups with the controller of processors are mounted: as root, mount -t cgroup2 none /sys/fs/cgroup".to_owned()
        }))
    }

    fn make_in(place: &Place, processors: f64, usher: &Path, guard: &Guard) -> Result<Quota, String> {
        place.enable()?;
        remove_left_over(&place.folder);
        let (folder, lock) = make_group(&place.folder).map_err(|error| refusal(&error, &place.folder))?;
        guard.remove_at_death(&folder);
        let quota = Quota {
            processors,
            version: place.version,
            folder,
            _lock: lock,
            usher: usher.to_owned(),
            started: AtomicUsize::new(0),
            throttled: Arc::default(),
        };
        // Its processes are in groups below it, which have the controller if it is passed on.
        Place { folder: quota.folder.clone(), ..*place }.enable()?;
        let room = quota.room().map_err(|error| refusal(&error, &place.folder))?;
        room.try_out(&quota.usher).map_err(|error| refusal(&error, &place.folder))?;
        Ok(quota)
    }

    /// Makes the group of a process that is to be started.
    pub(crate) fn room(&self) -> io::Result<Room> {
        let folder = self.folder.join(self.started.fetch_add(1, Relaxed).to_string());
        fs::create_dir(&folder)?;
        let room = Room { folder, version: self.version, throttled: self.throttled.clone() };
        let period = PERIOD.as_micros();
        let quota = (self.processors * period as f64).round();
        match self.version {
            Version::Two => set(&room.folder.join("cpu.max"), &format!("{quota} {period}"))?,
            Version::One => {
                set(&room.folder.join("cpu.cfs_period_us"), &period.to_string())?;
                set(&room.folder.join("cpu.cfs_quota_us"), &quota.to_string())?;
            }
        }
        Ok(room)
    }

    /// Returns a command whose process enters a group before it becomes the program of `command`.
    pub(crate) fn ushered(&self, room: &Room, command: &Command) -> Command {
        let mut ushered = Command::new(&self.usher);
        ushered.arg("enter").arg(room.processes()).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => ushered.env(name, value),
                None => ushered.env_remove(name),
            };
        }
        ushered
    }

    /// Returns the effect of the quota on the processes that have ended since this was called last.
    pub(crate) fn take_throttled(&self) -> Throttled {
        std::mem::take(&mut self.throttled.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

impl Room {
    /// Returns the file that takes the number of a process that enters.
    fn processes(&self) -> PathBuf {
        self.folder.join(PROCESSES)
    }

    /// Has a process enter the group, and end.
    fn try_out(&self, usher: &Path) -> io::Result<()> {
        let mut command = Command::new(usher);
        command.arg("enter").arg(self.processes());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        platform::shield_from_terminal(&mut command);
        match command.status()?.code() {
            Some(0) => Ok(()),
            // The exit code of one that cannot enter is the number of the error.
            Some(code) => Err(io::Error::from_raw_os_error(code)),
            None => Err(io::ErrorKind::Interrupted.into()),
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Ok(text) = fs::read_to_string(self.folder.join("cpu.stat")) {
            let of_process = throttled(&text, self.version);
            self.throttled.lock().unwrap_or_else(PoisonError::into_inner).add(of_process);
        }
        // One that something is still leaving goes with the group of the run.
        fs::remove_dir(&self.folder).ok();
    }
}

/// The file of a group that names the processes in it, and takes one that enters.
const PROCESSES: &str = "cgroup.procs";

/// Enters a group and becomes a program: what the usher of a [`Quota`] does with the arguments behind `enter`. Without a program it
/// only enters. Returns the exit code of what did not happen.
pub fn enter(arguments: &[OsString]) -> u8 {
    let [processes, command @ ..] = arguments else { return 1 };
    // 0 is the process that writes it, and one that is told its number may have another outside of a container.
    if let Err(error) = set(Path::new(processes), "0") {
        let code = error.raw_os_error().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        writeln!(io::stderr(), "cannot enter {}: {error}", processes.display()).ok();
        return code;
    }
    match command {
        [] => 0,
        [program, arguments @ ..] => {
            let error = platform::become_program(Command::new(program).args(arguments));
            writeln!(io::stderr(), "{} did not start: {error}", program.display()).ok();
            127
        }
    }
}

/// Makes a group whose name no other run has, and locks it.
fn make_group(parent: &Path) -> io::Result<(PathBuf, File)> {
    let mut number = 0;
    loop {
        let folder = parent.join(format!("{NAME}{}-{number}", process::id()));
        number += 1;
        match fs::create_dir(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        }
        // Before it was locked another run may have taken it for one that is left over.
        if let Ok(lock) = File::open(&folder)
            && lock.try_lock().is_ok()
            && folder.is_dir()
        {
            return Ok((folder, lock));
        }
    }
}

/// Removes the groups of runs that were killed together with their guards.
fn remove_left_over(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let groups = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(NAME));
    for folder in groups.map(|entry| entry.path()) {
        if File::open(&folder).is_ok_and(|file| file.try_lock().is_ok()) {
            remove(&folder);
        }
    }
}

/// Ends what is left in a group of a run and in those in it, and removes them.
pub(crate) fn remove(folder: &Path) {
    let start = Instant::now();
    loop {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let groups = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
        for group in groups.chain([folder.to_owned()]) {
            let processes = fs::read_to_string(group.join(PROCESSES)).unwrap_or_default();
            processes.lines().filter_map(|line| line.parse().ok()).for_each(platform::end_process);
            fs::remove_dir(&group).ok();
        }
        if !folder.exists() || start.elapsed() > PATIENCE {
            return;
        }
        thread::sleep(GLANCE);
    }
}

/// Writes to a file of a group, which is there if its controller is.
fn set(file: &Path, text: &str) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(file)?.write_all(text.as_bytes())
}

/// Reads what a group tells of its quota.
fn throttled(text: &str, version: Version) -> Throttled {
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    let seconds = match version {
        Version::Two => number("throttled_usec") as f64 / 1e6,
        Version::One => number("throttled_time") as f64 / 1e9,
    };
    Throttled { periods: number("nr_periods"), throttled: number("nr_throttled"), seconds }
}

/// Reads a quota as it is typed: a number of processors, no more than there are.
///
/// # Errors
///
/// One line that says what a quota is.
pub fn parse(text: &str, processors: usize) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (LEAST..=processors as f64).contains(number));
    number.ok_or_else(|| {
        format!(
            "a quota is a number of processors from {LEAST} to the {processors} that there are, such as 1.5"
        )
    })
}
