//! Implements the sockets of the contract with `async_std::net`, which are those of async-io, as smol's are.
//!
//! The driver has no switch: it is on in every cell, because timers wait there too.

use std::{
    io,
    net::{Shutdown, SocketAddr},
};

use async_std::{
    io::{ReadExt, WriteExt},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
};
use executor_api::{Net, READINESS};

use crate::AsyncStd;

impl Net for AsyncStd {
    type Listener = Listener;
    type Tcp = Stream<TcpStream>;
    type Unix = Stream<UnixStream>;

    fn driver() -> Result<&'static str, String> {
        Ok(READINESS)
    }

    async fn listen(address: SocketAddr) -> io::Result<Listener> {
        TcpListener::bind(address).await.map(Listener)
    }

    async fn connect(address: SocketAddr) -> io::Result<Stream<TcpStream>> {
        without_delay(TcpStream::connect(address).await?)
    }

    fn pair() -> io::Result<(Stream<UnixStream>, Stream<UnixStream>)> {
        let (one, other) = UnixStream::pair()?;
        Ok((Stream(one), Stream(other)))
    }
}

/// Wraps async-std's listener, whose backlog is that of std: 128 connections.
#[derive(Debug)]
pub struct Listener(TcpListener);

impl executor_api::Listener for Listener {
    type Stream = Stream<TcpStream>;

    fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    async fn accept(&self) -> io::Result<Stream<TcpStream>> {
        let (stream, _peer) = self.0.accept().await?;
        without_delay(stream)
    }
}

/// Wraps a stream of async-std, of either kind.
#[derive(Debug)]
pub struct Stream<S>(S);

/// Implements the contract for each kind: their `shutdown` is no method of a common trait, and their `close` does not shut
/// the connection down.
macro_rules! stream {
    ($($stream:ty),+) => {$(
        impl executor_api::Stream for Stream<$stream> {
            async fn read(&mut self, mut buffer: Box<[u8]>) -> (io::Result<usize>, Box<[u8]>) {
                let result = self.0.read(&mut buffer).await;
                (result, buffer)
            }

            async fn write_all(&mut self, buffer: Box<[u8]>) -> (io::Result<()>, Box<[u8]>) {
                let result = self.0.write_all(&buffer).await;
                (result, buffer)
            }

            async fn shutdown(&mut self) -> io::Result<()> {
                self.0.shutdown(Shutdown::Write)
            }
        }
    )+};
}

stream!(TcpStream, UnixStream);

fn without_delay(stream: TcpStream) -> io::Result<Stream<TcpStream>> {
    stream.set_nodelay(true)?;
    Ok(Stream(stream))
}
