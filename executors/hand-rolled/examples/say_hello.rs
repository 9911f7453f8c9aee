//! Two greetings at the same time: coroutines, tasks and sleep, as in `say_hello.py`.

use std::time::Duration;

use hand_rolled::{run, sleep, spawn};

async fn say_hello(name: &'static str, milliseconds: u64) -> usize {
    sleep(Duration::from_millis(milliseconds)).await;
    println!("Hello, {name}!");
    name.len()
}

async fn main_task() {
    println!("begin");
    let mut slow = spawn(say_hello("world", 100));
    let mut fast = spawn(say_hello("asyncio", 50));
    println!("done yet: {} {}", python(slow.done()), python(fast.done()));
    let letters = ((&mut slow).await.unwrap(), (&mut fast).await.unwrap());
    println!("letters: {} {}", letters.0, letters.1);
    println!("done yet: {} {}", python(slow.done()), python(fast.done()));
}

fn main() {
    run(main_task());
}

/// Writes a truth value as Python does.
fn python(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}
