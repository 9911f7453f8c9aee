//! The end of a task: [`Outcome`], as the runtime and callbacks know it, and [`TaskError`], as a caller gets
//! it.

use std::{error::Error, fmt};

use crate::panic::Panic;

/// The way in which a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It gave its output, though that may be an `Err`.
    Finished,
    /// It was cancelled, or its runtime was dropped.
    Cancelled,
    /// It panicked, or the destructor of its future did.
    Panicked,
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Outcome::Finished => "finished",
            Outcome::Cancelled => "cancelled",
            Outcome::Panicked => "panicked",
        })
    }
}

/// The reason why a task gives no output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskError {
    /// It has not ended.
    NotDone,
    /// It was cancelled, or its runtime was dropped.
    Cancelled,
    /// It panicked, or the destructor of its future did.
    Panicked(Panic),
    /// Its output was taken by an earlier await.
    Taken,
}

impl fmt::Display for TaskError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::NotDone => write!(formatter, "the task is not done"),
            TaskError::Cancelled => write!(formatter, "the task was cancelled"),
            TaskError::Panicked(panic) => write!(formatter, "the task panicked: {}", panic.message()),
            TaskError::Taken => write!(formatter, "the output of the task was taken"),
        }
    }
}

impl Error for TaskError {}
