//! `cargo bench`: has cargo build the lab and the track side by side, and hands over to the lab.
//!
//! The lab could have the track built by itself, and does so wherever it is started in another way. But linking the track
//! takes more than a minute on one processor. The build of the lab, which steps back, fills the others meanwhile.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
};

/// The folder of the workspace that this program was built from.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The exit code of anything that cannot be carried out, as everywhere in the lab.
const ERROR: u8 = 1;

/// The profiles that the track may be built with, the usual one first. The lab has the list too, and refuses others.
const BUILDS: [&str; 2] = ["track", "release"];

/// Options of test programs, which cargo, other runners of tests and editors give to benchmarks too.
const OF_TESTS: [&str; 5] = ["--test", "--nocapture", "--no-capture", "--ignored", "--include-ignored"];

/// The arguments by which cargo builds the lab, and says where it is.
const LAB: [&str; 6] =
    ["--profile", "lab", "-p", "bench-report", "--message-format", "json-render-diagnostics"];

/// The reason why there is no race.
enum Failure {
    /// The lab has said it, and ends with this code.
    Told(u8),
    /// Nobody has said it yet.
    Untold(String),
}

impl From<String> for Failure {
    fn from(reason: String) -> Failure {
        Failure::Untold(reason)
    }
}

/// The command of the lab that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wish {
    /// A race.
    Race(Vec<OsString>),
    /// The answer and the work of cells, without measuring.
    Check(Vec<OsString>),
    /// No more than to come to an end: somebody runs or lists tests.
    Nothing,
}

