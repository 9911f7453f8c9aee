//! The scripts that have lanes in other languages compiled: what they say where a toolchain is missing, and what they become.
#![cfg(unix)]

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use lane_protocol::Reply;

const LANES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../lanes");

/// A copy of a script, two sources beside it, and a folder of programs that it finds on its PATH.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(language: &str) -> Place {
        let place = Place { folder: tempfile::tempdir().expect("a temporary folder") };
        fs::create_dir_all(place.path("lanes/lane")).expect("the folder is ours");
        fs::create_dir(place.path("bin")).expect("the folder is ours");
        let script = Path::new(LANES).join(language).join("start");
        fs::copy(script, place.path("lanes/lane/start")).expect("there is a script");
        for name in ["first", "second"] {
            place.write(&format!("{name}.{language}"), "one");
        }
        place
    }

    /// Writes a file beside the script.
    fn write(&self, name: &str, text: &str) {
        fs::write(self.path("lanes/lane").join(name), text).expect("the folder is ours");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a program on the PATH.
    fn has(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("the folder is ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the folder is ours");
    }

    /// Starts the script with this PATH behind our programs, and returns what it answers to a line.
    fn answer(&self, behind: &str) -> String {
        let mut command = Command::new("/bin/sh");
        command.arg(self.path("lanes/lane/start"));
        command.env("PATH", format!("{}:{behind}", self.path("bin").display()));
        let mut lane =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("there is a shell");
        let mut input = lane.stdin.take().expect("it is piped");
        writeln!(input, r#"{{"describe": {{"protocol": 2, "threads": [1]}}}}"#).expect("it reads a line");
        drop(input);
        let output = lane.wait_with_output().expect("it is our child");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("it is text")
    }

    fn expect_reason(&self, behind: &str, reason: &str) {
        let answer = self.answer(behind);
        match serde_json::from_str(&answer).expect("it is a line of the protocol") {
            Reply::NotApplicable(told) => assert_eq!(told, reason),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_toolchain_that_is_missing_is_the_reason() {
    Place::new("go").expect_reason("", "needs Go: there is no go on the PATH");
    Place::new("java").expect_reason("", "needs a JDK: there is no javac on the PATH");
}

#[test]
fn a_java_that_is_too_old_is_the_reason() {
    let place = Place::new("java");
    for (version, told) in [("17.0.15", "17.0.15"), ("1.8.0_392", "1.8.0_392")] {
        place.has("javac", &format!("echo javac {version}"));
        place.expect_reason("", &format!("needs Java 21 or newer, this is {told}"));
    }
}

#[test]
fn a_source_that_does_not_compile_is_the_reason() {
    let place = Place::new("go");
    place.has("go", "[ $1 = version ] && echo go version 1 || exit 1");
    place.expect_reason("/usr/bin:/bin", "Go does not build it");
}

#[test]
fn sources_are_compiled_once_and_anew_when_one_has_changed() {
    let place = Place::new("go");
    // Its program tells the number of its process, and how often it was built.
    let built = place.path("built").display().to_string();
    place.has(
        "go",
        &format!(
            "[ $1 = version ] && echo go version 1 && exit\n\
             echo x >>{built}\n\
             printf '#!/bin/sh\\nwc -l <{built}' >$3 && chmod +x $3"
        ),
    );
    let builds = || place.answer("/usr/bin:/bin").trim().parse::<u32>().expect("a number");
    assert_eq!([builds(), builds()], [1, 1]);
    place.write("second.go", "two");
    assert_eq!([builds(), builds()], [2, 2]);
}
