//! A socket and its place in the reactor: operations that are tried, and wait where they would block.

use std::{
    fmt, io,
    os::fd::{AsFd, BorrowedFd},
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll},
};

use rustix::net::{RecvFlags, SendFlags, SocketType};

use crate::{
    scheduler::{
        context,
        reactor::{Registration, slot::Direction},
    },
    time::requeue,
};

/// A socket that does not block, and waits in the runtime of the task that first has to.
pub(super) struct Source<S> {
    /// Its place in the reactor, once it has had to wait. It goes before the socket is closed.
    registration: OnceLock<Registration>,
    /// The socket.
    socket: S,
}

/// Returns an error unless a socket is one for streams, whose reads take all there is: what comes in messages would
/// wait behind a short one.
pub(super) fn check_stream(socket: impl AsFd) -> io::Result<()> {
    if rustix::net::sockopt::socket_type(socket)? != SocketType::STREAM {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the socket is not one for streams"));
    }
    Ok(())
}

/// The result of one try of an operation.
pub(super) enum Given<T> {
    /// This, and there may be more.
    Some(T),
    /// This, and it was all there is: the next operation would have to wait.
    All(T),
}

impl<S: AsFd> Source<S> {
    /// Makes a source of a socket that does not block.
    pub(super) fn new(socket: S) -> Source<S> {
        Source { registration: OnceLock::new(), socket }
    }

    /// Returns the socket.
    pub(super) fn socket(&self) -> &S {
        &self.socket
    }

    /// Tries an operation until it does not have to wait. `wanted` names it, in a panic.
    pub(super) fn attempt<T, O>(
        &self,
        wanted: &'static str,
        direction: Direction,
        operation: O,
    ) -> Attempt<'_, S, O>
    where
        O: FnMut(&S) -> io::Result<Given<T>> + Unpin,
    {
        Attempt { source: self, operation, wanted, direction, has_yielded: false, ticket: 0 }
    }

    /// Reads what is there; `wanted` names it, in a panic.
    pub(super) fn read<'a>(
        &'a self,
        wanted: &'static str,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> {
        // The attempt itself, not an async function around it: that would keep its arguments a second time, in every task
        // that waits.
        let read = move |socket: &S| {
            if buffer.is_empty() {
                // Some sockets would wait.
                return Ok(Given::Some(0));
            }
            // Not std's read: in a process of several threads the libc behind it prepares for being cancelled, before and
            // after each call, which takes a tenth of a round trip over a Unix socket.
            let (read, _) = rustix::net::recv(socket, &mut *buffer, RecvFlags::empty())?;
            // What comes later is an event, and so is the end. At the end there is nothing to wait for.
            Ok(if 0 < read && read < buffer.len() { Given::All(read) } else { Given::Some(read) })
        };
        self.attempt(wanted, Direction::Read, read)
    }

    /// Writes what there is room for; `wanted` names it, in a panic.
    pub(super) fn write<'a>(
        &'a self,
        wanted: &'static str,
        bytes: &'a [u8],
    ) -> impl Future<Output = io::Result<usize>> {
        // A part tells that there is no more room for now; but only the next attempt has the system tell when there is.
        // An end that is closed is an error, and no signal.
        let write = move |socket: &S| Ok(Given::Some(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)?));
        self.attempt(wanted, Direction::Write, write)
    }

    /// Writes all; `wanted` names it, in a panic.
    pub(super) async fn write_all(&self, wanted: &'static str, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self.write(wanted, bytes).await?;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// Notes that an operation had to wait. The first time the socket is registered.
    #[cold]
    fn register(&self, direction: Direction) -> io::Result<()> {
        let made = context::current("a socket").register()?;
        // A reader and a writer may come at the same time.
        let registration = self.registration.get_or_init(|| made);
        registration.drained_before(direction, self.socket.as_fd())
    }
}

impl<S: fmt::Debug> fmt::Debug for Source<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(formatter)
    }
}

impl<S: AsFd> AsFd for Source<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A future that tries an operation until it does not have to wait.
#[must_use = "futures do nothing unless awaited"]
pub(super) struct Attempt<'a, S, O> {
    /// The socket.
    source: &'a Source<S>,
    /// The operation.
    operation: O,
    /// Names the operation.
    wanted: &'static str,
    /// The direction in which it waits.
    direction: Direction,
    /// True once it has left the turn to others, though it may not have had to wait.
    has_yielded: bool,
    /// Its ticket while it waits; see `Slot::wait`.
    ticket: u32,
}

impl<T, S: AsFd, O> Attempt<'_, S, O>
where
    O: FnMut(&S) -> io::Result<Given<T>> + Unpin,
{
    /// Tries the operation as long as the socket counts as ready. Returns its end, or `None` if it has to wait.
    fn advance(&mut self) -> io::Result<Option<T>> {
        let (source, direction) = (self.source, self.direction);
        loop {
            let registration = source.registration.get();
            let seen = registration.map(Registration::seen).transpose()?;
            if seen.is_some_and(|seen| !seen.is_ready(direction)) {
                return Ok(None);
            }
            match (self.operation)(&source.socket) {
                Ok(Given::Some(value)) => return Ok(Some(value)),
                Ok(Given::All(value)) => {
                    if let Some((registration, seen)) = registration.zip(seen) {
                        registration.emptied(seen, direction);
                    }
                    return Ok(Some(value));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match registration.zip(seen) {
                    Some((registration, seen)) => {
                        registration.drained(seen, direction, source.as_fd())?;
                    }
                    None => source.register(direction)?,
                },
                Err(error) => return Err(error),
            }
        }
    }

    /// Tries the operation, and has the task woken when it may be tried again.
    fn try_or_wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let mut has_waited = self.ticket != 0;
        loop {
            if let Some(value) = self.advance()? {
                if has_waited {
                    // The event that has made the socket ready since takes the waker.
                    self.ticket = 0;
                }
                return Poll::Ready(Ok(value));
            }
            has_waited = false;
            let registration = self.source.registration.get().expect("only a registered one has to wait");
            if !registration.wait(self.direction, &mut self.ticket, context.waker()) {
                let message = "another task waits for this socket in the same direction";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::ResourceBusy, message)));
            }
            // An event before the waker was there has woken nobody.
            if !registration.seen()?.is_ready(self.direction) {
                return Poll::Pending;
            }
        }
    }
}

impl<T, S: AsFd, O> Future for Attempt<'_, S, O>
where
    O: FnMut(&S) -> io::Result<Given<T>> + Unpin,
{
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let worker = context::current_worker(self.wanted);
        // Only once: under the `block_on` of another library the poll of the task does not end. Nor need it be this socket
        // that has taken all the turns of the task.
        if !self.has_yielded && worker.as_ref().is_some_and(|worker| !worker.may_use_sockets()) {
            self.has_yielded = true;
            requeue(context.waker());
            return Poll::Pending;
        }
        let ended = self.try_or_wait(context);
        if let Some(worker) = worker
            && ended.is_ready()
        {
            worker.count_success();
        }
        ended
    }
}

impl<S, O> Drop for Attempt<'_, S, O> {
    fn drop(&mut self) {
        if self.ticket != 0
            && let Some(registration) = self.source.registration.get()
        {
            registration.forget(self.direction, self.ticket);
        }
    }
}
