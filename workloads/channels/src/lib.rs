//! Channels: measures the cost of sending messages from one or four tasks to one or four others.
use async_channel::{Receiver, Sender, bounded, unbounded};
use executor_api::Executor;
use std::sync::Arc;
use workload_api::{About, Work, Workload, gather};

const MESSAGES: u64 = 10_000;

/// `PRODUCERS` tasks send 10,000 messages to `CONSUMERS` tasks, through a channel of N places.
pub struct Channel<const PRODUCERS: u64, const CONSUMERS: u64>(u64);

impl<E: Executor, const PRODUCERS: u64, const CONSUMERS: u64> Workload<E> for Channel<PRODUCERS, CONSUMERS> {
    const ABOUT: About = About {
        name: Self::WORDS.0,
        description: Self::WORDS.1,
        group: "Scheduling",
        operation: "one message",
        size: "places in the channel; at 10,000, a place for every message, the channel is unbounded",
        shows: "the cost of handing a message to another task; with few places both sides wait and are woken",
        hides: "the executors' own channels: every lane uses async-channel, whose cost is part of every figure",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[64];
    const FULL_SIZES: &'static [u64] = &[1, MESSAGES];
    const OVERSUBSCRIBED: bool = true;
    type Answer = [u64; 2]; // the number of messages received, and their sum

    fn prepare(places: u64) -> Self {
        Channel(places)
    }
    async fn run(self: Arc<Self>) -> [u64; 2] {
        let (sender, receiver) = if self.0 < MESSAGES { bounded(self.0 as usize) } else { unbounded() };
        let consumers: Vec<_> = (0..CONSUMERS).map(|_| E::spawn(consume(receiver.clone()))).collect();
        let share = |producer| (producer..MESSAGES).step_by(PRODUCERS as usize);
        gather((0..PRODUCERS).map(|producer| E::spawn(produce(share(producer), sender.clone())))).await;
        sender.close();
        let received = gather(consumers).await;
        received.iter().fold([0, 0], |[count, sum], [more, theirs]| [count + more, sum + theirs])
    }
    fn expected(&self) -> [u64; 2] {
        [MESSAGES, (0..MESSAGES).sum()]
    }
    fn operations(&self) -> u64 {
        MESSAGES
    }
    fn work(&self) -> Work {
        // All consumers wait for the last producer.
        Work { at_once: Some(CONSUMERS + 1), ..Work::tasks(PRODUCERS + CONSUMERS) }
    }
}

impl<const PRODUCERS: u64, const CONSUMERS: u64> Channel<PRODUCERS, CONSUMERS> {
    /// The name and the description.
    const WORDS: (&str, &str) = match (PRODUCERS, CONSUMERS) {
        (1, 1) => ("channel-1-to-1", "One task sends 10,000 messages to another."),
        (4, 1) => ("channel-4-to-1", "Four tasks send 10,000 messages, a quarter each, to one task."),
        (4, 4) => (
            "channel-4-to-4",
            "Four tasks send 10,000 messages, a quarter each, to four tasks that compete for them.",
        ),
        _ => panic!("each channel of the lineup has a name here"),
    };
}

async fn produce(messages: impl Iterator<Item = u64>, sender: Sender<u64>) {
    for message in messages {
        sender.send(message).await.expect("the channel is closed after the last message");
    }
}

async fn consume(receiver: Receiver<u64>) -> [u64; 2] {
    let [mut count, mut sum] = [0, 0];
    while let Ok(message) = receiver.recv().await {
        count += 1;
        sum += message;
    }
    [count, sum]
}
