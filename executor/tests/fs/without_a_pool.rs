//! Outside a runtime, without a pool, and at the end.

use super::*;

fn poll_now<T>(future: impl Future<Output = T>) -> T {
    let Poll::Ready(output) = pin!(future).poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it waits for something")
    };
    output
}

#[test]
fn outside_a_runtime_and_without_a_pool_there_is_an_error_and_no_panic() {
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

/// An error must not be followed by an end that is none.
#[test]
fn an_error_outside_a_runtime_loses_nothing_of_a_directory_or_a_file() {
    let scratch = tempdir().unwrap();
    for index in 0..100 {
        std::fs::write(scratch.path().join(index.to_string()), pattern(100)).unwrap();
    }
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let runtime = Runtime::builder().pool(pool).build().unwrap();
    let (mut entries, mut file) = runtime.block_on(async {
        let mut file = open_both_ways(&scratch.path().join("file")).await.unwrap();
        file.write_all(b"0123456789").await.unwrap();
        file.seek(SeekFrom::Start(0)).await.unwrap();
        begin_and_give_up(file.read(&mut [0; 10]));
        file.read(&mut [0; 2]).await.unwrap(); // eight are left over
        (fs::read_dir(scratch.path()).await.unwrap(), file)
    });

    let mut seen = 0;
    // The first batch needs no job, the next one does.
    while poll_now(entries.next_entry()).is_ok() {
        seen += 1;
    }
    poll_now(entries.next_entry()).unwrap_err();
    poll_now(file.write(b"x")).unwrap_err();
    poll_now(file.seek(SeekFrom::Current(0))).unwrap_err();
    poll_now(file.read_to_end(&mut Vec::new())).unwrap_err();

    runtime.block_on(async {
        while entries.next_entry().await.unwrap().is_some() {
            seen += 1;
        }
        assert_eq!(seen, 101);
        let mut rest = Vec::new();
        file.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"23456789");
    });
}

/// The job that was to go back by what was read ahead, or to add to it, had it with it.
#[test]
fn a_job_that_is_refused_loses_nothing_of_a_file() {
    let scratch = tempdir().unwrap();
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let runtime = Runtime::builder().pool(pool.clone()).build().unwrap();
    let mut file = runtime.block_on(async {
        let mut file = open_both_ways(&scratch.path().join("file")).await.unwrap();
        file.write_all(b"0123456789").await.unwrap();
        file.seek(SeekFrom::Start(0)).await.unwrap();
        begin_and_give_up(file.read(&mut [0; 8]));
        file.read(&mut [0; 2]).await.unwrap(); // six are left over
        file
    });
    pool.shutdown(sideline::Shutdown::Drain);
    runtime.block_on(async {
        file.write(b"x").await.unwrap_err();
        file.seek(SeekFrom::Current(0)).await.unwrap_err();
        poll_fn(|cx| file.poll_seek(cx, SeekFrom::Start(0))).await.unwrap_err();
        file.read_to_end(&mut Vec::new()).await.unwrap_err();
        let mut some = [0; 3];
        assert_eq!(file.read(&mut some).await.unwrap(), 3);
        assert_eq!(&some, b"234");
    });
    // A write that is only queued, and then cancelled with what it had along.
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let runtime = Runtime::builder().pool(pool.clone()).build().unwrap();
    let (release, released) = std::sync::mpsc::channel::<()>();
    runtime.block_on(async {
        drop(Handle::current().spawn_blocking(move || released.recv()));
        assert!(poll_fn(|cx| file.poll_write(cx, b"x")).await.is_ok());
        pool.shutdown(sideline::Shutdown::Abandon);
        file.flush().await.unwrap_err();
    });
    drop(release);
    run(async {
        let mut rest = Vec::new();
        file.read_to_end(&mut rest).await?;
        assert_eq!(rest, b"56789");
        Ok(())
    });
}

#[test]
fn what_a_directory_has_lost_with_its_job_is_not_its_end() {
    let scratch = tempdir().unwrap();
    for index in 0..100 {
        std::fs::write(scratch.path().join(index.to_string()), "").unwrap();
    }
    let pool = Pool::builder().build().unwrap();
    let runtime = Runtime::builder().pool(pool.clone()).build().unwrap();
    let mut entries = runtime.block_on(fs::read_dir(scratch.path())).unwrap();
    pool.shutdown(sideline::Shutdown::Drain);
    runtime.block_on(async {
        while entries.next_entry().await.is_ok() {}
        assert!(entries.next_entry().await.unwrap_err().to_string().contains("lost"));
    });
}

/// Opening a pipe that nobody writes to waits for somebody who does.
#[cfg(unix)]
#[test]
fn what_is_left_running_is_called_by_what_it_does_and_its_path() {
    let scratch = tempdir().unwrap();
    let pipe = scratch.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let runtime = Runtime::builder().pool(pool.clone()).build().unwrap();
    let reading = runtime.spawn(fs::read(pipe.clone()));
    runtime.turn(Some(Duration::ZERO)).unwrap();
    while pool.metrics().running == 0 {
        std::thread::yield_now();
    }
    let report = runtime.shutdown(sideline::Shutdown::Abandon);
    let [left] = &report.jobs.left_running[..] else { panic!("{report}") };
    assert_eq!(left.name.as_deref(), Some(&*format!("fs: read {}", pipe.display())));
    std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    assert!(pool.shutdown(sideline::Shutdown::Drain).left_running.is_empty());
    drop(reading);
}
