//! File descriptors: numbers that are used again, any kind of them, and none left.

use super::*;
use std::future::poll_fn;

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

/// Where mio calls `poll(2)` it has forgotten a connection that was hung up.
#[test]
fn a_connection_whose_peer_is_gone_can_be_taken_off_the_loop() {
    run(async {
        let (left, right) = UnixStream::pair()?;
        drop(right);
        left.readable().await?;
        assert_eq!(left.read(&mut [0; 8]).await?, 0);
        let left = left.into_std()?;
        assert_eq!(io::Read::read(&mut &left, &mut [0; 8])?, 0);
        Ok(())
    });
}

sideline_reactor::where_queues_report_edges! {
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

            let file = std::fs::File::open(std::env::current_exe()?)?;
            let error = Async::new(Fd::new(file)?).unwrap_err();
            assert!(error.to_string().contains("blocking pool"), "{error}");

            // On Linux; kqueue has the second in place of the first.
            #[cfg(target_os = "linux")]
            {
                let (left, right) = std::os::unix::net::UnixStream::pair()?;
                let left = Async::new(Fd::new(left)?)?;
                let error = Async::new(Fd::nonblocking(left.as_fd())).unwrap_err();
                assert!(error.to_string().contains("registered with the loop already"), "{error}");
                (&right).write_all(b"here")?;
                assert_eq!(left.read_with(|mut fd| fd.read(&mut buffer)).await?, 4, "the first still works");
            }
            Ok(())
        });
    }
}