/// Builds both programs and becomes the lab, with the arguments of this process.
pub fn main() -> ExitCode {
    let (command, arguments) = match Wish::of(env::args_os().skip(1).collect()) {
        Wish::Race(arguments) => ("run", arguments),
        Wish::Check(arguments) => ("check", arguments),
        Wish::Nothing => return ExitCode::SUCCESS,
    };
    let workspace = Path::new(WORKSPACE);
    if !workspace.is_dir() {
        return fail(&format!("the workspace {} is gone", workspace.display()));
    }
    if let Some(folder) = folder_of_user()
        && let Err(error) = env::set_current_dir(&folder)
    {
        return fail(&format!("the folder {} cannot be used: {error}", folder.display()));
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    match build(&cargo, command, &arguments) {
        Ok(lab) => hand_over(Command::new(lab).arg(command).args(arguments)),
        Err(Failure::Told(code)) => ExitCode::from(code),
        Err(Failure::Untold(reason)) => fail(&reason),
    }
}

impl Wish {
    /// Reads the arguments. Without `--bench` they are those of a test program: `cargo test --benches` starts a benchmark
    /// too, and wants no race. With it, `--test` asks for a short look, as Criterion's benchmarks have it.
    fn of(mut arguments: Vec<OsString>) -> Wish {
        let has = |word: &str| arguments.iter().any(|argument| argument == word);
        // A runner of tests, which reads every line as the name of one.
        if !has("--bench") || (has("--list") && has("--format")) {
            return Wish::Nothing;
        }
        let is_test = has("--test");
        let has_size = has("--quick") || has("--full") || has("--sizes");
        arguments.retain(|argument| argument != "--bench" && !OF_TESTS.iter().any(|word| argument == word));
        if is_test && !has_size {
            arguments.insert(0, "--quick".into());
        }
        if is_test { Wish::Check(arguments) } else { Wish::Race(arguments) }
    }
}

/// Returns the folder in which the command was typed. Cargo starts a benchmark in the folder of its package, and is itself
/// still in the user's; where the system does not tell, the shell may have.
fn folder_of_user() -> Option<PathBuf> {
    let of_cargo = fs::read_link(format!("/proc/{}/cwd", parent_id()?)).ok();
    of_cargo.or_else(|| env::var_os("PWD").map(PathBuf::from)).filter(|folder| folder.is_dir())
}

#[cfg(unix)]
fn parent_id() -> Option<u32> {
    Some(std::os::unix::process::parent_id())
}

#[cfg(not(unix))]
fn parent_id() -> Option<u32> {
    None
}

/// Builds the lab, and the track unless nothing is to be raced, and returns the path of the lab.
///
/// Both are built side by side if the lab is sure to understand the arguments. Otherwise it is asked first, because the track
/// takes minutes, and cannot be given up: its compiler would outlive cargo, and meet that of the next build.
fn build(cargo: &OsStr, command: &str, arguments: &[OsString]) -> Result<PathBuf, Failure> {
    let races = !arguments
        .iter()
        .any(|argument| ["--help", "-h", "--version", "-V"].iter().any(|word| argument == word));
    let packages = if races { packages(arguments) } else { Vec::new() };
    if packages.is_empty() {
        return Ok(path_of_lab(Build::start(Command::new(cargo), &LAB, Stdio::piped())?)?);
    }
    let track = || {
        let profile = profile(arguments).unwrap_or(BUILDS[0]);
        let packages = packages.iter().flat_map(|package| ["-p", package]);
        let words: Vec<&str> = ["--profile", profile, "--bins"].into_iter().chain(packages).collect();
        Build::start(Command::new(cargo), &words, Stdio::null())
    };
    if command == "run" && !is_plain(arguments) {
        let lab = path_of_lab(Build::start(Command::new(cargo), &LAB, Stdio::piped())?)?;
        foresee(&lab, arguments)?;
        track()?.finish("the track")?;
        return Ok(lab);
    }
    let track = track()?;
    // Its progress would be mixed with that of the track, which takes longer; its errors are shown. And the later the track
    // is compiled, the later its long link begins, so the lab steps back.
    let lab = Build::start(nice(Command::new(cargo)), &[&LAB[..], &["--quiet"]].concat(), Stdio::piped())?;
    let lab = path_of_lab(lab)?;
    track.finish("the track")?;
    Ok(lab)
}

/// Returns true for arguments that the lab understands as surely as none.
fn is_plain(arguments: &[OsString]) -> bool {
    match arguments {
        [] => true,
        [one] => one == "--quick" || one == "--full",
        _ => false,
    }
}

/// Has the lab refuse what it could not do, as far as that is known without the track.
fn foresee(lab: &Path, arguments: &[OsString]) -> Result<(), Failure> {
    let status = Command::new(lab).arg("foresee").args(arguments).status();
    let status = status.map_err(|error| format!("{} does not start: {error}", lab.display()))?;
    if status.success() { Ok(()) } else { Err(Failure::Told(code_of(status))) }
}

fn path_of_lab(lab: Build) -> Result<PathBuf, String> {
    let messages = lab.finish("the lab")?;
    let lab = messages.lines().find_map(executable);
    lab.ok_or_else(|| "cargo has built the lab and does not say where".to_owned())
}

/// Returns the packages to be raced: the track of a lineup, and the lanes that are programs; none if there is no such
/// lineup or build, which the lab says.
fn packages(arguments: &[OsString]) -> Vec<String> {
    match value(arguments, "--lineup") {
        _ if profile(arguments).is_none() => Vec::new(),
        None => ["track", "executor-*"].map(str::to_owned).to_vec(),
        Some(name) => {
            let package = format!("track-{name}");
            if Path::new(WORKSPACE).join("bench-report").join(&package).is_dir() {
                vec![package]
            } else {
                Vec::new()
            }
        }
    }
}

/// Returns the profile that the track is to be built with; `None` if there is no such build.
fn profile(arguments: &[OsString]) -> Option<&'static str> {
    let asked = value(arguments, "--build");
    BUILDS.into_iter().find(|build| asked.as_ref().is_none_or(|asked| asked == build))
}

/// Returns the value of an option, `--lineup NAME` or `--lineup=NAME`.
fn value(arguments: &[OsString], option: &str) -> Option<String> {
    let mut words = arguments.iter().map(|argument| argument.to_string_lossy());
    words.find_map(|word| Some(word.strip_prefix(option)?.to_owned())).and_then(|rest| match &*rest {
        "" => words.next().map(|name| name.into_owned()),
        value => value.strip_prefix('=').map(str::to_owned),
    })
}

/// Returns the command with the lowest priority, where there is a program that grants it.
fn nice(command: Command) -> Command {
    let is_there =
        Command::new("nice").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !is_there.is_ok_and(|status| status.success()) {
        return command;
    }
    let mut nice = Command::new("nice");
    nice.args(["-n", "19"]).arg(command.get_program()).args(command.get_args());
    nice
}

/// A cargo that builds, and goes on if this is dropped.
struct Build(Child);

