//! What the pool stands on: the system, and what is made of it.
//!
//! | file | what it is |
//! |---|---|
//! | `c_library` | declarations of what `std` does not offer |
//! | [`fork`] | which process this is, and what each has of its own |
//! | [`cpu_clock`] | how much a thread has computed |
//! | [`processors`] | how many of them there are |
//! | [`refusal`] | why the system has given no thread, or no answer |
//! | [`lock`] | locks that no panic poisons |
//! | [`padded`], [`until`] | a value on cache lines of its own; what holds for a while |

#[cfg(unix)]
pub(crate) mod c_library;
pub(crate) mod cpu_clock;
pub mod fork;
pub(crate) mod lock;
pub(crate) mod padded;
pub(crate) mod processors;
pub(crate) mod refusal;
pub(crate) mod until;
