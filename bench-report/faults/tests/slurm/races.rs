//! Races on the nodes of a cluster, and what goes wrong there.

use std::{fs, process::Command};

use results::Results;

use crate::{
    cluster::{Cluster, NODES, until},
    script::{Place, said},
};

crate::tests![
    one_submission_gives_the_page_of_both_nodes,
    a_cluster_with_too_few_nodes_is_one_line_and_nothing_is_submitted,
    a_race_is_cut_into_parts_and_merged,
    a_node_that_dies_comes_back_to_its_race,
    a_full_disk_on_one_node_is_named_and_the_other_has_its_page,
    a_cancelled_race_keeps_what_it_has_measured,
];

/// The shortest race there is.
const SHORTEST: &str = "--quick --blocks 2 --threads 1 --executors tokio";
/// Long enough to be held in the middle: eight processes are four blocks of a lane and its twin.
const LONG: &str = "--quick --blocks 6 --threads 1 --executors tokio --time-limit 600";
/// Writes down more than there is room for.
const LARGE: &str = "--quick --blocks 30 --threads 1 --executors tokio";

/// A race on a cluster that was submitted.
struct Submitted {
    array: String,
    page: String,
}

impl Submitted {
    fn new(cluster: &Cluster, place: &Place) -> Submitted {
        let output = cluster.of(place.bash(&[])).output().expect("there is a bash");
        assert!(output.status.success(), "{}", said(&output));
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        // Array 7 on 2 node(s), and job 9, which draws ...
        let word = |after: &str| {
            let rest = told.split_once(after).unwrap_or_else(|| panic!("it says its number: {told}")).1;
            rest.chars().take_while(char::is_ascii_digit).collect::<String>()
        };
        Submitted { array: word("Array "), page: word("and job ") }
    }
}

fn written(place: &Place, arguments: &str) {
    let output = place.write(arguments);
    assert!(output.status.success(), "{}", said(&output));
}

fn results(place: &Place, node: &str) -> Results {
    Results::read(&place.out().join(node).join("results.json")).expect("the node has raced")
}

fn page(place: &Place) -> String {
    fs::read_to_string(place.out().join("report.html")).expect("there is a page")
}

/// Returns the journal of the only run of a node; nothing until it has begun.
fn journal(place: &Place, node: &str) -> String {
    let run = fs::read_dir(place.out().join(node).join("runs")).ok();
    let run = run.and_then(|mut runs| runs.next()?.ok());
    run.and_then(|run| fs::read_to_string(run.path().join("samples.jsonl")).ok()).unwrap_or_default()
}

fn heats(journal: &str) -> usize {
    journal.lines().filter(|line| line.contains("\"kind\":\"heat\"")).count()
}

/// Returns a journal up to its last heat that has ended.
fn whole(journal: &str) -> &str {
    let last = journal.rfind("{\"kind\":\"heat\"").unwrap_or(0);
    &journal[..last + journal[last..].find('\n').map_or(0, |end| end + 1)]
}

fn one_submission_gives_the_page_of_both_nodes() {
    let cluster = Cluster::start();
    let place = Place::new();
    written(&place, &format!("--constraint new,old -- {SHORTEST}"));
    let race = Submitted::new(&cluster, &place);
    cluster.until_all(&race.page, "COMPLETED");
    cluster.until_all(&race.array, "COMPLETED");
    let page = page(&place);
    for (node, feature) in NODES {
        assert!(page.contains(&format!("</b> {node}</th>")), "the page has {node}");
        let results = results(&place, node);
        let batch = results.machine.batch.expect("it was a job");
        assert_eq!([&*batch.node, &*batch.partition], [node, "race"]);
        // An element for each feature, in the order in which they were asked for.
        let element = if feature == "new" { 0 } else { 1 };
        assert_eq!(batch.job, format!("{}_{element}", race.array));
    }
    // Submitted again, nobody races again.
    let before = NODES.map(|(node, _)| journal(&place, node));
    let again = Submitted::new(&cluster, &place);
    cluster.until_all(&again.page, "COMPLETED");
    assert_eq!(NODES.map(|(node, _)| journal(&place, node)), before);
    assert!(place.log(&format!("{}-0", again.array)).contains("has raced already"));
}

fn a_cluster_with_too_few_nodes_is_one_line_and_nothing_is_submitted() {
    let cluster = Cluster::start();
    for (arguments, told) in [
        ("--nodes 3", "too few nodes: 3 wanted, and those that can be had: n1 n2"),
        (
            "--constraint old,rare",
            "too few nodes with the feature rare: 1 wanted, and those that can be had: ",
        ),
        ("--partition slow", "too few nodes in the partition slow: 1 wanted, and those that can be had: "),
    ] {
        let place = Place::new();
        written(&place, arguments);
        let output = cluster.of(place.bash(&[])).output().expect("there is a bash");
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(said(&output), format!("photofinish: {told}\n"));
        assert!(!place.out().join("elements").exists(), "it is chosen anew the next time");
    }
    assert_eq!(cluster.ask("squeue --noheader"), "");
}

