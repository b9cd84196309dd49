//! Who waits for a socket, on which thread, and what becomes of them.

use super::*;
use std::future::poll_fn;
use std::pin::pin;

#[test]
fn several_tasks_read_one_socket_and_each_byte_goes_to_one_of_them() {
    run(async {
        let (client, server) = tcp_pair().await?;
        let server = Rc::new(server);
        let mut readers = JoinSet::new();
        for _ in 0..10 {
            let server = server.clone();
            readers.spawn(async move {
                let mut byte = [0];
                server.read_exact(&mut byte).await.map(|()| byte[0])
            });
        }
        yield_now().await;
        let mut got = Vec::new();
        for byte in 0..10_u8 {
            client.write_all(&[byte]).await?;
            got.push(readers.join_next().await.unwrap().unwrap()?);
        }
        assert_eq!(got, (0..10).collect::<Vec<_>>());
        Ok(())
    });
}

#[test]
fn a_read_that_is_dropped_takes_nothing_with_it() {
    run(async {
        let (client, server) = tcp_pair().await?;
        let mut buffer = [0; 8];
        for _ in 0..100 {
            assert!(poll_once(server.read(&mut buffer)).await.is_none());
            yield_now().await;
        }
        // One that is dropped when there is something to read.
        let mut dropped = Box::pin(server.read(&mut buffer));
        assert!(poll_once(dropped.as_mut()).await.is_none());
        client.write_all(b"whole").await?;
        events_so_far().await?;
        drop(dropped);
        assert_eq!(server.read(&mut buffer).await?, 5);
        assert_eq!(&buffer[..5], b"whole");
        Ok(())
    });
}

/// One in sixty-five was to give way first, and the time was up then.
#[test]
fn what_is_there_is_read_although_its_time_is_up() {
    run(async {
        let (client, server) = UnixStream::pair()?;
        client.write_all(&pattern(1000)).await?;
        let mut byte = [0];
        for sent in pattern(1000) {
            timeout(Duration::ZERO, server.read(&mut byte)).await??;
            assert_eq!(byte, [sent]);
        }
        // Nothing is there, and so it is over at once.
        assert!(timeout(Duration::ZERO, server.read(&mut byte)).await.is_err());
        Ok(())
    });
}

/// At its end a stream is ready for ever, whatever others do.
#[test]
fn a_task_whose_socket_is_always_ready_starves_nobody() {
    run(async {
        let (sender, receiver) = UnixStream::pair()?;
        drop(sender);
        let reads = Rc::new(Cell::new(0_u64));
        let reader = spawn({
            let reads = reads.clone();
            async move {
                while let Ok(0) = receiver.read(&mut [0; 16]).await {
                    reads.set(reads.get() + 1);
                }
            }
        });
        // Would hang if it starved the timers, and not end if the timers starved it.
        for _ in 0..20 {
            sleep(Duration::from_millis(1)).await;
        }
        while reads.get() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        reader.abort();
        assert!(reader.await.unwrap_err().is_cancelled());
        Ok(())
    });
}

/// `async_io` gave way only when it had to wait.
#[test]
fn operations_of_one_s_own_that_are_always_ready_starve_nobody() {
    run(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let count = Rc::new(Cell::new(0));
        let counted = count.clone();
        let noisy = spawn(async move {
            while counted.get() < 100_000 {
                socket.async_io(Interest::WRITABLE, || Ok(())).await.unwrap();
                counted.set(counted.get() + 1);
            }
        });
        while count.get() == 0 {
            yield_now().await;
        }
        assert!(count.get() < 100_000, "nobody else had a turn");
        noisy.abort();
        Ok(())
    });
}

#[test]
fn sockets_are_used_from_other_threads() {
    run(async {
        let (client, server) = tcp_pair().await?;
        let server = Arc::new(server);
        let reader = to_thread({
            let server = server.clone();
            move || {
                Handle::current().block_on(async {
                    let mut buffer = [0; 4];
                    server.read_exact(&mut buffer).await.map(|()| buffer)
                })
            }
        });
        client.write_all(b"over").await?;
        assert_eq!(&reader.await?, b"over");
        // Dropped there, too.
        to_thread(move || drop(server)).await;
        let mut end = [0];
        assert_eq!(client.read(&mut end).await?, 0);
        Ok(())
    });
}

