//! Sockets, on Linux: [`TcpListener`], [`TcpStream`], [`UnixListener`] and [`UnixStream`].
//!
//! They are std's, set to not block, and wait in the runtime of the task that uses them. The names are those of std and
//! tokio; the methods take `&self`, so that one task may read while another writes.
//!
//! ```
//! use hand_rolled::{net::{TcpListener, TcpStream}, run, spawn};
//!
//! run(async {
//!     let listener = TcpListener::bind(([127, 0, 0, 1], 0))?;
//!     let address = listener.local_addr()?;
//!     let server = spawn(async move {
//!         let (stream, _from) = listener.accept().await?;
//!         let mut buffer = [0; 64];
//!         while let read @ 1.. = stream.read(&mut buffer).await? {
//!             stream.write_all(&buffer[..read]).await?;
//!         }
//!         Ok::<_, std::io::Error>(())
//!     });
//!
//!     let stream = TcpStream::connect(address).await?;
//!     stream.write_all(b"photo").await?;
//!     stream.shutdown(std::net::Shutdown::Write)?;
//!     let (mut buffer, mut read) = ([0; 8], 0);
//!     while let more @ 1.. = stream.read(&mut buffer[read..]).await? {
//!         read += more;
//!     }
//!     assert_eq!(&buffer[..read], b"photo");
//!     server.await.unwrap()
//! })
//! # .unwrap();
//! ```
//!
//! # What all of them promise
//!
//! - *Parts.* A read gives what is there, and may fill less than its buffer; 0 is the end, unless the buffer is empty. A
//!   write takes what there is room for; `write_all` waits for room until all is written.
//! - *Cancellation.* A future that is dropped while it waits has done nothing, so a read loses no byte, an accept no
//!   connection and a write has written nothing. Of `write_all` an unknown part has been written. A `connect` that is
//!   dropped closes its socket.
//! - *Half-close.* After `shutdown(Shutdown::Write)` the other end reads the end, and this one can still read.
//! - *Errors.* They are the system's. After a reset by the other end each call gives an error or the end; none waits. A
//!   task that would wait in a direction in which another task waits already gets one of the kind
//!   [`ResourceBusy`](std::io::ErrorKind::ResourceBusy); a socket serves one reader and one writer at a time. The first
//!   socket of a runtime that has to wait takes two file descriptors besides, until the runtime and its sockets are gone.
//! - *Turns.* An operation that need not wait does not. A task that does nothing but that yields after 64 of them.
//! - *Descriptors.* None is received. A message of a Unix socket that has one ends a read, and what is behind that message
//!   is read with what comes next.
//! - *Panics.* A future that is polled on a thread that works for no runtime panics. Nothing else does.
//! - *Threads.* A socket may be dropped on any thread, inside a runtime or not, which closes it at once.
//! - *Runtimes.* A socket belongs to the runtime in which it first has to wait, and needs that one driven, wherever it is
//!   used after that. When that runtime has ended, each further call gives an error. A socket that has not waited yet
//!   belongs to nobody.
//! - *Forks.* A child of a fork must not use the sockets that have waited in its parent: they give errors there. Nor can a
//!   runtime that has waited for sockets in the parent wait for any in the child, which makes its own.
//! - *Busy workers.* They look at the sockets between two polls, some 50 µs after anybody did. While there is a parked
//!   worker it waits for them, unless the last to wait or look is in a long poll.

mod source;
mod tcp;
mod unix;

pub use tcp::{TcpListener, TcpStream};
pub use unix::{UnixListener, UnixStream};
