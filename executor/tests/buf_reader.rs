//! Reading by lines.
#![cfg(all(unix, not(loom)))]

use sideline::io::{Async, BufReader, ReadBytes, copy};
use sideline::net::{TcpListener, TcpStream, UnixStream};
use sideline::spawn;
use sideline::time::timeout;
use std::cell::Cell;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

include!("common/run.rs");

/// Polls it once.
fn is_pending<T>(future: impl Future<Output = T>) -> bool {
    matches!(pin!(future).poll(&mut Context::from_waker(Waker::noop())), Poll::Pending)
}

async fn lines<R: ReadBytes>(mut reader: BufReader<R>) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let n = reader.read_line(&mut line).await?;
        assert_eq!(n, line.len());
        if n == 0 {
            return Ok(lines);
        }
        lines.push(line);
    }
}

#[test]
fn lines_come_as_they_were_sent_and_the_last_may_lack_its_end() {
    run(async {
        assert_eq!(
            lines(BufReader::new(&b"one\n\ntwo\r\nthree"[..])).await?,
            ["one\n", "\n", "two\r\n", "three"]
        );
        assert!(lines(BufReader::new(&b""[..])).await?.is_empty());
        // Longer and shorter than what is read at once, through the middle of which lines go.
        let sent: Vec<String> = (0..400).map(|i| "x".repeat(i * i % 30_011) + "\n").collect();
        let (client, server) = UnixStream::pair()?;
        let text = sent.concat();
        let writing = spawn(async move { client.write_all(text.as_bytes()).await });
        assert!(lines(BufReader::new(server)).await? == sent);
        writing.await.unwrap()
    });
}

#[test]
fn lines_without_their_ends_are_otherwise_as_they_were_sent() {
    run(async {
        let (client, server) = UnixStream::pair()?;
        let mut lines = BufReader::new(server);
        client.write_all(b"one\r").await?;
        assert!(is_pending(lines.next_line()));
        client.write_all(b"\n\n \t\rtwo \r\r\n\xff\nlast\r").await?;
        drop(client);
        for wanted in ["one", "", " \t\rtwo \r"] {
            assert_eq!(lines.next_line().await?.unwrap(), wanted);
        }
        assert_eq!(lines.next_line().await.unwrap_err().kind(), ErrorKind::InvalidData);
        // No end of a line, so its return is its own.
        assert_eq!(lines.next_line().await?.unwrap(), "last\r");
        assert_eq!((lines.next_line().await?, lines.next_line().await?), (None, None));
        Ok(())
    });
}

/// What a driver of a protocol does: messages with a length before them, from a source of its own.
#[test]
fn messages_are_whole_however_often_waiting_for_them_is_given_up() {
    async fn next<R: ReadBytes>(reader: &mut BufReader<R>) -> io::Result<Option<Vec<u8>>> {
        let Some(head) = reader.peek(4).await?.first_chunk() else {
            return if reader.buffer().is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
        };
        let len = 4 + u32::from_be_bytes(*head) as usize;
        let message = reader.peek(len).await?;
        if message.len() < len {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let message = message[4..].to_vec();
        reader.consume(len);
        Ok(Some(message))
    }

    run(async {
        let (ours, theirs) = mio::net::UnixStream::pair()?;
        let (mut ours, theirs) = (BufReader::new(Async::new(ours)?), Async::new(theirs)?);
        let message = |i: usize| vec![i as u8; i * i * 100];
        let writing = spawn(async move {
            for i in 0..60 {
                let message = message(i);
                let head = (message.len() as u32).to_be_bytes();
                // A piece at a time, so that a message is seldom there at once.
                copy(&mut &[&head, &message[..]].concat()[..], &mut &theirs).await?;
            }
            copy(&mut &b"\0\0\0\x09cut"[..], &mut &theirs).await
        });
        for i in 0..60 {
            let received = loop {
                let waiting = next(&mut ours);
                match timeout(Duration::ZERO, waiting).await {
                    Ok(received) => break received?.unwrap(),
                    Err(_) => sideline::task::yield_now().await,
                }
            };
            assert!(received == message(i), "message {i}");
        }
        writing.await.unwrap()?;
        assert_eq!(next(&mut ours).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(ours.buffer(), b"\0\0\0\x09cut");
        ours.consume(100);
        assert!(ours.peek(1).await?.is_empty() && ours.peek(0).await?.is_empty());
        Ok(())
    });
}

#[test]
fn a_read_that_is_given_up_in_the_middle_of_a_line_loses_nothing() {
    run(async {
        let (client, server) = UnixStream::pair()?;
        let mut reader = BufReader::new(server);
        let mut line = String::new();
        for piece in [&b"a li"[..], b"ne of ", b"pieces"] {
            client.write_all(piece).await?;
            reader.get_ref().readable().await?;
            assert!(is_pending(reader.read_line(&mut line)));
            assert_eq!(line, "");
        }
        assert_eq!(reader.buffer(), b"a line of pieces");
        client.write_all(b"\nnext").await?;
        reader.read_line(&mut line).await?;
        assert_eq!(line, "a line of pieces\n");
        Ok(())
    });
}

#[test]
fn a_connection_that_is_reset_in_the_middle_of_a_line_is_an_error() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let client = TcpStream::connect(listener.local_addr()?).await?;
        let mut reader = BufReader::new(listener.accept().await?.0);
        client.write_all(b"whole\nhal").await?;
        let mut line = String::new();
        reader.read_line(&mut line).await?;
        client.set_linger(Some(Duration::ZERO))?;
        drop(client);
        let error = reader.read_line(&mut line).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!((line.as_str(), reader.buffer()), ("whole\n", &b"hal"[..]));
        Ok(())
    });
}

