//! Messages that name what the reader can act on.

use crate::platform;
use crate::table::Refusal;
use std::error::Error;
use std::fmt;
use std::io::{self, Write};

/// What every waiter gets once the reactor is gone.
pub(crate) fn shut_down() -> io::Error {
    other("the runtime was shut down")
}

/// What somebody gets whose source is not taken.
pub(crate) fn refused(why: Refusal) -> io::Error {
    match why {
        Refusal::Closed => shut_down(),
        Refusal::Forked => forked(),
        Refusal::Full => other(
            "the runtime has as many sources as it can tell apart: use another one, on a thread of its own",
        ),
    }
}

/// What somebody gets who waits for a source, or has a new one, in a child of the reactor's process.
pub(crate) fn forked() -> io::Error {
    other("this process is a fork, and the runtime is its parent's: nothing is waited for here")
}

/// What a waiter gets whose source was deregistered under it.
pub(crate) fn deregistered() -> io::Error {
    other("the source was deregistered from the runtime")
}

#[cold]
#[inline(never)]
fn other(message: &'static str) -> io::Error {
    io::Error::other(message)
}

/// What the kernel says when it does not wait. Of the `io::Error` that says so it is what can be copied: the code that
/// drops one is long, and would be compiled into each place where one may be at hand, be it while unwinding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelError {
    code: Option<i32>,
    kind: io::ErrorKind,
}

impl KernelError {
    #[cold]
    #[inline(never)]
    pub(crate) fn of(error: io::Error) -> KernelError {
        KernelError { code: error.raw_os_error(), kind: error.kind() }
    }

    /// What kind of error it is.
    #[inline]
    pub fn kind(self) -> io::ErrorKind {
        self.kind
    }

    /// It may pass.
    #[cfg(all(target_os = "linux", not(loom)))]
    pub(crate) fn is_lack_of_descriptors(self) -> bool {
        self.code.is_some_and(platform::is_out_of_descriptors)
    }
}

impl From<KernelError> for io::Error {
    #[inline]
    fn from(failed: KernelError) -> io::Error {
        match failed.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => failed.kind.into(),
        }
    }
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from(*self).fmt(f)
    }
}

impl Error for KernelError {}

/// The loop goes on sleeping, although somebody has something for it.
#[cold]
#[inline(never)]
pub(crate) fn not_woken(attempts: u32, error: KernelError) {
    let text = format!("sideline: the loop could not be woken, tried {attempts} times: {error}\n");
    // A closed stderr is no reason to panic in whoever wakes, which `eprintln!` would.
    _ = io::stderr().write_all(text.as_bytes());
}

/// Explains why a source could not be registered.
pub(crate) fn on_register(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::PermissionDenied {
        // epoll's EPERM: the file type has no readiness.
        let advice = "the kernel gives no readiness for this descriptor (a regular file or a directory?): \
                      use it on the blocking pool";
        return advise(error, advice);
    }
    if error.kind() == io::ErrorKind::AlreadyExists {
        let advice = "this descriptor is registered with the loop already: share what has registered it, or \
                      register a duplicate (`try_clone`)";
        return advise(error, advice);
    }
    name_queue_limit(error)
}

/// If the event queue could not be opened, or takes no more, the same error with a message that names the limit to raise.
pub(crate) fn name_queue_limit(error: io::Error) -> io::Error {
    if error.raw_os_error().is_some_and(platform::is_out_of_watches) {
        let advice = "the kernel watches as many descriptors of this user's as it may: close some, or raise \
                      fs.epoll.max_user_watches (`sysctl`)";
        return advise(error, advice);
    }
    name_descriptor_limit(error)
}

/// If `error` says that there are no file descriptors left, the same error with a message that names the limit to
/// raise; any other error comes back unchanged.
///
/// The kind is kept, and the original error is the new one's [`source`](std::error::Error::source).
///
/// # Example
/// ```
/// # #[cfg(unix)] {
/// let error = sideline_reactor::name_descriptor_limit(std::io::Error::from_raw_os_error(24));
/// assert!(error.to_string().contains("RLIMIT_NOFILE"));
/// # }
/// ```
#[inline(never)]
pub fn name_descriptor_limit(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) if platform::is_out_of_descriptors(number) => {
            let advice = "no file descriptors left: close some, or raise RLIMIT_NOFILE (`ulimit -n`)";
            advise(error, advice)
        }
        _ => error,
    }
}

#[inline(never)]
fn advise(cause: io::Error, advice: &'static str) -> io::Error {
    let kind = cause.kind();
    let advice: Box<dyn Error + Send + Sync> = Box::new(Advice { cause, advice });
    io::Error::new(kind, advice)
}

#[derive(Debug)]
struct Advice {
    cause: io::Error,
    advice: &'static str,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.advice, self.cause)
    }
}

impl Error for Advice {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}
