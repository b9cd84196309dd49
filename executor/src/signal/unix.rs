//! Any Unix signal.

use super::ear::Ear;
use super::handler;
use super::tally::Listener;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A listener to signals of one kind, from now on.
///
/// The first listener to a kind installs a handler for the whole process, which **stays for the life of the
/// process**: even with all listeners dropped the signal no longer does what it did by default, such as ending the
/// process. A handler that was there before goes on being called.
///
/// It belongs to the runtime in which it is made. There may be any number, in any number of runtimes and threads. Those of one
/// runtime have one descriptor together.
///
/// # Errors
/// `InvalidInput` for a signal that cannot be listened to, such as `SIGKILL` or `SIGSEGV`; outside a runtime; and what
/// the kernel says.
///
/// # Example
/// ```no_run
/// use sideline::signal::unix::{SignalKind, signal};
///
/// sideline::block_on(async {
///     let mut hangup = signal(SignalKind::hangup())?;
///     loop {
///         hangup.recv().await?;
///         println!("reading the configuration again");
///     }
///     # #[allow(unreachable_code)]
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    // Asked before anything is changed for good.
    let runtime = crate::runtime::context::handle().map_err(io::Error::other)?;
    let delivery = handler::install(kind.0)?;
    let ear = Ear::of(runtime.shared(), delivery)?;
    let listener = delivery.tally.listen(kind.0 as usize);
    Ok(Signal { kind, listener, ear })
}

/// A listener to signals of one kind. From [`signal`]. It belongs to the runtime in which it was made.
///
/// **Dropping it** ends the listening, but the signal's default action does not come back: see [`signal`].
pub struct Signal {
    kind: SignalKind,
    listener: Listener,
    ear: Arc<Ear>,
}

impl Signal {
    /// Waits for a signal that came since this was made, or since the last one that it has received. Several that came
    /// in between are one, as the kernel merges them, too. Dropping the future loses none.
    ///
    /// # Errors
    /// If the runtime was shut down. In a child of `fork`, of a listener that its parent has made.
    pub async fn recv(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`recv`](Signal::recv) for poll functions.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ear.ensure_own()?;
        if self.ear.delivery.tally.poll(&mut self.listener, cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        // On the list first, or the ear might not find us; see `ear.rs`.
        match self.ear.listen() {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        // In a child of `fork` it is on the parent's list, whose lock may be one that nobody there gives back.
        if self.ear.ensure_own().is_ok() {
            self.ear.delivery.tally.forget(&self.listener);
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signal").field(&self.kind).finish()
    }
}

/// A kind of signal, to listen to with [`signal`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SignalKind(libc::c_int);

impl SignalKind {
    /// The signal with this number, for those that have no function here.
    pub const fn from_raw(number: libc::c_int) -> SignalKind {
        SignalKind(number)
    }

    /// The signal's number.
    pub const fn as_raw(self) -> libc::c_int {
        self.0
    }

    /// `SIGALRM`: a timer of the process. By default it ends the process.
    pub const fn alarm() -> SignalKind {
        SignalKind(libc::SIGALRM)
    }

    /// `SIGCHLD`: a child process has ended or stopped.
    pub const fn child() -> SignalKind {
        SignalKind(libc::SIGCHLD)
    }

    /// `SIGHUP`: the terminal is gone; daemons read their configuration again. By default it ends the process.
    pub const fn hangup() -> SignalKind {
        SignalKind(libc::SIGHUP)
    }

    /// `SIGINT`: ctrl-c. By default it ends the process.
    pub const fn interrupt() -> SignalKind {
        SignalKind(libc::SIGINT)
    }

    /// `SIGPIPE`: writing to a pipe that nobody reads. Rust programs ignore it.
    pub const fn pipe() -> SignalKind {
        SignalKind(libc::SIGPIPE)
    }

    /// `SIGQUIT`: ctrl-\. By default it ends the process with a core dump.
    pub const fn quit() -> SignalKind {
        SignalKind(libc::SIGQUIT)
    }

    /// `SIGTERM`: a request to end. By default it ends the process.
    pub const fn terminate() -> SignalKind {
        SignalKind(libc::SIGTERM)
    }

    /// `SIGUSR1`: for the program to use. By default it ends the process.
    pub const fn user_defined1() -> SignalKind {
        SignalKind(libc::SIGUSR1)
    }

    /// `SIGUSR2`: for the program to use. By default it ends the process.
    pub const fn user_defined2() -> SignalKind {
        SignalKind(libc::SIGUSR2)
    }

    /// `SIGWINCH`: the terminal's size has changed.
    pub const fn window_change() -> SignalKind {
        SignalKind(libc::SIGWINCH)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::block_on;

    #[test]
    fn all_listeners_of_a_runtime_have_one_descriptor_and_the_last_one_closes_it() {
        let listen = || signal(SignalKind::user_defined1()).unwrap();
        block_on(async {
            let first = listen();
            let ear = Arc::downgrade(&first.ear);
            let second = signal(SignalKind::user_defined2()).unwrap();
            assert!(Arc::ptr_eq(&first.ear, &second.ear));
            let elsewhere = std::thread::spawn(move || block_on(async { listen() })).join().unwrap();
            assert!(!Arc::ptr_eq(&first.ear, &elsewhere.ear));
            drop(first);
            let mut third = listen();
            assert!(Arc::ptr_eq(&third.ear, &second.ear));
            // Its waker has a place with the socket now.
            let polled = poll_fn(|cx| Poll::Ready(third.poll_recv(cx))).await;
            assert!(polled.is_pending());
            drop((second, third));
            assert!(ear.upgrade().is_none());
        });
    }
}
