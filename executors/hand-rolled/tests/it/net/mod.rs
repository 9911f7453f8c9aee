//! Sockets: what `hand_rolled::net` promises. One file a subject.

mod ends;
mod listeners;
mod streams;
mod table;
mod time;
mod turns;

use std::{
    io::{self, Read, Write},
    net,
    net::{Ipv4Addr, SocketAddr},
};

use hand_rolled::net::{TcpListener, TcpStream, UnixStream};

/// Any free port of this machine.
const ANY: ([u8; 4], u16) = (Ipv4Addr::LOCALHOST.octets(), 0);

/// Two ends of a connection of TCP.
async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(ANY).unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (other, from) = listener.accept().await.unwrap();
    assert_eq!(from, one.local_addr().unwrap());
    (one, other)
}

/// Two ends of a connection of TCP, the second of which blocks.
fn half_blocking_pair() -> (TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind(SocketAddr::from(ANY)).unwrap();
    let blocking = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0.try_into().unwrap(), blocking)
}

/// Two ends of a connection of Unix sockets, the second of which blocks.
fn half_blocking_unix_pair() -> (UnixStream, std::os::unix::net::UnixStream) {
    let (one, blocking) = std::os::unix::net::UnixStream::pair().unwrap();
    (one.try_into().unwrap(), blocking)
}

/// Reads to the end.
async fn read_all(stream: &TcpStream) -> io::Result<Vec<u8>> {
    let (mut all, mut buffer) = (Vec::new(), [0; 1000]);
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(all),
            read => all.extend_from_slice(&buffer[..read]),
        }
    }
}

/// Reads one byte, which has to come.
async fn read_byte(stream: &TcpStream) -> u8 {
    let mut byte = [0];
    assert_eq!(stream.read(&mut byte).await.unwrap(), 1);
    byte[0]
}

/// Writes one byte with a socket that blocks.
fn send(mut socket: impl Write, byte: u8) {
    socket.write_all(&[byte]).unwrap();
}

/// Reads one byte with a socket that blocks.
fn receive(mut socket: impl Read) -> u8 {
    let mut byte = [0];
    socket.read_exact(&mut byte).unwrap();
    byte[0]
}

/// Bytes that tell their place.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 31 + place / 253) as u8).collect()
}
