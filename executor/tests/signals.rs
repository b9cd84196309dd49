//! Signals, sent by this process to itself. Each test has a signal of its own.
#![cfg(all(unix, not(loom)))]

use libc::c_int;
use rustix::process::{Signal as Number, getpid, kill_process};
use sideline::signal::ctrl_c;
use sideline::signal::unix::{Signal, SignalKind, signal};
use sideline::task::{JoinSet, yield_now};
use sideline::time::{sleep, timeout};
use sideline::{Handle, block_on, spawn};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Barrier, mpsc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

include!("common/run.rs");

fn send(number: Number) {
    kill_process(getpid(), number).unwrap();
}

/// To this thread, so that it has been handled when this returns. What is sent to the process another thread may handle, and later.
#[allow(unsafe_code)]
fn raise(number: c_int) {
    // SAFETY: it has a handler.
    assert_eq!(unsafe { libc::raise(number) }, 0);
}

async fn is_quiet(signal: &mut Signal) -> bool {
    poll_fn(|cx| Poll::Ready(signal.poll_recv(cx).is_pending())).await
}

#[test]
fn a_signal_wakes_a_parked_loop() {
    run(async {
        let mut usr1 = signal(SignalKind::user_defined1())?;
        let (go, told) = mpsc::channel();
        let sender = thread::spawn(move || told.iter().for_each(|()| send(Number::USR1)));
        for _ in 0..200 {
            go.send(()).unwrap();
            usr1.recv().await?;
            assert!(is_quiet(&mut usr1).await);
        }
        drop(go);
        sender.join().unwrap();
        Ok(())
    });
}

#[test]
fn every_listener_of_every_runtime_hears_each_signal() {
    const RUNTIMES: usize = 3;
    const LISTENERS: usize = 4;
    let ready = Barrier::new(RUNTIMES + 1);
    let heard = Barrier::new(RUNTIMES + 1);
    thread::scope(|scope| {
        for _ in 0..RUNTIMES {
            scope.spawn(|| {
                run(async {
                    let listen = || signal(SignalKind::window_change());
                    let mut listeners = (0..LISTENERS).map(|_| listen()).collect::<io::Result<Vec<_>>>()?;
                    for _ in 0..100 {
                        let mut waiting = JoinSet::new();
                        for mut listener in listeners.drain(..) {
                            waiting.spawn(async move { listener.recv().await.map(|()| listener) });
                        }
                        ready.wait();
                        while let Some(listener) = waiting.join_next().await {
                            listeners.push(listener.unwrap()?);
                        }
                        heard.wait();
                    }
                    Ok(())
                });
            });
        }
        for _ in 0..100 {
            ready.wait();
            send(Number::WINCH);
            heard.wait();
        }
    });
}

#[test]
fn a_signal_before_the_first_poll_is_seen_and_several_are_one() {
    run(async {
        let mut usr2 = signal(SignalKind::user_defined2())?;
        for _ in 0..5 {
            raise(libc::SIGUSR2);
        }
        usr2.recv().await?;
        assert!(is_quiet(&mut usr2).await);
        // Only what comes from now on.
        let mut late = signal(SignalKind::user_defined2())?;
        assert!(is_quiet(&mut late).await);
        // A future that is dropped takes none with it.
        assert!(timeout(Duration::ZERO, late.recv()).await.is_err());
        send(Number::USR2);
        late.recv().await?;
        usr2.recv().await?;
        drop((usr2, late));
        // By default it would end the process.
        send(Number::USR2);
        Ok(())
    });
}

#[test]
fn ctrl_c_counts_from_the_call() {
    run(async {
        for _ in 0..3 {
            let pressed = ctrl_c();
            send(Number::INT);
            pressed.await?;
        }
        let pressed = spawn(ctrl_c());
        sideline::task::yield_now().await;
        assert!(!pressed.is_finished());
        send(Number::INT);
        pressed.await.unwrap()
    });
}

#[test]
fn a_handler_that_was_there_before_is_still_called() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn earlier(_: libc::c_int) {
        CALLS.fetch_add(1, SeqCst);
    }
    // SAFETY: adding to an atomic is a thing that a handler may do.
    unsafe { libc::signal(libc::SIGALRM, earlier as extern "C" fn(libc::c_int) as usize) };
    run(async {
        let mut alarm = signal(SignalKind::alarm())?;
        let _second = signal(SignalKind::alarm())?;
        for calls in 1..=3 {
            send(Number::ALARM);
            alarm.recv().await?;
            assert_eq!(CALLS.load(SeqCst), calls);
        }
        Ok(())
    });
}

