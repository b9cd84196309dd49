//! Bytes over TCP: every one arrives once, in order, and then the end.

use super::*;

#[test]
fn many_clients_are_served_at_once() {
    allow_descriptors(401);
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        drop(spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(spawn(echo(stream)));
            }
        }));
        let mut clients = JoinSet::new();
        for client in 0..200_u32 {
            clients.spawn(async move {
                let stream = TcpStream::connect(address).await?;
                for round in 0..20_u32 {
                    let sent = [client.to_le_bytes(), round.to_le_bytes()].concat();
                    stream.write_all(&sent).await?;
                    let mut received = [0; 8];
                    stream.read_exact(&mut received).await?;
                    assert_eq!(sent, received);
                }
                io::Result::Ok(())
            });
        }
        while let Some(client) = clients.join_next().await {
            client.unwrap()?;
        }
        Ok(())
    });
}

#[test]
fn half_a_close_ends_one_direction_only() {
    run(async {
        let (client, server) = tcp_pair().await?;
        client.write_all(b"question").await?;
        client.shutdown(Shutdown::Write)?;
        let mut question = Vec::new();
        assert_eq!(server.read_to_end(&mut question).await?, 8);
        assert_eq!(question, b"question");
        server.write_all(b"answer").await?;
        let mut answer = [0; 6];
        client.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"answer");
        assert_eq!(client.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        Ok(())
    });
}

/// Waits until all that the peer has sent is here, and its end, which the loop has not been told of.
#[cfg(target_os = "linux")]
fn ended(stream: &TcpStream) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    poll(&mut [PollFd::new(stream, PollFlags::RDHUP)], None)?;
    Ok(())
}

/// Nobody tells here, and it is most likely so.
#[cfg(not(target_os = "linux"))]
fn ended(_: &TcpStream) -> io::Result<()> {
    Ok(())
}

#[test]
fn what_was_sent_before_the_end_is_read_before_the_end() {
    run(async {
        for size in [1, 100, 5_000, 100_000] {
            let (client, server) = tcp_pair().await?;
            let sent = pattern(size);
            client.write_all(&sent).await?;
            drop(client);
            // Data and end are one event, if the kernel holds all of it. The buffer is larger than the data, so every read is short.
            if size <= 5_000 {
                ended(&server)?;
            }
            let mut received = Vec::new();
            let mut buffer = vec![0; size + 1];
            loop {
                match server.read(&mut buffer).await? {
                    0 => break,
                    n => received.extend_from_slice(&buffer[..n]),
                }
            }
            assert!(received == sent, "{} of {size} bytes", received.len());
            assert_eq!(server.read(&mut buffer).await?, 0, "and the end is there to stay");
        }
        Ok(())
    });
}

#[test]
fn large_transfers_go_both_ways_at_once() {
    run(async {
        const SIZE: usize = 8 << 20;
        let (client, server) = tcp_pair().await?;
        let mut transfers = JoinSet::new();
        for stream in [Rc::new(client), Rc::new(server)] {
            let reader = stream.clone();
            transfers.spawn(async move {
                stream.write_all(&pattern(SIZE)).await?;
                stream.shutdown(Shutdown::Write)
            });
            transfers.spawn(async move {
                let mut received = Vec::new();
                reader.read_to_end(&mut received).await?;
                assert!(received == pattern(SIZE), "{} bytes", received.len());
                Ok(())
            });
        }
        while let Some(transfer) = transfers.join_next().await {
            transfer.unwrap()?;
        }
        Ok(())
    });
}

#[test]
fn everything_is_appended_to_a_buffer_of_any_size() {
    run(async {
        for (size, before, room) in
            [(0, 0, 0), (1, 3, 0), (100, 0, 100), (100, 7, 99), (5_000, 0, 4_000), (1_000_000, 1, 2_000_000)]
        {
            let (client, server) = tcp_pair().await?;
            let sending = spawn(async move { client.write_all(&pattern(size)).await });
            let mut received = Vec::with_capacity(before + room);
            received.extend(vec![9; before]);
            let given = received.capacity();
            assert_eq!(server.read_to_end(&mut received).await?, size);
            assert!(received[..before].iter().all(|&byte| byte == 9));
            assert!(received[before..] == pattern(size));
            assert!(
                room == 0 || size > room || received.capacity() == given,
                "it had room for {room}, and grew for {size}"
            );
            sending.await.unwrap()?;
        }
        Ok(())
    });
}

