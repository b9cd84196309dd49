//! What the operating system refuses: a thread, or an answer.
//!
//! An `io::Error` may own whatever somebody has put into it, and the code that drops one is long. It is compiled into
//! each codegen unit in which one may be dropped, be it while unwinding: in eight of the pool's sixteen that was a
//! twentieth of all that there is to optimise. What the system says is a number. So it is kept as one, from here until
//! somebody is told.

use std::io;

use crate::error::Rejection;

/// Why there is no thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    /// The system's number, where there is one.
    code: Option<i32>,
    kind: io::ErrorKind,
}

impl Refusal {
    #[inline(never)]
    pub(crate) fn of(error: io::Error) -> Self {
        Self { code: error.raw_os_error(), kind: error.kind() }
    }

    #[cold]
    pub(crate) fn error(self) -> io::Error {
        match self.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => self.kind.into(),
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn rejection(self) -> Rejection {
        Rejection::NoThread(format!("{}", self.error()))
    }
}

/// The answer, for who can do without one.
pub(crate) fn ok<T>(answer: io::Result<T>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(error) => {
            forget(error);
            None
        }
    }
}

#[cold]
#[inline(never)]
fn forget(_error: io::Error) {}
