//! Sentences that both ends of the line say of a cell that is wrong.

use std::time::Duration;

/// Complains of a wrong answer.
pub fn wrong_answer(answer: &str, expected: &str) -> String {
    let [answer, expected] = [answer, expected].map(|answer| shorten(answer, 200));
    format!("wrong answer: {answer}, expected {expected}")
}

/// Complains of runs that took no longer than the waiting in them.
pub fn too_fast(runs: u64, wall: Duration, waiting: Duration) -> String {
    format!("{runs} runs took {wall:?}, no more than the {waiting:?} of waiting in them")
}

/// Cuts a text after `most` characters.
pub fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