#[test]
fn a_line_that_is_no_text_is_an_error_and_the_next_one_comes() {
    run(async {
        let mut reader = BufReader::new(&b"\xff\xfe\nnext\n"[..]);
        let mut line = String::new();
        assert_eq!(reader.read_line(&mut line).await.unwrap_err().kind(), ErrorKind::InvalidData);
        reader.read_line(&mut line).await?;
        assert_eq!(line, "next\n");
        Ok(())
    });
}

#[test]
fn a_line_is_as_long_as_it_may_be_and_no_longer() {
    run(async {
        assert_eq!(lines(BufReader::new(&b"1234\n12345"[..]).max_line(5)).await?, ["1234\n", "12345"]);
        // With its end at hand; and without, which must not be waited for.
        for sent in [&b"12345\n"[..], b"123456"] {
            let (client, server) = UnixStream::pair()?;
            client.write_all(sent).await?;
            let error = lines(BufReader::new(server).max_line(5)).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (ErrorKind::InvalidData, "the line has more than 5 bytes")
            );
            drop(client);
        }
        Ok(())
    });
}

#[test]
fn pieces_lines_and_copies_take_turns() {
    run(async {
        let long = "y".repeat(100_000);
        let text = format!("head\n12345678;rest\n{long}");
        let mut reader = BufReader::new(text.as_bytes());
        let (mut line, mut field, mut piece) = (String::new(), Vec::new(), [0; 4]);
        reader.read_line(&mut line).await?;
        reader.read_exact(&mut piece).await?;
        assert_eq!(reader.read_until(b';', &mut field).await?, 5);
        assert_eq!((line.as_str(), &piece, field.as_slice()), ("head\n", b"1234", &b"5678;"[..]));
        let mut rest = Vec::new();
        assert_eq!(sideline::io::copy(&mut reader, &mut rest).await?, 100_005);
        assert!(rest == format!("rest\n{long}").into_bytes());
        assert_eq!(reader.read(&mut piece).await?, 0);
        assert_eq!(reader.read_exact(&mut piece).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        Ok(())
    });
}

#[test]
fn who_reads_lines_that_are_there_gives_way_to_others() {
    run(async {
        let text = "\n".repeat(1000);
        let others = std::rc::Rc::new(Cell::new(0));
        let other = spawn({
            let others = others.clone();
            async move {
                loop {
                    others.set(others.get() + 1);
                    sideline::task::yield_now().await;
                }
            }
        })
        .abort_on_drop();
        assert_eq!(lines(BufReader::new(text.as_bytes())).await?.len(), 1000);
        assert!(others.get() > 0);
        drop(other);
        Ok(())
    });
}
