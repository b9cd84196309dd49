//! The traits of futures-io.

use super::*;

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
        let (left, right) = UnixStream::pair()?;
        let ((left_reads, left_writes), (right_reads, right_writes)) =
            (left.into_split(), right.into_split());
        exchange(left_writes, right_reads).await?;
        exchange(right_writes, left_reads).await?;
        let (left, right) = mio::net::UnixStream::pair()?;
        let (mut left, mut right) = (Async::new(left)?, Async::new(right)?);
        assert_eq!(poll_fn(|cx| Pin::new(&mut left).poll_write(cx, b"any")).await?, 3);
        let mut buffer = [0; 8];
        assert_eq!(poll_fn(|cx| Pin::new(&mut right).poll_read(cx, &mut buffer)).await?, 3);
        Ok(())
    });
}

sideline_reactor::where_queues_report_edges! {
    /// The author of a driver has a descriptor of another library's, and reads in one task while another writes.
    #[test]
    fn any_descriptor_speaks_futures_io_by_value_and_by_reference() {
        use futures_io::{AsyncRead, AsyncWrite};
        use sideline::io::{BufReader, copy};
        use std::future::poll_fn;
        use std::pin::Pin;

        run(async {
            let (left, right) = std::os::unix::net::UnixStream::pair()?;
            let (left, mut right) = (Rc::new(Async::new(Fd::new(left)?)?), Async::new(Fd::new(right)?)?);
            let reading = spawn({
                let left = Rc::clone(&left);
                async move {
                    let mut buffer = [0; 8];
                    poll_fn(|cx| Pin::new(&mut &*left).poll_read(cx, &mut buffer)).await.map(|n| buffer[..n].to_vec())
                }
            });
            yield_now().await;
            let pieces = [IoSlice::new(b"ques"), IoSlice::new(b"tion")];
            assert_eq!(poll_fn(|cx| Pin::new(&mut &*left).poll_write_vectored(cx, &pieces)).await?, 8);
            poll_fn(|cx| Pin::new(&mut &*left).poll_close(cx)).await?;
            let (mut first, mut second) = ([0; 3], [0; 8]);
            let mut pieces = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
            assert_eq!(poll_fn(|cx| Pin::new(&mut right).poll_read_vectored(cx, &mut pieces)).await?, 8);
            assert_eq!((&first, &second[..5]), (b"que", &b"stion"[..]));
            assert_eq!(poll_fn(|cx| Pin::new(&mut right).poll_write(cx, b"answer")).await?, 6);
            assert_eq!(reading.await.unwrap()?, b"answer");
            // Without those traits as well.
            copy(&mut &b"a line\nand"[..], &mut right).await?;
            let (mut lines, mut line) = (BufReader::new(&*left), String::new());
            lines.read_line(&mut line).await?;
            assert_eq!((&*line, lines.buffer()), ("a line\n", &b"and"[..]));
            Ok(())
        });
    }
}

/// hyper called a connection failed whose peer had reset it after the last answer: `shutdown` says `NotConnected` then.
#[test]
fn closing_a_stream_that_the_peer_has_reset_is_no_error() {
    use futures_io::AsyncWrite;
    use std::future::poll_fn;
    use std::pin::Pin;

    run(async {
        for by_half in [false, true] {
            let (mut client, server) = tcp_pair().await?;
            server.set_linger(Some(Duration::ZERO))?;
            drop(server);
            assert_eq!(client.read(&mut [0; 1]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
            assert_eq!(client.shutdown(Shutdown::Write).unwrap_err().kind(), ErrorKind::NotConnected);
            if by_half {
                let (_reads, mut writes) = client.into_split();
                poll_fn(|cx| Pin::new(&mut writes).poll_close(cx)).await?;
            } else {
                poll_fn(|cx| Pin::new(&mut client).poll_close(cx)).await?;
            }
        }
        Ok(())
    });
}
