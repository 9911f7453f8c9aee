//! Streams: parts, ends, resets, cancelled waits.

use std::{io::ErrorKind, net::Shutdown, os::fd::AsFd, pin::pin, sync::Arc, task::Poll, thread};

use hand_rolled::{
    gather,
    net::{TcpStream, UnixListener, UnixStream},
    sleep, spawn, timeout, yield_now,
};
use rustix::net::{
    AddressFamily, SendFlags, SocketFlags, SocketType, socketpair, sockopt::set_socket_linger,
};

use super::{
    half_blocking_pair, half_blocking_unix_pair, pattern, read_all, read_byte, receive, send, tcp_pair,
};
use crate::{ms, poll_once, watched_on_each_flavour, watched_on_each_number};

#[test]
fn a_megabyte_goes_each_way_in_parts() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let (one, other) = tcp_pair().await;
            let all = Arc::new(pattern(1 << 20));
            let ends = [one, other].map(Arc::new);
            let halves = ends.into_iter().map(|end| {
                let all = all.clone();
                spawn(async move {
                    let (reader, sent) = (end.clone(), all.clone());
                    let writes = spawn(async move {
                        end.write_all(&sent).await.unwrap();
                        end.shutdown(Shutdown::Write).unwrap();
                    });
                    assert!(read_all(&reader).await.unwrap() == *all, "bytes are lost or out of order");
                    writes.await.unwrap();
                })
            });
            gather(halves.collect::<Vec<_>>()).await.unwrap();
        });
    });
}

#[test]
fn a_write_takes_what_there_is_room_for_and_write_all_waits() {
    watched_on_each_flavour(|runtime| {
        let (stream, blocking) = half_blocking_unix_pair();
        let all = pattern(4 << 20);
        let expected = all.clone();
        let part = runtime.block_on(stream.write(&all)).unwrap();
        assert!((1..all.len()).contains(&part), "{part} bytes were taken at once");
        let reads = thread::spawn(move || {
            let mut read = Vec::new();
            std::io::Read::read_to_end(&mut &blocking, &mut read).unwrap();
            assert!(read == expected, "bytes are lost or out of order");
        });
        runtime.block_on(stream.write_all(&all[part..])).unwrap();
        drop(stream);
        reads.join().unwrap();
    });
}

#[test]
fn an_end_that_is_shut_down_can_still_read() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let (one, other) = tcp_pair().await;
            let answers = spawn(async move {
                assert_eq!(read_all(&other).await.unwrap(), b"question");
                // The end stays.
                assert_eq!(other.read(&mut [0; 8]).await.unwrap(), 0);
                other.write_all(b"answer").await.unwrap();
            });
            one.write_all(b"question").await.unwrap();
            yield_now().await;
            one.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_all(&one).await.unwrap(), b"answer");
            assert_eq!(one.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            answers.await.unwrap();
        });
    });
}

#[test]
fn the_end_that_came_with_the_last_bytes_is_read_after_them() {
    watched_on_each_number(|runtime| {
        for _ in 0..100 {
            let (stream, blocking) = half_blocking_pair();
            let reads = runtime.spawn(async move {
                assert_eq!(read_byte(&stream).await, 1);
                assert_eq!(read_all(&stream).await.unwrap(), [2, 3]);
            });
            let writes = thread::spawn(move || {
                send(&blocking, 1);
                // The reader waits, or soon will; then bytes and end come as one event, or as several.
                thread::yield_now();
                send(&blocking, 2);
                send(&blocking, 3);
            });
            runtime.block_on(reads).unwrap();
            writes.join().unwrap();
        }
    });
}

#[test]
fn a_shutdown_ends_a_read_that_waits() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let (one, _other) = tcp_pair().await;
            let one = Arc::new(one);
            let reads = {
                let one = one.clone();
                spawn(async move { one.read(&mut [0; 8]).await })
            };
            yield_now().await;
            one.shutdown(Shutdown::Both).unwrap();
            assert_eq!(reads.await.unwrap().unwrap(), 0);
        });
    });
}

/// Closes a connection so that the other end finds it reset.
fn reset(stream: std::net::TcpStream) {
    set_socket_linger(&stream, Some(std::time::Duration::ZERO)).unwrap();
}