#[test]
fn what_was_read_before_it_was_given_up_is_in_the_buffer() {
    run(async {
        let (client, server) = UnixStream::pair()?;
        let mut received = Vec::new();
        for round in 1..=3 {
            client.write_all(&pattern(3_000)).await?;
            server.readable().await?;
            assert!(poll_once(server.read_to_end(&mut received)).await.is_none());
            assert!(received == pattern(3_000).repeat(round), "{} bytes", received.len());
        }
        drop(client);
        assert_eq!(server.read_to_end(&mut received).await?, 0);
        Ok(())
    });
}

/// All that there is lies ready, so that nothing has to be waited for.
#[test]
fn others_have_their_turn_while_a_large_answer_is_read() {
    run(async {
        let (client, server) = tcp_pair().await?;
        let mut size = 0;
        while let Ok(sent) = client.try_write(&[1; 64 * 1024]) {
            size += sent;
        }
        let turns = Rc::new(Cell::new(0));
        let other = spawn({
            let turns = Rc::clone(&turns);
            async move {
                loop {
                    turns.set(turns.get() + 1);
                    yield_now().await;
                }
            }
        });
        client.shutdown(Shutdown::Write)?;
        let mut received = Vec::with_capacity(size + 1);
        assert_eq!(server.read_to_end(&mut received).await?, size);
        assert!(turns.get() >= size / (1 << 20), "{} turns for {size} bytes", turns.get());
        other.abort();
        Ok(())
    });
}

#[test]
fn vectored_operations_move_several_buffers() {
    run(async {
        let (client, server) = tcp_pair().await?;
        let sent = client.write_vectored(&[IoSlice::new(b"head"), IoSlice::new(b"body")]).await?;
        assert_eq!(sent, 8);
        let (mut head, mut body) = ([0; 4], [0; 100]);
        let mut buffers = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)];
        assert_eq!(server.read_vectored(&mut buffers).await?, 8);
        assert_eq!((&head, &body[..4]), (b"head", &b"body"[..]));
        Ok(())
    });
}

/// Short ones are joined before they are written, long ones are not.
#[test]
fn buffers_of_all_sizes_arrive_in_their_order() {
    run(async {
        let (client, server) = tcp_pair().await?;
        let bytes: Vec<u8> = (0..6000_usize).map(|at| (at % 251) as u8).collect();
        for (head, body) in [
            (0, 0),
            (1, 0),
            (0, 7),
            (130, 12),
            (255, 1),
            (255, 2),
            (1023, 1),
            (1023, 2),
            (5, 4000),
            (3000, 3000),
        ] {
            let (head, body) = bytes[..head + body].split_at(head);
            let bufs = [head, b"", body].map(IoSlice::new);
            assert_eq!(client.write_vectored(&bufs).await?, head.len() + body.len());
            let mut received = vec![0; head.len() + body.len()];
            server.read_exact(&mut received).await?;
            assert_eq!(received, [head, body].concat());
        }
        Ok(())
    });
}

/// Of several buffers that were too long to be joined, it was a signal as well: the end of a process that does not ignore it, as
/// Rust's `main` does and others do not.
#[test]
fn writing_to_a_peer_that_is_gone_is_an_error_and_no_signal() {
    if ran_alone("streams::writing_to_a_peer_that_is_gone_is_an_error_and_no_signal", Some(64)) {
        return;
    }
    // SAFETY: nobody else does anything about signals here.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    run(async {
        let (short, long) = ([7; 4], [7; 4000]);
        for bufs in [[&short[..]; 2], [&long[..]; 2]].map(|bufs| bufs.map(IoSlice::new)) {
            let (left, right) = UnixStream::pair()?;
            drop(right);
            assert_eq!(left.write(&bufs[0]).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            assert_eq!(left.write_vectored(&bufs).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        }
        Ok(())
    });
}

async fn turns() {
    for _ in 0..10 {
        yield_now().await;
    }
}

