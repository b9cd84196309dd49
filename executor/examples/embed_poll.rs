//! Sideline inside a loop that is not its own: a plain `poll(2)` loop with a descriptor of its own beside the runtime's.
//!
//! The program's loop waits for two things, bytes on a socket and the runtime, and calls [`Runtime::turn`] when the
//! runtime has something to do. The same shape fits a GUI toolkit, a game or a C library's loop. There is no thread
//! for the runtime and no wakeup without a reason: the count of turns at the end shows it.
//!
//! ```sh
//! cargo run --example embed_poll
//! ```

#![forbid(unsafe_code)]

#[cfg(unix)]
fn main() -> std::io::Result<()> {
    unix::main()
}

#[cfg(not(unix))]
fn main() {
    println!("poll(2) is Unix; Runtime::turn works here too");
}

#[cfg(unix)]
mod unix {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use sideline::{Runtime, to_thread};
    use std::io::{self, Read, Write};
    use std::os::unix::net::UnixStream;
    use std::thread;
    use std::time::{Duration, Instant};

    pub(super) fn main() -> io::Result<()> {
        let runtime = Runtime::new()?;
        let work = runtime.spawn(async {
            let ticks = sideline::spawn(async {
                for tick in 1..=3 {
                    sideline::time::sleep(Duration::from_millis(20)).await;
                    println!("runtime: tick {tick}");
                }
            });
            let sum = to_thread(|| (1..=1_000_000_u64).sum::<u64>()).await;
            println!("runtime: a job summed up to {sum}");
            ticks.await.expect("ticking does not panic");
        });

        // The program's own source of events: a peer that sends two lines and hangs up.
        let (ours, mut theirs) = UnixStream::pair()?;
        let peer = thread::spawn(move || theirs.write_all(b"one\ntwo\n"));
        let mut socket = Some(ours);

        while socket.is_some() || !work.is_finished() {
            let (socket_ready, runtime_ready) = wait(&runtime, socket.as_ref())?;
            if socket_ready {
                let mut buffer = [0; 64];
                match socket.as_ref().map_or(Ok(0), |mut socket| socket.read(&mut buffer))? {
                    0 => socket = None,
                    n => println!("program: {:?}", String::from_utf8_lossy(&buffer[..n])),
                }
            }
            if runtime_ready {
                runtime.turn(Some(Duration::ZERO))?;
            }
        }
        peer.join().expect("the peer does not panic")?;
        println!("{} turns of the runtime", runtime.handle().metrics().turns);
        Ok(())
    }

    /// One wait of the program's loop. Returns whether the socket is ready, and whether the runtime wants a turn.
    fn wait(runtime: &Runtime, socket: Option<&UnixStream>) -> io::Result<(bool, bool)> {
        // poll(2) with nanoseconds; one that counts milliseconds would round up.
        let left = runtime.next_deadline().map(|due| due.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec::try_from(left).expect("no timer is centuries away"));
        let mut fds = vec![PollFd::new(runtime, PollFlags::IN)];
        fds.extend(socket.map(|socket| PollFd::new(socket, PollFlags::IN)));
        poll(&mut fds, left.as_ref())?;
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        // However busy our own socket is, timers are not forgotten.
        let due = runtime.next_deadline().is_some_and(|due| due <= Instant::now());
        Ok((fds.get(1).is_some_and(is_ready), due || is_ready(&fds[0])))
    }
}
