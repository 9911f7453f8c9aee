//! The handler of a connection: a task of the lane that takes note of each request and answers it.

use std::{io, mem, time::Instant};

use executor_api::Stream;

use crate::{
    frame::{Frames, Request, answer},
    generator::FIRST,
};

/// The room of a read, for some frames at once: a read that does not fill it tells the executor that no more is there.
const ROOM: usize = 256;

/// The lane's end of a connection.
pub(crate) struct Connection<S> {
    stream: S,
    room: Box<[u8]>,
    frames: Frames,
    out: Box<[u8]>,
}

/// A request that was handled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handled {
    pub(crate) number: u64,
    /// The time from when it was sent until its handler had it.
    pub(crate) late_ns: u64,
}

impl<S: Stream> Connection<S> {
    /// Makes sure of a connection: answers the first request.
    pub(crate) async fn of(stream: S, epoch: Instant) -> io::Result<Self> {
        let out = answer(0).into();
        let mut connection = Connection { stream, room: [0; ROOM].into(), frames: Frames::default(), out };
        let handled = connection.handle(1, epoch).await?;
        if handled[0].number != FIRST.number {
            return Err(io::Error::other("the first request is another"));
        }
        Ok(connection)
    }

    /// Handles this number of requests. Stamps are in ns since `epoch`.
    pub(crate) async fn handle(&mut self, requests: usize, epoch: Instant) -> io::Result<Vec<Handled>> {
        let mut handled = Vec::with_capacity(requests);
        while handled.len() < requests {
            let (read, room) = self.stream.read(mem::take(&mut self.room)).await;
            let count = read?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            for frame in self.frames.add(room.get(..count).unwrap_or_default()) {
                let now_ns = epoch.elapsed().as_nanos() as u64;
                let Request { number, sent_ns, .. } =
                    Request::from_frame(&frame).ok_or_else(|| io::Error::other("a request is garbled"))?;
                handled.push(Handled { number, late_ns: now_ns.saturating_sub(sent_ns) });
                let mut out = mem::take(&mut self.out);
                out.copy_from_slice(&answer(number));
                let (written, out) = self.stream.write_all(out).await;
                self.out = out;
                written?;
            }
            self.room = room;
        }
        Ok(handled)
    }
}