#[test]
fn a_reader_that_waits_costs_no_turns() {
    run(async {
        let (client, server) = tcp_pair().await?;
        let reading = spawn(async move { server.read(&mut [0; 8]).await });
        yield_now().await;
        let turns = || Handle::current().metrics().turns;
        let before = turns();
        // A loop that spins has had thousands of turns by then. That none comes shows only with time.
        sleep(Duration::from_millis(20)).await;
        let turns = turns() - before;
        assert!(turns <= 6, "{turns}");
        client.write_all(b"!").await?;
        assert_eq!(reading.await.unwrap()?, 1);
        Ok(())
    });
}

/// Some systems report nothing more until mio has heard of a `WouldBlock`.
#[test]
fn an_operation_of_the_users_own_hears_of_every_event() {
    run(async {
        let (client, server) = tcp_pair().await?;
        let server = Rc::new(server);
        for round in 0..3 {
            let reader = server.clone();
            let reading = spawn(async move {
                let mut byte = [0];
                let receive = || Ok(rustix::net::recv(&*reader, &mut byte, rustix::net::RecvFlags::empty())?);
                reader.async_io(Interest::READABLE, receive).await?;
                io::Result::Ok(byte[0])
            });
            // It waits.
            yield_now().await;
            yield_now().await;
            client.write_all(&[round]).await?;
            assert_eq!(reading.await.unwrap()?, round);
        }
        Ok(())
    });
}

