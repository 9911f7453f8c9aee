//! The counters of the kernel: instructions and system calls of all threads of this process.
//!
//! Only Linux has them, and it may refuse: a virtual machine has no hardware counters, and a user may have no right to
//! them. What is refused has its reason.

pub(crate) use system::Kernel;

#[cfg(target_os = "linux")]
mod system {
    use std::{
        fs, io,
        path::Path,
        sync::{Mutex, PoisonError},
        thread,
    };

    use nix::{
        errno::Errno,
        mount::{MsFlags, mount},
        sched::{CloneFlags, unshare},
    };
    use perf_event::{
        Builder, Counter,
        events::{Hardware, Tracepoint},
    };

    /// Where the kernel shows its tracepoints, the newer place first.
    const TRACEPOINTS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

    /// The open counters.
    pub(crate) struct Kernel {
        instructions: Result<(Mutex<Counter>, &'static str), String>,
        system_calls: Result<Mutex<Counter>, String>,
    }

    impl Kernel {
        /// Opens the counters for this thread and those that it and they will start.
        pub(crate) fn open() -> Kernel {
            Kernel { instructions: open_instructions(), system_calls: open_system_calls() }
        }

        /// Returns the unit of a number of instructions, or the reason why there is none.
        pub(crate) fn instructions_unit(&self) -> Result<&'static str, String> {
            self.instructions.as_ref().map(|(_, unit)| *unit).map_err(String::clone)
        }

        /// Returns the unit of a number of system calls, or the reason why there is none.
        pub(crate) fn system_calls_unit(&self) -> Result<&'static str, String> {
            self.system_calls.as_ref().map(|_| "1/op").map_err(String::clone)
        }

        /// Returns the instructions so far.
        pub(crate) fn instructions(&self) -> Option<u64> {
            value(&self.instructions.as_ref().ok()?.0)
        }