#[test]
fn accepting_without_descriptors_names_the_limit_does_not_spin_and_recovers() {
    const TEST: &str =
        "descriptors::accepting_without_descriptors_names_the_limit_does_not_spin_and_recovers";
    if ran_alone(TEST, Some(64)) {
        return;
    }
    run_paused(async {
        let scratch = tempdir()?;
        let path = scratch.path().join("socket");
        let listener = UnixListener::bind(&path)?;
        let mut clients = Vec::new();
        // Leaves one descriptor short of what the accepting side needs.
        let error = loop {
            match UnixStream::connect(&path).await {
                Ok(client) => clients.push(client),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("RLIMIT_NOFILE"), "{error}");
        let start = now();
        let mut attempts = 0;
        while now() - start < Duration::from_millis(200) {
            let error = listener.accept().await.unwrap_err();
            assert!(error.to_string().contains("RLIMIT_NOFILE"), "{error}");
            attempts += 1;
        }
        assert_eq!(attempts, 11, "one, and then one every 20 ms");
        while now() - start < Duration::from_millis(400) {
            let error = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap_err();
            assert!(error.to_string().contains("RLIMIT_NOFILE"), "{error}");
            attempts += 1;
        }
        assert_eq!(attempts, 21, "by whatever way");
        let waiting = clients.len() / 2;
        clients.truncate(waiting);
        for _ in 0..waiting {
            drop(listener.accept().await?);
        }
        Ok(())
    });
}

/// On other systems a `block_on` opens the event queue at once.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[test]
fn a_block_on_that_needs_no_event_queue_opens_none_and_gets_one_when_it_does() {
    const TEST: &str =
        "descriptors::a_block_on_that_needs_no_event_queue_opens_none_and_gets_one_when_it_does";
    if ran_alone(TEST, Some(64)) {
        return;
    }
    // What a process opens once, it opens here.
    sideline::block_on(async { to_thread(|| ()).await });
    let mut hoard = Vec::new();
    let error = loop {
        match std::fs::File::open("/dev/null") {
            Ok(file) => hoard.push(file),
            Err(error) => break error,
        }
    };
    assert_eq!(error.raw_os_error(), Some(24));
    sideline::block_on(async {
        assert_eq!(to_thread(|| 7).await, 7);
        let handle = sideline::Handle::current();
        let task = to_thread(move || handle.spawn(async { 8 })).await;
        assert_eq!(task.await.unwrap(), 8);
        // To the microsecond it would take a timerfd; it ends, and not early, without.
        let start = std::time::Instant::now();
        sideline::time::sleep(Duration::from_micros(1_300)).await;
        assert!(start.elapsed() >= Duration::from_micros(1_300));

        // A socket, but no descriptor for the event queue.
        hoard.pop();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let error = UdpSocket::from_std(socket).unwrap_err();
        assert!(error.to_string().contains("RLIMIT_NOFILE"), "{error}");

        hoard.clear();
        let (client, server) = UnixStream::pair().unwrap();
        let reader = spawn(async move {
            let mut buffer = [0; 4];
            server.read_exact(&mut buffer).await.map(|()| buffer)
        });
        sideline::time::sleep(Duration::from_micros(700)).await;
        client.write_all(b"open").await.unwrap();
        assert_eq!(&reader.await.unwrap().unwrap(), b"open");
    });
}

/// What a child process finds open, as `ls` sees it, itself reading the directory.
#[cfg(target_os = "linux")]
fn descriptors_of_a_child() -> String {
    let output = std::process::Command::new("ls").arg("/proc/self/fd").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Whether there is a descriptor of the kernel's of this name.
#[cfg(target_os = "linux")]
fn has_open(name: &str) -> bool {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    links.filter_map(|link| std::fs::read_link(link.path()).ok()).any(|link| link.ends_with(name))
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_process_inherits_no_descriptor_of_the_runtime() {
    if ran_alone("descriptors::a_child_process_inherits_no_descriptor_of_the_runtime", Some(64)) {
        return;
    }
    let before = descriptors_of_a_child();
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let socket = TcpSocket::new_v4()?;
        socket.bind("127.0.0.1:0".parse().unwrap())?;
        let by_steps = socket.connect(listener.local_addr()?).await?;
        let accepted = listener.accept().await?;
        let directly = TcpStream::connect(listener.local_addr()?).await?;
        let others = (UdpSocket::bind("127.0.0.1:0").await?, UnixStream::pair()?, UnixDatagram::pair()?);
        // The timer's own is opened for the first sleep that the loop goes to wait for before it is over.
        while !has_open("anon_inode:[timerfd]") {
            sleep(Duration::from_micros(700)).await;
        }
        assert_eq!(to_thread(descriptors_of_a_child).await, before);
        drop((by_steps, accepted, directly, others));
        Ok(())
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_connect_that_is_given_up_closes_its_socket() {
    const TEST: &str = "descriptors::a_connect_that_is_given_up_closes_its_socket";
    if ran_alone(TEST, Some(64)) {
        return;
    }
    // Time passes when the kernel has nothing to say. Should it only be slow, one more attempt is given up.
    run_paused(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind("127.0.0.1:0".parse().unwrap())?;
        let listener = socket.listen(1)?;
        let address = listener.local_addr()?;
        // Nobody accepts: soon the queue is full, and the kernel answers no more.
        let mut queued = Vec::new();
        let before = open_descriptors();
        for tries in 0.. {
            let connect = timeout(Duration::from_millis(100), TcpStream::connect(address));
            match connect.await {
                Ok(stream) => queued.push(stream?),
                Err(_) if tries - queued.len() == 3 => break,
                Err(_) => {}
            }
            // The timer's own may have come.
            let others = open_descriptors() - queued.len();
            assert!(others <= before + 1, "{others} descriptors instead of {before}");
            assert!(queued.len() < 20, "the queue is never full");
        }
        Ok(())
    });
}

/// The C library says that the name is not known when it cannot open the file that has it.
#[test]
fn a_lookup_without_descriptors_names_the_limit_and_recovers() {
    const TEST: &str = "descriptors::a_lookup_without_descriptors_names_the_limit_and_recovers";
    if ran_alone(TEST, Some(64)) {
        return;
    }
    run(async {
        let open = all_descriptors();
        let error = lookup_host("localhost:80").await.map(drop).unwrap_err();
        assert!(error.to_string().starts_with("host \"localhost\" could not be looked up: "), "{error}");
        assert!(error.to_string().contains("RLIMIT_NOFILE"), "{error}");
        drop(open);
        assert!(lookup_host("localhost:80").await?.count() > 0);
        Ok(())
    });
}

/// Those that were left. Dropped, they are free again.
fn all_descriptors() -> Vec<std::fs::File> {
    std::iter::from_fn(|| std::fs::File::open("/").ok()).collect()
}

#[test]
fn sockets_without_descriptors_name_the_limit() {
    const TEST: &str = "descriptors::sockets_without_descriptors_name_the_limit";
    if ran_alone(TEST, Some(256)) {
        return;
    }
    run(async {
        let dir = tempdir()?;
        let path = dir.path().join("socket");
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let open = all_descriptors();
        let outcomes = [
            ("connect", TcpStream::connect(address).await.map(drop)),
            ("listen", TcpListener::bind("127.0.0.1:0").await.map(drop)),
            ("step by step", TcpSocket::new_v4().map(drop)),
            ("udp", UdpSocket::bind("127.0.0.1:0").await.map(drop)),
            ("unix connect", UnixStream::connect(&path).await.map(drop)),
            ("unix pair", UnixStream::pair().map(drop)),
            ("unix listen", UnixListener::bind(&path).map(drop)),
            ("unix datagrams", UnixDatagram::bind(&path).map(drop)),
            ("unix datagram pair", UnixDatagram::pair().map(drop)),
            ("unbound", UnixDatagram::unbound().map(drop)),
        ];
        for (what, outcome) in outcomes {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains("RLIMIT_NOFILE"), "{what}: {error}");
        }
        drop(open);
        TcpStream::connect(address).await.map(drop)
    });
}

/// Those that open one for a moment said "too many open files", as the kernel does, and not of what there are too few.
#[test]
fn functions_of_files_without_descriptors_name_the_limit() {
    const TEST: &str = "descriptors::functions_of_files_without_descriptors_name_the_limit";
    if ran_alone(TEST, Some(64)) {
        return;
    }
    run(async {
        use sideline::fs;
        let scratch = tempdir()?;
        let path = scratch.path().join("file");
        fs::write(&path, "here").await?;
        let mut open = all_descriptors();
        let outcomes = [
            fs::read(&path).await.map(drop),
            fs::read_to_string(&path).await.map(drop),
            fs::write(&path, "there").await,
            fs::copy(&path, "/dev/null").await.map(drop),
            fs::read_dir("/").await.map(drop),
            fs::File::open(&path).await.map(drop),
            fs::File::from_std(open.pop().unwrap()).try_clone().await.map(drop),
        ];
        for outcome in outcomes {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains("RLIMIT_NOFILE"), "{error}");
        }
        drop(open);
        assert_eq!(fs::read(&path).await?, b"here");
        Ok(())
    });
}
