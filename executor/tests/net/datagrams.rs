//! UDP and Unix datagrams.

use super::*;

#[test]
fn udp_sends_receives_peeks_and_hears_of_refusals() {
    run(async {
        let alice = UdpSocket::bind("127.0.0.1:0").await?;
        let bob = UdpSocket::bind(("127.0.0.1", 0)).await?;
        let mut buffer = [0; 16];
        assert_eq!(bob.try_recv_from(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
        for i in 0..100_u8 {
            alice.send_to(&[i; 3], bob.local_addr()?).await?;
            assert_eq!(bob.peek_from(&mut buffer).await?, (3, alice.local_addr()?));
            assert_eq!(bob.recv_from(&mut buffer).await?, (3, alice.local_addr()?));
            assert_eq!(buffer[..3], [i; 3]);
        }
        alice.connect(bob.local_addr()?).await?;
        bob.connect(alice.local_addr()?).await?;
        assert_eq!(alice.peer_addr()?, bob.local_addr()?);
        alice.send(b"connected").await?;
        assert_eq!(bob.peek(&mut buffer).await?, 9);
        assert_eq!(bob.recv(&mut buffer).await?, 9);
        drop(bob);
        // A process that another test is starting has the socket, too, until it has become another program: a datagram that
        // comes meanwhile is refused by nobody.
        let refused = loop {
            alice.send(b"to nobody").await?;
            if let Ok(received) = timeout(Duration::from_millis(100), alice.recv(&mut buffer)).await {
                break received.unwrap_err();
            }
        };
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        Ok(())
    });
}

#[test]
fn a_short_datagram_does_not_hide_the_next() {
    run(async {
        let (left, right) = UnixDatagram::pair()?;
        let udp = UdpSocket::bind("127.0.0.1:0").await?;
        for _ in 0..5 {
            left.send(b"short").await?;
            udp.send_to(b"short", udp.local_addr()?).await?;
        }
        let mut buffer = [0; 100];
        for _ in 0..5 {
            assert_eq!(right.recv(&mut buffer).await?, 5);
            assert_eq!(udp.recv(&mut buffer).await?, 5);
        }
        Ok(())
    });
}

#[test]
fn unix_datagrams_wait_for_room_in_a_queue_that_others_have_filled() {
    run_paused(async {
        let scratch = tempdir()?;
        let path = scratch.path().join("socket");
        let receiver = UnixDatagram::bind(&path)?;
        let other = UnixDatagram::unbound()?;
        other.connect(&path)?;
        let mut queued = 0;
        while other.try_send(b"filler").is_ok() {
            queued += 1;
        }
        let sender = UnixDatagram::unbound()?;
        let full = sender.try_send_to(b"now or never", &path).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        let target = path.clone();
        let sending = spawn(async move { sender.send_to(b"at last", target).await });
        let waiting = spawn(async move { other.send(b"connected").await });
        let turns = Handle::current().metrics().turns;
        sleep(Duration::from_millis(30)).await;
        assert!(!sending.is_finished() && !waiting.is_finished());
        let turns = Handle::current().metrics().turns - turns;
        assert!(turns < 60, "{turns} turns in 30 ms: it spins");
        let mut buffer = [0; 16];
        for _ in 0..queued + 2 {
            std::future::poll_fn(|cx| receiver.poll_recv_from(cx, &mut buffer)).await?;
        }
        assert_eq!(sending.await.unwrap()?, 7);
        assert_eq!(waiting.await.unwrap()?, 9);
        Ok(())
    });
}

#[test]
fn udp_options_are_what_they_were_set_to() {
    run(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        socket.set_broadcast(true)?;
        socket.set_multicast_loop_v4(false)?;
        socket.set_multicast_ttl_v4(7)?;
        socket.set_recv_buffer_size(30_000)?;
        assert!(socket.broadcast()? && !socket.multicast_loop_v4()? && socket.multicast_ttl_v4()? == 7);
        assert!((30_000..=60_000).contains(&socket.recv_buffer_size()?));
        Ok(())
    });
}

/// quinn sends with `sendmsg`, which `UdpSocket` has no method for, and has to hear when there is room.
#[test]
fn operations_that_a_socket_lacks_wait_for_readiness_too() {
    run(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let receive = |socket: &mio::net::UdpSocket| socket.recv_from(&mut [0; 8]).map(|(n, _from)| n);
        assert_eq!(socket.as_async().try_read_with(receive).unwrap_err().kind(), ErrorKind::WouldBlock);
        let own = socket.local_addr()?;
        socket.as_async().write_with(|socket| socket.send_to(b"hello", own)).await?;
        assert_eq!(std::future::poll_fn(|cx| socket.as_async().poll_read_with(cx, receive)).await?, 5);
        Ok(())
    });
}

