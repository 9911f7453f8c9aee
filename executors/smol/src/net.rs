//! Implements the sockets of the contract with `smol::net`, the same for all lanes.
//!
//! A socket is registered with epoll when it is made. A read is tried first; after an `EAGAIN` it arms the socket for one
//! event, with a system call each time, and waits. A thread waits in epoll that has nothing to do: one of those in
//! `smol::block_on`, which the workers are, or else the thread "async-io". The driver has no switch: it is on in every
//! cell, because timers wait there too.

use std::{io, net::SocketAddr};

use executor_api::{Net, READINESS};
use smol::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, unix::UnixStream},
};

use crate::{Smol, SmolLocal};

macro_rules! net {
    ($($lane:ty),+) => {$(
        impl Net for $lane {
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
    )+};
}

net!(Smol, SmolLocal);
#[cfg(feature = "options")]
net!(crate::SmolStatic);

/// Wraps smol's listener, whose backlog is that of std: 128 connections.
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

/// Wraps a stream of smol, of either kind.
#[derive(Debug)]
pub struct Stream<S>(S);

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> executor_api::Stream for Stream<S> {
    async fn read(&mut self, mut buffer: Box<[u8]>) -> (io::Result<usize>, Box<[u8]>) {
        let result = self.0.read(&mut buffer).await;
        (result, buffer)
    }

    async fn write_all(&mut self, buffer: Box<[u8]>) -> (io::Result<()>, Box<[u8]>) {
        let result = self.0.write_all(&buffer).await;
        (result, buffer)
    }

    /// `close` of smol's streams shuts down the direction to the other end, and no more.
    async fn shutdown(&mut self) -> io::Result<()> {
        self.0.close().await
    }
}

fn without_delay(stream: TcpStream) -> io::Result<Stream<TcpStream>> {
    stream.set_nodelay(true)?;
    Ok(Stream(stream))
}
