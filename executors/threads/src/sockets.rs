//! The programs with sockets: those of std, which block the thread of each end.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use serde_json::{Value, json};

use crate::programs::Run;

/// The bytes of a message.
pub(crate) const MESSAGE: usize = 64;

/// The room of a read.
pub(crate) const ROOM: usize = 256;

/// One end of a connection.
pub(crate) trait End: Read + Write + Send + Source {}

impl<S: Read + Write + Send + Source> End for S {}

/// Has a descriptor that a queue of the system can watch.
#[cfg(unix)]
pub(crate) trait Source: std::os::fd::AsFd {}

#[cfg(unix)]
impl<S: std::os::fd::AsFd> Source for S {}

/// Is a socket.
#[cfg(not(unix))]
pub(crate) trait Source {}

#[cfg(not(unix))]
impl<S> Source for S {}

/// Pairs of ends.
pub(crate) type Connections = Vec<[Box<dyn End>; 2]>;

/// Connects this number of times.
pub(crate) fn of_tcp(number: u64) -> io::Result<Connections> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let connect = |_| {
        let pair = [TcpStream::connect(address)?, listener.accept()?.0];
        pair.iter().try_for_each(|end| end.set_nodelay(true))?;
        Ok(pair.map(|end| Box::new(end) as Box<dyn End>))
    };
    (0..number).map(connect).collect()
}

/// Makes this number of pairs.
#[cfg(unix)]
pub(crate) fn of_unix(number: u64) -> io::Result<Connections> {
    use std::os::unix::net::UnixStream;
    let pair = |_| {
        let (one, other) = UnixStream::pair()?;
        Ok([Box::new(one) as Box<dyn End>, Box::new(other)])
    };
    (0..number).map(pair).collect()
}

/// Makes no pairs: this system has none.
#[cfg(not(unix))]
pub(crate) fn of_unix(_number: u64) -> io::Result<Connections> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns the number of messages that go over each of so many connections.
pub(crate) fn trips(connections: u64) -> u64 {
    (2_000 / connections.max(1)).clamp(4, 1_000)
}

/// Returns the message with a number.
pub(crate) fn message(number: u64) -> [u8; MESSAGE] {
    let mut message = [0; MESSAGE];
    for (index, word) in (0..).zip(message.chunks_exact_mut(8)) {
        word.copy_from_slice(&(8 * number + index).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    }
    message
}

pub(crate) fn echo(run: &mut Run<'_>) -> io::Result<Value> {
    let trips = trips(run.size);
    let pairs = std::mem::take(run.connections);
    let tasks = (0..).zip(pairs).flat_map(|(index, [mut client, mut server])| {
        let first = index * trips;
        let call = move || {
            let mut right = 0;
            for number in first..first + trips {
                client.write_all(&message(number))?;
                right += u64::from(receive(&mut client)? == message(number));
            }
            Ok((client, right))
        };
        let echo = move || {
            for _ in 0..trips {
                let received = receive(&mut server)?;
                server.write_all(&received)?;
            }
            Ok((server, trips))
        };
        // Two closures of one type.
        [Box::new(call) as Box<dyn FnOnce() -> io::Result<(Box<dyn End>, u64)> + Send>, Box::new(echo)]
    });
    let mut ends = run.gather(tasks)?.into_iter();
    let mut counts = [0; 2];
    while let Some((client, server)) = ends.next().zip(ends.next()) {
        let ((client, right), (server, sent)) = (client?, server?);
        counts = [counts[0] + right, counts[1] + sent];
        run.connections.push([client, server]);
    }
    Ok(json!(counts))
}

pub(crate) fn connect(run: &mut Run<'_>) -> io::Result<Value> {
    const CLIENTS: u64 = 100;
    let connections = run.size;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let accept = move || {
        let serve =
            |_| listener.accept().and_then(|(stream, _)| thread::Builder::new().spawn(|| serve(stream)));
        let tasks: Vec<_> = (0..connections).map(serve).collect::<io::Result<_>>()?;
        tasks.into_iter().map(|task| task.join().expect("no task panics")).sum::<io::Result<u64>>()
    };
    let server = run.spawn(accept)?;
    let call = |first| move || call(address, (first..connections).step_by(CLIENTS as usize));
    let right = run.gather((0..CLIENTS.min(connections)).map(call))?;
    let right = right.into_iter().sum::<io::Result<u64>>()?;
    let served = run.join(server)?;
    run.note_tasks(served);
    Ok(json!([right, served]))
}

/// Answers with every byte inverted, and closes first.
fn serve(mut stream: TcpStream) -> io::Result<u64> {
    stream.set_nodelay(true)?;
    let answer = receive(&mut stream)?.map(|byte| !byte);
    stream.write_all(&answer)?;
    Ok(1)
}

fn call(address: SocketAddr, numbers: impl Iterator<Item = u64>) -> io::Result<u64> {
    let mut right = 0;
    for number in numbers {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.write_all(&message(number))?;
        right += u64::from(receive(&mut stream)?.map(|byte| !byte) == message(number));
        if stream.read(&mut [0; ROOM])? > 0 {
            return Err(io::Error::other("more was read than had been sent"));
        }
    }
    Ok(right)
}

/// Receives a message.
fn receive(stream: &mut (impl Read + ?Sized)) -> io::Result<[u8; MESSAGE]> {
    let (mut message, mut room, mut received) = ([0; MESSAGE], [0; ROOM], 0);
    while received < MESSAGE {
        let count = stream.read(&mut room)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let place = message.get_mut(received..received + count);
        place
            .ok_or_else(|| io::Error::other("more was read than had been sent"))?
            .copy_from_slice(&room[..count]);
        received += count;
    }
    Ok(message)
}
