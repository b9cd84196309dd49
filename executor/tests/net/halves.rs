//! Streams in two halves.

use super::*;

#[test]
fn each_half_does_its_own_and_both_make_the_stream_again() {
    run(async {
        let (client, server) = tcp_pair().await?;
        let (mut reader, mut writer) = client.into_split();
        let echoing = spawn(echo(server));
        let sent = pattern(300_000);
        let received = spawn({
            let len = sent.len();
            async move {
                let mut received = vec![0; len];
                reader.read_exact(&mut received).await.map(|()| (received, reader))
            }
        });
        writer.write_all(&sent).await?;
        let (received, reader) = received.await.unwrap()?;
        assert!(received == sent);
        let address = reader.as_ref().local_addr()?;
        let client = writer.reunite(reader).unwrap();
        assert_eq!(client.local_addr()?, address);
        // The half that wrote went without shutting the connection down.
        client.write_all(b"more").await?;
        let mut more = [0; 4];
        client.read_exact(&mut more).await?;
        assert_eq!(&more, b"more");
        drop(client);
        echoing.await.unwrap()
    });
}

#[test]
fn dropping_the_half_that_writes_ends_writing_only() {
    run(async {
        let (client, server) = UnixStream::pair()?;
        let (mut reader, mut writer) = client.into_split();
        writer.write_all(b"question").await?;
        drop(writer);
        let mut question = Vec::new();
        server.read_to_end(&mut question).await?;
        assert_eq!(question, b"question");
        server.write_all(b"answer").await?;
        let mut answer = [0; 3];
        reader.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"ans");
        drop(server);
        // Of another thread, to which it may be sent.
        let rest = Handle::current().spawn(async move {
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest).await.map(|_| rest)
        });
        assert_eq!(rest.await.unwrap()?, b"wer");

        // Forgotten, it leaves the connection open as long as the other half lives.
        let (client, server) = UnixStream::pair()?;
        let (reader, writer) = client.into_split();
        writer.forget();
        assert!(poll_once(server.read(&mut [0])).await.is_none());
        drop(reader);
        assert_eq!(server.read(&mut [0]).await?, 0);
        Ok(())
    });
}

#[test]
fn halves_of_different_streams_come_back() {
    run(async {
        let ((left, right), (other, _)) = (UnixStream::pair()?, UnixStream::pair()?);
        let (reader, writer) = left.into_split();
        let (other_reader, other_writer) = other.into_split();
        let error = reader.reunite(other_writer).unwrap_err();
        assert_eq!(error.to_string(), "the halves are of different streams");
        let left = error.read.reunite(writer).unwrap();
        drop(error.write.reunite(other_reader).unwrap());
        left.write_all(b"whole").await?;
        assert_eq!(right.read(&mut [0; 8]).await?, 5);
        Ok(())
    });
}

#[test]
fn borrowed_halves_change_nothing_for_the_stream() {
    run(async {
        let (mut client, server) = tcp_pair().await?;
        {
            let (mut reader, mut writer) = client.split();
            assert_eq!(writer.write_vectored(&[IoSlice::new(b"a"), IoSlice::new(b"b")]).await?, 2);
            server.write_all(b"xy").await?;
            let mut answer = [0; 2];
            reader.read_exact(&mut answer).await?;
            assert_eq!(&answer, b"xy");
        }
        client.write_all(b"c").await?;
        drop(client);
        let mut received = Vec::new();
        server.read_to_end(&mut received).await?;
        assert_eq!(received, b"abc");
        Ok(())
    });
}
