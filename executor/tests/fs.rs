//! Files and directories: what `std::fs` does, and what becomes of operations that nobody waits for.
#![cfg(not(loom))]

use sideline::fs::{self, File, OpenOptions};
use sideline::task::JoinSet;
use sideline::time::timeout;
use sideline::{Handle, Pool, Runtime};
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);

/// With a pool of one thread, for `begin_and_give_up`.
fn run<T>(test: impl Future<Output = io::Result<T>>) -> T {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let runtime = Runtime::builder().pool(pool).build().unwrap();
    runtime.block_on(async { timeout(LONG, test).await.expect("hangs").unwrap() })
}

/// A directory of its own for a test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("sideline-fs-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Starts it, and drops it before it can have ended: the pool's only thread is busy meanwhile.
fn begin_and_give_up(future: impl Future) {
    let gate = Arc::new(Barrier::new(2));
    let busy = Arc::clone(&gate);
    drop(Handle::current().spawn_blocking(move || busy.wait()));
    assert!(pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    gate.wait();
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}

async fn open_both_ways(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path).await
}

#[test]
fn the_functions_do_what_their_namesakes_do() {
    let scratch = Scratch::new("functions");
    run(async {
        let deep = scratch.path("a/b/c");
        fs::create_dir_all(&deep).await?;
        assert_eq!(fs::create_dir(&deep).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        let file = deep.join("file");
        assert!(!fs::try_exists(&file).await?);
        fs::write(&file, String::from("contents")).await?;
        assert!(fs::try_exists(&file).await?);
        assert_eq!(fs::read(&file).await?, b"contents");
        assert_eq!(fs::metadata(&file).await?.len(), 8);
        let copied = scratch.path("copy");
        assert_eq!(fs::copy(&file, &copied).await?, 8);
        fs::hard_link(&copied, scratch.path("link")).await?;
        fs::rename(&copied, scratch.path("renamed")).await?;
        assert_eq!(fs::read(&copied).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(fs::read_to_string(scratch.path("link")).await?, "contents");
        let mut permissions = fs::metadata(&file).await?.permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&file, permissions).await?;
        assert!(fs::metadata(&file).await?.permissions().readonly());
        #[cfg(unix)]
        {
            let link = scratch.path("symlink");
            fs::symlink(&file, &link).await?;
            assert_eq!(fs::read_link(&link).await?, file);
            assert!(fs::symlink_metadata(&link).await?.is_symlink());
            assert_eq!(fs::canonicalize(&link).await?, fs::canonicalize(&file).await?);
            fs::remove_file(&link).await?;
        }
        assert!(fs::remove_dir(scratch.path("a")).await.is_err(), "it is not empty");
        fs::remove_dir_all(scratch.path("a")).await?;
        assert!(!fs::try_exists(&deep).await?);
        fs::write(scratch.path("bad"), vec![0xff, 0xfe]).await?;
        let error = fs::read_to_string(scratch.path("bad")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        Ok(())
    });
}

#[test]
fn all_entries_of_a_large_directory_come_once() {
    let scratch = Scratch::new("entries");
    for number in 0..300 {
        std::fs::write(scratch.path(&format!("file-{number}")), [0; 3]).unwrap();
    }
    std::fs::create_dir(scratch.path("directory")).unwrap();
    run(async {
        let mut entries = fs::read_dir(&scratch.0).await?;
        let mut names = Vec::new();
        loop {
            // A future that is given up takes no entry with it.
            let entry = match timeout(Duration::ZERO, entries.next_entry()).await {
                Ok(entry) => entry?,
                Err(_) => continue,
            };
            let Some(entry) = entry else { break };
            let is_dir = entry.file_name() == "directory";
            assert_eq!(entry.file_type().await?.is_dir(), is_dir);
            if !is_dir {
                assert_eq!(entry.metadata().await?.len(), 3);
            }
            assert_eq!(entry.path(), scratch.0.join(entry.file_name()));
            names.push(entry.file_name());
        }
        assert!(entries.next_entry().await?.is_none());
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 301);
        let error = fs::read_dir(scratch.path("file-1")).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotADirectory | ErrorKind::Other), "{error}");
        Ok(())
    });
}

