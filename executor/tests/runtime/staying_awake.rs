//! Busy polling and lingering: a loop that does not park at once overlooks nothing.

use sideline::Runtime;
use sideline::time::sleep;
use std::thread;
use std::time::Duration;

/// Would hang for an hour if a loop that polls busily overlooked anything.
#[test]
fn busy_polling_overlooks_nothing() {
    let runtime = Runtime::builder().busy_poll(Duration::from_secs(3600)).build().unwrap();
    runtime.block_on(async {
        sleep(Duration::from_millis(1)).await;
        assert_eq!(sideline::to_thread(|| 5).await, 5);
        let handle = sideline::Handle::current();
        let task = thread::spawn(move || handle.spawn(async { 6 })).join().unwrap();
        assert_eq!(task.await.unwrap(), 6);
        let listener = sideline::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = thread::spawn(move || std::net::TcpStream::connect(address).unwrap());
        listener.accept().await.unwrap();
        client.join().unwrap();
    });
}

/// The loop comes to expect the answers of a thread, and then they stop coming soon.
#[cfg(unix)]
#[test]
fn lingering_for_a_thread_overlooks_nothing_else() {
    sideline::block_on(async {
        let (to, inbox) = std::sync::mpsc::channel();
        let (back, outbox) = async_channel::unbounded();
        let echo = thread::spawn(move || inbox.iter().for_each(|value| back.try_send(value).unwrap()));
        for round in 0..2_000 {
            to.send(round).unwrap();
            assert_eq!(outbox.recv().await, Ok(round));
            if round % 100 == 0 {
                sleep(Duration::from_micros(300)).await;
                let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
                let theirs = sideline::net::UnixStream::from_std(theirs).unwrap();
                std::io::Write::write_all(&mut ours, b"x").unwrap();
                theirs.read_exact(&mut [0]).await.unwrap();
            }
        }
        drop(to);
        echo.join().unwrap();
    });
}

/// The loop comes to expect the answers of a peer. Meanwhile a thread wakes it, a job returns and a timer is due; and then
/// answers stop coming soon.
#[cfg(unix)]
#[test]
fn lingering_for_a_socket_overlooks_nothing_else() {
    use std::io::{Read, Write};
    sideline::block_on(async {
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let ours = sideline::net::UnixStream::from_std(ours).unwrap();
        let echo = thread::spawn(move || {
            let mut byte = [0];
            while theirs.read(&mut byte).unwrap() == 1 {
                theirs.write_all(&byte).unwrap();
            }
        });
        for round in 0..2_000 {
            let mut byte = [0];
            ours.write_all(&[round as u8]).await.unwrap();
            ours.read_exact(&mut byte).await.unwrap();
            assert_eq!(byte, [round as u8]);
            if round % 100 == 0 {
                sleep(Duration::from_micros(300)).await;
                assert_eq!(sideline::to_thread(|| 5).await, 5);
                let handle = sideline::Handle::current();
                assert_eq!(
                    thread::spawn(move || handle.spawn(async { 6 })).join().unwrap().await.unwrap(),
                    6
                );
            }
        }
        drop(ours);
        echo.join().unwrap();
    });
}
