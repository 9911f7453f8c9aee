//! Sends back what it is sent. Talk to it with `nc 127.0.0.1 7777`, from as many terminals as you like.
//!
//! An address may be given: `cargo run --example echo -- 127.0.0.1:0` takes any port that is free.

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    use std::net::SocketAddr;

    use hand_rolled::{
        net::{TcpListener, TcpStream},
        run, spawn,
    };

    async fn echo(stream: TcpStream) -> std::io::Result<()> {
        let mut buffer = [0; 4096];
        while let read @ 1.. = stream.read(&mut buffer).await? {
            stream.write_all(&buffer[..read]).await?;
        }
        Ok(())
    }

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7777".to_owned());
    let address: SocketAddr = address.parse().expect("an address is an IP and a port");
    run(async {
        let listener = TcpListener::bind(address)?;
        println!("listening on {}", listener.local_addr()?);
        loop {
            let (stream, from) = listener.accept().await?;
            spawn(async move {
                if let Err(error) = echo(stream).await {
                    eprintln!("{from}: {error}");
                }
            });
        }
    })
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("there are sockets on Linux only");
}
