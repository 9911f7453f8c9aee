//! The examples print what the originals print, which lie beside them and are run by CPython; the one that is a server
//! serves.

use std::{path::Path, process::Command};

/// Runs an example as a user does, and its original, and compares their lines.
#[track_caller]
fn same_lines(example: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = ["run", "--quiet", "--package", "hand-rolled", "--example", example];
    let ours = lines(Command::new(env!("CARGO")).args(run).current_dir(folder)).expect("cargo is there");
    assert!(ours.len() > 2, "{ours:?}");
    let original = folder.join("examples").join(example).with_extension("py");
    match lines(Command::new("python3").arg(original)) {
        Some(theirs) => assert_eq!(ours, theirs, "ours is on the left, the original's on the right"),
        None => eprintln!("not compared with the original: there is no python3"),
    }
}

/// Returns the lines that a program prints; `None` if it does not start.
#[track_caller]
fn lines(program: &mut Command) -> Option<Vec<String>> {
    let output = program.output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).lines().map(String::from).collect())
}

#[test]
fn say_hello() {
    same_lines("say_hello");
}

#[test]
fn get_items() {
    same_lines("get_items");
}

#[test]
fn blocking_squares() {
    same_lines("blocking_squares");
}

#[cfg(target_os = "linux")]
#[test]
fn echo() {
    use std::{
        io::{BufRead, BufReader, Read, Write},
        net::{Shutdown, TcpStream},
        process::Stdio,
        time::Duration,
    };

    let run = ["run", "--quiet", "--package", "hand-rolled", "--example", "echo", "--", "127.0.0.1:0"];
    let mut server = Command::new(env!("CARGO")).args(run).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").expect("it says where").to_owned();
    let mut clients = [(); 3].map(|()| TcpStream::connect(&address).unwrap());
    for client in &clients {
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    }
    for (number, client) in clients.iter_mut().enumerate().rev() {
        write!(client, "photo {number}").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, format!("photo {number}"));
    }
    // Cargo becomes the program that it runs.
    server.kill().unwrap();
    server.wait().unwrap();
}