#[test]
fn after_a_reset_no_call_waits() {
    watched_on_each_number(|runtime| {
        for waits in [false, true] {
            let (stream, blocking) = half_blocking_pair();
            let stream = Arc::new(stream);
            let reads = runtime.spawn({
                let stream = stream.clone();
                async move { stream.read(&mut [0; 8]).await }
            });
            if waits {
                runtime.block_on(sleep(ms(5)));
            }
            reset(blocking);
            runtime.block_on(async {
                let read = reads.await.unwrap();
                assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
                let bytes = [0; 100_000];
                for _ in 0..10 {
                    assert_eq!(stream.read(&mut [0; 8]).await.unwrap_or(0), 0);
                    assert_eq!(stream.write_all(&bytes).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
                }
            });
        }
    });
}

#[test]
fn a_reset_ends_a_write_that_waits() {
    watched_on_each_number(|runtime| {
        let (stream, blocking) = half_blocking_pair();
        let writes = runtime.spawn(async move { stream.write_all(&vec![0; 16 << 20]).await });
        runtime.block_on(sleep(ms(10)));
        reset(blocking);
        assert!(runtime.block_on(writes).unwrap().is_err());
    });
}

#[test]
fn a_byte_wakes_a_parked_worker() {
    watched_on_each_number(|runtime| {
        let (stream, blocking) = half_blocking_pair();
        let echoes = runtime.spawn(async move {
            for _ in 0..200 {
                let byte = read_byte(&stream).await;
                stream.write_all(&[byte]).await.unwrap();
            }
        });
        let asks = thread::spawn(move || {
            for byte in 0..200 {
                if byte % 20 == 0 {
                    // Time to park.
                    thread::sleep(ms(2));
                }
                send(&blocking, byte);
                assert_eq!(receive(&blocking), byte);
            }
        });
        runtime.block_on(echoes).unwrap();
        asks.join().unwrap();
    });
}

#[test]
fn the_root_of_block_on_waits_for_a_socket() {
    watched_on_each_number(|runtime| {
        let (stream, blocking) = half_blocking_pair();
        let sends = thread::spawn(move || {
            for byte in 0..20 {
                thread::sleep(ms(1));
                send(&blocking, byte);
            }
        });
        runtime.block_on(async {
            for byte in 0..20 {
                assert_eq!(read_byte(&stream).await, byte);
            }
        });
        sends.join().unwrap();
    });
}

#[test]
fn a_read_that_a_timeout_ends_loses_no_byte() {
    watched_on_each_number(|runtime| {
        let (stream, blocking) = half_blocking_pair();
        let sends = thread::spawn(move || {
            for byte in 0..50 {
                thread::sleep(ms(1));
                send(&blocking, byte);
            }
        });
        let reads = runtime.spawn(async move {
            let mut cut_off = 0;
            for byte in 0..50 {
                loop {
                    match timeout(ms(1) / 5, read_byte(&stream)).await {
                        Ok(read) => break assert_eq!(read, byte),
                        Err(_) => cut_off += 1,
                    }
                }
            }
            assert_eq!(read_all(&stream).await.unwrap(), []);
            cut_off
        });
        assert!(runtime.block_on(reads).unwrap() > 0, "no timeout came first");
        sends.join().unwrap();
    });
}

#[test]
fn a_dropped_wait_gives_its_waker_back() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (one, _other) = tcp_pair().await;
            let waker = Arc::new(CountWakes::default());
            let std_waker = waker.clone().into();
            let mut buffer = [0; 8];
            let mut read = Box::pin(one.read(&mut buffer));
            let mut context = std::task::Context::from_waker(&std_waker);
            for _ in 0..3 {
                assert!(read.as_mut().poll(&mut context).is_pending());
                assert_eq!(Arc::strong_count(&waker), 3, "it is kept once, beside the two here");
            }
            drop(read);
            assert_eq!(Arc::strong_count(&waker), 2);
        });
    });
}

/// Counts its wakes.
#[derive(Default)]
struct CountWakes(std::sync::atomic::AtomicUsize);

impl std::task::Wake for CountWakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn a_waiting_read_may_move_to_another_task() {
    watched_on_each_number(|runtime| {
        let (stream, blocking) = half_blocking_pair();
        let mut read = Box::pin(async move { read_byte(&stream).await });
        runtime.block_on(async {
            assert!(poll_once(read.as_mut()).await.is_pending());
            let read = spawn(read);
            yield_now().await;
            send(&blocking, 7);
            assert_eq!(read.await, Ok(7));
        });
    });
}