fn a_race_is_cut_into_parts_and_merged() {
    let cluster = Cluster::start();
    let place = Place::new();
    written(&place, "--parts 2 -- --quick --blocks 2 --threads 1,2");
    let race = Submitted::new(&cluster, &place);
    cluster.until_all(&race.page, "COMPLETED");
    let parts = NODES.map(|(node, _)| results(&place, node));
    assert!(parts.iter().all(|part| part.run.part.is_some() && part.rows.len() == 1), "a comparison each");
    let merged = results(&place, "merged");
    assert_eq!((merged.run.part, merged.rows.len(), merged.summaries.len()), (None, 2, 2));
    assert_eq!(merged.machine.batch.expect("they were jobs").node, "n1, n2");
    assert!(page(&place).contains("spawn-join"));
}

fn a_node_that_dies_comes_back_to_its_race() {
    let mut cluster = Cluster::start();
    let place = Place::new();
    written(&place, &format!("--nodes 2 -- {LONG}"));
    place.hold();
    let race = Submitted::new(&cluster, &place);
    until("the race is in its middle", || place.is_held("n1"));
    let jobs = cluster.jobs(&race.array);
    let job = jobs.iter().find(|job| job.contains(" NodeList=n1 ")).expect("an element runs there");
    let job = job.trim_start_matches("JobId=").split(' ').next().expect("a job has its number").to_owned();
    cluster.lose_power("n1", &job);
    let before = journal(&place, "n1");
    assert_eq!(heats(&before), 4, "it was in the middle");
    let is_requeued = |jobs: &[String]| {
        jobs.iter().any(|job| job.contains(" JobState=PENDING ") && job.contains(" Restarts=1 "))
    };
    until("the element is requeued", || is_requeued(&cluster.jobs(&job)));
    place.let_go();
    cluster.resume("n1", &job);
    cluster.until_all(&race.page, "COMPLETED");
    let after = journal(&place, "n1");
    assert!(after.starts_with(whole(&before)), "what was measured is kept");
    assert_eq!(heats(&after), 6);
    assert!(place.log(&format!("{}-0", race.array)).contains("goes on with the race on n1"));
    assert_eq!(results(&place, "n1").cells[0].overhead_of_blocks().len(), 6, "every block once");
    assert!(NODES.iter().all(|(node, _)| page(&place).contains(&format!("</b> {node}</th>"))));
}

fn a_full_disk_on_one_node_is_named_and_the_other_has_its_page() {
    let cluster = Cluster::start();
    let place = Place::new();
    written(&place, &format!("--nodes 2 -- {LARGE}"));
    let disk = place.out().join("n1");
    fs::create_dir(&disk).expect("the folder is ours");
    let mount = |option: &str| {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", option, "tmpfs"]).arg(&disk);
        assert!(mount.status().is_ok_and(|status| status.success()), "mount -o {option}");
    };
    mount("size=64k");
    let race = Submitted::new(&cluster, &place);
    // Something is missing, so that the page's job has failed, and the page is there.
    cluster.until_all(&race.page, "FAILED");
    assert!(page(&place).contains("Photofinish"));
    assert_eq!(results(&place, "n2").rows.len(), 1);
    let told = place.log(&format!("{}-0", race.array));
    assert!(told.contains("No space left on device") && told.contains("n1"), "{told}");
    let told = place.log(&format!("{}-page", race.page));
    assert!(told.contains("no results of n1: submitted again"), "{told}");
    mount("remount,size=64m");
    let again = Submitted::new(&cluster, &place);
    cluster.until_all(&again.page, "COMPLETED");
    assert_eq!(results(&place, "n1").rows.len(), 1);
}

fn a_cancelled_race_keeps_what_it_has_measured() {
    let cluster = Cluster::start();
    let place = Place::new();
    written(&place, &format!("--nodes 2 -- {LONG}"));
    place.hold();
    let race = Submitted::new(&cluster, &place);
    for (node, _) in NODES {
        until("the race is in its middle", || place.is_held(node));
    }
    cluster.ask(&format!("scancel {} {}", race.array, race.page));
    cluster.until_all(&race.array, "CANCELLED");
    cluster.until_idle();
    place.let_go();
    let before = NODES.map(|(node, _)| journal(&place, node));
    for ((node, _), journal) in NODES.into_iter().zip(&before) {
        assert!(!place.out().join(node).join("results.json").exists(), "an unfinished run has no results");
        assert!(
            !journal.contains("\"kind\":\"failed\""),
            "a cell that was asked to end has not failed: {journal}"
        );
    }
    for element in 0..2 {
        let told = place.log(&format!("{}-{element}", race.array));
        assert!(told.contains("interrupted; what was measured is in"), "it ends in order: {told}");
    }
    let again = Submitted::new(&cluster, &place);
    cluster.until_all(&again.page, "COMPLETED");
    for ((node, _), before) in NODES.into_iter().zip(&before) {
        assert!(journal(&place, node).starts_with(whole(before)), "what was measured is kept");
        assert_eq!(results(&place, node).cells[0].overhead_of_blocks().len(), 6, "every block once");
    }
}
