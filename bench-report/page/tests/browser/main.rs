//! Tests of the page in a real browser: its text, its controls, and what it must never do.
//!
//! They start Chromium and talk to it through pipes that only Unix hands on, so elsewhere they are ignored.

#[cfg(unix)]
#[path = "../extended/mod.rs"]
mod extended;
#[cfg(unix)]
#[path = "../fixture/mod.rs"]
mod fixture;
#[cfg(unix)]
#[path = "../served/mod.rs"]
mod served;
#[cfg(unix)]
mod suite;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    suite::run()
}

#[cfg(not(unix))]
fn main() {
    eprintln!("Tests ignored: they talk to Chromium as only Unix can.");
}
