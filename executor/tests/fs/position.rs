//! Reads, writes and seeks that share one position.

use super::*;

#[test]
fn reads_writes_and_seeks_share_one_position() {
    let scratch = tempdir().unwrap();
    run(async {
        let mut file = open_both_ways(&scratch.path().join("file")).await?;
        let written = pattern(3_000_000);
        file.write_all(&written).await?;
        assert_eq!(file.seek(SeekFrom::Current(0)).await?, 3_000_000);
        assert_eq!(file.read(&mut [0; 4]).await?, 0, "the end");
        assert_eq!(file.seek(SeekFrom::Start(1_000)).await?, 1_000);
        let mut part = vec![0; 1_500_000];
        file.read_exact(&mut part).await?;
        assert!(part == written[1_000..1_501_000]);
        let mut rest = b"before".to_vec();
        assert_eq!(file.read_to_end(&mut rest).await?, 1_499_000);
        assert!(rest[6..] == written[1_501_000..]);
        file.seek(SeekFrom::End(-3)).await?;
        file.write_all(b"END").await?;
        assert_eq!(file.metadata().await?.len(), 3_000_000);
        assert_eq!(
            file.seek(SeekFrom::Current(-5_000_000)).await.unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
        file.set_len(5).await?;
        file.seek(SeekFrom::Start(0)).await?;
        let error = file.read_exact(&mut [0; 6]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        file.sync_all().await?;
        file.sync_data().await
    });
}

/// A socket whose peer does not read makes the write last as long as it is to.
#[cfg(unix)]
#[test]
fn what_is_asked_of_a_file_comes_after_a_write_that_is_only_queued() {
    let pool = Pool::builder().core_threads(2).max_threads(2).build().unwrap();
    let runtime = Runtime::builder().pool(pool).build().unwrap();
    runtime.block_on(async {
        let (own, mut peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut file = File::from_std(std::fs::File::from(std::os::fd::OwnedFd::from(own)));
        let bytes = vec![1; 1 << 20];
        assert!(poll_fn(|cx| file.poll_write(cx, &bytes)).await.is_ok());
        let mut cx = Context::from_waker(Waker::noop());
        let mut asking = pin!(file.metadata());
        assert!(asking.as_mut().poll(&mut cx).is_pending());
        for _ in 0..10 {
            sideline::to_thread(|| ()).await;
        }
        assert!(asking.as_mut().poll(&mut cx).is_pending(), "it has overtaken the write");
        sideline::to_thread(move || std::io::Read::read_exact(&mut peer, &mut vec![0; 1 << 20]))
            .await
            .unwrap();
        timeout(LONG, asking).await.expect("hangs").unwrap();
    });
}
