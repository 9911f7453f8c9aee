//! [`TcpListener`] and [`TcpStream`].

use std::{
    io,
    net::{self, Shutdown, SocketAddr},
    os::fd::{AsFd, BorrowedFd},
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType},
};

use super::source::{Given, Source, check_stream};
use crate::scheduler::reactor::slot::Direction;

/// Accepts connections of TCP. What it [promises](super) is what all sockets do.
///
/// Dropping it closes it; connections that were not accepted are reset.
#[derive(Debug)]
pub struct TcpListener {
    /// The socket.
    source: Source<net::TcpListener>,
}

impl TcpListener {
    /// Listens on an address; port 0 takes any that is free. Of connections 128 may wait to be accepted.
    ///
    /// It waits for nothing, and so needs no runtime.
    ///
    /// # Errors
    ///
    /// Returns those of the system: the port is taken, there is no such address, no file descriptor is left.
    pub fn bind(address: impl Into<SocketAddr>) -> io::Result<TcpListener> {
        net::TcpListener::bind(address.into())?.try_into()
    }

    /// Waits for the next connection. Returns it with the address of the other end.
    ///
    /// A future that is dropped while it waits loses no connection: the next call gets it. One that the other end has
    /// reset before it was accepted is passed over.
    ///
    /// # Errors
    ///
    /// Returns those of the system. The listener can be used again: if no file descriptor is left, each call gives the error,
    /// and the first after there is one again accepts what has waited.
    ///
    /// # Panics
    ///
    /// When polled on a thread that works for no runtime.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let accept = |socket: &net::TcpListener| {
            let (socket, address) = accept(socket.as_fd())?;
            let address = address.and_then(|address| SocketAddr::try_from(address).ok());
            Ok(Given::Some((net::TcpStream::from(socket), address)))
        };
        let (socket, address) = self.source.attempt("TcpListener::accept", Direction::Read, accept).await?;
        let address = address.map_or_else(|| socket.peer_addr(), Ok)?;
        Ok((TcpStream { source: Source::new(socket) }, address))
    }

    /// Returns the address that it listens on, with the port that was taken.
    ///
    /// # Errors
    ///
    /// Returns those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.socket().local_addr()
    }
}

/// Accepts a connection, with a socket that does not block and that no child of this process gets.
pub(super) fn accept(
    listener: BorrowedFd<'_>,
) -> io::Result<(std::os::fd::OwnedFd, Option<rustix::net::SocketAddrAny>)> {
    loop {
        match rustix::net::acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            // It was reset while it waited. There may be another.
            Err(Errno::CONNABORTED) => {}
            accepted => return Ok(accepted?),
        }
    }
}

impl TryFrom<net::TcpListener> for TcpListener {
    type Error = io::Error;

    /// Has a listener of std block no more. A socket in its place that is none for streams is an error.
    fn try_from(socket: net::TcpListener) -> io::Result<TcpListener> {
        check_stream(&socket)?;
        socket.set_nonblocking(true)?;
        Ok(TcpListener { source: Source::new(socket) })
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}

/// A connection of TCP. What it [promises](super) is what all sockets do.
///
/// Dropping it closes it; the other end reads what was written, and then the end. As in std, small writes may be held back
/// for a moment; see [`set_nodelay`](Self::set_nodelay).
#[derive(Debug)]
pub struct TcpStream {
    /// The socket.
    source: Source<net::TcpStream>,
}

impl TcpStream {
    /// Connects.
    ///
    /// # Errors
    ///
    /// Returns those of the system: it is refused, no file descriptor is left.
    ///
    /// # Panics
    ///
    /// When polled on a thread that works for no runtime.
    pub async fn connect(address: impl Into<SocketAddr>) -> io::Result<TcpStream> {
        let address = address.into();
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        let source = Source::new(net::TcpStream::from(socket));
        let mut begun = false;
        let connect = move |socket: &net::TcpStream| {
            if !begun {
                begun = true;
                match rustix::net::connect(socket, &address) {
                    Err(Errno::INPROGRESS | Errno::INTR) => {}
                    connected => return Ok(Given::Some(connected?)),
                }
            }
            has_connected(socket).map(Given::Some)
        };
        source.attempt("TcpStream::connect", Direction::Write, connect).await?;
        Ok(TcpStream { source })
    }

    /// Reads what is there into the front of `buffer`, and waits while nothing is. Returns the number of bytes; 0 is the
    /// end.
    ///
    /// A future that is dropped while it waits loses no byte: the next call reads it.
    ///
    /// # Errors
    ///
    /// Returns those of the system, such as a reset by the other end.
    ///
    /// # Panics
    ///
    /// When polled on a thread that works for no runtime.
    pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + Send {
        self.source.read("TcpStream::read", buffer)
    }

    /// Writes what there is room for, and waits while there is none. Returns the number of bytes.
    ///
    /// A future that is dropped while it waits has written nothing.
    ///
    /// # Errors
    ///
    /// Returns those of the system, such as a reset by the other end.
    ///
    /// # Panics
    ///
    /// When polled on a thread that works for no runtime.
    pub fn write<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = io::Result<usize>> + Send {
        self.source.write("TcpStream::write", bytes)
    }

    /// Writes all of `bytes`, in as many parts as it takes.
    ///
    /// A future that is dropped while it waits has written an unknown part.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write). An unknown part has been written by then.
    ///
    /// # Panics
    ///
    /// When polled on a thread that works for no runtime.
    pub fn write_all<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = io::Result<()>> + Send {
        self.source.write_all("TcpStream::write_all", bytes)
    }

    /// Closes one direction, or both. A task that waits in that direction goes on.
    ///
    /// # Errors
    ///
    /// Returns those of the system: the connection is no more.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.source.socket().shutdown(how)
    }

    /// Returns the address of the other end.
    ///
    /// # Errors
    ///
    /// Returns those of the system: the connection is no more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.socket().peer_addr()
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    ///
    /// Returns those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.socket().local_addr()
    }

    /// Has small writes sent at once, if `nodelay`, and not held back until the other end has confirmed what was sent
    /// before (Nagle's algorithm).
    ///
    /// # Errors
    ///
    /// Returns those of the system.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.source.socket().set_nodelay(nodelay)
    }

    /// Returns true if small writes are sent at once.
    ///
    /// # Errors
    ///
    /// Returns those of the system.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.source.socket().nodelay()
    }
}

/// Returns an error if a connection that was begun has failed, or is still to come.
fn has_connected(socket: &net::TcpStream) -> io::Result<()> {
    // Between this process and itself a connection is there at once.
    match rustix::net::getpeername(socket) {
        Ok(_) => Ok(()),
        Err(Errno::NOTCONN) => {
            rustix::net::sockopt::socket_error(socket)??;
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error.into()),
    }
}

impl TryFrom<net::TcpStream> for TcpStream {
    type Error = io::Error;

    /// Has a stream of std block no more. A socket in its place that is none for streams is an error.
    fn try_from(socket: net::TcpStream) -> io::Result<TcpStream> {
        check_stream(&socket)?;
        socket.set_nonblocking(true)?;
        Ok(TcpStream { source: Source::new(socket) })
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}
