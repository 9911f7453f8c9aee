//! The contract of executors with sockets.
//!
//! A buffer is given away with each call and comes back with its answer. An executor that has the kernel complete a read
//! (io_uring) needs that: the kernel may write into the buffer while the task does something else, or is gone. The others
//! lose nothing by it.

use std::{io, net::SocketAddr};

use crate::Executor;

/// Names the system's queue of sockets that are ready, which [`Net::driver`] gives where an executor waits there.
pub const READINESS: &str =
    if cfg!(any(target_os = "linux", target_os = "android")) { "epoll" } else { "kqueue" };

/// An executor with sockets.
///
/// It is started with [`Config::sockets`](crate::Config::sockets); the functions without `self` are called inside a task,
/// as those of [`Executor`] are, and so are the methods of what they return. Sockets never use Nagle's algorithm, on neither
/// end: what is written is sent.
pub trait Net: Executor {
    /// Accepts connections.
    type Listener: Listener<Stream = Self::Tcp>;
    /// A connection of TCP.
    type Tcp: Stream;
    /// One end of a pair of Unix sockets, which costs the kernel a third of TCP: more of the executor shows.
    type Unix: Stream;

    /// Names the mechanism by which this executor waits for sockets in this process, such as `epoll`.
    ///
    /// # Errors
    ///
    /// With the reason, if the kernel or a sandbox refuses it. Nothing else is used in its place.
    fn driver() -> Result<&'static str, String>;

    /// Listens on an address; port 0 takes any that is free. At least 128 connections may wait to be accepted.
    ///
    /// # Errors
    ///
    /// Returns those of `bind`: the port is taken, there is no such address, no file descriptor is left.
    fn listen(address: SocketAddr) -> impl Future<Output = io::Result<Self::Listener>> + Send + 'static;

    /// Connects.
    ///
    /// # Errors
    ///
    /// Returns those of `connect`: it is refused, no file descriptor is left.
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Tcp>> + Send + 'static;

    /// Makes a connected pair of Unix sockets.
    ///
    /// # Errors
    ///
    /// If no file descriptor is left.
    fn pair() -> io::Result<(Self::Unix, Self::Unix)>;
}

/// Waits for connections. Dropping it closes it; what has not been accepted by then is reset.
pub trait Listener: Send + Sync + 'static {
    /// A connection that was accepted.
    type Stream: Stream;

    /// Returns the address that it listens on, with the port that was taken.
    ///
    /// # Errors
    ///
    /// Returns those of `getsockname`.
    fn address(&self) -> io::Result<SocketAddr>;

    /// Waits for the next connection. One task accepts at a time.
    ///
    /// A future that is dropped while it waits loses no connection: the next call gets it.
    ///
    /// # Errors
    ///
    /// Returns those of `accept`. The listener can be used again: after "too many open files" it accepts what has waited once
    /// there are file descriptors.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// A connection. Dropping it closes it; the other end reads what was written, and then the end.
///
/// After a reset by the other end each call gives an error or the end; none waits for ever.
pub trait Stream: Send + 'static {
    /// Reads what is there into the front of `buffer`, and waits while nothing is. Gives the number of bytes, which may be
    /// fewer than the buffer takes, and the buffer; 0 is the end.
    ///
    /// A future that is dropped while it waits gives its buffer up. With an executor that waits for readiness no byte is
    /// lost: the next call reads it. One that has the kernel complete the read may lose what arrives meanwhile.
    fn read(&mut self, buffer: Box<[u8]>) -> impl Future<Output = (io::Result<usize>, Box<[u8]>)> + Send;

    /// Writes all of `buffer`, in as many parts as it takes, and gives it back.
    ///
    /// A future that is dropped while it waits has written an unknown part.
    fn write_all(&mut self, buffer: Box<[u8]>) -> impl Future<Output = (io::Result<()>, Box<[u8]>)> + Send;

    /// Closes the direction to the other end, which reads the end. This end can still read.
    fn shutdown(&mut self) -> impl Future<Output = io::Result<()>> + Send;
}
