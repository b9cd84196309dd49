//! Signals that the operating system sends to the process. Unix only.
//!
//! [`ctrl_c`] is all that most programs need; [`unix`] has the other signals. A signal that comes while the loop is
//! parked wakes it.
//!
//! Listening changes the process for good: see [`unix::signal`].

mod ear;
mod handler;
mod tally;
pub mod unix;

#[cfg(all(test, loom))]
pub(crate) use tally::Tally;

pub(crate) use ear::SharedEar;

use std::future::Future;
use std::io;

/// Waits for ctrl-c (`SIGINT`).
///
/// The future is ready with the first one after this *call*, even before it is polled. From the first call on, ctrl-c
/// does not end the process any more, for the life of the process; a program that has stopped listening ignores it.
/// As many futures of it as there are in a runtime have one descriptor together.
///
/// # Errors
/// Outside a runtime; if the runtime was shut down; and what the kernel says.
///
/// # Example
/// ```no_run
/// sideline::block_on(async {
///     println!("press ctrl-c to end");
///     sideline::signal::ctrl_c().await?;
///     println!("tidying up");
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
pub fn ctrl_c() -> impl Future<Output = io::Result<()>> + Send {
    let listener = unix::signal(unix::SignalKind::interrupt());
    async move { listener?.recv().await }
}
