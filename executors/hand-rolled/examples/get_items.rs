//! Items that are fetched at the same time: with `wait`, with a limit for all, and with one for each, as in
//! `get_items.py`.

use std::time::Duration;

use hand_rolled::{ReturnWhen, WaitForError, run, sleep, spawn, wait, wait_for};

async fn get_item(number: u64) -> String {
    // Number 3 is a server that does not answer.
    sleep(Duration::from_millis(if number == 3 { 3_600_000 } else { number * 20 })).await;
    format!("item {number}")
}

async fn get_items(numbers: &[u64], limit: Option<Duration>) {
    let tasks = numbers.iter().map(|number| spawn(get_item(*number))).collect();
    let waited = wait(tasks, limit, ReturnWhen::AllCompleted).await;
    for task in &waited.pending {
        task.cancel();
    }
    let mut items: Vec<_> = waited.done.iter().map(|task| task.result().unwrap()).collect();
    items.sort();
    println!("{}; {} pending", items.join(", "), waited.pending.len());
}

fn main() {
    let limit = Duration::from_millis(500);
    run(async {
        get_items(&[1, 2], None).await;
        get_items(&[1, 2, 3], Some(limit)).await;
        for number in [2, 3] {
            match wait_for(spawn(get_item(number)), limit).await {
                Ok(item) => println!("{item}"),
                Err(WaitForError::TimedOut) => println!("item {number} timed out"),
                Err(WaitForError::Task(error)) => panic!("{error}"),
            }
        }
    });
}
