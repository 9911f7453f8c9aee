//! Listeners: many connections, cancelled waits, and no file descriptors left.

use std::{
    net::{self, SocketAddr},
    os::fd::OwnedFd,
    sync::Arc,
    thread,
    time::Duration,
};

use hand_rolled::{
    gather,
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sleep, spawn, timeout, yield_now,
};
use rustix::{
    net::sockopt::set_socket_linger,
    process::{Resource, getrlimit, setrlimit},
};

use super::{ANY, half_blocking_pair, read_all, read_byte, send};
use crate::{alone, ms, poll_once, watched_on_each_flavour, watched_on_each_number};

#[test]
fn a_hundred_connections_at_once_are_served() {
    watched_on_each_number(|runtime| {
        let listener = TcpListener::bind(ANY).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.block_on(async {
            let server = spawn(async move {
                for _ in 0..300 {
                    let (stream, _) = listener.accept().await.unwrap();
                    spawn(async move {
                        let all = read_all(&stream).await.unwrap();
                        stream.write_all(&all).await.unwrap();
                    });
                }
            });
            for _ in 0..3 {
                let clients = (0..100_u8).map(|number| {
                    spawn(async move {
                        let stream = TcpStream::connect(address).await.unwrap();
                        yield_now().await;
                        stream.write_all(&[number; 3]).await.unwrap();
                        stream.shutdown(net::Shutdown::Write).unwrap();
                        assert_eq!(read_all(&stream).await.unwrap(), [number; 3]);
                    })
                });
                gather(clients.collect::<Vec<_>>()).await.unwrap();
            }
            server.await.unwrap();
        });
    });
}

#[test]
fn an_accept_that_is_dropped_while_it_waits_loses_no_connection() {
    watched_on_each_number(|runtime| {
        let listener = TcpListener::bind(ANY).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.block_on(async {
            for number in 0..50_u8 {
                {
                    let mut accept = Box::pin(listener.accept());
                    assert!(poll_once(accept.as_mut()).await.is_pending());
                    if number % 2 == 0 {
                        send(net::TcpStream::connect(address).unwrap(), number);
                        // The event may have come, and may have woken it.
                        if number % 4 == 0 {
                            sleep(ms(1)).await;
                        }
                    }
                }
                if number % 2 == 1 {
                    send(net::TcpStream::connect(address).unwrap(), number);
                }
                let (stream, _) = listener.accept().await.unwrap();
                assert_eq!(read_byte(&stream).await, number);
            }
        });
    });
}

#[test]
fn connections_that_were_reset_before_they_are_accepted_do_no_harm() {
    watched_on_each_flavour(|runtime| {
        let listener = TcpListener::bind(ANY).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.block_on(async {
            for _ in 0..10 {
                let gone = net::TcpStream::connect(address).unwrap();
                set_socket_linger(&gone, Some(Duration::ZERO)).unwrap();
                drop(gone);
            }
            send(net::TcpStream::connect(address).unwrap(), 7);
            loop {
                // Linux hands out those that were reset; other systems say that they were aborted.
                let (stream, _) = listener.accept().await.unwrap();
                if let Ok(1) = stream.read(&mut [0]).await {
                    break;
                }
            }
        });
    });
}

/// Takes all file descriptors that this process may have.
fn take_all_descriptors() -> Vec<OwnedFd> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(100);
    setrlimit(Resource::Nofile, limit).unwrap();
    let first = std::fs::File::open("/dev/null").unwrap();
    let mut all = vec![OwnedFd::from(first)];
    while let Ok(next) = all[0].try_clone() {
        all.push(next);
    }
    all
}

/// Has a listener be out of file descriptors, with this runtime.
fn run_out_of_descriptors(runtime: hand_rolled::Runtime) {
    let listener = TcpListener::bind(ANY).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.block_on(async {
        // It has waited before.
        assert!(timeout(ms(1), listener.accept()).await.is_err());
        let clients = [(); 3].map(|()| net::TcpStream::connect(address).unwrap());
        let mut taken = take_all_descriptors();
        sleep(ms(5)).await;
        for _ in 0..3 {
            let error = listener.accept().await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::MFILE.raw_os_error()));
        }
        assert!(TcpStream::connect(address).await.is_err());
        assert!(UnixStream::pair().is_err());
        let begun = processor_time();
        sleep(ms(100)).await;
        assert!(processor_time() - begun < ms(50), "somebody spins");
        taken.truncate(taken.len() - 3);
        for client in &clients {
            let (stream, from) = listener.accept().await.unwrap();
            assert_eq!(from, client.local_addr().unwrap());
            std::mem::forget(stream);
        }
        drop(taken);
        send(net::TcpStream::connect(address).unwrap(), 7);
        assert_eq!(read_byte(&listener.accept().await.unwrap().0).await, 7);
    });
}

/// Returns the time that this process has computed.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.try_into().unwrap()
}

#[test]
fn accept_out_of_descriptors_gives_the_error_and_works_again_on_an_event_loop() {
    alone(|| run_out_of_descriptors(hand_rolled::Runtime::current_thread()));
}

#[test]
fn accept_out_of_descriptors_gives_the_error_and_works_again_with_two_workers() {
    alone(|| run_out_of_descriptors(crate::two_workers()));
}

#[test]
fn the_first_socket_that_has_to_wait_without_descriptors_gives_the_error_and_works_again() {
    alone(|| {
        let runtime = crate::two_workers();
        let (stream, blocking) = half_blocking_pair();
        let taken = take_all_descriptors();
        for _ in 0..3 {
            assert!(runtime.block_on(stream.read(&mut [0])).is_err());
        }
        drop(taken);
        let sends = thread::spawn(move || send(&blocking, 7));
        assert_eq!(runtime.block_on(read_byte(&stream)), 7);
        sends.join().unwrap();
    });
}

#[test]
fn a_unix_listener_accepts() {
    watched_on_each_number(|runtime| {
        let folder = std::env::temp_dir().join(format!("hand-rolled-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{:p}", &folder));
        let listener = Arc::new(UnixListener::bind(&path).unwrap());
        runtime.block_on(async {
            let server = {
                let listener = listener.clone();
                spawn(async move {
                    for byte in 0..20 {
                        listener.accept().await.unwrap().write_all(&[byte]).await.unwrap();
                    }
                })
            };
            for expected in 0..20 {
                let stream = UnixStream::connect(&path).unwrap();
                let mut byte = [0];
                assert_eq!(stream.read(&mut byte).await.unwrap(), 1);
                assert_eq!(byte, [expected]);
            }
            server.await.unwrap();
        });
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path));
        std::fs::remove_file(&path).unwrap();
        drop(listener);
        assert!(UnixStream::connect(&path).is_err());
    });
}

#[test]
fn a_port_that_is_taken_and_an_address_that_is_not_here_are_errors() {
    let listener = TcpListener::bind(ANY).unwrap();
    assert!(TcpListener::bind(listener.local_addr().unwrap()).is_err());
    assert!(TcpListener::bind(SocketAddr::from(([192, 0, 2, 1], 0))).is_err());
}