        /// Returns the system calls so far.
        pub(crate) fn system_calls(&self) -> Option<u64> {
            value(self.system_calls.as_ref().ok()?)
        }
    }

    fn open_instructions() -> Result<(Mutex<Counter>, &'static str), String> {
        let mut builder = Builder::new(Hardware::INSTRUCTIONS);
        builder.inherit(true).enabled(true);
        // Whoever may not count the kernel's may still count those of user mode.
        let all = builder.include_kernel().build().map(|counter| (counter, "1/op"));
        let opened = all
            .or_else(|_| builder.exclude_kernel(true).build().map(|counter| (counter, "1/op in user mode")));
        opened
            .map(|(counter, unit)| (Mutex::new(counter), unit))
            .map_err(|error| refusal(&error, Path::new("/")))
    }

    fn open_system_calls() -> Result<Mutex<Counter>, String> {
        let places = TRACEPOINTS.map(Path::new);
        let id = tracepoint_id(places);
        let id = id.or_else(|reason| id_of_own_mount(places).unwrap_or(Err(reason)));
        let tracepoint = Tracepoint::with_id(id?);
        let counter = Builder::new(tracepoint).include_kernel().inherit(true).enabled(true).build();
        counter.map(Mutex::new).map_err(|error| refusal(&error, Path::new("/")))
    }

    /// Mounts the tracepoints where only a thread of its own sees them, and returns the number that it reads there; `None` if
    /// this user may not.
    fn id_of_own_mount(places: [&Path; 2]) -> Option<Result<u64, String>> {
        let mount_and_read = || {
            unshare(CloneFlags::CLONE_NEWNS)?;
            // Nothing of what follows gets out to the mounts that this thread has left.
            mount::<str, str, str, str>(None, "/", None, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None)?;
            mount::<str, Path, str, str>(Some("none"), places[0], Some("tracefs"), MsFlags::empty(), None)?;
            Ok::<_, Errno>(tracepoint_id(places))
        };
        // The mount is gone when the thread is.
        thread::scope(|scope| {
            let thread = thread::Builder::new().spawn_scoped(scope, mount_and_read).ok()?;
            thread.join().ok()?.ok()
        })
    }

    /// The number of the tracepoint that every system call passes.
    fn tracepoint_id(places: [&Path; 2]) -> Result<u64, String> {
        let read = |place: &Path| fs::read_to_string(place.join("events/raw_syscalls/sys_enter/id"));
        let shown = places[0].display();
        match read(places[0]).or_else(|error| read(places[1]).map_err(|_| error)) {
            Ok(id) => {
                id.trim().parse().map_err(|_| format!("{shown} does not tell the number of a tracepoint"))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(format!("tracepoints are not mounted at {shown}"))
            }
            Err(error) => Err(format!("{shown} cannot be read: {error}")),
        }
    }

    /// Returns the reason why the kernel, whose files are below `root`, has not opened a counter.
    fn refusal(error: &io::Error, root: &Path) -> String {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(code @ (Errno::ENOENT | Errno::ENODEV | Errno::EOPNOTSUPP)) => format!(
                "the kernel refuses performance counters ({code:?}: no hardware counter, as in most virtual machines)"
            ),
            Some(Errno::EACCES | Errno::EPERM) => {
                let paranoid = fs::read_to_string(root.join("proc/sys/kernel/perf_event_paranoid"));
                match paranoid {
                    Ok(level) => format!("perf_event_paranoid is {}", level.trim()),
                    Err(_) => "the kernel refuses performance counters to this user".to_owned(),
                }
            }
            _ => format!("the kernel refuses performance counters ({error})"),
        }
    }

    /// Reads a counter; `None` if it did not count all the time.
    fn value(counter: &Mutex<Counter>) -> Option<u64> {
        let mut counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
        let data = counter.read_full().ok()?;
        (data.time_running() == data.time_enabled()).then(|| data.count())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn refused(code: Errno, root: &Path) -> String {
            refusal(&io::Error::from_raw_os_error(code as i32), root)
        }

        #[test]
        fn a_refusal_says_the_true_reason() {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let root = folder.path();
            assert!(refused(Errno::ENOENT, root).contains("ENOENT: no hardware counter"));
            assert!(refused(Errno::EACCES, root).contains("to this user"));
            fs::create_dir_all(root.join("proc/sys/kernel")).expect("the folder is ours");
            fs::write(root.join("proc/sys/kernel/perf_event_paranoid"), "3\n").expect("the folder is ours");
            assert_eq!(refused(Errno::EACCES, root), "perf_event_paranoid is 3");
            assert!(refused(Errno::EMFILE, root).contains("Too many open files"));
        }

        #[test]
        fn a_mount_of_its_own_is_seen_by_nobody_else() {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let places = [folder.path(), Path::new("/no/such/folder")];
            match id_of_own_mount(places) {
                Some(id) => assert!(id.expect("a number") > 0),
                None => eprintln!("left out: this user may mount nothing"),
            }
            assert!(tracepoint_id(places).expect_err("nothing is mounted here").contains("not mounted"));
        }

        #[test]
        fn the_number_of_the_tracepoint_is_found_in_either_place() {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let places = ["tracing", "debug"].map(|name| folder.path().join(name));
            let id = || tracepoint_id([&*places[0], &*places[1]]);
            assert!(id().expect_err("there is none").contains("are not mounted at"));
            for (place, number) in [(&places[1], "17\n"), (&places[0], "21\n")] {
                let event = place.join("events/raw_syscalls/sys_enter");
                fs::create_dir_all(&event).expect("the folder is ours");
                fs::write(event.join("id"), number).expect("the folder is ours");
                assert_eq!(id(), Ok(number.trim().parse().expect("a number")));
            }
            fs::write(places[0].join("events/raw_syscalls/sys_enter/id"), "x").expect("the folder is ours");
            assert!(id().expect_err("no number").contains("does not tell"));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    /// Nothing.
    pub(crate) struct Kernel;

    const ONLY_LINUX: &str = "only Linux counts them";

    impl Kernel {
        /// Opens nothing.
        pub(crate) fn open() -> Kernel {
            Kernel
        }

        /// There is none.
        pub(crate) fn instructions_unit(&self) -> Result<&'static str, String> {
            Err(ONLY_LINUX.to_owned())
        }

        /// There is none.
        pub(crate) fn system_calls_unit(&self) -> Result<&'static str, String> {
            Err(ONLY_LINUX.to_owned())
        }

        /// There are none.
        pub(crate) fn instructions(&self) -> Option<u64> {
            None
        }

        /// There are none.
        pub(crate) fn system_calls(&self) -> Option<u64> {
            None
        }
    }
}
