//! Facts about a run on the terminal: `bench-report show`.

use std::{fs, path::Path, process::Command};

use page::{table::verdict_table, terminal::ending};
use results::Results;

#[test]
fn a_run_is_shown_whole_and_then_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/tests/fixtures/results.json"),
    );
    let text = text.unwrap();
    let results = Results::parse(&text).unwrap();
    fs::create_dir_all(folder.path().join("runs/old")).unwrap();
    fs::write(folder.path().join("runs/old/results.json"), &text).unwrap();
    fs::write(folder.path().join("results.json"), &text).unwrap();
    for arguments in [&["show"][..], &["show", "old"]] {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_bench-report"));
        let output = lab.args(arguments).arg("--out").arg(folder.path()).output().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert_eq!(shown, format!("{}\n{}", verdict_table(&results), ending(&results)));
    }
}
