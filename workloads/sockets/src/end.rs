//! One end of a connection: sends and receives whole messages.

use std::{
    io::{self, ErrorKind::UnexpectedEof},
    marker::PhantomData,
    mem,
    time::Duration,
};

use executor_api::{Stream, Timer};

/// The bytes of a message.
pub(crate) const MESSAGE: usize = 64;

/// The room of a read. A read that does not fill it tells the executor that no more is there, which saves some of them a system
/// call; programs read so.
const ROOM: usize = 256;

/// The patience of a read under a timeout. It never ends.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads in one of several ways.
pub(crate) trait Way: 'static {
    fn read<S: Stream>(
        stream: &mut S,
        room: Box<[u8]>,
    ) -> impl Future<Output = (io::Result<usize>, Box<[u8]>)> + Send;
}

/// Reads and nothing else.
pub(crate) struct Plain;

/// Reads under a timeout.
pub(crate) struct UnderTimeout<E>(PhantomData<fn() -> E>);

impl Way for Plain {
    fn read<S: Stream>(
        stream: &mut S,
        room: Box<[u8]>,
    ) -> impl Future<Output = (io::Result<usize>, Box<[u8]>)> + Send {
        stream.read(room)
    }
}

impl<E: Timer> Way for UnderTimeout<E> {
    async fn read<S: Stream>(stream: &mut S, room: Box<[u8]>) -> (io::Result<usize>, Box<[u8]>) {
        let read = E::timeout(PATIENCE, stream.read(room)).await;
        read.unwrap_or_else(|| (Err(io::ErrorKind::TimedOut.into()), Box::default()))
    }
}

/// A stream with the buffers that go into its calls and come back.
pub(crate) struct End<S> {
    stream: S,
    room: Box<[u8]>,
    /// The message that is sent next, or was received last.
    message: Box<[u8]>,
}

impl<S: Stream> End<S> {
    pub(crate) fn of(stream: S) -> Self {
        End { stream, room: [0; ROOM].into(), message: [0; MESSAGE].into() }
    }

    /// Sends the message with a number.
    pub(crate) async fn send(&mut self, number: u64) -> io::Result<()> {
        self.message.copy_from_slice(&message(number));
        self.send_on().await
    }

    /// Sends on what was received.
    pub(crate) async fn send_on(&mut self) -> io::Result<()> {
        let (sent, message) = self.stream.write_all(mem::take(&mut self.message)).await;
        self.message = message;
        sent
    }

    /// Receives a message, in as many parts as it comes in.
    pub(crate) async fn receive<W: Way>(&mut self) -> io::Result<()> {
        let mut received = 0;
        while received < MESSAGE {
            let count = self.read::<W>().await?;
            if count == 0 {
                return Err(UnexpectedEof.into());
            }
            let part = self.room.get(..count).zip(self.message.get_mut(received..received + count));
            let (from, to) = part.ok_or_else(|| io::Error::other("more was read than had been sent"))?;
            to.copy_from_slice(from);
            received += count;
        }
        Ok(())
    }

    /// Receives the end of the connection.
    pub(crate) async fn receive_end(&mut self) -> io::Result<()> {
        match self.read::<Plain>().await? {
            0 => Ok(()),
            count => Err(io::Error::other(format!("{count} bytes were read where nothing had been sent"))),
        }
    }

    /// Tells whether every byte of the last message is that of the one with this number.
    pub(crate) fn has(&self, number: u64) -> bool {
        *self.message == message(number)
    }

    /// Inverts every byte of the last message.
    pub(crate) fn invert(&mut self) {
        self.message.iter_mut().for_each(|byte| *byte = !*byte);
    }

    async fn read<W: Way>(&mut self) -> io::Result<usize> {
        let (read, room) = W::read(&mut self.stream, mem::take(&mut self.room)).await;
        self.room = room;
        read
    }
}

/// Returns the message with a number: eight words that differ, so that no part is taken for another.
fn message(number: u64) -> [u8; MESSAGE] {
    let mut message = [0; MESSAGE];
    for (index, word) in (0..).zip(message.chunks_exact_mut(8)) {
        // An odd factor spreads small numbers over all bytes, and no two have the same product.
        let scattered = (8 * number + index).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        word.copy_from_slice(&scattered.to_le_bytes());
    }
    message
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use futures_lite::future::block_on;

    use super::*;

    /// A stream that reads what it is told to, part by part, and drops what is written.
    struct Told(VecDeque<Vec<u8>>);

    impl Stream for Told {
        async fn read(&mut self, mut buffer: Box<[u8]>) -> (io::Result<usize>, Box<[u8]>) {
            let part = self.0.pop_front().unwrap_or_default();
            buffer[..part.len()].copy_from_slice(&part);
            (Ok(part.len()), buffer)
        }

        async fn write_all(&mut self, buffer: Box<[u8]>) -> (io::Result<()>, Box<[u8]>) {
            (Ok(()), buffer)
        }

        async fn shutdown(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn received(parts: &[&[u8]]) -> (io::Result<()>, End<Told>) {
        let mut end = End::of(Told(parts.iter().map(|part| part.to_vec()).collect()));
        (block_on(end.receive::<Plain>()), end)
    }

    #[test]
    fn a_message_is_put_together_of_its_parts() {
        let sent = message(7);
        let (result, end) = received(&[&sent[..1], &sent[1..40], &sent[40..]]);
        result.expect("it came whole");
        assert!(end.has(7) && !end.has(8));
    }

    #[test]
    fn every_byte_of_a_message_counts() {
        for byte in 0..MESSAGE {
            let mut sent = message(3);
            sent[byte] ^= 0x10;
            let (result, end) = received(&[&sent]);
            result.expect("it came whole");
            assert!(!end.has(3), "byte {byte}");
        }
    }

    #[test]
    fn an_early_end_and_a_byte_too_many_are_errors() {
        let (result, _) = received(&[&message(1)[..63]]);
        assert_eq!(result.expect_err("a byte is missing").kind(), UnexpectedEof);
        let (result, _) = received(&[&[0; MESSAGE + 1]]);
        assert_eq!(result.expect_err("nobody sent it").to_string(), "more was read than had been sent");
    }

    #[test]
    fn no_two_words_of_messages_are_alike() {
        let words = (0..1_000).flat_map(|number| {
            let message = message(number);
            message.chunks_exact(8).map(<[u8]>::to_vec).collect::<Vec<_>>()
        });
        assert_eq!(words.collect::<std::collections::HashSet<_>>().len(), 8_000);
    }
}