#[test]
fn reads_writes_and_seeks_share_one_position() {
    let scratch = Scratch::new("position");
    run(async {
        let mut file = open_both_ways(&scratch.path("file")).await?;
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

#[test]
fn a_read_that_is_given_up_loses_no_byte() {
    let scratch = Scratch::new("given-up-read");
    let contents = pattern(100_000);
    std::fs::write(scratch.path("file"), &contents).unwrap();
    run(async {
        let mut file = OpenOptions::new().read(true).write(true).open(scratch.path("file")).await?;
        begin_and_give_up(file.read(&mut [0; 1_000]));
        let mut read = vec![0; 10];
        file.read_exact(&mut read).await?;
        assert!(read == contents[..10]);
        // What was read ahead counts as not read, for seeks and writes.
        assert_eq!(file.seek(SeekFrom::Current(0)).await?, 10);
        begin_and_give_up(file.read(&mut [0; 1_000]));
        file.write_all(b"here").await?;
        assert_eq!(std::fs::read(scratch.path("file"))?[8..16], [8, 9, b'h', b'e', b'r', b'e', 14, 15]);
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
    let scratch = Scratch::new("given-up-text");
    std::fs::write(scratch.path("file"), "hello, world").unwrap();
    run(async {
        let mut file = File::open(scratch.path("file")).await?;
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
    let scratch = Scratch::new("given-up-write");
    run(async {
        let mut file = File::create(scratch.path("file")).await?;
        begin_and_give_up(file.write(b"one "));
        file.write_all(b"two ").await?;
        assert_eq!(std::fs::read(scratch.path("file"))?, b"one two ", "what returned is with the kernel");
        begin_and_give_up(file.write(b"three"));
        file.flush().await?;
        assert_eq!(std::fs::read(scratch.path("file"))?, b"one two three");
        Ok(())
    });
}

/// The pool's only thread is busy, so that the write is still queued when file and runtime are dropped.
#[test]
fn a_file_that_is_dropped_and_its_runtime_lose_no_write() {
    let scratch = Scratch::new("dropped");
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let runtime = Runtime::builder().pool(pool).build().unwrap();
    let gate = Arc::new(Barrier::new(2));
    runtime.block_on(async {
        let mut file = File::create(scratch.path("file")).await.unwrap();
        let busy = Arc::clone(&gate);
        drop(Handle::current().spawn_blocking(move || busy.wait()));
        assert!(poll_fn(|cx| file.poll_write(cx, b"not lost")).await.is_ok());
    });
    assert_eq!(std::fs::read(scratch.path("file")).unwrap(), b"");
    let opener = std::thread::spawn(move || gate.wait());
    drop(runtime);
    assert_eq!(std::fs::read(scratch.path("file")).unwrap(), b"not lost");
    opener.join().unwrap();
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

#[test]
fn operations_at_an_offset_are_many_at_once_and_give_the_memory_back() {
    let scratch = Scratch::new("offset");
    run(async {
        let file = Arc::new(open_both_ways(&scratch.path("file")).await?);
        let mut writing = JoinSet::new();
        for block in 0..50_u8 {
            let file = Arc::clone(&file);
            writing.spawn(async move {
                let buf = vec![block; 1_000];
                let memory = buf.as_ptr();
                let (written, buf) = file.write_all_at(buf, u64::from(block) * 1_000).await;
                written.unwrap();
                assert_eq!(buf.as_ptr(), memory, "the same memory");
                let (read, buf) = file.read_at(buf, u64::from(block) * 1_000 + 500).await;
                assert!(read.unwrap() >= 500 && buf[..500] == [block; 500]);
            });
        }
        while let Some(written) = writing.join_next().await {
            written.unwrap();
        }
        let (read, end) = file.read_exact_at([0; 10], 49_990).await;
        read?;
        assert_eq!(end, [49; 10]);
        let (read, _) = file.read_exact_at([0; 11], 49_990).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        let (written, _) = file.write_all_at("text, too", 0).await;
        written?;
        assert_eq!(&std::fs::read(scratch.path("file"))?[..9], b"text, too");
        Ok(())
    });
}

#[test]
fn how_a_file_is_opened() {
    let scratch = Scratch::new("open");
    let path = scratch.path("log");
    run(async {
        assert_eq!(File::open(&path).await.unwrap_err().kind(), ErrorKind::NotFound);
        let mut log = OpenOptions::new().append(true).create_new(true).open(&path).await?;
        log.write_all(b"one").await?;
        let mut again = log.try_clone().await?;
        again.write_all(b"two").await?;
        let error = OpenOptions::new().append(true).create_new(true).open(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        let mut text = String::from("> ");
        assert_eq!(File::open(&path).await?.read_to_string(&mut text).await?, 6);
        assert_eq!(text, "> onetwo");
        let mut std = std::fs::File::options().append(true).open(&path)?;
        std.write_all(b"three")?;
        let mut file = File::from(std);
        assert!(format!("{file:?}").contains("File"));
        file.write_all(b"four").await?;
        assert_eq!(fs::read(&path).await?, b"onetwothreefour");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let private = scratch.path("private");
            OpenOptions::new().write(true).create(true).mode(0o600).open(&private).await?;
            assert_eq!(fs::metadata(&private).await?.permissions().mode() & 0o777, 0o600);
        }
        Ok(())
    });
}

#[test]
fn outside_a_runtime_and_without_a_pool_there_is_an_error_and_no_panic() {
    fn poll_now<T>(future: impl Future<Output = T>) -> T {
        let Poll::Ready(output) = pin!(future).poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("it waits for something")
        };
        output
    }
    let error = poll_now(fs::read("Cargo.toml")).unwrap_err();
    assert!(error.to_string().contains("block_on"), "{error}");
    let pool = Pool::builder().build().unwrap();
    let runtime = Runtime::builder().pool(pool.clone()).build().unwrap();
    let mut file = runtime.block_on(File::open("Cargo.toml")).unwrap();
    let error = poll_now(file.read(&mut [0; 8])).unwrap_err();
    assert!(error.to_string().contains("block_on"), "{error}");
    pool.shutdown(sideline::Shutdown::Drain);
    runtime.block_on(async {
        assert!(fs::read("Cargo.toml").await.is_err());
        assert!(file.read(&mut [0; 8]).await.is_err());
        assert!(file.write(b"x").await.is_err());
        assert!(file.read_at(vec![0; 8], 0).await.0.is_err());
    });
}

#[test]
fn files_are_sent_between_threads() {
    fn shared<T: Send + Sync>() {}
    fn future<T: Send>(_: impl FnOnce(&'static mut File) -> T) {}
    shared::<File>();
    shared::<OpenOptions>();
    shared::<fs::DirEntry>();
    future(|file| file.read(&mut []));
    future(|file| file.write_all(&[]));
    future(|file| file.read_at(vec![], 0));
    future(|_| fs::read("path"));
}

#[cfg(feature = "futures-io")]
#[test]
fn files_speak_futures_io() {
    use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};
    use std::pin::Pin;
    let scratch = Scratch::new("traits");
    run(async {
        let mut file = open_both_ways(&scratch.path("file")).await?;
        for piece in [&b"one "[..], b"two ", b"three"] {
            let queued = poll_fn(|cx| AsyncWrite::poll_write(Pin::new(&mut file), cx, piece)).await?;
            assert_eq!(queued, piece.len());
        }
        poll_fn(|cx| Pin::new(&mut file).poll_close(cx)).await?;
        assert_eq!(std::fs::read(scratch.path("file"))?, b"one two three");
        let seek = |cx: &mut Context<'_>| AsyncSeek::poll_seek(Pin::new(&mut file), cx, SeekFrom::Start(4));
        assert_eq!(poll_fn(seek).await?, 4);
        let mut piece = [0; 3];
        let read = poll_fn(|cx| AsyncRead::poll_read(Pin::new(&mut file), cx, &mut piece)).await?;
        assert_eq!(&piece[..read], b"two");
        Ok(())
    });
}
