//! Sockets and descriptors on the loop, against a real kernel.
#![cfg(all(unix, not(loom)))]

use sideline::io::{Async, Fd};
use sideline::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, lookup_host};
use sideline::task::{JoinSet, yield_now};
use sideline::time::{sleep, timeout};
use sideline::{Handle, Pool, Runtime, block_on, spawn, to_thread};
use std::cell::Cell;
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(30);

/// Runs a test on a fresh runtime; a hang is a failure.
fn run<T>(test: impl Future<Output = io::Result<T>>) -> T {
    block_on(async { timeout(LONG, test).await.expect("hangs").unwrap() })
}

async fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (server, peer) = listener.accept().await?;
    assert_eq!(peer, client.local_addr()?);
    Ok((client, server))
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}

/// Bytes that show when one is lost, doubled or out of place.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}

struct TempPath(PathBuf);

impl TempPath {
    fn new(name: &str) -> TempPath {
        TempPath(std::env::temp_dir().join(format!("sideline-{name}-{}", std::process::id())))
    }
}

impl Drop for TempPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn many_clients_are_served_at_once() {
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

#[test]
fn what_was_sent_before_the_end_is_read_before_the_end() {
    run(async {
        for size in [1, 100, 5_000, 100_000] {
            let (client, server) = tcp_pair().await?;
            let sent = pattern(size);
            client.write_all(&sent).await?;
            drop(client);
            // By now data and end are one event. The buffer is larger than the data, so every read is short.
            sleep(Duration::from_millis(1)).await;
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
            assert!(timeout(Duration::from_micros(10), server.read(&mut buffer)).await.is_err());
        }
        let dropped = timeout(Duration::ZERO, server.read(&mut buffer));
        client.write_all(b"whole").await?;
        drop(dropped);
        assert_eq!(server.read(&mut buffer).await?, 5);
        assert_eq!(&buffer[..5], b"whole");
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
        assert!(timeout(Duration::from_millis(1), server.readable()).await.is_err());
        Ok(())
    });
}

#[test]
fn a_refused_connection_is_an_error_and_the_next_address_is_tried() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let alive = listener.local_addr()?;
        let dead = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        assert_eq!(TcpStream::connect(dead).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let stream = TcpStream::connect([dead, alive]).await?;
        assert_eq!(stream.peer_addr()?, alive);
        assert_eq!(TcpStream::connect([dead, dead]).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let none: [SocketAddr; 0] = [];
        assert_eq!(TcpStream::connect(none).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn a_descriptor_that_is_used_again_starts_afresh() {
    run(async {
        let mut numbers = Vec::new();
        for round in 0..50_u8 {
            let (client, server) = UnixStream::pair()?;
            numbers.push((client.as_raw_fd(), server.as_raw_fd()));
            // Leaves readiness, a waiter and unread data behind when it is closed.
            let mut buffer = [0; 4];
            assert!(timeout(Duration::ZERO, client.read(&mut buffer)).await.is_err());
            client.write_all(&[round; 3]).await?;
            assert_eq!(server.read(&mut buffer).await?, 3);
            assert_eq!(buffer, [round, round, round, 0]);
            server.write_all(b"unread").await?;
            drop((client, server));
        }
        assert!(numbers.windows(2).any(|pair| pair[0] == pair[1]), "{numbers:?}");
        Ok(())
    });
}

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
        assert!(lookup_host("no-such-host.invalid:80").await.is_err());
        assert!(lookup_host("no port").await.is_err());
        io::Result::Ok(())
    };
    runtime.block_on(async { timeout(LONG, test).await.expect("hangs").unwrap() });
}

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
        alice.send(b"to nobody").await?;
        assert_eq!(alice.recv(&mut buffer).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
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
fn unix_sockets_connect_by_path() {
    run(async {
        let path = TempPath::new("stream");
        let listener = UnixListener::bind(&path.0)?;
        assert_eq!(listener.local_addr()?.as_pathname(), Some(&*path.0));
        let client = UnixStream::connect(&path.0).await?;
        let (server, _) = listener.accept().await?;
        assert_eq!(client.peer_addr()?.as_pathname(), Some(&*path.0));
        client.write_all(b"hello").await?;
        client.shutdown(Shutdown::Write)?;
        let mut received = Vec::new();
        server.read_to_end(&mut received).await?;
        assert_eq!(received, b"hello");
        assert_eq!(UnixListener::bind(&path.0).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(listener);
        assert_eq!(UnixStream::connect(&path.0).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        Ok(())
    });
}

#[test]
fn connecting_to_a_full_unix_listener_waits_for_room() {
    run(async {
        let path = TempPath::new("backlog");
        let listener = std::os::unix::net::UnixListener::bind(&path.0)?;
        // The standard library's queue holds 128, or what the system allows.
        let mut connecting = JoinSet::new();
        for _ in 0..5_000 {
            let path = path.0.clone();
            connecting.spawn(async move { UnixStream::connect(path).await.map(drop) });
        }
        let all = connecting.len();
        sleep(Duration::from_millis(5)).await;
        let mut done = 0;
        let listener = UnixListener::from_std(listener)?;
        drop(spawn(async move { while listener.accept().await.is_ok() {} }));
        while let Some(connected) = connecting.join_next().await {
            connected.unwrap()?;
            done += 1;
        }
        assert_eq!(done, all);
        Ok(())
    });
}

#[test]
fn unix_datagrams_wait_for_room_in_a_queue_that_others_have_filled() {
    run(async {
        let path = TempPath::new("datagram");
        let receiver = UnixDatagram::bind(&path.0)?;
        let other = UnixDatagram::unbound()?;
        other.connect(&path.0)?;
        let mut queued = 0;
        while other.try_send(b"filler").is_ok() {
            queued += 1;
        }
        let sender = UnixDatagram::unbound()?;
        let target = path.0.clone();
        let sending = spawn(async move { sender.send_to(b"at last", target).await });
        let waiting = spawn(async move { other.send(b"connected").await });
        let turns = Handle::current().metrics().turns;
        sleep(Duration::from_millis(30)).await;
        assert!(!sending.is_finished() && !waiting.is_finished());
        let turns = Handle::current().metrics().turns - turns;
        assert!(turns < 60, "{turns} turns in 30 ms: it spins");
        let mut buffer = [0; 16];
        for _ in 0..queued + 2 {
            receiver.recv_from(&mut buffer).await?;
        }
        assert_eq!(sending.await.unwrap()?, 7);
        assert_eq!(waiting.await.unwrap()?, 9);
        Ok(())
    });
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
            sleep(Duration::from_millis(1)).await;
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
fn any_descriptor_will_do_and_files_say_where_to_go() {
    run(async {
        let (mut sender, receiver) = mio::unix::pipe::new()?;
        sender.set_nonblocking(false)?;
        receiver.set_nonblocking(false)?;
        let receiver = Async::with_interest(Fd::new(receiver)?, sideline::io::Interest::READABLE)?;
        assert!(receiver.as_fd().as_raw_fd() > 0 && format!("{receiver:?}").contains("Fd"));
        let mut buffer = [0; 8];
        let read = |fd: &Fd<mio::unix::pipe::Receiver>, buffer: &mut [u8]| fd.get_ref().read(buffer);
        assert_eq!(
            receiver.try_read_with(|fd| read(fd, &mut buffer)).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        let writing = to_thread(move || sender.write_all(b"pipe"));
        assert_eq!(receiver.read_with(|fd| read(fd, &mut buffer)).await?, 4);
        writing.await?;
        assert_eq!(receiver.read_with(|fd| read(fd, &mut buffer)).await?, 0);
        drop(receiver.into_inner()?.into_inner());

        let file = std::fs::File::open("/proc/self/exe")?;
        let error = Async::new(Fd::new(file)?).unwrap_err();
        assert!(error.to_string().contains("blocking pool"), "{error}");
        Ok(())
    });
}

#[test]
fn a_task_whose_socket_is_always_ready_starves_nobody() {
    run(async {
        let (mut sender, receiver) = std::os::unix::net::UnixStream::pair()?;
        let receiver = UnixStream::from_std(receiver)?;
        // On a thread of its own, always ahead of the reader.
        let flood = std::thread::spawn(move || while sender.write_all(&[0; 65_536]).is_ok() {});
        let total = Rc::new(Cell::new(0));
        let reader = spawn({
            let total = total.clone();
            async move {
                let mut byte = [0; 16];
                while let Ok(n) = receiver.read(&mut byte).await {
                    total.set(total.get() + n);
                }
            }
        });
        let start = Instant::now();
        for _ in 0..20 {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(total.get() > 0 && start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        reader.abort();
        assert!(reader.await.unwrap_err().is_cancelled());
        flood.join().unwrap();
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
fn accepting_without_descriptors_names_the_limit_does_not_spin_and_recovers() {
    const TEST: &str = "accepting_without_descriptors_names_the_limit_does_not_spin_and_recovers";
    if std::env::var_os("SIDELINE_ALONE").is_none() {
        let status = std::process::Command::new("sh")
            .args(["-c", "ulimit -n 64 && exec \"$0\" --exact \"$1\""])
            .args([std::env::current_exe().unwrap().as_os_str(), TEST.as_ref()])
            .env("SIDELINE_ALONE", "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    run(async {
        let path = TempPath::new("nofile");
        let listener = UnixListener::bind(&path.0)?;
        let mut clients = Vec::new();
        // Leaves one descriptor short of what the accepting side needs.
        let error = loop {
            match UnixStream::connect(&path.0).await {
                Ok(client) => clients.push(client),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("RLIMIT_NOFILE"), "{error}");
        let start = Instant::now();
        let mut attempts = 0;
        while start.elapsed() < Duration::from_millis(200) {
            let error = listener.accept().await.unwrap_err();
            assert!(error.to_string().contains("RLIMIT_NOFILE"), "{error}");
            attempts += 1;
        }
        assert!(attempts <= 11, "{attempts} attempts in 200 ms");
        let waiting = clients.len() / 2;
        clients.truncate(waiting);
        for _ in 0..waiting {
            drop(listener.accept().await?);
        }
        Ok(())
    });
}

#[cfg(feature = "futures-io")]
#[test]
fn streams_speak_futures_io_by_value_and_by_reference() {
    use futures_io::{AsyncRead, AsyncWrite};
    use std::future::poll_fn;
    use std::pin::Pin;

    async fn exchange(
        mut writer: impl AsyncWrite + Unpin,
        mut reader: impl AsyncRead + Unpin,
    ) -> io::Result<()> {
        let sent = poll_fn(|cx| {
            Pin::new(&mut writer).poll_write_vectored(cx, &[IoSlice::new(b"futures"), IoSlice::new(b"-io")])
        })
        .await?;
        poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx)).await?;
        poll_fn(|cx| Pin::new(&mut writer).poll_close(cx)).await?;
        let mut buffer = [0; 16];
        let mut received = 0;
        loop {
            match poll_fn(|cx| Pin::new(&mut reader).poll_read(cx, &mut buffer[received..])).await? {
                0 => break,
                n => received += n,
            }
        }
        assert!(buffer[..received] == b"futures-io"[..sent]);
        Ok(())
    }

    run(async {
        let (client, server) = tcp_pair().await?;
        exchange(&client, &server).await?;
        exchange(server, client).await?;
        let (left, right) = UnixStream::pair()?;
        exchange(&left, &right).await?;
        exchange(right, left).await?;
        let (left, right) = mio::net::UnixStream::pair()?;
        let (mut left, mut right) = (Async::new(left)?, Async::new(right)?);
        assert_eq!(poll_fn(|cx| Pin::new(&mut left).poll_write(cx, b"any")).await?, 3);
        let mut buffer = [0; 8];
        assert_eq!(poll_fn(|cx| Pin::new(&mut right).poll_read(cx, &mut buffer)).await?, 3);
        Ok(())
    });
}

#[test]
fn everything_is_shared_between_threads() {
    fn shared<T: Send + Sync + std::fmt::Debug>() {}
    shared::<TcpListener>();
    shared::<TcpStream>();
    shared::<UdpSocket>();
    shared::<UnixListener>();
    shared::<UnixStream>();
    shared::<UnixDatagram>();
    shared::<Async<mio::net::TcpStream>>();
    shared::<Async<Fd<std::fs::File>>>();

    fn sent<T: Send>(_: impl FnOnce(&'static TcpStream) -> T) {}
    sent(|stream| stream.read(&mut []));
    sent(|stream| stream.write_all(&[]));
    sent(|stream| stream.readable());
    sent(|_| TcpStream::connect("localhost:80"));
    sent(|_| TcpListener::bind("localhost:80"));
    sent(|_| UdpSocket::bind("localhost:80"));
    sent(|_| lookup_host("localhost:80"));
    sent(|_| UnixStream::connect("socket"));
}
