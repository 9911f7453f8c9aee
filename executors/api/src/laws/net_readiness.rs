//! Checks the law of executors that wait for a socket to be ready, and read then. One that has the kernel complete its reads
//! cannot promise it.

use std::{io::Write, thread, time::Duration};

use crate::{Config, Net, Stream, Timer};

use super::net::{run, with_std};

/// A read that a timeout ends loses no byte: the next one reads it.
pub fn a_read_that_a_timeout_ends_loses_no_byte<E: Net + Timer>(config: &Config) {
    run::<E, _>(config, async {
        let (mut stream, mut peer) = with_std::<E>().await;
        let writer = thread::spawn(move || {
            for byte in 0..=u8::MAX {
                // Some bytes come before the timeout, some after it, and some with it.
                thread::sleep(Duration::from_micros(20 * u64::from(byte)));
                peer.write_all(&[byte]).expect("the other end reads");
            }
        });
        let (mut bytes, mut timeouts) = (Vec::new(), 0);
        loop {
            let reading = stream.read(Box::new([0; 16]));
            match E::timeout(Duration::from_millis(1), reading).await {
                None => timeouts += 1,
                Some((Ok(0), _buffer)) => break,
                Some((result, buffer)) => {
                    bytes.extend_from_slice(&buffer[..result.expect("a read without an error")]);
                }
            }
        }
        writer.join().expect("the thread only writes");
        assert!(timeouts > 0, "no read took longer than its timeout");
        assert!(bytes.iter().copied().eq(0..=u8::MAX), "a byte is lost: {bytes:?}");
    });
}
