//! The load: one thread outside the executor, which sends on a schedule and waits for nothing.
//!
//! It uses the blocking sockets of std, the same in every lane, and they never block while requests are due: what a run sends on
//! a connection fits its buffers a hundred times over, and so do the answers, which are read after the run. A request that would
//! have to wait is an error. So the load cannot coordinate with the executor: one that is slow has no fewer requests.

use std::{
    hint,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::{
    frame::{FRAME, Request, answer},
    schedule::{CONNECTIONS, Schedule},
};

/// The time before a request is due at which the thread stops sleeping and spins. With 30 µs or more it would spin all the
/// time at 10,000 requests a second; then the scheduler of the kernel takes it for one that computes, and has it wait for
/// milliseconds while workers do too. With less it sends most requests late by the time of a wake-up.
const SPIN: Duration = Duration::from_micros(10);

/// The lateness of a request at which it counts as sent late.
const LATE: Duration = Duration::from_micros(500);

/// The time that an answer may take after the run.
const PATIENCE: Duration = Duration::from_secs(5);

/// The other ends of the connections.
#[derive(Debug)]
pub(crate) struct Generator {
    streams: Vec<TcpStream>,
    /// The clock of all stamps.
    epoch: Instant,
}

/// The generator's own lateness in a run: of how many requests how many were sent late.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Punctuality {
    pub(crate) requests: usize,
    pub(crate) late: usize,
}

impl Generator {
    /// Connects, says so, and makes sure of each connection by one request that is answered.
    pub(crate) fn connect(
        address: SocketAddr,
        epoch: Instant,
        all_connected: impl FnOnce(),
    ) -> io::Result<Generator> {
        let mut streams = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let mut stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(&FIRST.to_frame())?;
            streams.push(stream);
        }
        all_connected();
        for stream in &mut streams {
            expect_answer(stream, FIRST.number)?;
        }
        Ok(Generator { streams, epoch })
    }

    /// Sends the requests of a schedule that begins now, each when it is due.
    ///
    /// # Errors
    ///
    /// If a request would have to wait for room, or a connection has an error.
    pub(crate) fn send(&mut self, schedule: &Schedule) -> io::Result<Punctuality> {
        for stream in &self.streams {
            stream.set_nonblocking(true)?;
        }
        let start = Instant::now();
        let mut punctuality = Punctuality { requests: schedule.due.len(), late: 0 };
        for (number, due) in (0..).zip(&schedule.due) {
            let at = start + due.after;
            wait_until(at);
            let now = Instant::now();
            punctuality.late += usize::from(now > at + LATE);
            let request = Request { number, due_ns: self.stamp(at), sent_ns: self.stamp(now) };
            // A part of a frame that finds no room for the rest is an error too.
            self.streams[due.connection].write_all(&request.to_frame())?;
        }
        Ok(punctuality)
    }

    /// Reads the answers to all requests of a schedule. They are there: its handlers have ended.
    ///
    /// # Errors
    ///
    /// If an answer is missing or wrong.
    pub(crate) fn read_answers(&mut self, schedule: &Schedule) -> io::Result<()> {
        for stream in &self.streams {
            stream.set_nonblocking(false)?;
        }
        for (number, due) in (0..).zip(&schedule.due) {
            expect_answer(&mut self.streams[due.connection], number)?;
        }
        Ok(())
    }

    fn stamp(&self, at: Instant) -> u64 {
        at.duration_since(self.epoch).as_nanos() as u64
    }
}

impl Punctuality {
    /// Returns the reason why the run is not to be used: more than one request in a hundred was sent late.
    pub(crate) fn complaint(self) -> Option<String> {
        let Punctuality { requests, late } = self;
        (100 * late > requests).then(|| {
            format!(
                "this machine cannot send the load in time: {late} of {requests} requests were sent {LATE:?} after they were due"
            )
        })
    }
}

/// The request that makes sure of a connection.
pub(crate) const FIRST: Request = Request { number: u64::MAX, due_ns: 0, sent_ns: 0 };

