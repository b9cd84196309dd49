//! Joining streams of different kinds.
#![cfg(all(unix, not(loom)))]

use sideline::fs::File;
use sideline::io::{BufReader, ReadBytes, WriteBytes, copy, copy_bidirectional};
use sideline::net::{TcpListener, TcpStream, UnixStream};
use sideline::process::{Command, Stdio};
use sideline::task::{consume_budget, yield_now};
use sideline::time::{now, sleep};
use sideline::{Runtime, spawn};
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::time::Duration;

include!("common/pattern.rs");
include!("common/run.rs");

async fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    Ok((client, listener.accept().await?.0))
}

#[test]
fn a_file_goes_through_sockets_and_a_child_into_another_file() {
    let scratch = tempfile::tempdir().unwrap();
    let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
    let contents = pattern(700_001);
    std::fs::write(&from, &contents).unwrap();
    run(async {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (client, server) = tcp_pair().await?;
        let (mut out, mut back) = (client.into_split().1, server.into_split().0);
        let mut source = File::open(&from).await?;
        let first = spawn(async move { copy(&mut source, &mut out).await });
        let second = spawn(async move { copy(&mut back, &mut stdin).await });
        let mut target = File::create(&to).await?;
        assert_eq!(copy(&mut stdout, &mut target).await?, 700_001);
        // Copying has flushed: all of it is there.
        assert!(std::fs::read(&to)? == contents);
        assert_eq!((first.await.unwrap()?, second.await.unwrap()?), (700_001, 700_001));
        child.wait().await.map(drop)
    });
}

#[test]
fn memory_is_a_stream_to_read_from_and_to_write_to() {
    let sent = pattern(100_000);
    let (received, left) = run(async {
        let (client, mut server) = tcp_pair().await?;
        let writing = spawn({
            let sent = sent.clone();
            async move {
                let mut rest = &sent[..];
                copy(&mut rest, &mut &client).await.map(|n| (n, rest.len()))
            }
        });
        let mut received = b"before".to_vec();
        assert_eq!(copy(&mut server, &mut received).await?, 100_000);
        Ok((received, writing.await.unwrap()?))
    });
    assert_eq!(left, (100_000, 0));
    assert!(received.starts_with(b"before") && received[6..] == sent);
}

#[test]
fn both_ways_at_once_until_both_have_ended() {
    run(async {
        let (client, mut near) = tcp_pair().await?;
        let (mut far, server) = UnixStream::pair()?;
        let proxy = spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        // The server answers only when the question has ended, so the proxy must pass that on and go on.
        let answering = spawn(async move {
            let mut question = Vec::new();
            server.read_to_end(&mut question).await?;
            server.write_all(&pattern(300_000)).await?;
            io::Result::Ok(question)
        });
        client.write_all(&pattern(200_000)).await?;
        client.shutdown(Shutdown::Write)?;
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await?;
        assert!(answer == pattern(300_000));
        assert!(answering.await.unwrap()? == pattern(200_000));
        assert_eq!(proxy.await.unwrap()?, (200_000, 300_000));
        Ok(())
    });
}

#[test]
fn a_proxy_that_has_read_lines_first_passes_on_what_came_with_them() {
    run(async {
        let (client, near) = tcp_pair().await?;
        let (mut far, server) = UnixStream::pair()?;
        client.write_all(b"CONNECT server\r\n\r\nearly").await?;
        let mut near = BufReader::new(near);
        while !near.next_line().await?.unwrap().is_empty() {}
        let proxy = spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        client.shutdown(Shutdown::Write)?;
        let mut received = Vec::new();
        server.read_to_end(&mut received).await?;
        assert_eq!(received, b"early");
        server.write_all(b"welcome").await?;
        drop(server);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await?;
        assert_eq!(answer, b"welcome");
        assert_eq!(proxy.await.unwrap()?, (5, 7));
        Ok(())
    });
}

/// In one poll of 65 something gave way first, and then no byte had moved for so long.
#[test]
fn what_is_there_is_copied_although_it_is_idle_for_too_long() {
    run(async {
        for before in 0..65 {
            let (client, mut near) = UnixStream::pair()?;
            let (mut far, server) = UnixStream::pair()?;
            client.write_all(b"!").await?;
            client.shutdown(Shutdown::Write)?;
            server.shutdown(Shutdown::Write)?;
            yield_now().await;
            for _ in 0..before {
                consume_budget().await;
            }
            if before % 2 == 0 {
                let copying = copy_bidirectional(&mut near, &mut far).idle_timeout(Duration::ZERO);
                assert_eq!(copying.await?, (1, 0));
            } else {
                let copying = copy(&mut near, &mut far).idle_timeout(Duration::ZERO);
                assert_eq!(copying.await?, 1);
            }
        }
        Ok(())
    });
}