#[test]
fn a_second_task_that_would_wait_in_the_same_direction_gets_an_error() {
    watched_on_each_number(|runtime| {
        let (stream, blocking) = half_blocking_pair();
        let stream = Arc::new(stream);
        let first = {
            let stream = stream.clone();
            runtime.spawn(async move { read_byte(&stream).await })
        };
        runtime.block_on(async {
            sleep(ms(5)).await;
            for _ in 0..3 {
                let error = stream.read(&mut [0]).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ResourceBusy);
            }
            // Within a task both are polled when one is woken.
            send(&blocking, 7);
            assert_eq!(first.await, Ok(7));
            let (mut one, mut other) = (pin!(read_byte(&stream)), pin!(read_byte(&stream)));
            assert!(poll_once(one.as_mut()).await.is_pending());
            assert!(poll_once(other.as_mut()).await.is_pending());
            send(&blocking, 8);
            let got = std::future::poll_fn(|context| match one.as_mut().poll(context) {
                Poll::Ready(byte) => Poll::Ready(byte),
                Poll::Pending => other.as_mut().poll(context),
            });
            assert_eq!(got.await, 8);
        });
    });
}

#[test]
fn addresses_and_options_are_those_of_the_socket() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (one, other) = tcp_pair().await;
            assert_eq!(one.peer_addr().unwrap(), other.local_addr().unwrap());
            assert!(!one.nodelay().unwrap());
            one.set_nodelay(true).unwrap();
            assert!(one.nodelay().unwrap());
            let (one, other) = UnixStream::pair().unwrap();
            assert!(one.peer_addr().unwrap().is_unnamed() && other.local_addr().unwrap().is_unnamed());
            assert_eq!(one.read(&mut []).await.unwrap(), 0);
            one.write_all(b"unix").await.unwrap();
            one.shutdown(Shutdown::Both).unwrap();
            let mut buffer = [0; 8];
            assert_eq!(other.read(&mut buffer).await.unwrap(), 4);
            assert_eq!(other.read(&mut buffer).await.unwrap(), 0);
            // Another descriptor of the same socket is std's to use.
            assert!(other.as_fd().try_clone_to_owned().is_ok());
        });
    });
}

#[test]
fn a_connection_that_nobody_accepts_is_refused() {
    watched_on_each_number(|runtime| {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let connects = runtime.spawn(async move { TcpStream::connect(address).await.map(drop) });
        assert_eq!(runtime.block_on(connects).unwrap().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_connection_that_takes_its_time_is_waited_for() {
    watched_on_each_flavour(|runtime| {
        // A backlog that is full has further connections wait, and try again after a second.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let fill = std::net::TcpStream::connect(address).unwrap();
        let connects = runtime.spawn(async move { TcpStream::connect(address).await.map(drop) });
        runtime.block_on(sleep(ms(20)));
        assert!(!connects.done());
        drop((listener.accept().unwrap(), fill));
        runtime.block_on(connects).unwrap().unwrap();
    });
}

#[test]
fn what_comes_after_urgent_data_is_read_though_nothing_else_comes() {
    watched_on_each_flavour(|runtime| {
        let (stream, mut peer) = half_blocking_pair();
        runtime.block_on(async move {
            for _ in 0..3 {
                let (mut buffer, mut more) = ([0; 64], [0; 64]);
                let mut read = Box::pin(stream.read(&mut buffer));
                assert!(poll_once(read.as_mut()).await.is_pending());
                send(&mut peer, 1);
                rustix::net::send(&peer, &[2], SendFlags::OOB).unwrap();
                send(&mut peer, 3);
                // A read ends where the urgent byte would be.
                assert_eq!(read.await.unwrap(), 1);
                assert_eq!(stream.read(&mut more).await.unwrap(), 1);
                assert_eq!((buffer[0], more[0]), (1, 3));
            }
        });
    });
}

#[test]
fn a_socket_that_is_none_for_streams_is_refused() {
    for kind in [SocketType::SEQPACKET, SocketType::DGRAM] {
        let (one, other) = socketpair(AddressFamily::UNIX, kind, SocketFlags::empty(), None).unwrap();
        let stream = UnixStream::try_from(std::os::unix::net::UnixStream::from(one));
        assert_eq!(stream.unwrap_err().kind(), ErrorKind::InvalidInput);
        let listener = UnixListener::try_from(std::os::unix::net::UnixListener::from(other));
        assert_eq!(listener.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
