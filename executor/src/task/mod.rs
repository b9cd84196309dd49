//! Tasks: futures on the loop.
//!
//! ```
//! use sideline::task::{JoinSet, yield_now};
//!
//! sideline::block_on(async {
//!     let mut squares = JoinSet::new();
//!     for n in 0..10 {
//!         squares.spawn(async move {
//!             yield_now().await;
//!             n * n
//!         });
//!     }
//!     let mut sum = 0;
//!     while let Some(square) = squares.join_next().await {
//!         sum += square.unwrap();
//!     }
//!     assert_eq!(sum, 285);
//! });
//! ```
//!
//! A task's way through the house, file by file:
//!
//! ```text
//! spawn -> cell (one allocation) -> queue (run queue, or inbox from another thread) -> run -> poll
//!            ^                                                                          |
//!            |                                waker -> queue  <-------- Pending --------+
//!          state (who may touch what)                                                   |
//!            v                                                                          |
//!          join (the handle)  <------------------- output ------------- Ready ----------+
//! ```
//!
//! From the moment at which the loop learns of it until it completes, a task is in the loop's `table`, which keeps it alive.
//!
//! `unsafe` lives in `cell`, `spawn`, `queue`, `waker`, `table`, `run` and `join`. Each block leans on the table in `state`, which
//! says who may touch what.
//! The public part is [`yield_now`](fn@yield_now), [`consume_budget`], [`JoinSet`], [`id`], and the keys of [`task_local!`](crate::task_local) in `local`. The
//! names at the end are those of the crate's root, to be found here as well.

#[allow(unsafe_code, reason = "the single allocation, its type erasure and its reference count")]
mod cell;
mod current;
#[allow(unsafe_code, reason = "takes the output out of the cell")]
mod join;
mod join_set;
pub(crate) mod local;
#[allow(unsafe_code, reason = "an inbox threaded through the tasks")]
mod queue;
mod ring;
#[allow(unsafe_code, reason = "polls and completes what is in the cell")]
mod run;
#[allow(unsafe_code, reason = "a new task belongs to whoever spawns it")]
mod spawn;
mod state;
#[allow(unsafe_code, reason = "a task's number in the table is a field of its cell")]
mod table;
#[allow(unsafe_code, reason = "a RawWaker is a pointer and a vtable")]
mod waker;
mod yield_now;

pub(crate) use cell::TaskPtr;
pub use current::{id, try_id};
pub(crate) use join::{TaskAborter, TaskHandle};
pub use join_set::JoinSet;
pub use local::{LocalKey, OutOfScope};
pub(crate) use queue::Inbox;
pub(crate) use run::Tasks;
pub(crate) use spawn::{spawn_ended, spawn_local, spawn_remote};
pub(crate) use waker::WAKERS;
pub use yield_now::{YieldNow, consume_budget, yield_now};

// Where other runtimes have them.
#[doc(no_inline)]
pub use crate::runtime::spawn::{spawn, spawn_blocking};
#[doc(no_inline)]
pub use crate::{AbortHandle, Id, JoinError, JoinHandle};
