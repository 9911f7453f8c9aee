//! The page for those who cannot use a mouse, or see it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::{Tests, pages::DEFAULT, tab::Tab, tests};

pub(crate) const TESTS: Tests = &[];

/// They need axe-core.
pub(crate) const TESTS_WITH_AXE: Tests = tests![axe_finds_nothing_serious];

/// The script of axe-core, if `scripts/install-browser` has been there.
pub(crate) fn axe() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_TARGET_TMPDIR")).join("node_modules/axe-core/axe.min.js");
    script.is_file().then_some(script)
}

fn axe_finds_nothing_serious(tab: &mut Tab<'_>) {
    let axe = fs::read_to_string(axe().expect("else the test is ignored")).unwrap();
    for scheme in ["light", "dark"] {
        tab.prefer(scheme);
        tab.open(&DEFAULT.address);
        tab.open_everything();
        tab.evaluate(&axe);
        // Preloading would ask for stylesheets, of which there is one, and it is here.
        let serious = tab.evaluate(
            "axe.run(document, { preload: false, resultTypes: ['violations'] }).then(({ violations }) => violations
                .filter(({ impact }) => ['serious', 'critical'].includes(impact))
                .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map(node => node.html.slice(0, 200)).join(' | ')}`))",
        );
        assert_eq!(serious, json!([]), "{scheme}");
    }
}