/// The kernel takes some 1000 buffers at once. To have moved no more than these says nothing about room, or what is left.
#[test]
fn more_buffers_than_the_kernel_takes_do_not_hang_the_next_operation() {
    run(async {
        const BUFFERS: usize = 3_000;
        // Those that are joined before they are written, and those that are not.
        for buffer in ["x", "xx"] {
            let (client, server) = tcp_pair().await?;
            // No event may be on its way any more that would help out.
            client.writable().await?;
            turns().await;
            let sent = client.write_vectored(&[IoSlice::new(buffer.as_bytes()); BUFFERS]).await?;
            let total = BUFFERS * buffer.len();
            client.write_all(&vec![b'x'; total - sent]).await?;

            let mut all = vec![0; total];
            while server.peek(&mut all).await? < total {
                yield_now().await;
            }
            server.readable().await?;
            turns().await;
            let mut buffers: Vec<_> = all.chunks_mut(buffer.len()).map(IoSliceMut::new).collect();
            let received = server.read_vectored(&mut buffers).await?;
            server.read_exact(&mut all[received..]).await?;
            assert!(all.iter().all(|&byte| byte == b'x'));
        }
        Ok(())
    });
}

#[test]
fn peek_and_try_read_leave_what_they_should() {
    run(async {
        let (client, server) = tcp_pair().await?;
        let mut buffer = [0; 8];
        assert_eq!(server.try_read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(client.try_write(b"abc")?, 3);
        server.readable().await?;
        assert_eq!(server.peek(&mut buffer[..2]).await?, 2);
        assert_eq!(server.try_read(&mut buffer)?, 3);
        assert_eq!(&buffer[..3], b"abc");
        assert_eq!(server.try_read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
        events_so_far().await?;
        assert!(poll_once(server.readable()).await.is_none());
        Ok(())
    });
}

/// Until the peer has all that was sent. Only the sender is told: what asks the receiver stops short at the urgent byte.
#[cfg(target_os = "linux")]
async fn arrived(stream: &TcpStream) {
    let unacknowledged = || {
        let mut bytes: libc::c_int = 0;
        // SAFETY: it writes an integer, to where there is one.
        assert_eq!(unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) }, 0);
        bytes
    };
    while unacknowledged() > 0 {
        yield_now().await;
    }
}

/// Nobody tells here, and it is most likely so.
#[cfg(not(target_os = "linux"))]
async fn arrived(_: &TcpStream) {
    sleep(Duration::from_millis(1)).await;
}

#[test]
fn reads_stop_short_at_urgent_data_and_nothing_is_left_lying() {
    run(async {
        for _ in 0..20 {
            let (client, server) = tcp_pair().await?;
            let send = |bytes: &[u8], flags| rustix::net::send(&client, bytes, flags);
            send(b"ab", rustix::net::SendFlags::empty())?;
            send(b"!", rustix::net::SendFlags::OOB)?;
            send(b"cd", rustix::net::SendFlags::empty())?;
            arrived(&client).await;
            let mut received = Vec::new();
            let mut buffer = [0; 64];
            while received.len() < 4 {
                let n = server.read(&mut buffer).await?;
                received.extend_from_slice(&buffer[..n]);
            }
            assert_eq!(received, b"abcd");
        }
        Ok(())
    });
}

#[test]
fn a_read_keeps_its_arguments_once() {
    run(async {
        let (client, _server) = tcp_pair().await?;
        // The socket twice, its place in the line, the buffer and how much is wanted, and whether it has started.
        assert!(size_of_val(&client.read(&mut [0; 8])) <= 56);
        assert!(size_of_val(&client.write(&[0; 8])) <= 56);
        Ok(())
    });
}

/// `&Fd<T>` reads if `&T` does, and that told the compiler to look for ever: a caller like this one did not compile.
#[cfg(unix)]
#[test]
fn who_reads_by_reference_leaves_the_type_to_the_compiler() {
    fn receive<S>(mut socket: &S, buf: &mut [u8]) -> io::Result<usize>
    where
        for<'a> &'a S: io::Read,
    {
        io::Read::read(&mut socket, buf)
    }
    fn with<T, R>(value: &T, op: impl FnOnce(&T) -> R) -> R {
        op(value)
    }
    let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    io::Write::write_all(&mut &far, b"any").unwrap();
    let mut buf = [0; 8];
    assert_eq!(with(&near, |socket| receive(socket, &mut buf)).unwrap(), 3);
}