/// Between a call that fails and a look at what it says.
#[allow(unsafe_code)]
#[test]
fn who_is_interrupted_by_a_signal_keeps_its_errno() {
    extern "C" fn fails(_: c_int) {
        // SAFETY: a thing that a handler may do; there is no such descriptor.
        assert_eq!(unsafe { libc::close(-1) }, -1);
    }
    // SAFETY: as above.
    unsafe { libc::signal(libc::SIGVTALRM, fails as extern "C" fn(c_int) as usize) };
    run(async {
        let mut alarm = signal(SignalKind::from_raw(libc::SIGVTALRM))?;
        // SAFETY: there is no such signal.
        assert_eq!(unsafe { libc::raise(9_999) }, -1);
        raise(libc::SIGVTALRM);
        assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::EINVAL));
        alarm.recv().await
    });
}

#[test]
fn a_storm_of_signals_makes_no_sleep_shorter_and_none_hang() {
    run(async {
        let mut hangup = signal(SignalKind::hangup())?;
        let storm = thread::spawn(|| {
            for _ in 0..500 {
                send(Number::HUP);
                thread::sleep(Duration::from_micros(200));
            }
        });
        let heard = Rc::new(Cell::new(0));
        let count = Rc::clone(&heard);
        let listening = spawn(async move {
            loop {
                hangup.recv().await.unwrap();
                count.set(count.get() + 1);
            }
        });
        while !storm.is_finished() {
            let due = Instant::now() + Duration::from_millis(1);
            sleep(Duration::from_millis(1)).await;
            assert!(Instant::now() >= due);
        }
        while heard.get() == 0 {
            yield_now().await;
        }
        listening.abort();
        assert!(heard.get() <= 500, "{}", heard.get());
        Ok(())
    });
}

#[test]
fn what_cannot_be_listened_to_is_refused() {
    run(async {
        for number in [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, libc::SIGFPE, 0, -1, 1_000] {
            let error = signal(SignalKind::from_raw(number)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{number}");
        }
        Ok(())
    });
    let error = signal(SignalKind::quit()).unwrap_err();
    assert!(error.to_string().contains("block_on"), "{error}");
    assert!(block_on(async { Handle::try_current() }).is_ok());
}

/// All listeners of a runtime hear by one waker: not by that of the task which waited last.
#[test]
fn those_who_wait_hear_whoever_else_has_given_up() {
    run(async {
        let mut listeners = Vec::new();
        for _ in 0..1000 {
            let mut listener = signal(SignalKind::quit())?;
            assert!(is_quiet(&mut listener).await);
            listeners.push(listener);
        }
        let mut waiting = JoinSet::new();
        for mut listener in listeners.drain(..) {
            waiting.spawn(async move { listener.recv().await });
        }
        yield_now().await;
        // The last to come, and gone before anything happens.
        assert!(timeout(Duration::ZERO, signal(SignalKind::quit())?.recv()).await.is_err());
        send(Number::QUIT);
        while let Some(heard) = waiting.join_next().await {
            heard.unwrap()?;
        }
        Ok(())
    });
}

/// On another thread, waiting by a waker that the runtime knows nothing of.
#[test]
fn the_end_of_the_runtime_is_heard() {
    let runtime = sideline::Runtime::new().unwrap();
    let mut listeners =
        runtime.block_on(async { [(); 2].map(|()| signal(SignalKind::from_raw(libc::SIGURG)).unwrap()) });
    let waiting = Barrier::new(3);
    thread::scope(|scope| {
        for listener in &mut listeners {
            let waiting = &waiting;
            scope.spawn(move || {
                let mut first = true;
                let heard = block_on(poll_fn(|cx| {
                    let polled = listener.poll_recv(cx);
                    if std::mem::take(&mut first) {
                        waiting.wait();
                    }
                    polled
                }));
                assert_eq!(heard.unwrap_err().to_string(), "the runtime was shut down");
            });
        }
        waiting.wait();
        drop(runtime);
    });
}

#[test]
fn listening_is_send_and_ends_with_the_runtime() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    let mut listener = run(async { sent(signal(SignalKind::terminate())) });
    let error = block_on(sent(listener.recv())).unwrap_err();
    assert_eq!(error.to_string(), "the runtime was shut down");
    drop(sent(ctrl_c()));
}

/// One handler inside another took more than the stack that std gives a thread for them, and the process was gone.
#[test]
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn signals_that_come_together_are_handled_one_after_the_other() {
    let numbers: Vec<_> = (0..16).map(|more| libc::SIGRTMIN() + more).collect();
    run(async {
        let listen = |&number: &_| signal(SignalKind::from_raw(number));
        let mut listeners = numbers.iter().map(listen).collect::<io::Result<Vec<_>>>()?;
        // SAFETY: a set of signals is integers.
        let mut all = unsafe { std::mem::zeroed() };
        for &number in &numbers {
            // SAFETY: the set is there to be written to.
            unsafe { libc::sigaddset(&raw mut all, number) };
        }
        // SAFETY: a thread may hold back what it likes.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut()) };
        for &number in &numbers {
            raise(number);
        }
        // SAFETY: as above.
        unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const all, std::ptr::null_mut()) };
        for listener in &mut listeners {
            listener.recv().await?;
        }
        Ok(())
    });
}