/// Reads one answer, which is to be that to the request with this number.
fn expect_answer(stream: &mut TcpStream, number: u64) -> io::Result<()> {
    let mut frame = [0; FRAME];
    stream.read_exact(&mut frame)?;
    if frame == answer(number) { Ok(()) } else { Err(io::Error::other("an answer is wrong")) }
}

/// Has the sleeps of this thread end when they are due, where the system lets them end later to save power.
pub(crate) fn sleep_exactly() {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_timerslack(1).ok(); // without it the sleeps are later, which is noticed
}

fn wait_until(due: Instant) {
    loop {
        match due.saturating_duration_since(Instant::now()) {
            Duration::ZERO => return,
            left if left > SPIN => thread::sleep(left - SPIN),
            _ => hint::spin_loop(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Connects a generator to a server that answers the first request of each connection, and returns the server's ends.
    fn connected() -> (Generator, Vec<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("any port is free");
        let address = listener.local_addr().expect("it has an address");
        let generator = thread::spawn(move || Generator::connect(address, Instant::now(), || ()));
        let mut streams = Vec::new();
        for _ in 0..CONNECTIONS {
            let (mut stream, _) = listener.accept().expect("somebody connects");
            let mut frame = [0; FRAME];
            stream.read_exact(&mut frame).expect("the first request");
            assert_eq!(Request::from_frame(&frame), Some(FIRST));
            stream.write_all(&answer(FIRST.number)).expect("the client reads");
            streams.push(stream);
        }
        (generator.join().expect("it does not panic").expect("it connects"), streams)
    }

    #[test]
    fn no_request_is_sent_before_it_is_due_and_none_waits_for_an_answer() {
        let (mut generator, mut streams) = connected();
        let schedule = Schedule::of(1, 500, Duration::from_millis(20));
        // Nobody reads meanwhile.
        generator.send(&schedule).expect("everything has room");
        let mut starts = Vec::new();
        for (number, due) in (0..).zip(&schedule.due) {
            let mut frame = [0; FRAME];
            streams[due.connection].read_exact(&mut frame).expect("it was sent");
            let request = Request::from_frame(&frame).expect("a request");
            assert!(request.number == number && request.sent_ns >= request.due_ns, "{request:?}");
            starts.push(request.due_ns - due.after.as_nanos() as u64);
        }
        assert!(starts.windows(2).all(|pair| pair[0] == pair[1]), "due times are those of the schedule");
    }

    #[test]
    fn an_answer_that_is_wrong_or_missing_is_an_error() {
        let schedule = Schedule::of(2, 10, Duration::from_millis(1));
        let (mut generator, mut streams) = connected();
        for (number, due) in (0..).zip(&schedule.due) {
            streams[due.connection]
                .write_all(&answer(number ^ u64::from(number == 9)))
                .expect("there is room");
        }
        let error = generator.read_answers(&schedule).expect_err("the last is wrong");
        assert_eq!(error.to_string(), "an answer is wrong");
        drop(streams);
        generator.read_answers(&schedule).expect_err("nothing is left");
    }

    #[test]
    fn a_server_that_does_not_read_is_an_error_and_nobody_waits() {
        let (mut generator, streams) = connected();
        let flood = Schedule::of(3, 4_000_000, Duration::from_millis(1));
        let one = Schedule {
            due: flood.due.iter().map(|due| crate::schedule::Due { connection: 0, ..*due }).collect(),
        };
        let error = generator.send(&one).expect_err("the buffers are full at some time");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(streams);
    }

    #[test]
    fn one_late_request_in_a_hundred_is_forgiven() {
        assert_eq!(Punctuality { requests: 100, late: 1 }.complaint(), None);
        assert_eq!(
            Punctuality { requests: 100, late: 2 }.complaint().as_deref(),
            Some(
                "this machine cannot send the load in time: 2 of 100 requests were sent 500µs after they were due"
            )
        );
    }
}
