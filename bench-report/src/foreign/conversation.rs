//! The talk with a program: a line asks, a line answers, and nothing is said that was not asked for.

use std::{
    sync::mpsc::RecvTimeoutError,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{Program, protocol::Reply};
use crate::{
    child::{Child, Group, no_answer, shorten},
    platform,
};

/// How long a program may take to end after its input.
const PARTING: Duration = Duration::from_secs(1);

/// Longer than anybody waits.
const FOREVER: Duration = Duration::from_secs(1 << 32);

/// A program that runs. Every complaint about it has its last words, after which it is gone.
#[derive(Debug)]
pub(super) struct Conversation {
    child: Child,
    /// How long an answer may take, if nobody else sees to that.
    limit: Option<Duration>,
}

impl Conversation {
    /// Starts a program. Without a limit we are the process of a cell, which somebody ends with all that it has started.
    pub(super) fn start(program: &Program, limit: Option<Duration>) -> Result<Conversation, String> {
        let group = if limit.is_some() { Group::Own } else { Group::Ours };
        let child = Child::start(program.command()?, group);
        Ok(Conversation { child: child.map_err(|error| program.did_not_start(&error))?, limit })
    }

    /// Says something and waits for the answer.
    pub(super) fn ask(&mut self, request: &impl Serialize) -> Result<Reply, String> {
        if let Ok(line) = self.child.hear(Duration::ZERO) {
            return Err(self.unasked(&line));
        }
        let request = serde_json::to_string(request).expect("a request is plain data") + "\n";
        self.child.tell(&request);
        let limit = self.limit.unwrap_or(FOREVER);
        let line = match self.child.hear(limit) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return Err(self.fails(&format!("gave no answer in {limit:?}"))),
            Err(RecvTimeoutError::Disconnected) => return Err(self.ended()),
        };
        match serde_json::from_str(&line) {
            Ok(Reply::Failed(reason) | Reply::NotApplicable(reason)) => Err(self.fails(&reason)),
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.fails(&format!("its program {}: {error}", no_answer(&line)))),
        }
    }

    /// Ends the program's input, and waits for its end.
    pub(super) fn end(mut self) -> Result<(), String> {
        self.child.hang_up();
        let start = Instant::now();
        match self.child.hear(PARTING) {
            Ok(line) => return Err(self.unasked(&line)),
            Err(RecvTimeoutError::Timeout) => return Err(self.fails("ignored the end of its input")),
            Err(RecvTimeoutError::Disconnected) => {}
        }
        match self.child.wait(PARTING.saturating_sub(start.elapsed())) {
            None => Err(self.fails("ignored the end of its input")),
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.fails(&format!("its program {}", platform::describe_exit(status)))),
        }
    }

    /// The most memory that the program ever had, in bytes.
    pub(super) fn peak_rss(&self) -> Option<u64> {
        platform::peak_rss_of(&self.child.id().to_string())
    }

    /// What is said of an answer to another question.
    pub(super) fn out_of_turn(&mut self, reply: &Reply) -> String {
        let line = serde_json::to_string(reply).expect("a reply is plain data");
        self.fails(&format!("gave no answer to what it was asked: `{}`", shorten(&line, 200)))
    }

    /// A complaint, with the last words of the program.
    pub(super) fn fails(&mut self, complaint: &str) -> String {
        let last_words = self.child.end();
        format!("{complaint}{last_words}")
    }

    fn unasked(&mut self, line: &str) -> String {
        self.fails(&format!("said what it was not asked for: `{}`", shorten(line.trim_end(), 200)))
    }

    /// What is said of a program that has closed its output.
    fn ended(&mut self) -> String {
        let status = self.child.wait(PARTING);
        let how = status.map_or("closed its output".to_owned(), platform::describe_exit);
        self.fails(&format!("its program {how}"))
    }
}
