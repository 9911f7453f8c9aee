//! The sockets of the audited executor.

use std::{io, net::SocketAddr};

use executor_api::{Listener, Net, Stream};

use super::{Audited, Boxed, The, contract};

/// Does what [`Net`] does, without its type.
pub(crate) trait Sockets: Sync {
    fn driver(&self) -> Result<&'static str, String>;
    fn listen(&self, address: SocketAddr) -> Boxed<'static, io::Result<AuditedListener>>;
    fn connect(&self, address: SocketAddr) -> Boxed<'static, io::Result<AuditedStream>>;
    fn pair(&self) -> io::Result<(AuditedStream, AuditedStream)>;
}

/// Does what [`Listener`] does, without its type.
trait AnyListener: Send + Sync {
    fn address(&self) -> io::Result<SocketAddr>;
    fn accept(&self) -> Boxed<'_, io::Result<AuditedStream>>;
}

/// Does what [`Stream`] does, without its type.
trait AnyStream: Send {
    fn read(&mut self, buffer: Box<[u8]>) -> Boxed<'_, (io::Result<usize>, Box<[u8]>)>;
    fn write_all(&mut self, buffer: Box<[u8]>) -> Boxed<'_, (io::Result<()>, Box<[u8]>)>;
    fn shutdown(&mut self) -> Boxed<'_, io::Result<()>>;
}

impl<E: Net> Sockets for The<E> {
    fn driver(&self) -> Result<&'static str, String> {
        E::driver()
    }

    fn listen(&self, address: SocketAddr) -> Boxed<'static, io::Result<AuditedListener>> {
        let listening = E::listen(address);
        Box::pin(async { Ok(AuditedListener(Box::new(listening.await?))) })
    }

    fn connect(&self, address: SocketAddr) -> Boxed<'static, io::Result<AuditedStream>> {
        let connecting = E::connect(address);
        Box::pin(async { connecting.await.map(AuditedStream::of) })
    }

    fn pair(&self) -> io::Result<(AuditedStream, AuditedStream)> {
        let (one, other) = E::pair()?;
        Ok((AuditedStream::of(one), AuditedStream::of(other)))
    }
}

impl<L: Listener> AnyListener for L {
    fn address(&self) -> io::Result<SocketAddr> {
        Listener::address(self)
    }

    fn accept(&self) -> Boxed<'_, io::Result<AuditedStream>> {
        Box::pin(async { Listener::accept(self).await.map(AuditedStream::of) })
    }
}

impl<S: Stream> AnyStream for S {
    fn read(&mut self, buffer: Box<[u8]>) -> Boxed<'_, (io::Result<usize>, Box<[u8]>)> {
        Box::pin(Stream::read(self, buffer))
    }

    fn write_all(&mut self, buffer: Box<[u8]>) -> Boxed<'_, (io::Result<()>, Box<[u8]>)> {
        Box::pin(Stream::write_all(self, buffer))
    }

    fn shutdown(&mut self) -> Boxed<'_, io::Result<()>> {
        Box::pin(Stream::shutdown(self))
    }
}

impl Net for Audited {
    type Listener = AuditedListener;
    type Tcp = AuditedStream;
    type Unix = AuditedStream;

    fn driver() -> Result<&'static str, String> {
        contract(|has| has.net).driver()
    }

    fn listen(address: SocketAddr) -> impl Future<Output = io::Result<AuditedListener>> + Send + 'static {
        contract(|has| has.net).listen(address)
    }

    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<AuditedStream>> + Send + 'static {
        contract(|has| has.net).connect(address)
    }

    fn pair() -> io::Result<(AuditedStream, AuditedStream)> {
        contract(|has| has.net).pair()
    }
}

/// Waits for connections of the audited executor.
pub struct AuditedListener(Box<dyn AnyListener>);

impl Listener for AuditedListener {
    type Stream = AuditedStream;

    fn address(&self) -> io::Result<SocketAddr> {
        self.0.address()
    }

    fn accept(&self) -> impl Future<Output = io::Result<AuditedStream>> + Send {
        self.0.accept()
    }
}

/// A connection of the audited executor, of either kind.
pub struct AuditedStream(Box<dyn AnyStream>);

impl AuditedStream {
    fn of(stream: impl Stream) -> AuditedStream {
        AuditedStream(Box::new(stream))
    }
}

impl Stream for AuditedStream {
    fn read(&mut self, buffer: Box<[u8]>) -> impl Future<Output = (io::Result<usize>, Box<[u8]>)> + Send {
        self.0.read(buffer)
    }

    fn write_all(&mut self, buffer: Box<[u8]>) -> impl Future<Output = (io::Result<()>, Box<[u8]>)> + Send {
        self.0.write_all(buffer)
    }

    fn shutdown(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        self.0.shutdown()
    }
}