#[test]
fn an_error_of_either_side_ends_it() {
    run(async {
        let (client, near) = tcp_pair().await?;
        let (far, server) = UnixStream::pair()?;
        let proxy = spawn(async move { copy_bidirectional(&mut &near, &mut &far).await });
        drop(server);
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await?;
        // The first bytes find nobody.
        client.write_all(b"anybody?").await?;
        assert_eq!(proxy.await.unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
        Ok(())
    });
}

/// Shutting down what a peer had reset, after it had ended, was the error `NotConnected`, and the counts were lost.
#[test]
fn a_peer_that_is_gone_after_it_has_ended_spoils_nothing() {
    run(async {
        let (client, mut near) = tcp_pair().await?;
        let (mut far, server) = tcp_pair().await?;
        let proxy = spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        server.write_all(b"answer").await?;
        server.shutdown(Shutdown::Write)?;
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await?;
        // Closing without lingering resets the connection.
        server.set_linger(Some(Duration::ZERO))?;
        drop(server);
        drop(client);
        assert_eq!(proxy.await.unwrap()?, (0, 6));
        Ok(())
    });
}

/// In virtual time, so that the moments are exact.
#[test]
fn a_connection_without_traffic_ends_when_it_has_been_idle_for_long_enough() {
    const IDLE: Duration = Duration::from_secs(60);
    let runtime = Runtime::builder().paused_clock().build().unwrap();
    runtime.block_on(async {
        let (client, mut near) = UnixStream::pair().unwrap();
        let (mut far, server) = UnixStream::pair().unwrap();
        let start = now();
        // One byte each way, and then one direction ends, which is no traffic.
        let talking = spawn(async move {
            sleep(IDLE / 2).await;
            client.write_all(b"?").await?;
            sleep(IDLE / 2).await;
            server.write_all(b"!").await?;
            sleep(IDLE / 2).await;
            client.shutdown(Shutdown::Write)?;
            io::Result::Ok((client, server))
        });
        let mut copying = copy_bidirectional(&mut near, &mut far).idle_timeout(IDLE);
        let error = (&mut copying).await.unwrap_err();
        assert_eq!((error.kind(), now() - start), (ErrorKind::TimedOut, 2 * IDLE), "{error}");
        assert_eq!(copying.copied(), (1, 1));
        let (client, server) = talking.await.unwrap().unwrap();

        // A peer that takes nothing is as good as silent, but not one that takes a little.
        let start = now();
        let copying = spawn(async move {
            copy_bidirectional(&mut near, &mut far).idle_timeout(IDLE).await.map_err(|error| error.kind())
        });
        let pouring = spawn(async move { server.write_all(&pattern(4_000_000)).await });
        sleep(IDLE / 2).await;
        client.read_exact(&mut vec![0; 500_000]).await.unwrap();
        assert_eq!(copying.await.unwrap(), Err(ErrorKind::TimedOut));
        assert_eq!(now() - start, IDLE + IDLE / 2);
        assert!(pouring.await.unwrap().is_err());

        // A limit that the clock does not reach is none.
        let (client, mut near) = UnixStream::pair().unwrap();
        let (mut far, server) = UnixStream::pair().unwrap();
        drop((client, server));
        let copied = copy_bidirectional(&mut near, &mut far).idle_timeout(Duration::MAX).await;
        assert_eq!(copied.unwrap(), (0, 0));
    });
}

/// In virtual time, so that the moments are exact.
#[test]
fn a_copy_of_which_nothing_moves_ends_when_it_has_been_idle_for_long_enough() {
    const IDLE: Duration = Duration::from_secs(60);
    let runtime = Runtime::builder().paused_clock().build().unwrap();
    runtime.block_on(async {
        let (client, mut server) = UnixStream::pair().unwrap();
        let start = now();
        let talking = spawn(async move {
            sleep(IDLE / 2).await;
            client.write_all(b"a word").await.map(|()| client)
        });
        let mut received = Vec::new();
        let mut copying = copy(&mut server, &mut received).idle_timeout(IDLE);
        let error = (&mut copying).await.unwrap_err();
        assert_eq!((error.kind(), now() - start), (ErrorKind::TimedOut, IDLE + IDLE / 2), "{error}");
        assert_eq!(copying.copied(), 6);
        assert_eq!(received, b"a word");
        // What comes to its end is not idle.
        drop(talking.await.unwrap().unwrap());
        assert_eq!(copy(&mut server, &mut received).idle_timeout(IDLE).await.unwrap(), 0);

        // One who takes nothing is as good as silent.
        let (mut client, server) = UnixStream::pair().unwrap();
        let start = now();
        let sent = pattern(4_000_000);
        let error = copy(&mut &sent[..], &mut client).idle_timeout(IDLE).await.unwrap_err();
        assert_eq!((error.kind(), now() - start), (ErrorKind::TimedOut, IDLE), "{error}");
        drop(server);
    });
}

#[test]
fn copying_is_sent_between_threads() {
    fn sent<T: Send>(_: impl FnOnce(&'static mut TcpStream, &'static mut File) -> T) {}
    sent(|stream, file| copy(file, stream));
    fn both<T: Send>(_: impl FnOnce(&'static mut TcpStream, &'static mut UnixStream) -> T) {}
    both(copy_bidirectional);
    fn dynamic(_: &mut dyn ReadBytes, _: &mut dyn WriteBytes) {}
    let _ = dynamic;
}
