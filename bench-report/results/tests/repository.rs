//! The results that this repository has of several machines, in its folder `results`.

use std::{fs, path::Path};

use results::Results;

#[test]
fn the_results_of_every_machine_are_whole_and_tell_of_no_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
    let machines = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let machines: Vec<_> = machines.filter(|path| path.is_dir()).collect();
    assert!(!machines.is_empty(), "there is one");
    for machine in machines {
        let file = machine.join("results.json.gz");
        let results = Results::read(&file).unwrap();
        assert_eq!(results.unfit(), None, "{}", file.display());
        assert!(fs::metadata(&file).unwrap().len() < 1 << 20, "{} is packed", file.display());
        let text = results.to_json();
        for private in ["/home/", "/root/", "/tmp/", "/Users/", "C:\\\\"] {
            assert!(!text.contains(private), "{} tells of {private}", file.display());
        }
    }
}
