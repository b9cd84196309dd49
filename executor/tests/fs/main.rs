//! Files and directories: what `std::fs` does, and what becomes of operations that nobody waits for.
#![cfg(not(loom))]

mod at_offsets;
#[cfg(target_os = "linux")]
mod copying;
mod directories;
mod giving_up;
mod position;
mod without_a_pool;

use sideline::fs::{self, File, OpenOptions};
use sideline::task::JoinSet;
use sideline::time::timeout;
use sideline::{Handle, Pool, Runtime};
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, SeekFrom, Write};
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tempfile::tempdir;

const LONG: Duration = Duration::from_secs(30);

/// With a pool of one thread, for `begin_and_give_up`.
fn run<T>(test: impl Future<Output = io::Result<T>>) -> T {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let runtime = Runtime::builder().pool(pool).build().unwrap();
    runtime.block_on(async { timeout(LONG, test).await.expect("hangs").unwrap() })
}

/// Starts it, and drops it before it can have ended: the pool's only thread is busy meanwhile.
fn begin_and_give_up(future: impl Future) {
    let gate = Arc::new(Barrier::new(2));
    let busy = Arc::clone(&gate);
    drop(Handle::current().spawn_blocking(move || busy.wait()));
    assert!(pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    gate.wait();
}

include!("../common/pattern.rs");

async fn open_both_ways(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path).await
}

#[test]
fn the_functions_do_what_their_namesakes_do() {
    let scratch = tempdir().unwrap();
    run(async {
        let deep = scratch.path().join("a/b/c");
        fs::create_dir_all(&deep).await?;
        assert_eq!(fs::create_dir(&deep).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        let file = deep.join("file");
        assert!(!fs::try_exists(&file).await?);
        fs::write(&file, String::from("contents")).await?;
        assert!(fs::try_exists(&file).await?);
        assert_eq!(fs::read(&file).await?, b"contents");
        assert_eq!(fs::metadata(&file).await?.len(), 8);
        let copied = scratch.path().join("copy");
        assert_eq!(fs::copy(&file, &copied).await?, 8);
        fs::hard_link(&copied, scratch.path().join("link")).await?;
        fs::rename(&copied, scratch.path().join("renamed")).await?;
        assert_eq!(fs::read(&copied).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(fs::read_to_string(scratch.path().join("link")).await?, "contents");
        let mut permissions = fs::metadata(&file).await?.permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&file, permissions).await?;
        assert!(fs::metadata(&file).await?.permissions().readonly());
        #[cfg(unix)]
        {
            let link = scratch.path().join("symlink");
            fs::symlink(&file, &link).await?;
            assert_eq!(fs::read_link(&link).await?, file);
            assert!(fs::symlink_metadata(&link).await?.is_symlink());
            assert_eq!(fs::canonicalize(&link).await?, fs::canonicalize(&file).await?);
            fs::remove_file(&link).await?;
        }
        assert!(fs::remove_dir(scratch.path().join("a")).await.is_err(), "it is not empty");
        fs::remove_dir_all(scratch.path().join("a")).await?;
        assert!(!fs::try_exists(&deep).await?);
        fs::write(scratch.path().join("bad"), vec![0xff, 0xfe]).await?;
        let error = fs::read_to_string(scratch.path().join("bad")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        Ok(())
    });
}

#[test]
fn how_a_file_is_opened() {
    let scratch = tempdir().unwrap();
    let path = scratch.path().join("log");
    run(async {
        assert_eq!(File::open(&path).await.unwrap_err().kind(), ErrorKind::NotFound);
        let mut log = OpenOptions::new().append(true).create_new(true).open(&path).await?;
        log.write_all(b"one").await?;
        let mut again = log.try_clone().await?;
        again.write_all(b"two").await?;
        assert_eq!(File::create_new(&path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        let mut new = File::create_new(scratch.path().join("new")).await?;
        new.write_all(b"mine").await?;
        new.seek(SeekFrom::Start(0)).await?;
        let mut text = String::new();
        assert_eq!((new.read_to_string(&mut text).await?, &*text), (4, "mine"));
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
            let private = scratch.path().join("private");
            OpenOptions::new().write(true).create(true).mode(0o600).open(&private).await?;
            assert_eq!(fs::metadata(&private).await?.permissions().mode() & 0o777, 0o600);
        }
        Ok(())
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
    let scratch = tempdir().unwrap();
    run(async {
        let mut file = open_both_ways(&scratch.path().join("file")).await?;
        for piece in [&b"one "[..], b"two ", b"three"] {
            let queued = poll_fn(|cx| AsyncWrite::poll_write(Pin::new(&mut file), cx, piece)).await?;
            assert_eq!(queued, piece.len());
        }
        poll_fn(|cx| Pin::new(&mut file).poll_close(cx)).await?;
        assert_eq!(std::fs::read(scratch.path().join("file"))?, b"one two three");
        let seek = |cx: &mut Context<'_>| AsyncSeek::poll_seek(Pin::new(&mut file), cx, SeekFrom::Start(4));
        assert_eq!(poll_fn(seek).await?, 4);
        let mut piece = [0; 3];
        let read = poll_fn(|cx| AsyncRead::poll_read(Pin::new(&mut file), cx, &mut piece)).await?;
        assert_eq!(&piece[..read], b"two");
        Ok(())
    });
}
