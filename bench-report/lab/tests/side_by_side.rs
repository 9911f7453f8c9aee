//! Facts about the command that draws a page from results: `bench-report report`.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use results::Results;

#[test]
fn two_files_become_a_page_beside_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("desk.json"), folder.path().join("laptop.json"));
    fs::write(&first, results().to_json()).unwrap();
    fs::write(&second, results().to_json()).unwrap();
    let output = report(&[&first, &second]);
    let page = folder.path().join("side-by-side.html");
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("Report: {}\n", page.display()));
    assert!(
        fs::read_to_string(page)
            .unwrap()
            .contains("<title>Photofinish: desk and laptop side by side</title>")
    );

    let elsewhere = folder.path().join("elsewhere.html");
    assert!(report(&[&first, &second, &first, Path::new("--to"), &elsewhere]).status.success());
    assert!(fs::read_to_string(elsewhere).unwrap().contains("desk, laptop and desk (2) side by side"));
    // The fixture is from before rows told what is settled, so its verdicts are compared with nobody's.
    let page = fs::read_to_string(folder.path().join("side-by-side.html")).unwrap();
    assert!(page.contains("Left out: A (desk): it does not say which rows are settled"));
    // One file has the page of a run.
    assert!(report(&[&first]).status.success());
    assert!(folder.path().join("report.html").exists());
}

#[test]
fn a_file_that_cannot_be_shown_is_named_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let (good, old, missing) =
        (folder.path().join("good.json"), folder.path().join("old.json"), folder.path().join("missing.json"));
    fs::write(&good, results().to_json()).unwrap();
    fs::write(&old, r#"{"schema": 7}"#).unwrap();
    for (bad, complaint) in [(&missing, "there is no results file"), (&old, "has schema 7")] {
        let output = report(&[&good, bad]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(complaint) && said.contains(&*bad.to_string_lossy()), "{said}");
    }
    assert!(!folder.path().join("side-by-side.html").exists());
}

fn report(arguments: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench-report")).arg("report").args(arguments).output().unwrap()
}

fn results() -> Results {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/tests/fixtures/results.json");
    Results::read(&fixture).unwrap()
}
