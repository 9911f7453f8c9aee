//! The floor of echo: one thread that waits in epoll for all ends, with nothing around it.
//!
//! Its tasks are places in a table. A round trip is six system calls, two waits, two reads and two writes: what the kernel takes
//! of one, whoever asks.

use std::{
    io::{self, ErrorKind::UnexpectedEof},
    os::fd::OwnedFd,
    sync::OnceLock,
};

use rustix::{buffer::spare_capacity, event::epoll, io::ioctl_fionbio};
use serde_json::{Value, json};

use crate::{
    programs::{Program, Run},
    sockets::{self, Connections, MESSAGE, ROOM, message, trips},
};

/// All programs that it has.
pub(crate) const PROGRAMS: &[Program] = &[
    Program { name: "echo", largest: None, tells: false, connect: Some(of_tcp), run: echo },
    Program { name: "echo-unix", largest: None, tells: false, connect: Some(of_unix), run: echo },
];

/// The queue of the ends that are ready. A process has one cell, and so one.
static QUEUE: OnceLock<OwnedFd> = OnceLock::new();

fn of_tcp(number: u64) -> io::Result<Connections> {
    watched(sockets::of_tcp(number)?)
}

fn of_unix(number: u64) -> io::Result<Connections> {
    watched(sockets::of_unix(number)?)
}

/// Watches all ends, edge triggered, by their place in the table.
fn watched(connections: Connections) -> io::Result<Connections> {
    let queue = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (place, end) in (0..).zip(connections.iter().flatten()) {
        ioctl_fionbio(end.as_fd(), true)?;
        let events = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&queue, end.as_fd(), epoll::EventData::new_u64(place), events)?;
    }
    QUEUE.set(queue).expect("a process has one cell");
    Ok(connections)
}

/// The part of a message that one end has received, and the number of messages that it has still to receive.
struct Place {
    message: [u8; MESSAGE],
    filled: usize,
    left: u64,
}

fn echo(run: &mut Run<'_>) -> io::Result<Value> {
    let (queue, trips) = (QUEUE.get().expect("a cell is prepared"), trips(run.size));
    let ends = 2 * run.connections.len();
    let mut places: Vec<_> =
        (0..ends).map(|_| Place { message: [0; MESSAGE], filled: 0, left: trips }).collect();
    for (index, [client, _]) in (0..).zip(&mut *run.connections) {
        client.write_all(&message(index * trips))?;
    }
    let mut counts = [0; 2];
    let mut open = ends;
    let (mut events, mut room) = (Vec::with_capacity(128), [0; ROOM]);
    while open > 0 {
        epoll::wait(queue, spare_capacity(&mut events), None)?;
        for event in events.drain(..) {
            let index = event.data.u64() as usize;
            let (end, place) = (&mut run.connections[index / 2][index % 2], &mut places[index]);
            let count = end.read(&mut room)?;
            if count == 0 {
                return Err(UnexpectedEof.into());
            }
            // A read that does not fill the room has read all there is: the next byte is the next event.
            let part = place.message.get_mut(place.filled..place.filled + count);
            part.ok_or_else(|| io::Error::other("more was read than had been sent"))?
                .copy_from_slice(&room[..count]);
            place.filled += count;
            if place.filled < MESSAGE {
                continue;
            }
            place.filled = 0;
            place.left -= 1;
            open -= usize::from(place.left == 0);
            if index % 2 == 1 {
                end.write_all(&place.message)?;
                counts[1] += 1;
                continue;
            }
            let next = (index as u64 / 2 + 1) * trips - place.left;
            counts[0] += u64::from(place.message == message(next - 1));
            if place.left > 0 {
                end.write_all(&message(next))?;
            }
        }
    }
    run.note_tasks(ends as u64);
    Ok(json!(counts))
}
