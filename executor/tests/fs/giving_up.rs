//! What becomes of operations that nobody waits for.

use super::*;

#[test]
fn a_read_that_is_given_up_loses_no_byte() {
    let scratch = tempdir().unwrap();
    let contents = pattern(100_000);
    std::fs::write(scratch.path().join("file"), &contents).unwrap();
    run(async {
        let mut file = OpenOptions::new().read(true).write(true).open(scratch.path().join("file")).await?;
        begin_and_give_up(file.read(&mut [0; 1_000]));
        let mut read = vec![0; 10];
        file.read_exact(&mut read).await?;
        assert!(read == contents[..10]);
        // What was read ahead counts as not read, for seeks and writes.
        assert_eq!(file.seek(SeekFrom::Current(0)).await?, 10);
        begin_and_give_up(file.read(&mut [0; 1_000]));
        file.write_all(b"here").await?;
        assert_eq!(
            std::fs::read(scratch.path().join("file"))?[8..16],
            [8, 9, b'h', b'e', b'r', b'e', 14, 15]
        );
        // And the same with everything.
        file.seek(SeekFrom::Start(50)).await?;
        begin_and_give_up(file.read_to_end(&mut Vec::new()));
        let mut rest = Vec::new();
        assert_eq!(file.read_to_end(&mut rest).await?, contents.len() - 50);
        assert!(rest == contents[50..]);
        begin_and_give_up(file.read(&mut [0; 8]));
        file.seek(SeekFrom::Start(0)).await?;
        begin_and_give_up(file.read(&mut [0; 8]));
        // The standard library goes on where we were.
        let mut file = file.into_std().await?;
        let mut first = [0; 4];
        std::io::Read::read_exact(&mut file, &mut first)?;
        assert_eq!(first, contents[..4]);
        Ok(())
    });
}

#[test]
fn text_that_is_given_up_loses_nothing_of_a_read_that_was_given_up_before() {
    let scratch = tempdir().unwrap();
    std::fs::write(scratch.path().join("file"), "hello, world").unwrap();
    run(async {
        let mut file = File::open(scratch.path().join("file")).await?;
        begin_and_give_up(file.read(&mut [0; 5]));
        file.flush().await?;
        begin_and_give_up(file.read_to_string(&mut String::new()));
        let mut text = String::new();
        assert_eq!(file.read_to_string(&mut text).await?, 12);
        assert_eq!(text, "hello, world");
        Ok(())
    });
}

/// A socket, a FIFO or a terminal: there is no going back by what was read ahead, and no need to.
#[cfg(unix)]
#[test]
fn what_has_no_position_is_written_to_after_a_read_that_was_given_up() {
    run(async {
        let (own, mut other) = std::os::unix::net::UnixStream::pair()?;
        let mut file = File::from_std(std::fs::File::from(std::os::fd::OwnedFd::from(own)));
        other.write_all(b"question")?;
        begin_and_give_up(file.read(&mut [0; 8]));
        let mut half = [0; 4];
        file.read_exact(&mut half).await?;
        assert_eq!(&half, b"ques");

        file.write_all(b"answer").await?;
        let mut answer = [0; 6];
        std::io::Read::read_exact(&mut other, &mut answer)?;
        assert_eq!(&answer, b"answer");
        assert_eq!(file.seek(SeekFrom::Start(0)).await.unwrap_err().kind(), ErrorKind::NotSeekable);
        file.read_exact(&mut half).await?;
        assert_eq!(&half, b"tion", "nothing else has lost it");
        Ok(())
    });
}

#[test]
fn a_write_that_is_given_up_is_done_all_the_same_and_in_order() {
    let scratch = tempdir().unwrap();
    run(async {
        let mut file = File::create(scratch.path().join("file")).await?;
        begin_and_give_up(file.write(b"one "));
        file.write_all(b"two ").await?;
        assert_eq!(
            std::fs::read(scratch.path().join("file"))?,
            b"one two ",
            "what returned is with the kernel"
        );
        begin_and_give_up(file.write(b"three"));
        file.flush().await?;
        assert_eq!(std::fs::read(scratch.path().join("file"))?, b"one two three");
        Ok(())
    });
}

/// The pool's only thread is busy, so that the write is still queued when file and runtime are dropped.
#[test]
fn a_file_that_is_dropped_and_its_runtime_lose_no_write() {
    let scratch = tempdir().unwrap();
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let runtime = Runtime::builder().pool(pool).build().unwrap();
    let gate = Arc::new(Barrier::new(2));
    runtime.block_on(async {
        let mut file = File::create(scratch.path().join("file")).await.unwrap();
        let busy = Arc::clone(&gate);
        drop(Handle::current().spawn_blocking(move || busy.wait()));
        assert!(poll_fn(|cx| file.poll_write(cx, b"not lost")).await.is_ok());
    });
    assert_eq!(std::fs::read(scratch.path().join("file")).unwrap(), b"");
    let opener = std::thread::spawn(move || gate.wait());
    drop(runtime);
    assert_eq!(std::fs::read(scratch.path().join("file")).unwrap(), b"not lost");
    opener.join().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn the_error_of_a_write_that_was_given_up_goes_to_the_next_one() {
    run(async {
        let mut full = OpenOptions::new().read(true).write(true).open("/dev/full").await?;
        begin_and_give_up(full.write(b"no room"));
        // Reading is not what went wrong.
        assert_eq!(full.read(&mut [1; 4]).await?, 4);
        assert_eq!(full.flush().await.unwrap_err().kind(), ErrorKind::StorageFull);
        full.flush().await?;
        assert_eq!(full.write_all(b"no room").await.unwrap_err().kind(), ErrorKind::StorageFull);
        full.flush().await?;
        assert!(poll_fn(|cx| full.poll_write(cx, b"no room")).await.is_ok(), "it is only queued");
        assert_eq!(poll_fn(|cx| full.poll_flush(cx)).await.unwrap_err().kind(), ErrorKind::StorageFull);
        Ok(())
    });
}
