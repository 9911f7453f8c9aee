//! A track says of its optimisation what the compiler was told, from wherever cargo takes it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

crate::tests![a_track_says_how_it_was_optimised_from_wherever_cargo_takes_it];

/// The crate by which a track knows.
const CODEGEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../codegen");

/// A program that tells as a track does, and does no more.
const TRACK: &str = r#"
fn main() {
    println!("{} {}", codegen::option!("lto"), codegen::option!("codegen-units"));
}
"#;

/// A package with the profile of the track.
struct Toy {
    folder: TempDir,
}

impl Toy {
    fn new() -> Toy {
        let toy = Toy { folder: tempfile::tempdir().expect("a temporary folder") };
        let code =
            fs::read_to_string(Path::new(CODEGEN).join("src/lib.rs")).expect("it lies beside this crate");
        toy.write("codegen/src/lib.rs", &code);
        let manifest = "[package]\nname = \"codegen\"\nedition = \"2024\"\n\n[lib]\nproc-macro = true\n";
        toy.write("codegen/Cargo.toml", manifest);
        toy.write(
            "Cargo.toml",
            "[package]\nname = \"toy\"\nedition = \"2024\"\n\n[dependencies]\ncodegen.path = \"codegen\"\n\n\
             [profile.track]\ninherits = \"release\"\nlto = \"off\"\ncodegen-units = 16\n",
        );
        toy.write("src/main.rs", TRACK);
        toy
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("the folder is ours");
        fs::write(path, text).expect("the folder is ours");
    }

    /// Builds it with these arguments and variables, and returns what it says.
    fn built(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--offline", "--profile", "track"]).args(arguments);
        command.current_dir(self.folder.path());
        let of_cargo = |name: &str| name.starts_with("CARGO_") || name.starts_with("RUSTFLAGS");
        for (name, _) in env::vars_os().filter(|(name, _)| of_cargo(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        command.env("CARGO_HOME", self.path("home")).env("CARGO_TARGET_DIR", self.path("target"));
        let output = command.envs(variables.iter().copied()).output().expect("there is a cargo");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let program = format!("target/track/toy{}", env::consts::EXE_SUFFIX);
        let said = Command::new(self.path(&program)).output().expect("it was built");
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }
}

fn a_track_says_how_it_was_optimised_from_wherever_cargo_takes_it() {
    let toy = Toy::new();
    assert_eq!(toy.built(&[], &[]), "off 16");
    assert_eq!(toy.built(&[], &[("CARGO_PROFILE_TRACK_LTO", "thin")]), "thin 16");
    assert_eq!(toy.built(&[], &[("RUSTFLAGS", "-C codegen-units=3")]), "off 3");
    assert_eq!(toy.built(&["--config", "profile.track.codegen-units=4"], &[]), "off 4");
    // Files that come to be after a build, the user's and one nearer by.
    toy.write("home/config.toml", "profile.track.codegen-units = 5\n");
    assert_eq!(toy.built(&[], &[]), "off 5");
    toy.write(".cargo/config.toml", "[profile]\ntrack = { codegen-units = 7 }\n");
    assert_eq!(toy.built(&[], &[]), "off 7");
    assert_eq!(toy.built(&[], &[("CARGO_PROFILE_TRACK_CODEGEN_UNITS", "9")]), "off 9");
}
