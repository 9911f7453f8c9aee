//! A cluster on this machine: munged, slurmctld and two slurmd, on ports of their own of the loopback, with a key and folders of
//! their own; without systemd, a database and control groups. It is gone with its value, and so is all that it has started.

use std::{
    env,
    fs::{self, File},
    io::{self, Write},
    net::{TcpListener, TcpStream},
    os::unix::{
        fs::{DirBuilderExt, OpenOptionsExt},
        process::CommandExt,
    },
    path::Path,
    process::{self, Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill},
        wait::waitpid,
    },
    unistd::{Pid, Uid},
};
use tempfile::TempDir;

/// Says that this program is the first process of a space of its own.
const WITHIN: &str = "FAULTS_SLURM_WITHIN";

/// The programs that the tests need.
const PROGRAMS: [&str; 9] =
    ["bash", "mount", "munged", "sbatch", "scancel", "scontrol", "slurmctld", "slurmd", "unshare"];

/// Longer than anything takes that is waited for, on a machine that others use too.
const PATIENCE: Duration = Duration::from_secs(120);

/// The names of the nodes, each with its feature.
pub(crate) const NODES: [(&str, &str); 2] = [("n1", "old"), ("n2", "new")];

/// Tells whether this is the first process of a space of its own, which may end all others that it sees.
pub(crate) fn is_within() -> bool {
    env::var_os(WITHIN).is_some() && process::id() == 1
}

/// Runs this program again in a space of processes and mounts of its own, in the place of this process; returns, after a line, if
/// there can be no cluster here.
pub(crate) fn within() {
    let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let is_there = |program: &&str| path.split(':').any(|folder| Path::new(folder).join(program).is_file());
    let missing: Vec<&str> = PROGRAMS.into_iter().filter(|program| !is_there(program)).collect();
    let space = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--pid", "--mount", "--fork", "--kill-child=KILL", "--mount-proc"]).env("PATH", &path);
        unshare
    };
    let allowed = || space().arg("true").output().is_ok_and(|output| output.status.success());
    let why = match missing[..] {
        _ if !Uid::effective().is_root() => "only root can start a cluster".to_owned(),
        [_, ..] => format!("there is no {}: scripts/install-slurm installs Slurm", missing.join(", ")),
        [] if !allowed() => "the system gives no space of processes of their own".to_owned(),
        [] => {
            let this = env::current_exe().expect("a test knows its program");
            // In the place of this process: whoever ends it ends all.
            let error = space().arg(this).args(env::args_os().skip(1)).env(WITHIN, "1").exec();
            panic!("unshare starts: {error}");
        }
    };
    writeln!(io::stderr(), "skipped: the races on a cluster: {why}").ok();
}

/// A cluster, until this is dropped.
pub(crate) struct Cluster {
    folder: TempDir,
    /// Held so that nobody waits for them but this.
    _daemons: Vec<Child>,
    nodes: Vec<(&'static str, Child)>,
    /// That of the controller, and those of the nodes.
    ports: Vec<u16>,
}

impl Cluster {
    /// Starts a cluster whose nodes are idle.
    pub(crate) fn start() -> Cluster {
        assert!(is_within(), "only there nothing is left of it");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        let secret = path.join("munge");
        fs::DirBuilder::new().mode(0o700).create(&secret).expect("the folder is ours");
        let key = File::options().write(true).create_new(true).mode(0o600).open(secret.join("key"));
        let random = fs::File::open("/dev/urandom").expect("the system has chance");
        io::copy(&mut io::Read::take(random, 128), &mut key.expect("the folder is ours"))
            .expect("there is room");
        let ports = ports();
        fs::write(path.join("slurm.conf"), configuration(path, &ports)).expect("the folder is ours");
        let of_munge = |name: &str, file: &str| format!("--{name}={}", secret.join(file).display());
        let munged = daemon(path, "munged", |munged| {
            munged.args(["--foreground", "--force", "--num-threads=2"]);
            let files = [
                ("socket", "socket"),
                ("key-file", "key"),
                ("pid-file", "pid"),
                ("log-file", "log"),
                ("seed-file", "seed"),
            ];
            munged.args(files.map(|(name, file)| of_munge(name, file)));
        });
        until("munged listens", || secret.join("socket").exists());
        let controller = daemon(path, "slurmctld", |slurmctld| {
            slurmctld.args(["-D", "-i"]);
        });
        let nodes = NODES.map(|(node, _)| (node, slurmd(path, node))).into();
        let cluster = Cluster { folder, _daemons: vec![munged, controller], nodes, ports };
        until("the nodes are idle", || cluster.are_idle());
        cluster
    }

