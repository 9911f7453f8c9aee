//! The same program as `cargo bench`, as a command.

fn main() {}
