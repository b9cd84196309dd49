//! The handler itself, and putting it in place.
//!
//! It is installed for a signal when somebody first listens to it, and stays: what the signal did before cannot be
//! restored without a moment in which it is lost or fatal. A handler that was there before is called first, so that whoever
//! listens finds what it has done.
//!
//! A child of `fork` has the handlers of its parent, but must not have its pipe: either would take the other's bytes out of it,
//! and the other's loop would find it empty and report nothing. So each process has a tally and a pipe of its own, from the first
//! time that somebody listens there; until then its signals go to the handlers that were there before, and are nothing else. What a
//! thread of the parent had begun when it was forked, to make the pipe or to put a handler in place, the child does again: it waits for
//! nobody, and asks the kernel what is in place.

#![allow(unsafe_code)]

use super::tally::Tally;
use libc::{c_int, c_void, siginfo_t};
use mio::unix::pipe;
use parking_lot::Mutex;
use sideline_blocking_pool::fork::PerProcess;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

/// Signals have numbers below this: 64 on Linux, fewer elsewhere.
const SIGNALS: usize = 65;

/// What the process has one of.
pub(super) struct Delivery {
    pub(super) tally: Tally,
    /// Never closed, so that the handler may write at any time.
    sender: pipe::Sender,
    receiver: pipe::Receiver,
    /// The signals whose handler is known to be in place. Locked by whoever puts one there.
    in_place: Mutex<[bool; SIGNALS]>,
}

static DELIVERY: PerProcess<Delivery> = PerProcess::new();

/// What each signal did before. Set before the handler is installed, never changed; in a child it is what it was in the parent.
static BEFORE: [PerProcess<libc::sigaction>; SIGNALS] = [const { PerProcess::new() }; SIGNALS];

/// What a thread has done wrong: each would happen again as soon as the handler returns.
const FAULTS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// Makes sure that `signal` is counted from now on.
pub(super) fn install(signal: c_int) -> io::Result<&'static Delivery> {
    // The kernel refuses these anyway.
    const NOT_FOR_HANDLERS: [c_int; 2] = [libc::SIGKILL, libc::SIGSTOP];
    let can_be_listened_to = !FAULTS.contains(&signal) && !NOT_FOR_HANDLERS.contains(&signal);
    let number = usize::try_from(signal).ok().filter(|number| (1..SIGNALS).contains(number));
    let Some(number) = number.filter(|_| can_be_listened_to) else {
        let message = format!("signal {signal} is not one that can be listened to");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    };

    let delivery = Delivery::get_or_make()?;
    let mut in_place = delivery.in_place.lock();
    if !in_place[number] {
        let now = action(signal, None)?;
        // First: the handler must know whom to call, from its first call on.
        let before = BEFORE[number].get_or_init(|parents| *parents.unwrap_or(&now));
        // Otherwise the parent has put it there, and perhaps somebody else another one in its place, who will call ours.
        if now.sa_sigaction == before.sa_sigaction {
            action(signal, Some(&our_action()))?;
        }
        in_place[number] = true;
    }
    Ok(delivery)
}

impl Delivery {
    /// That of this process, made if there is none.
    fn get_or_make() -> io::Result<&'static Delivery> {
        if let Some(delivery) = DELIVERY.get() {
            return Ok(delivery);
        }
        // If another thread is quicker, this pipe is closed again.
        let (sender, receiver) = pipe::new().map_err(sideline_reactor::name_descriptor_limit)?;
        Ok(DELIVERY.get_or_init(|_| Delivery {
            tally: Tally::new(SIGNALS),
            sender,
            receiver,
            in_place: Mutex::new([false; SIGNALS]),
        }))
    }

    /// The pipe's read end, as a descriptor of its own: a loop takes each only once.
    pub(super) fn pipe(&self) -> io::Result<pipe::Receiver> {
        let own = self.receiver.as_fd().try_clone_to_owned();
        own.map(pipe::Receiver::from).map_err(sideline_reactor::name_descriptor_limit)
    }
}

/// Asks what `signal` does, and changes it if there is a `new` action.
fn action(signal: c_int, new: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    let new = new.map_or(ptr::null(), ptr::from_ref);
    let mut old = mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: `new` is null or points to an action whose handler does only what a handler may; `old` has room.
    if unsafe { libc::sigaction(signal, new, old.as_mut_ptr()) } == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has filled it in.
    Ok(unsafe { old.assume_init() })
}

fn our_action() -> libc::sigaction {
    // SAFETY: a struct of integers, whose fields are not the same everywhere.
    let mut ours: libc::sigaction = unsafe { mem::zeroed() };
    ours.sa_sigaction = on_signal as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize;
    // System calls go on where they can, on whatever stack the program has for handlers.
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    // Other signals wait until the handler has returned. That stack has room for two or three handlers inside one another, on
    // some processors for one; and if several signals have come, the kernel begins the next handler before it lets the first
    // one run. Faults do not wait: one in a handler that came before is to be told as what it is.
    // SAFETY: the set is there to be written to.
    unsafe { libc::sigfillset(&raw mut ours.sa_mask) };
    for fault in FAULTS {
        // SAFETY: as above.
        unsafe { libc::sigdelset(&raw mut ours.sa_mask, fault) };
    }
    ours
}

/// Runs in the middle of anything, on any thread: no lock, no allocation, and `errno` as it was.
extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // Not a reference: the calls below write there, too.
    let errno = errno_location();
    // SAFETY: the address of this thread's errno, which lives as long as the thread.
    let saved = unsafe { errno.read() };
    let number = usize::try_from(signal).unwrap_or(0);
    if let Some(before) = BEFORE.get(number).and_then(PerProcess::nearest) {
        call(before, signal, info, context);
    }
    if let Some(delivery) = DELIVERY.get() {
        delivery.tally.note(number);
        let byte = [0_u8];
        // If the pipe is full, whoever empties it will look at all counts. SAFETY: one byte is read from `byte`.
        let _ = unsafe { libc::write(delivery.sender.as_raw_fd(), byte.as_ptr().cast(), 1) };
    }
    // SAFETY: as above.
    unsafe { errno.write(saved) };
}

/// Calls the handler that was there before, if there was one.
fn call(before: &libc::sigaction, signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    type Plain = extern "C" fn(c_int);
    type Detailed = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
    let address = before.sa_sigaction;
    if address == libc::SIG_DFL || address == libc::SIG_IGN {
        return;
    }
    if before.sa_flags & libc::SA_SIGINFO == 0 {
        // SAFETY: without the flag, whoever installed it gave a function of this type.
        let handler = unsafe { mem::transmute::<usize, Plain>(address) };
        handler(signal);
    } else {
        // SAFETY: with the flag, whoever installed it gave a function of this type.
        let handler = unsafe { mem::transmute::<usize, Detailed>(address) };
        handler(signal, info, context);
    }
}

fn errno_location() -> *mut c_int {
    #[cfg(any(target_os = "solaris", target_os = "illumos"))]
    use libc::___errno as location;
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    use libc::__errno as location;
    #[cfg(any(target_os = "linux", target_os = "dragonfly", target_os = "hurd"))]
    use libc::__errno_location as location;
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    use libc::__error as location;
    // SAFETY: takes nothing and cannot fail.
    unsafe { location() }
}
