//! [`UnixListener`] and [`UnixStream`].

use std::{
    io,
    net::Shutdown,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::{self, SocketAddr},
    },
    path::Path,
};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::{
    source::{Given, Source, check_stream},
    tcp::accept,
};
use crate::scheduler::reactor::slot::Direction;

/// Accepts connections of Unix sockets. What it [promises](super) is what all sockets do.
///
/// Dropping it closes it, and leaves its file.
#[derive(Debug)]
pub struct UnixListener {
    /// The socket.
    source: Source<net::UnixListener>,
}

impl UnixListener {
    /// Listens at a path, where it makes a file.
    ///
    /// It waits for nothing, and so needs no runtime.
    ///
    /// # Errors
    ///
    /// Returns those of the system: there is such a file, no file descriptor is left.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        net::UnixListener::bind(path)?.try_into()
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    ///
    /// As [`TcpListener::accept`](super::TcpListener::accept).
    ///
    /// # Panics
    ///
    /// When polled on a thread that works for no runtime.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        let accept = |socket: &net::UnixListener| Ok(Given::Some(accept(socket.as_fd())?.0));
        let socket = self.source.attempt("UnixListener::accept", Direction::Read, accept).await?;
        Ok(UnixStream { source: Source::new(socket.into()) })
    }

    /// Returns the address that it listens on.
    ///
    /// # Errors
    ///
    /// Returns those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.socket().local_addr()
    }
}

impl TryFrom<net::UnixListener> for UnixListener {
    type Error = io::Error;

    /// Has a listener of std block no more. A socket in its place that is none for streams is an error.
    fn try_from(socket: net::UnixListener) -> io::Result<UnixListener> {
        check_stream(&socket)?;
        socket.set_nonblocking(true)?;
        Ok(UnixListener { source: Source::new(socket) })
    }
}

impl AsFd for UnixListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}

/// A connection of Unix sockets. What it [promises](super) is what all sockets do.
///
/// Dropping it closes it; the other end reads what was written, and then the end.
#[derive(Debug)]
pub struct UnixStream {
    /// The socket.
    source: Source<net::UnixStream>,
}

impl UnixStream {
    /// Makes two ends that are connected with each other.
    ///
    /// # Errors
    ///
    /// If no file descriptor is left.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (one, other) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let end = |socket| UnixStream { source: Source::new(net::UnixStream::from(socket)) };
        Ok((end(one), end(other)))
    }

    /// Connects to the listener at a path. It waits for nothing: Unix sockets connect at once, or not at all.
    ///
    /// # Errors
    ///
    /// Returns those of the system: nobody listens there, no file descriptor is left. If too many connections wait to be accepted,
    /// one of the kind [`WouldBlock`](io::ErrorKind::WouldBlock): nobody tells when there is room.
    pub fn connect(path: impl AsRef<Path>) -> io::Result<UnixStream> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        rustix::net::connect(&socket, &SocketAddrUnix::new(path.as_ref())?)?;
        Ok(UnixStream { source: Source::new(socket.into()) })
    }

    /// Reads what is there into the front of `buffer`, like [`TcpStream::read`](super::TcpStream::read).
    ///
    /// # Errors
    ///
    /// Returns those of the system.
    ///
    /// # Panics
    ///
    /// When polled on a thread that works for no runtime.
    pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + Send {
        self.source.read("UnixStream::read", buffer)
    }

    /// Writes what there is room for, like [`TcpStream::write`](super::TcpStream::write).
    ///
    /// # Errors
    ///
    /// Returns those of the system: the other end is closed.
    ///
    /// # Panics
    ///
    /// When polled on a thread that works for no runtime.
    pub fn write<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = io::Result<usize>> + Send {
        self.source.write("UnixStream::write", bytes)
    }

    /// Writes all of `bytes`, like [`TcpStream::write_all`](super::TcpStream::write_all).
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write). An unknown part has been written by then.
    ///
    /// # Panics
    ///
    /// When polled on a thread that works for no runtime.
    pub fn write_all<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = io::Result<()>> + Send {
        self.source.write_all("UnixStream::write_all", bytes)
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
}

impl TryFrom<net::UnixStream> for UnixStream {
    type Error = io::Error;

    /// Has a stream of std block no more. A socket in its place that is none for streams is an error.
    fn try_from(socket: net::UnixStream) -> io::Result<UnixStream> {
        check_stream(&socket)?;
        socket.set_nonblocking(true)?;
        Ok(UnixStream { source: Source::new(socket) })
    }
}

impl AsFd for UnixStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}
