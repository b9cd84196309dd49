//! Standard input that the loop waits for, without a change that others could notice.
//!
//! Whether a descriptor blocks is a property of the open file, which the shell, and every other process that has the
//! same terminal or pipe, shares: they would get errors where they expect to wait. Linux opens the same pipe or device
//! once more through `/proc`, and that can be non-blocking; a socket is asked not to block with each call. Where
//! neither works (another user's terminal, no `/proc`) there is the thread.

use super::input::{Filled, Input};
use crate::io::{Async, Fd, Interest};
use sideline_reactor::Handle;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::task::{Context, Poll, ready};

const PATH: &str = "/proc/self/fd/0";

pub(super) struct Polled {
    input: Async<Fd<File>>,
    read: fn(&File, &mut [u8]) -> io::Result<usize>,
    memory: Vec<u8>,
}

/// `None` if it must be read in another way.
pub(super) fn open(reactor: &Handle) -> Option<Polled> {
    let kind = std::fs::metadata(PATH).ok()?.file_type();
    let (file, read): (File, fn(&File, &mut [u8]) -> _) = if kind.is_fifo() || kind.is_char_device() {
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(PATH).ok()?;
        (file, |mut file, buf| file.read(buf))
    } else if kind.is_socket() {
        // A descriptor of its own, because a loop takes each only once.
        (File::from(io::stdin().as_fd().try_clone_to_owned().ok()?), receive)
    } else {
        // A regular file, opened again, would begin at its beginning.
        return None;
    };
    // Refused for devices that never block, such as /dev/null.
    let input = Async::register(reactor, Fd::nonblocking(file), Interest::READABLE).ok()?;
    Some(Polled { input, read, memory: Vec::new() })
}

impl Polled {
    /// Adds to the buffer what there is, `most` bytes at most.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<Filled>> {
        let Polled { input, read, memory } = self;
        if memory.len() < most {
            memory.resize(most, 0);
        }
        let n = ready!(input.poll_read_with(cx, |input| read(input.get_ref(), &mut memory[..most])))?;
        Poll::Ready(Ok(Input::of_this_process().add(memory, n)))
    }
}

/// Reads from a socket without blocking, whatever mode it is in.
#[allow(unsafe_code)]
fn receive(socket: &File, buf: &mut [u8]) -> io::Result<usize> {
    let (start, len) = (buf.as_mut_ptr().cast(), buf.len());
    // SAFETY: at most `len` bytes are written to `buf`, which has them.
    let received = unsafe { libc::recv(socket.as_raw_fd(), start, len, libc::MSG_DONTWAIT) };
    usize::try_from(received).map_err(|_| io::Error::last_os_error())
}
