//! The environment of a cell: nothing of ours reaches it by accident, and what changes its figures is written down.
//!
//! Programs are steered by variables that a user set long ago, for something else: an allocator that is preloaded, a
//! runtime's number of workers, the port of a benchmark that runs this one.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::{OsStr, OsString},
    path::Path,
    process::Command,
};

/// Variables by which a program finds files and talks to people, which change no figure.
const KEPT: [&str; 18] = [
    "CONDA_PREFIX",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "PATH",
    "PYENV_ROOT",
    "PYENV_VERSION",
    "RUST_BACKTRACE",
    "SHELL",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
    "XDG_CACHE_HOME",
];

/// The beginnings of those that change the allocator, the loader, a runtime or its workers. They are passed on: who has
/// set them may want it so, and the page says that they were.
const NOTED: [&str; 30] = [
    "ASAN_",
    "ASYNC_STD_",
    "DYLD_",
    "GLIBC_TUNABLES",
    "GODEBUG",
    "GOGC",
    "GOMEMLIMIT",
    "GOMP_",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "JEMALLOC_",
    "LD_",
    "LLVM_PROFILE_FILE",
    "LSAN_",
    "MALLOC_",
    "MIMALLOC_",
    "MSAN_",
    "NODE_OPTIONS",
    "OMP_",
    "PYTHON",
    "RAYON_",
    "RUST_MIN_STACK",
    "SMOL_",
    "SNMALLOC_",
    "TCMALLOC_",
    "TOKIO_",
    "TSAN_",
    "UBSAN_",
    "UV_",
    "_RJEM_MALLOC_CONF",
];

/// Names further variables that a cell is to have, parted by commas, for a lane that needs them.
pub const PASSED: &str = "PHOTOFINISH_PASS";

const LIBRARIES: &str = "LD_LIBRARY_PATH";

/// Returns the variables that change the figures of cells, with their values.
pub fn noted() -> BTreeMap<String, String> {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    let noted = passed_on().into_iter().filter(|(name, _)| is_noted(name) || name == PASSED);
    noted.map(|(name, value)| (text(name), text(value))).collect()
}

/// Takes away from a command what it would inherit of our environment by accident.
pub(crate) fn confine(command: &mut Command) {
    let own: Vec<(OsString, Option<OsString>)> =
        command.get_envs().map(|(name, value)| (name.to_owned(), value.map(OsStr::to_owned))).collect();
    command.env_clear().envs(passed_on());
    for (name, value) in own {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}

/// Returns the part of our environment that cells have.
fn passed_on() -> BTreeMap<OsString, OsString> {
    let asked = env::var(PASSED).unwrap_or_default();
    let asked: BTreeSet<&str> = asked.split(',').map(str::trim).collect();
    let is_asked = |name: &OsStr| name == PASSED || name.to_str().is_some_and(|name| asked.contains(name));
    let mut passed: BTreeMap<OsString, OsString> =
        env::vars_os().filter(|(name, _)| is_kept(name) || is_noted(name) || is_asked(name)).collect();
    if let Some(libraries) = passed.remove(OsStr::new(LIBRARIES)) {
        let libraries = without_cargo(&libraries);
        passed.extend(libraries.map(|libraries| (LIBRARIES.into(), libraries)));
    }
    passed
}

fn is_kept(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    KEPT.contains(&&*name) || name.starts_with("LC_")
}

fn is_noted(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    NOTED.iter().any(|beginning| name.starts_with(beginning))
}

/// Returns the folders of libraries without those that cargo adds for what it runs; `None` if no others are left.
fn without_cargo(libraries: &OsStr) -> Option<OsString> {
    let program = env::current_exe().unwrap_or_default();
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    let is_of_cargo = |folder: &Path| {
        folder.components().any(|part| part.as_os_str() == "rustlib" || part.as_os_str() == "toolchains")
            || target.is_some_and(|target| folder.starts_with(target))
    };
    let others: Vec<_> = env::split_paths(libraries).filter(|folder| !is_of_cargo(folder)).collect();
    let others = env::join_paths(others).ok()?;
    (!others.is_empty()).then_some(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_has_what_is_kept_and_what_is_noted_and_its_own() {
        let mut command = Command::new("true");
        command.env("PHOTOFINISH_PADDING", "x").env_remove("HOME");
        confine(&mut command);
        let has = |name: &str| command.get_envs().any(|(known, value)| known == name && value.is_some());
        assert!(has("PATH") && has("PHOTOFINISH_PADDING") && !has("HOME"));
        assert!(!has("CARGO_MANIFEST_DIR"), "cargo set it for this test");
        for (name, noted) in [("MALLOC_ARENA_MAX", true), ("LD_PRELOAD", true), ("EDITOR", false)] {
            assert_eq!(is_noted(OsStr::new(name)), noted, "{name}");
        }
    }

    #[test]
    fn libraries_that_cargo_adds_are_not_those_of_the_user() {
        let rust = "/home/me/.rustup/toolchains/stable/lib/rustlib/x86_64/lib";
        assert_eq!(without_cargo(OsStr::new(rust)), None);
        assert_eq!(without_cargo(OsStr::new(&format!("{rust}:/opt/lib"))), Some("/opt/lib".into()));
    }
}