#[test]
fn everything_is_shared_between_threads() {
    fn shared<T: Send + Sync + std::fmt::Debug>() {}
    shared::<TcpListener>();
    shared::<TcpStream>();
    shared::<TcpSocket>();
    shared::<sideline::net::OwnedReadHalf<TcpStream>>();
    shared::<sideline::net::OwnedWriteHalf<TcpStream>>();
    shared::<UdpSocket>();
    shared::<UnixListener>();
    shared::<UnixStream>();
    shared::<UnixDatagram>();
    shared::<Async<mio::net::TcpStream>>();
    sideline_reactor::where_queues_report_edges! {
        const _: fn() = || shared::<Async<Fd<std::fs::File>>>();
    }

    fn sent<T: Send>(_: impl FnOnce(&'static TcpStream) -> T) {}
    sent(|stream| stream.read(&mut []));
    sent(|stream| stream.write_all(&[]));
    sent(|stream| stream.readable());
    sent(|stream| stream.ready(Interest::READABLE));
    sent(|stream| stream.async_io(Interest::READABLE, || Ok(())));
    sent(|_| TcpSocket::new_v4().unwrap().connect(SocketAddr::from(([127, 0, 0, 1], 80))));
    sent(|_| TcpStream::connect("localhost:80"));
    sent(|_| TcpListener::bind("localhost:80"));
    sent(|_| UdpSocket::bind("localhost:80"));
    sent(|_| lookup_host("localhost:80"));
    sent(|_| UnixStream::connect("socket"));
}

#[test]
fn outside_and_after_a_runtime_errors_say_so() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let error = UdpSocket::from_std(socket).unwrap_err();
    assert!(error.to_string().contains("block_on"), "{error}");
    let error = UnixDatagram::unbound().unwrap_err();
    assert!(error.to_string().contains("block_on"), "{error}");

    let runtime = Runtime::new().unwrap();
    let (left, right) = runtime.block_on(async { UnixStream::pair() }).unwrap();
    drop(runtime);
    // On another runtime the future runs, but nobody reports readiness to this socket any more.
    let error = block_on(left.read(&mut [0])).unwrap_err();
    assert_eq!(error.to_string(), "the runtime was shut down");
    // The socket itself works, and can be given to the new one.
    assert_eq!(right.try_write(b"x").unwrap(), 1);
    let left = left.into_std().unwrap();
    block_on(async {
        let left = UnixStream::from_std(left).unwrap();
        assert_eq!(left.read(&mut [0; 4]).await.unwrap(), 1);
    });
}

#[test]
fn all_who_wait_for_readiness_are_woken_by_one_event() {
    run(async {
        let (client, server) = tcp_pair().await?;
        let server = Rc::new(server);
        let mut waiting = JoinSet::new();
        for index in 0..20 {
            let server = server.clone();
            waiting.spawn(async move {
                match index % 2 {
                    0 => server.readable().await,
                    _ => server.ready(Interest::READABLE).await.map(|ready| assert!(ready.is_readable())),
                }
            });
        }
        // One more in the place for poll functions.
        waiting.spawn({
            let server = server.clone();
            async move { poll_fn(|cx| server.poll_readable(cx)).await }
        });
        yield_now().await;
        client.write_all(b"!").await?;
        while let Some(woken) = waiting.join_next().await {
            woken.unwrap()?;
        }
        Ok(())
    });
}

#[test]
fn operations_of_one_s_own_wait_and_take_back_what_they_disprove() {
    run(async {
        let (client, server) = UnixStream::pair()?;
        let receive = |buffer: &mut [u8]| rustix::net::recv(&server, buffer, rustix::net::RecvFlags::empty());
        let mut buffer = [0; 8];
        assert_eq!(server.ready(Interest::READABLE | Interest::WRITABLE).await?, Interest::WRITABLE);
        let nothing = server.try_io(Interest::READABLE, || Ok(receive(&mut buffer)?)).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        let calls = Cell::new(0);
        let reading = server.async_io(Interest::READABLE, || {
            calls.set(calls.get() + 1);
            Ok(receive(&mut buffer)?.0)
        });
        let writing = async {
            yield_now().await;
            client.write_all(b"abc").await
        };
        let mut reading = pin!(reading);
        assert!(poll_once(reading.as_mut()).await.is_none());
        assert_eq!(calls.get(), 0, "known not to be ready: not tried");
        writing.await?;
        assert_eq!(reading.await?, 3);
        Ok(())
    });
}

#[test]
fn writes_of_one_s_own_wait_for_room() {
    run(async {
        let (near, far) = UnixStream::pair()?;
        let write = |mut socket: &mio::net::UnixStream| socket.write(&[7; 65_536]);
        let mut sent = 0;
        let full = loop {
            match near.as_async().try_write_with(write) {
                Ok(n) => sent += n,
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        let calls = Rc::new(Cell::new(0));
        let writing = spawn({
            let calls = calls.clone();
            async move {
                let counted = |socket: &mio::net::UnixStream| {
                    calls.set(calls.get() + 1);
                    write(socket)
                };
                poll_fn(|cx| near.as_async().poll_write_with(cx, counted)).await
            }
        });
        yield_now().await;
        assert_eq!(calls.get(), 0, "known to be full: not tried");
        let mut received = Vec::new();
        assert_eq!(far.read_to_end(&mut received).await?, sent + writing.await.unwrap()?);
        assert!(calls.get() > 0);
        Ok(())
    });
}

sideline_reactor::where_queues_report_edges! {
    /// Where mio emulates edges, `WouldBlock` brings another event for the direction that is ready.
    #[test]
    fn with_both_directions_in_the_interest_what_would_block_is_not_tried_for_ever() {
        run_paused(async {
            let (_client, server) = UnixStream::pair()?;
            let mut tries = 0;
            let stuck = server.async_io(Interest::READABLE | Interest::WRITABLE, || {
                tries += 1;
                assert!(tries <= 3, "{tries} tries");
                Err::<(), _>(ErrorKind::WouldBlock.into())
            });
            // Time passes when it is not tried any more.
            assert!(timeout(Duration::from_millis(5), stuck).await.is_err());
            Ok(())
        });
    }
}

/// The count after which an operation gives way to other tasks went on from task to task, and hit those who had done next
/// to nothing: one request in twenty of a web server had to queue twice.
#[test]
fn tasks_that_do_little_between_waits_never_give_way() {
    run(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let own = socket.local_addr()?;
        let mut buffer = [0; 8];
        for _ in 0..1000 {
            let mut send = pin!(socket.send_to(b"hello", own));
            assert!(poll_fn(|cx| Poll::Ready(send.as_mut().poll(cx).is_ready())).await);
            let mut receive = pin!(socket.recv_from(&mut buffer));
            assert!(poll_fn(|cx| Poll::Ready(receive.as_mut().poll(cx).is_ready())).await);
            yield_now().await;
        }
        Ok(())
    });
}
