//! Options, addresses, and the way to the standard library and back.

use super::*;
use std::net::Ipv6Addr;

#[test]
fn options_addresses_and_the_way_to_std_and_back() {
    run(async {
        let (client, server) = tcp_pair().await?;
        client.set_nodelay(true)?;
        assert!(client.nodelay()?);
        client.set_ttl(42)?;
        assert_eq!(client.ttl()?, 42);
        assert!(client.take_error()?.is_none());
        assert!(format!("{client:?}").contains("TcpStream"));
        let std: std::net::TcpStream = client.into_std()?;
        let client = TcpStream::from_std(std)?;
        client.write_all(b"still there").await?;
        drop(client);
        let mut received = Vec::new();
        server.read_to_end(&mut received).await?;
        assert_eq!(received, b"still there");
        let listener = TcpListener::from_std(std::net::TcpListener::bind("127.0.0.1:0")?)?;
        listener.set_ttl(11)?;
        assert_eq!(listener.ttl()?, 11);
        let address = listener.local_addr()?;
        let listener = listener.into_std()?;
        drop(listener);
        TcpListener::bind(address).await?;
        Ok(())
    });
}

#[test]
fn options_are_set_before_the_connection_and_kept_by_it() {
    run(async {
        let socket = TcpSocket::new_v4()?;
        assert!(!socket.reuseaddr()? && !socket.reuseport()?);
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        assert!(socket.reuseaddr()? && socket.reuseport()?);
        socket.bind("127.0.0.1:0".parse().unwrap())?;
        assert!(format!("{socket:?}").contains("TcpSocket"));
        let listener = socket.listen(16)?;

        let socket = TcpSocket::new_v4()?;
        socket.set_nodelay(true)?;
        socket.set_ttl(9)?;
        socket.set_recv_buffer_size(40_000)?;
        socket.set_send_buffer_size(50_000)?;
        socket.set_keepalive(Some(Duration::from_millis(59_001)))?;
        socket.bind("127.0.0.1:0".parse().unwrap())?;
        let own = socket.local_addr()?;
        let client = socket.connect(listener.local_addr()?).await?;
        assert_eq!(listener.accept().await?.1, own);
        assert!(client.nodelay()? && client.ttl()? == 9);
        assert!((40_000..=80_000).contains(&client.recv_buffer_size()?));
        assert!((50_000..=100_000).contains(&client.send_buffer_size()?));
        assert_eq!(client.keepalive()?, Some(Duration::from_secs(60)), "rounded up");
        client.set_keepalive(None)?;
        assert_eq!(client.keepalive()?, None);
        assert_eq!(client.linger()?, None);
        client.set_linger(Some(Duration::from_secs(3)))?;
        assert_eq!(client.linger()?, Some(Duration::from_secs(3)));
        Ok(())
    });
}

#[test]
fn the_longest_duration_is_not_taken_for_none_at_all() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let client = TcpStream::connect(listener.local_addr()?).await?;
        client.set_linger(Some(Duration::MAX))?;
        assert!(client.linger()?.unwrap() > Duration::from_secs(1_000_000));
        client.set_linger(None)?;
        // The kernel may find it too long, but must not be told one second.
        let set = client.set_keepalive(Some(Duration::MAX));
        assert!(set.is_err() || client.keepalive()?.unwrap() > Duration::from_secs(1_000));
        Ok(())
    });
}

#[test]
fn closing_without_lingering_resets_the_connection() {
    run(async {
        let (client, server) = tcp_pair().await?;
        client.set_linger(Some(Duration::ZERO))?;
        drop(client);
        let error = server.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        Ok(())
    });
}

#[test]
fn both_families_have_sockets_and_only_v6_keeps_v4_out() {
    run(async {
        let open = |only_v6| {
            let socket = TcpSocket::new_v6()?;
            socket.set_only_v6(only_v6)?;
            socket.bind("[::]:0".parse().unwrap())?;
            socket.listen(4)
        };
        // A machine without IPv6 has nothing to test. One where it is switched off has the sockets, but no address.
        if std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
            return Ok(());
        }
        let both = open(false)?;
        let port = both.local_addr()?.port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        let only = open(true)?;
        let port = only.local_addr()?.port();
        let error = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await?;
        Ok(())
    });
}

#[test]
fn a_step_by_step_connect_that_is_refused_says_so() {
    run(async {
        let (_bound, dead) = refusing()?;
        let error = TcpSocket::new_v4()?.connect(dead).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let taken = listener.local_addr()?;
        assert_eq!(TcpSocket::new_v4()?.bind(taken).unwrap_err().kind(), ErrorKind::AddrInUse);
        Ok(())
    });
}

#[test]
fn two_loops_share_a_port() {
    let listen = |address: SocketAddr| {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        socket.listen(128)
    };
    let (addresses, first) = std::sync::mpsc::channel();
    let served: Vec<_> = std::thread::scope(|scope| {
        let mut loops = Vec::new();
        let mut address = "127.0.0.1:0".parse().unwrap();
        for _ in 0..2 {
            let addresses = addresses.clone();
            loops.push(scope.spawn(move || {
                run(async {
                    let listener = listen(address)?;
                    addresses.send(listener.local_addr()?).unwrap();
                    let mut served = 0;
                    // One connection in the end says that there will be no more.
                    loop {
                        let (stream, _) = listener.accept().await?;
                        let mut byte = [0];
                        if stream.read(&mut byte).await? == 1 {
                            return Ok(served);
                        }
                        served += 1;
                    }
                })
            }));
            address = first.recv().unwrap();
        }
        for _ in 0..64 {
            drop(std::net::TcpStream::connect(address).unwrap());
        }
        // Until both have heard it.
        while !loops.iter().all(|served| served.is_finished()) {
            if let Ok(mut stream) = std::net::TcpStream::connect(address) {
                let _ = stream.write_all(b"!");
            }
        }
        loops.into_iter().map(|served| served.join().unwrap()).collect()
    });
    assert!(served.iter().all(|&served| served > 0), "{served:?}");
}

#[test]
fn the_type_of_service_is_that_of_the_sockets_own_protocol() {
    run(async {
        let (client, _server) = tcp_pair().await?;
        client.set_tos(0xb8)?;
        assert_eq!(client.tos()?, 0xb8);
        let socket = TcpSocket::new_v4()?;
        socket.set_tos(0x10)?;
        assert_eq!(socket.tos()?, 0x10);
        let udp = UdpSocket::bind("127.0.0.1:0").await?;
        udp.set_tos(0xff)?;
        assert_eq!(udp.tos()?, 0xff);
        // A machine without IPv6 has nothing more to test.
        let Ok(socket) = UdpSocket::new_v6() else { return Ok(()) };
        assert_eq!(socket.tos()?, 0);
        socket.set_tos(0x48)?;
        assert_eq!(socket.tos()?, 0x48);
        assert_eq!(rustix::net::sockopt::ip_tos(&socket)?, 0x48, "for IPv4 as well");
        Ok(())
    });
}
