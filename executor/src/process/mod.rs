//! Child processes that the loop waits for. Unix only.
//!
//! [`Command`] is that of the standard library, [`Child`] waits without blocking and its pipes are read and written as
//! sockets are.
//!
//! ```
//! use sideline::process::{Command, Stdio};
//!
//! sideline::block_on(async {
//!     let mut child = Command::new("tr").args(["a-z", "A-Z"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
//!     let stdin = child.stdin.take().expect("it is piped");
//!     stdin.write_all(b"quietly").await?;
//!     drop(stdin); // the child reads the end
//!     let output = child.wait_with_output().await?;
//!     assert!(output.status.success());
//!     assert_eq!(output.stdout, b"QUIETLY");
//!     std::io::Result::Ok(())
//! })
//! # .unwrap()
//! ```
//!
//! # Who waits for whom
//! A child that has ended stays in the process table until its parent has asked for its status: a zombie. So one is
//! asked for whether or not anybody still wants it. A [`Child`] that is dropped before is left to a task of the runtime
//! in which it was spawned.
//!
//! A child that outlives its runtime has nobody who is told of its end: no thread and no signal handler stays behind for it.
//! It is asked again whenever a child is spawned, dropped or found to have ended in this process, in whatever runtime. If that
//! never happens, it stays a zombie until this process ends: an entry in the table and no memory. To be sure, wait for it
//! before the runtime ends. Dropping a runtime does not, since a child may well be meant to go on.
//!
//! Nobody here waits for processes that it has not spawned: their status may be somebody else's to ask for. So a program that is the
//! first process of a container leaves those that the kernel hands to it in the table; an init in front of it takes them out.
//!
//! # Killing
//! [`kill`](Child::kill) and [`kill_on_drop`](Command::kill_on_drop) end one process at once. What that has started itself goes on: the
//! `sleep` of `sh -c "sleep 1000; echo"` outlives its shell. To end all of it, or to ask first, put the child into a group of its own,
//! [`process_group(0)`](Command::process_group), and send signals to the group, whose number is [the child's](Child::id). That takes
//! `kill(2)`, from `rustix` or `libc`: the example `supervisor` has a function for it.
//!
//! # Spawned from the loop
//! A process is started on the thread that calls [`Command::spawn`], which takes a fraction of a millisecond, up to a
//! few for programs with gigabytes of memory. It inherits that thread's priority: on the loop it is the process's own,
//! while in a job of [`spawn_blocking`](crate::spawn_blocking) on Linux it is the pool's lower one.

mod child;
mod command;
mod ended;
mod orphans;
mod pipes;
mod unreaped;

pub use child::Child;
pub use command::Command;
pub use pipes::{ChildStderr, ChildStdin, ChildStdout};
pub use std::process::{ExitStatus, Output, Stdio};
