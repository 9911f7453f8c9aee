//! Lanes that are programs, in any language: what they claim, how they are asked, and how they are held to it.
//!
//! The protocol stands in CONTRIBUTING.md. The process of such a cell is this program, as that of any other: in it the
//! program is a child, and a case like all others asks it for runs and checks every answer.

mod case;
mod check;
mod conversation;
mod protocol;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

pub(crate) use self::{case::COUNTS_NOTHING, check::check};
pub use self::{case::ForeignCase, protocol::Lane};

use self::{
    conversation::Conversation,
    protocol::{Reply, Request},
};
use crate::{counting, figures};

/// How long a program may take to say what it is.
const INTRODUCTION: Duration = Duration::from_secs(20);

/// The program of a lane.
#[derive(Debug)]
pub struct Program {
    /// What was written in the lineup, or typed.
    command: Vec<String>,
    /// Where relative paths may begin.
    root: PathBuf,
    description: OnceLock<Result<Lane, String>>,
}

impl Program {
    /// The program of this repository, or of the PATH, that a command starts.
    pub fn new(command: &[&str]) -> Program {
        let command = command.iter().map(|&part| part.to_owned()).collect();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        Program { command, root, description: OnceLock::new() }
    }

    /// What it says about itself; it is asked once.
    ///
    /// # Errors
    ///
    /// Why it cannot run here, in its own words if it has any.
    pub fn lane(&self) -> Result<&Lane, String> {
        self.description.get_or_init(|| self.describe(INTRODUCTION)).as_ref().map_err(String::clone)
    }

    /// Why it cannot run a workload; none if it can.
    pub(crate) fn obstacle(&self, workload: &str, size: u64, threads: usize) -> Option<String> {
        let lane = match self.lane() {
            Ok(lane) => lane,
            Err(reason) => return Some(reason),
        };
        let [least, most] = lane.threads;
        // What is so of every workload comes first: then one reason serves for the whole lane.
        match lane.workloads.get(workload) {
            _ if threads > most && most == 1 => Some("runs on one thread only".to_owned()),
            _ if threads > most => Some(format!("has at most {most} threads")),
            _ if threads < least => Some(format!("has at least {least} threads")),
            None => Some("does not have this workload".to_owned()),
            Some(&Some(bears)) if size > bears => Some(format!("bears at most {}", figures::whole(bears))),
            _ => None,
        }
    }

    fn describe(&self, limit: Duration) -> Result<Lane, String> {
        let mut conversation = Conversation::start(self, Some(limit))?;
        let lane = match conversation.ask(&Request::Describe {})? {
            Reply::Lane(lane) => lane,
            other => return Err(conversation.out_of_turn(&other)),
        };
        lane.check().map_err(|complaint| conversation.fails(&complaint))?;
        conversation.end()?;
        Ok(lane)
    }

    /// The command that starts it.
    fn command(&self) -> Result<Command, String> {
        let [program, arguments @ ..] = &self.command[..] else {
            return Err("there is no command".to_owned());
        };
        let ours = if program.contains('/') { None } else { counting::built_beside(program)? };
        let mut command = Command::new(ours.unwrap_or_else(|| self.resolved(program)));
        command.args(arguments.iter().map(|argument| self.resolved(argument)));
        Ok(command)
    }

    /// A path of this repository, if it is one; else as it was written.
    fn resolved(&self, part: &str) -> PathBuf {
        let ours = self.root.join(part);
        if part.contains('/') && !Path::new(part).exists() && ours.exists() { ours } else { part.into() }
    }

    /// Why it did not start.
    fn did_not_start(&self, error: &std::io::Error) -> String {
        let program = &self.command[0];
        match error.kind() {
            std::io::ErrorKind::NotFound if program.contains('/') => format!("{program} is not there"),
            std::io::ErrorKind::NotFound => format!("{program} is not on the PATH"),
            _ => format!("{program} did not start: {error}"),
        }
    }
}