/// What discovery by multicast does: two programs of one machine, each on the same port.
#[test]
fn sockets_share_a_port_and_a_group_on_one_interface() {
    run(async {
        const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 77, 7);
        let listen = |port| {
            let socket = UdpSocket::new_v4()?;
            assert!(!socket.reuseaddr()?);
            socket.set_reuseaddr(true)?;
            assert!(socket.reuseaddr()?);
            socket.bind_to((Ipv4Addr::UNSPECIFIED, port).into())?;
            socket.join_multicast_v4(GROUP, Ipv4Addr::LOCALHOST)?;
            io::Result::Ok(socket)
        };
        let first = listen(0)?;
        let port = first.local_addr()?.port();
        let second = listen(port)?;
        let lonely = UdpSocket::new_v4()?;
        assert_eq!(lonely.bind_to(first.local_addr()?).unwrap_err().kind(), ErrorKind::AddrInUse);

        let sender = UdpSocket::new_v4()?;
        assert_eq!(sender.multicast_if_v4()?, Ipv4Addr::UNSPECIFIED);
        sender.set_multicast_if_v4(Ipv4Addr::LOCALHOST)?;
        assert_eq!(sender.multicast_if_v4()?, Ipv4Addr::LOCALHOST);
        assert_eq!(
            sender.set_multicast_if_v4(Ipv4Addr::new(192, 0, 2, 1)).unwrap_err().kind(),
            ErrorKind::AddrNotAvailable
        );
        all_hear(&sender, (GROUP, port).into(), [&first, &second]).await
    });
}

/// What is sent to the group comes to all of its members.
async fn all_hear(sender: &UdpSocket, group: SocketAddr, members: [&UdpSocket; 2]) -> io::Result<()> {
    sender.send_to(b"anybody?", group).await?;
    for member in members {
        let mut buffer = [0; 16];
        let (n, from) = member.recv_from(&mut buffer).await?;
        assert_eq!((&buffer[..n], from.port()), (&b"anybody?"[..], sender.local_addr()?.port()));
    }
    Ok(())
}

#[test]
fn sockets_share_a_group_of_ipv6() {
    run(async {
        // What is sent to it does not leave the machine.
        const GROUP: Ipv6Addr = Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0x77, 7);
        // A machine without IPv6 has nothing to test.
        let Ok(sender) = UdpSocket::new_v6() else { return Ok(()) };
        sender.set_multicast_loop_v6(false)?;
        assert!(!sender.multicast_loop_v6()?);
        sender.set_multicast_loop_v6(true)?;
        assert!(sender.multicast_loop_v6()?);
        // The first interface is the loopback.
        sender.join_multicast_v6(&GROUP, 1)?;
        assert_eq!(sender.join_multicast_v6(&GROUP, 1).unwrap_err().kind(), ErrorKind::AddrInUse);
        sender.leave_multicast_v6(&GROUP, 1)?;
        assert_eq!(sender.leave_multicast_v6(&GROUP, 1).unwrap_err().kind(), ErrorKind::AddrNotAvailable);

        let listen = |port| {
            let socket = UdpSocket::new_v6()?;
            socket.set_reuseaddr(true)?;
            socket.bind_to((Ipv6Addr::UNSPECIFIED, port).into())?;
            io::Result::Ok(socket)
        };
        let first = listen(0)?;
        let port = first.local_addr()?.port();
        let second = listen(port)?;
        // The loopback has no route to groups, and another interface may not be there.
        if first.join_multicast_v6(&GROUP, 0).is_err() {
            return Ok(());
        }
        second.join_multicast_v6(&GROUP, 0)?;
        all_hear(&sender, (GROUP, port).into(), [&first, &second]).await
    });
}

#[test]
fn a_socket_that_is_not_bound_waits_gets_an_address_and_shares_the_load() {
    run(async {
        let socket = UdpSocket::new_v4()?;
        assert!(timeout(Duration::from_millis(1), socket.recv(&mut [0; 4])).await.is_err());
        socket.set_reuseport(true)?;
        socket.bind_to((Ipv4Addr::LOCALHOST, 0).into())?;
        let own = socket.local_addr()?;
        assert_eq!(socket.bind_to(own).unwrap_err().kind(), ErrorKind::InvalidInput);
        let another = UdpSocket::new_v4()?;
        another.set_reuseport(true)?;
        assert!(another.reuseport()?);
        another.bind_to(own)?;
        drop(another);
        UdpSocket::new_v4()?.send_to(b"here", own).await?;
        assert_eq!(socket.recv(&mut [0; 4]).await?, 4);
        Ok(())
    });
}

#[test]
fn what_is_sent_to_v6_groups_has_an_interface_and_hops() {
    run(async {
        // A machine without IPv6 has nothing to test.
        let Ok(socket) = UdpSocket::new_v6() else { return Ok(()) };
        socket.set_multicast_hops_v6(9)?;
        assert_eq!((socket.multicast_hops_v6()?, socket.multicast_if_v6()?), (9, 0));
        assert!(socket.set_multicast_hops_v6(1_000).is_err());
        // The first interface is the loopback.
        socket.set_multicast_if_v6(1)?;
        assert_eq!(socket.multicast_if_v6()?, 1);
        assert!(socket.set_multicast_if_v6(1_000_000).is_err());
        socket.set_only_v6(true)?;
        Ok(())
    });
}