    /// Makes a command of Slurm's, or a step of a script, one of this cluster.
    pub(crate) fn of(&self, mut command: Command) -> Command {
        command.env("SLURM_CONF", self.folder.path().join("slurm.conf"));
        command
    }

    /// Runs a command of Slurm's, with arguments parted by spaces, and returns what it says.
    pub(crate) fn ask(&self, command: &str) -> String {
        let output = self.try_to(command);
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn try_to(&self, command: &str) -> Output {
        let mut words = command.split_whitespace();
        let mut process = Command::new(words.next().expect("a command has a name"));
        process.args(words).stdin(Stdio::null());
        self.of(process).output().expect("it is installed")
    }

    fn are_idle(&self) -> bool {
        let said = self.try_to("sinfo --noheader --Node --format=%T");
        let states = String::from_utf8_lossy(&said.stdout).into_owned();
        states.lines().filter(|state| *state == "idle").count() == NODES.len()
    }

    /// Waits until no node has anything to do.
    pub(crate) fn until_idle(&self) {
        until("the nodes are idle", || self.are_idle());
    }

    /// Returns what Slurm says of a job, or of all elements of an array: a line each.
    pub(crate) fn jobs(&self, job: &str) -> Vec<String> {
        let said = self.try_to(&format!("scontrol show job --oneliner {job}"));
        String::from_utf8_lossy(&said.stdout).lines().map(str::to_owned).collect()
    }

    /// Waits until all of a job are in this state, in which they stay.
    pub(crate) fn until_all(&self, job: &str, state: &str) {
        let of_state = |state: &str| format!(" JobState={state} ");
        let over = ["CANCELLED", "COMPLETED", "FAILED", "TIMEOUT"].map(of_state);
        let state = of_state(state);
        let start = Instant::now();
        loop {
            let jobs = self.jobs(job);
            if !jobs.is_empty() && jobs.iter().all(|job| job.contains(&state)) {
                return;
            }
            let are_over = jobs.iter().all(|job| over.iter().any(|state| job.contains(state)));
            let is_vain = !jobs.is_empty() && are_over || start.elapsed() > PATIENCE;
            assert!(!is_vain, "waited in vain for{state}: {jobs:#?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Kills a node with all that runs on it, as a loss of power does, lets it come back, and tells the controller, which would
    /// notice by itself after a while. Its job is then requeued.
    pub(crate) fn lose_power(&mut self, node: &'static str, job: &str) {
        let place = self.nodes.iter().position(|(name, _)| *name == node).expect("there is such a node");
        let (_, mut slurmd) = self.nodes.remove(place);
        slurmd.kill().expect("it is our child");
        slurmd.wait().expect("it is our child");
        // Each job has a process that watches over it, which is no child of the node's daemon.
        let title = format!("slurmstepd: [{job}.batch]");
        let watcher = processes().into_iter().find(|process| process.title.starts_with(&title));
        let mut doomed = vec![watcher.expect("the job runs").id];
        let mut next = 0;
        while let Some(&parent) = doomed.get(next) {
            let all = processes();
            doomed.extend(all.iter().filter(|process| process.parent == parent).map(|process| process.id));
            next += 1;
        }
        for process in doomed {
            kill(Pid::from_raw(process), Signal::SIGKILL).ok();
        }
        self.nodes.push((node, self::slurmd(self.folder.path(), node)));
        let port = self.ports[place + 1];
        until("the node listens again", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        self.ask(&format!("scontrol update NodeName={node} State=DOWN Reason=lost-its-power"));
    }

    /// Has a node that is down take jobs again, and a job of it start soon, which Slurm makes wait for two minutes.
    ///
    /// The wait is for a reason: the controller's order to end the job that was lost would end the one of the same number that comes
    /// after it, and the node refuses a job that starts within the second of that order.
    pub(crate) fn resume(&self, node: &str, job: &str) {
        until("the controller has told all nodes", || {
            let state = self.ask("sdiag");
            let is_zero = |name: &str| {
                let line = state.lines().find_map(|line| line.trim().strip_prefix(name));
                line.is_some_and(|number| number.trim() == "0")
            };
            is_zero("Agent queue size:") && is_zero("Agent count:")
        });
        until("the node takes jobs again", || {
            // It is an error if the node, which is there, has been taken back by itself.
            self.try_to(&format!("scontrol update NodeName={node} State=RESUME"));
            self.ask(&format!("sinfo --noheader --Node --nodes={node} --format=%T")).trim() == "idle"
        });
        self.ask(&format!("scontrol update JobId={job} StartTime=now+3seconds"));
    }

    /// Returns what the daemons have written down, for whoever looks at a test that failed.
    fn logs(&self) -> String {
        let files =
            fs::read_dir(self.folder.path()).into_iter().flatten().flatten().map(|entry| entry.path());
        let logs = files.filter(|file| file.extension().is_some_and(|extension| extension == "log"));
        let text = |file| format!("{}\n", fs::read_to_string(file).unwrap_or_default());
        logs.map(text).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if thread::panicking() {
            writeln!(io::stderr(), "{}", self.logs()).ok();
        }
        if !is_within() {
            return;
        }
        // All that this process sees, which is the first one of its space, but itself.
        while kill(Pid::from_raw(-1), Signal::SIGKILL) != Err(Errno::ESRCH) {
            while waitpid(Pid::from_raw(-1), None).is_ok() {}
        }
    }
}

/// Starts a daemon in the foreground.
fn daemon(folder: &Path, name: &str, arguments: impl FnOnce(&mut Command)) -> Child {
    let mut command = Command::new(name);
    arguments(&mut command);
    let log = File::options().create(true).append(true).open(folder.join(format!("{name}.log")));
    let log = log.expect("the folder is ours");
    command.env("SLURM_CONF", folder.join("slurm.conf")).current_dir(folder).stdin(Stdio::null());
    command.stdout(log.try_clone().expect("a descriptor")).stderr(log);
    command.spawn().unwrap_or_else(|error| panic!("{name} starts: {error}"))
}

fn slurmd(folder: &Path, node: &str) -> Child {
    daemon(folder, "slurmd", |slurmd| {
        slurmd.args(["-D", "-N", node]);
    })
}

/// Finds ports that nobody has.
fn ports() -> Vec<u16> {
    let ports: Vec<TcpListener> =
        (0..=NODES.len()).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
    ports.iter().map(|port| port.local_addr().expect("it has one").port()).collect()
}

/// Nothing here is waited for because time has passed, so all limits are long; only jobs are to start at once.
fn configuration(folder: &Path, ports: &[u16]) -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("the system has a name");
    let host = host.trim().split('.').next().unwrap_or_default();
    let nodes = NODES.iter().zip(&ports[1..]).map(|((node, feature), port)| {
        format!(
            "NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 Feature={feature}\n"
        )
    });
    let nodes: String = nodes.collect();
    let controller = ports[0];
    let folder = folder.display();
    format!(
        "ClusterName=faults
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/linear
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_interval=1,sched_min_interval=0
SwitchType=switch/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=600
MessageTimeout=60
KillWait=60
{nodes}PartitionName=race Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"
    )
}

/// A process, as the kernel lists it.
struct Process {
    id: i32,
    parent: i32,
    title: String,
}

fn processes() -> Vec<Process> {
    let process = |entry: fs::DirEntry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
        let title = fs::read_to_string(entry.path().join("cmdline")).ok()?;
        Some(Process { id, parent, title })
    };
    fs::read_dir("/proc").expect("the kernel tells").flatten().filter_map(process).collect()
}

pub(crate) fn until(expectation: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {expectation}");
        thread::sleep(Duration::from_millis(20));
    }
}
