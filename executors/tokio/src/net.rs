//! Implements the sockets of the contract with `tokio::net`, the same for both flavours.
//!
//! A runtime registers a socket with epoll once, edge triggered, when it is made, and takes it out when it is dropped. A
//! read is tried once epoll has told of the socket; an `EAGAIN`, or a part that does not fill the buffer, ends that
//! readiness. One thread at a time waits in epoll: of the multi-thread runtime a worker that parks. A busy worker looks
//! there every 61 polls, without waiting.

use std::{io, net::SocketAddr};

use executor_api::{Net, READINESS};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
};

use crate::{Flavour, Lane};

impl<F: Flavour> Net for Lane<F> {
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

/// Wraps tokio's listener, whose backlog holds 1,024 connections, or as many as the system allows.
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

/// Wraps a stream of tokio, of either kind.
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

    async fn shutdown(&mut self) -> io::Result<()> {
        self.0.shutdown().await
    }
}

fn without_delay(stream: TcpStream) -> io::Result<Stream<TcpStream>> {
    stream.set_nodelay(true)?;
    Ok(Stream(stream))
}
