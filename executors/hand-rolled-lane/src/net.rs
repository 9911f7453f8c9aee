//! The sockets of the lanes: those of `hand_rolled::net`, with buffers that are given away and come back.
//!
//! The runtime needs no `Config::sockets`: it waits in epoll only while a socket has had to wait, and parks as ever else.

use std::{
    io,
    net::{Shutdown, SocketAddr},
};

use executor_api::{Listener, Net, Stream};
use hand_rolled::net::{TcpListener, TcpStream, UnixStream};

use crate::{Flavour, Lane};

impl<F: Flavour> Net for Lane<F> {
    type Listener = LaneListener;
    type Tcp = LaneTcp;
    type Unix = LaneUnix;

    fn driver() -> Result<&'static str, String> {
        Ok("epoll")
    }

    async fn listen(address: SocketAddr) -> io::Result<LaneListener> {
        TcpListener::bind(address).map(LaneListener)
    }

    async fn connect(address: SocketAddr) -> io::Result<LaneTcp> {
        LaneTcp::new(TcpStream::connect(address).await?)
    }

    fn pair() -> io::Result<(LaneUnix, LaneUnix)> {
        UnixStream::pair().map(|(one, other)| (LaneUnix(one), LaneUnix(other)))
    }
}

/// A listener as the contract has it.
#[derive(Debug)]
pub struct LaneListener(TcpListener);

impl Listener for LaneListener {
    type Stream = LaneTcp;

    fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    async fn accept(&self) -> io::Result<LaneTcp> {
        LaneTcp::new(self.0.accept().await?.0)
    }
}

/// A connection of TCP as the contract has it.
#[derive(Debug)]
pub struct LaneTcp(TcpStream);

impl LaneTcp {
    /// Has what is written sent at once.
    fn new(stream: TcpStream) -> io::Result<LaneTcp> {
        stream.set_nodelay(true)?;
        Ok(LaneTcp(stream))
    }
}

/// One end of a pair of Unix sockets as the contract has it.
#[derive(Debug)]
pub struct LaneUnix(UnixStream);

/// Both kinds of streams have the same methods.
macro_rules! stream {
    ($stream:ty) => {
        impl Stream for $stream {
            async fn read(&mut self, mut buffer: Box<[u8]>) -> (io::Result<usize>, Box<[u8]>) {
                (self.0.read(&mut buffer).await, buffer)
            }

            async fn write_all(&mut self, buffer: Box<[u8]>) -> (io::Result<()>, Box<[u8]>) {
                (self.0.write_all(&buffer).await, buffer)
            }

            async fn shutdown(&mut self) -> io::Result<()> {
                self.0.shutdown(Shutdown::Write)
            }
        }
    };
}

stream!(LaneTcp);
stream!(LaneUnix);