impl Build {
    /// Starts cargo, by a command that runs it, to build what the arguments say.
    fn start(mut command: Command, arguments: &[&str], stdout: Stdio) -> Result<Build, String> {
        command.current_dir(WORKSPACE).arg("build").arg("--locked").args(arguments);
        command.stdin(Stdio::null()).stdout(stdout);
        // Cargo sets these for the program that it starts. A build script that reads one would see another value than in
        // a build from a shell, and be run again.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_EXE_"]
                .iter()
                .any(|prefix| text.starts_with(prefix))
            {
                command.env_remove(&name);
            }
        }
        let cargo = command.spawn().map_err(|error| {
            let cargo = command.get_program().display();
            format!("{cargo} does not start ({error}): install Rust, or put cargo on the PATH")
        })?;
        Ok(Build(cargo))
    }

    /// Waits for its end, and returns what it has printed.
    fn finish(self, program: &str) -> Result<String, String> {
        let output = self.0.wait_with_output();
        let output = output.map_err(|error| format!("failed to wait for cargo: {error}"))?;
        if !output.status.success() {
            return Err(format!("{program} does not build; cargo has said why"));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn code_of(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(ERROR)
}

/// Returns the path of the program that a message of cargo tells of; without a crate for JSON, so that this one has no
/// dependency to be built before it.
fn executable(message: &str) -> Option<PathBuf> {
    let (_, rest) = message.split_once("\"executable\":\"")?;
    let mut path = String::new();
    let mut letters = rest.chars();
    loop {
        match letters.next()? {
            '"' => return Some(path.into()),
            '\\' => match letters.next()? {
                'u' => {
                    let code: String = letters.by_ref().take(4).collect();
                    path.push(char::from_u32(u32::from_str_radix(&code, 16).ok()?)?);
                }
                letter => path.push(letter),
            },
            letter => path.push(letter),
        }
    }
}

fn fail(reason: &str) -> ExitCode {
    eprintln!("error: {reason}");
    ExitCode::from(ERROR)
}

/// Becomes the lab, in the same process: a signal that is meant for this one reaches it.
#[cfg(unix)]
fn hand_over(lab: &mut Command) -> ExitCode {
    use std::os::unix::process::CommandExt;
    let error: io::Error = lab.exec();
    fail(&format!("{} does not start: {error}", lab.get_program().display()))
}

/// Runs the lab and ends as it ends.
#[cfg(not(unix))]
fn hand_over(lab: &mut Command) -> ExitCode {
    let status: io::Result<ExitStatus> = lab.status();
    match status {
        Ok(status) => ExitCode::from(code_of(status)),
        Err(error) => fail(&format!("{} does not start: {error}", lab.get_program().display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lineup_has_a_track_of_its_own() {
        let asked =
            |arguments: &[&str]| value(&Vec::from_iter(arguments.iter().map(OsString::from)), "--lineup");
        assert_eq!(asked(&["--quick", "--lineup", "steps"]).as_deref(), Some("steps"));
        assert_eq!(asked(&["--lineup=steps", "--quick"]).as_deref(), Some("steps"));
        assert_eq!([asked(&["--quick", "steps"]), asked(&["--lineup"])], [None, None]);
        assert_eq!(packages(&["--lineup".into(), "no-such".into()]), [""; 0]);
    }

    #[test]
    fn a_build_is_one_of_the_lab_s_list() {
        let asked = |line: &str| {
            let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            (profile(&arguments), packages(&arguments).is_empty())
        };
        assert_eq!(asked("--quick"), (Some("track"), false));
        assert_eq!(asked("--build release"), (Some("release"), false));
        assert_eq!(asked("--build=track --quick"), (Some("track"), false));
        assert_eq!(asked("--build debug"), (None, true), "the lab says so");
        let of_lab = include_str!("../../race/src/cargo.rs");
        assert!(of_lab.contains("BUILDS: [&str; 2] = [PROFILE, \"release\"]"));
        assert!(of_lab.contains(&format!("PROFILE: &str = \"{}\"", BUILDS[0])));
    }

    #[test]
    fn a_benchmark_that_is_started_as_a_test_races_nothing() {
        let wish = |line: &str| Wish::of(line.split_whitespace().map(OsString::from).collect());
        let words = |line: &str| -> Vec<OsString> { line.split_whitespace().map(OsString::from).collect() };
        for tests in ["", "run", "--list --format terse", "--exact run --nocapture", "--ignored", "--test"] {
            assert_eq!(wish(tests), Wish::Nothing, "{tests}");
        }
        assert_eq!(wish("--list --format terse --bench"), Wish::Nothing);
        assert_eq!(wish("--test skynet --bench"), Wish::Check(words("--quick skynet")));
        assert_eq!(wish("--bench --test --full --nocapture"), Wish::Check(words("--full")));
        assert_eq!(wish("--quick --list --bench"), Wish::Race(words("--quick --list")));
        assert_eq!(wish("--exact a/1/t1/tokio --bench"), Wish::Race(words("--exact a/1/t1/tokio")));
    }

    #[test]
    fn the_path_of_a_program_is_read_as_cargo_writes_it() {
        let message = r#"{"reason":"compiler-artifact","executable":"/a \"b\"/caf\u00e9\\lab","fresh":true}"#;
        assert_eq!(executable(message), Some("/a \"b\"/café\\lab".into()));
        assert_eq!(executable(r#"{"reason":"compiler-artifact","executable":null}"#), None);
        assert_eq!(executable(r#"{"reason":"build-finished","success":true}"#), None);
    }

    /// A cargo of which each build does what a shell script says, and is noted in a file. There is one at a time: no
    /// program can be started while a process that is just being started has it open to be written.
    #[cfg(unix)]
    struct Stub {
        folder: PathBuf,
        _one: std::sync::MutexGuard<'static, ()>,
    }

    #[cfg(unix)]
    impl Stub {
        /// Makes one that builds these. The lab refuses `--wrong`, with code 2.
        fn new(name: &str, lab: &str, track: &str) -> Stub {
            static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
            let one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let folder = env::temp_dir().join(format!("start-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            let at = folder.display();
            let script = |name: &str, text: String| {
                use std::os::unix::fs::PermissionsExt;
                fs::write(folder.join(name), format!("#!/bin/sh\n{text}\n")).unwrap();
                fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
            };
            script("lab", r#"case "$*" in "foresee "*--wrong*) exit 2;; esac"#.to_owned());
            let found = format!(r#"echo '{{"executable":"{at}/lab"}}'"#);
            let builds = format!(
                "case \"$*\" in *bench-report*) {lab}; {found};; *) echo track >>{at}/log; {track};; esac"
            );
            script("cargo", builds);
            Stub { folder, _one: one }
        }

        /// Returns the outcome of a race, and true if its track was begun.
        fn race(&self, arguments: &str) -> (Result<PathBuf, Failure>, bool) {
            let arguments: Vec<OsString> = arguments.split_whitespace().map(OsString::from).collect();
            let outcome = build(self.folder.join("cargo").as_os_str(), "run", &arguments);
            (outcome, self.folder.join("log").exists())
        }
    }

    #[cfg(unix)]
    impl Drop for Stub {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.folder).ok();
        }
    }

    #[cfg(unix)]
    #[test]
    fn wrong_arguments_are_refused_before_the_track_is_built() {
        let stub = Stub::new("wrong", ":", "exec sleep 1000");
        for arguments in ["--wrong", "--quick --wrong", "--with tokio@1.51.1 --wrong"] {
            assert!(matches!(stub.race(arguments), (Err(Failure::Told(2)), false)), "{arguments}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn both_are_built_side_by_side_if_the_arguments_are_surely_right() {
        // Each waits for the other.
        for arguments in ["", "--quick", "--full"] {
            let stub = Stub::new("plain", "until [ -e ${0%/*}/log ]; do sleep 0.01; done", ":");
            let (outcome, has_track) = stub.race(arguments);
            assert_eq!((outcome.ok(), has_track), (Some(stub.folder.join("lab")), true), "{arguments}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_track_is_built_after_the_lab_has_understood() {
        let stub = Stub::new("right", "! [ -e ${0%/*}/log ] || exit 101", ":");
        let (outcome, has_track) = stub.race("--quick --with tokio@1.51.1");
        assert_eq!((outcome.ok(), has_track), (Some(stub.folder.join("lab")), true));
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_does_not_build_is_told() {
        for (lab, track, culprit) in [("exit 101", ":", "lab"), (":", "exit 101", "track")] {
            let outcome = Stub::new("broken", lab, track).race("").0;
            let told = format!("the {culprit} does not build; cargo has said why");
            assert!(matches!(outcome, Err(Failure::Untold(why)) if why == told));
        }
    }
}
