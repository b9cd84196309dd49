//! Messages that name what the reader can act on.

use crate::platform;
use std::error::Error;
use std::{fmt, io};

/// What every waiter gets once the reactor is gone.
pub(crate) fn shut_down() -> io::Error {
    other("the runtime was shut down")
}

/// What somebody gets who registers one source more than tokens can tell apart.
pub(crate) fn too_many_sources() -> io::Error {
    other("the runtime has as many sources as it can tell apart: use another one, on a thread of its own")
}

/// What a waiter gets whose source was deregistered under it.
pub(crate) fn deregistered() -> io::Error {
    other("the source was deregistered from the runtime")
}

#[cold]
fn other(message: &'static str) -> io::Error {
    io::Error::other(message)
}

/// Explains why a source could not be registered.
pub(crate) fn on_register(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::PermissionDenied {
        // epoll's EPERM: the file type has no readiness.
        let advice = "the kernel gives no readiness for this descriptor (a regular file or a directory?): \
                      use it on the blocking pool";
        return io::Error::new(error.kind(), Advice { cause: error, advice });
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
pub fn name_descriptor_limit(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) if platform::is_out_of_descriptors(number) => {
            let advice = "no file descriptors left: close some, or raise RLIMIT_NOFILE (`ulimit -n`)";
            io::Error::new(error.kind(), Advice { cause: error, advice })
        }
        _ => error,
    }
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
