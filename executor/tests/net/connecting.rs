//! From a name or a list of addresses to a connection.

use super::*;
use std::future::poll_fn;

#[test]
fn a_refused_connection_is_an_error_and_the_next_address_is_tried() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let alive = listener.local_addr()?;
        let (_bound, dead) = refusing()?;
        assert_eq!(TcpStream::connect(dead).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let stream = TcpStream::connect([dead, alive]).await?;
        assert_eq!(stream.peer_addr()?, alive);
        assert_eq!(TcpStream::connect([dead, dead]).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let text = TcpStream::connect([dead, dead]).await.unwrap_err().to_string();
        assert_eq!(text.matches(&dead.to_string()).count(), 2, "{text}");
        let none: [SocketAddr; 0] = [];
        assert_eq!(TcpStream::connect(none).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn a_poll_function_accepts_a_connection_that_comes_later() {
    run(async {
        let scratch = tempdir()?;
        let path = scratch.path().join("socket");
        let (tcp, unix) = (TcpListener::bind("127.0.0.1:0").await?, UnixListener::bind(&path)?);
        let address = tcp.local_addr()?;
        let accepted = spawn(async move {
            let (stream, peer) = poll_fn(|cx| tcp.poll_accept(cx)).await?;
            assert_eq!(stream.peer_addr()?, peer);
            let (other, _) = poll_fn(|cx| unix.poll_accept(cx)).await?;
            io::Result::Ok((stream, other))
        });
        // It waits by now.
        yield_now().await;
        let clients = (TcpStream::connect(address).await?, UnixStream::connect(&path).await?);
        let (stream, other) = accepted.await.unwrap()?;
        stream.write_all(b"tcp").await?;
        other.write_all(b"unix").await?;
        let mut buffer = [0; 4];
        assert_eq!((clients.0.read(&mut buffer).await?, clients.1.read(&mut buffer).await?), (3, 4));
        Ok(())
    });
}

/// Those that the kernel has no place for it lets try again, a second later at the earliest.
#[cfg(target_os = "linux")]
#[test]
fn a_burst_of_connections_finds_room_while_the_loop_is_busy() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let allowed: usize = std::fs::read_to_string("/proc/sys/net/core/somaxconn")?.trim().parse().unwrap();
        // Nobody accepts meanwhile: this does not give way to the loop.
        // And whoever has hung up stands in line all the same, but needs no descriptor.
        let burst = allowed.min(500);
        for _ in 0..burst {
            std::net::TcpStream::connect_timeout(&address, Duration::from_secs(30))?;
        }
        for _ in 0..burst {
            listener.accept().await?;
        }
        Ok(())
    });
}

#[test]
fn host_names_are_looked_up_on_the_pool_and_numbers_are_not() {
    let runtime = Runtime::builder().pool(Pool::builder().build().unwrap()).build().unwrap();
    let test = async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        TcpStream::connect(("127.0.0.1", port)).await?;
        TcpStream::connect(format!("127.0.0.1:{port}")).await?;
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        assert_eq!(Handle::current().metrics().pool.submitted, 0);
        TcpStream::connect(format!("localhost:{port}")).await?;
        assert_eq!(Handle::current().metrics().pool.submitted, 1);
        assert!(lookup_host(("localhost", 80)).await?.any(|address| address.ip() == Ipv4Addr::LOCALHOST));
        // Longer than a label can be: no name server is asked, which might be silent for long.
        assert!(lookup_host(format!("{}.invalid:80", "x".repeat(64))).await.is_err());
        assert!(lookup_host("no port").await.is_err());
        io::Result::Ok(())
    };
    runtime.block_on(async { timeout(LONG, test).await.expect("hangs").unwrap() });
}
