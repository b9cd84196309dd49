//! The pipes to a child's standard streams.

use crate::io::bytes::{byte_reader, byte_writer};
use crate::io::{Async, Interest};
use mio::unix::pipe::{Receiver, Sender};
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::process::Stdio;

/// The pipe to a child's standard input. **Dropping it closes it**, and the child reads the end.
///
/// All methods take `&self`. Writing to a child that has ended, or closed its input, is `BrokenPipe`; and the signal `SIGPIPE`, which a
/// program whose `main` is Rust's ignores. Others end by it, unless they ignore it, too.
///
/// # Example
/// ```
/// use sideline::process::Command;
/// use std::process::Stdio;
///
/// # sideline::block_on(async {
/// let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
/// let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
/// stdin.write_all(b"there and back").await?;
/// // The end for `cat`, which then ends, too.
/// drop(stdin);
/// let mut text = Vec::new();
/// stdout.read_to_end(&mut text).await?;
/// assert_eq!(text, b"there and back");
/// assert!(child.wait().await?.success());
/// # std::io::Result::Ok(())
/// # })
/// # .unwrap();
/// ```
#[derive(Debug)]
pub struct ChildStdin(Async<Sender>);

/// The pipe from a child's standard output. It ends when the child, and all of its own children that have it, have
/// closed it. All methods take `&self`.
///
/// **Dropping** it closes this end: what the child writes from then on is an error there, or the signal `SIGPIPE`, which ends it.
#[derive(Debug)]
pub struct ChildStdout(Async<Receiver>);

/// The pipe from a child's standard error. See [`ChildStdout`].
#[derive(Debug)]
pub struct ChildStderr(Async<Receiver>);

impl ChildStdin {
    pub(super) fn new(pipe: std::process::ChildStdin) -> io::Result<ChildStdin> {
        let sender = Sender::from(pipe);
        sender.set_nonblocking(true)?;
        Async::with_interest(sender, Interest::WRITABLE).map(ChildStdin)
    }
}

fn read(mut pipe: &Receiver, buf: &mut [u8]) -> io::Result<usize> {
    pipe.read(buf)
}

/// The standard library fills the memory with zeros first, and that pays here: the pipe is locked while the kernel copies, so the
/// child would wait for each page that is touched for the first time.
fn append(pipe: &Receiver, buf: &mut Vec<u8>, most: usize) -> io::Result<usize> {
    pipe.take(most as u64).read_to_end(buf)
}

fn write(mut pipe: &Sender, buf: &[u8]) -> io::Result<usize> {
    pipe.write(buf)
}

fn write_several(mut pipe: &Sender, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    pipe.write_vectored(bufs)
}

byte_writer!(ChildStdin, write, write_several, |_len| 0);

macro_rules! output {
    ($output:ident) => {
        impl $output {
            pub(super) fn new(pipe: std::process::$output) -> io::Result<$output> {
                let receiver = Receiver::from(pipe);
                receiver.set_nonblocking(true)?;
                Async::with_interest(receiver, Interest::READABLE).map($output)
            }
        }

        byte_reader!($output, read, append, |_len| 0);
    };
}

output!(ChildStdout);
output!(ChildStderr);

/// What every end of a pipe is: a descriptor, and something to give to another child.
macro_rules! pipe {
    ($end:ident) => {
        impl AsFd for $end {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        impl AsRawFd for $end {
            fn as_raw_fd(&self) -> RawFd {
                self.0.as_raw_fd()
            }
        }

        /// Takes it off the loop, and makes it blocking again, which is what other programs expect.
        impl TryFrom<$end> for OwnedFd {
            type Error = io::Error;

            fn try_from(end: $end) -> io::Result<OwnedFd> {
                let pipe = end.0.into_inner()?;
                pipe.set_nonblocking(false)?;
                Ok(OwnedFd::from(pipe))
            }
        }

        /// For another child, so that two are connected without this process in between.
        impl TryFrom<$end> for Stdio {
            type Error = io::Error;

            fn try_from(end: $end) -> io::Result<Stdio> {
                OwnedFd::try_from(end).map(Stdio::from)
            }
        }
    };
}

pipe!(ChildStdin);
pipe!(ChildStdout);
pipe!(ChildStderr);
