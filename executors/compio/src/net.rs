//! Implements the sockets of the contract with `compio::net`, on io_uring.
//!
//! A call hands an operation and its buffer to the ring, and the kernel completes it; nothing waits for readiness. The thread
//! looks at the ring whenever no task is ready, and at the latest after 61 polls. A future that is dropped asks the kernel to
//! cancel its operation, and gives up what that completes meanwhile.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    os::unix::net::UnixStream as StdStream,
    pin::Pin,
    sync::Mutex,
    task::{Poll, ready},
};

use compio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
};
use compio_send_wrapper::SendWrapper;
use executor_api::{Executor, Net};

use crate::Compio;

impl Net for Compio {
    type Listener = Listener;
    type Tcp = Stream<TcpStream>;
    type Unix = Stream<UnixStream>;

    fn driver() -> Result<&'static str, String> {
        Compio::refused().map_or(Ok("io_uring"), Err)
    }

    fn listen(address: SocketAddr) -> impl Future<Output = io::Result<Listener>> + Send + 'static {
        SendWrapper::new(async move {
            let listener = TcpListener::bind(address).await?;
            Ok(Listener { listener, accepting: Mutex::new(None) })
        })
    }

    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Stream<TcpStream>>> + Send + 'static {
        SendWrapper::new(async move { without_delay(TcpStream::connect(address).await?) })
    }

    fn pair() -> io::Result<(Stream<UnixStream>, Stream<UnixStream>)> {
        let (one, other) = StdStream::pair()?;
        Ok((Stream(UnixStream::from_std(one)?), Stream(UnixStream::from_std(other)?)))
    }
}

/// Wraps compio's listener, whose backlog holds 128 connections.
pub struct Listener {
    listener: TcpListener,
    /// The accept that is under way.
    accepting: Mutex<Option<Accepting>>,
}

type Accepting = SendWrapper<Pin<Box<dyn Future<Output = io::Result<(TcpStream, SocketAddr)>>>>>;

impl Listener {
    fn begin_to_accept(&self) -> Accepting {
        let listener = self.listener.clone();
        SendWrapper::new(Box::pin(async move { listener.accept().await }))
    }
}

impl executor_api::Listener for Listener {
    type Stream = Stream<TcpStream>;

    fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    async fn accept(&self) -> io::Result<Stream<TcpStream>> {
        // An accept of compio that is dropped loses the connection that the kernel gives it meanwhile. So the listener holds
        // it, and the next call goes on with one that was given up.
        let accept = poll_fn(|context| {
            let mut accepting = self.accepting.lock().expect("compio accepts without a panic");
            let accept = accepting.get_or_insert_with(|| self.begin_to_accept());
            let accepted = ready!(Pin::new(accept).poll(context));
            *accepting = None;
            Poll::Ready(accepted)
        });
        let (stream, _peer) = accept.await?;
        without_delay(stream)
    }
}

/// Wraps a stream of compio, of either kind.
#[derive(Debug)]
pub struct Stream<S>(S);

impl<S: AsyncRead + AsyncWrite + Send + 'static> executor_api::Stream for Stream<S> {
    fn read(&mut self, buffer: Box<[u8]>) -> impl Future<Output = (io::Result<usize>, Box<[u8]>)> + Send {
        SendWrapper::new(async { self.0.read(buffer).await.into() })
    }

    fn write_all(&mut self, buffer: Box<[u8]>) -> impl Future<Output = (io::Result<()>, Box<[u8]>)> + Send {
        SendWrapper::new(async { self.0.write_all(buffer).await.into() })
    }

    fn shutdown(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        SendWrapper::new(self.0.shutdown())
    }
}

fn without_delay(stream: TcpStream) -> io::Result<Stream<TcpStream>> {
    stream.set_nodelay(true)?;
    Ok(Stream(stream))
}
