//! What the operating system refuses: a thread, or an answer.
//!
//! An `io::Error` may own whatever somebody has put into it, and the code that drops one is long. It is compiled into each codegen
//! unit in which one may be dropped, if only while unwinding: eight of the pool's sixteen units had it, and there it was a
//! twentieth of all code. But what the system says is a number. So the pool keeps the number, and makes an `io::Error` of
//! it only where somebody is told.

use std::io;

use crate::job::error::Rejection;

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

/// The answer, if there is one; an error is forgotten. For callers that can do without.
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
