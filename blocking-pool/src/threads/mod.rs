//! The threads of a pool: who is awake, how the others are called, who is started, and the list of them all.
//!
//! | file | what it is |
//! |---|---|
//! | [`idle`] | the protocol: one word and the list of sleepers, so that no job waits while everybody sleeps |
//! | [`park`], [`spin`] | how a thread sleeps; how it looks about for moments before that |
//! | [`summon`] | after a push: somebody is called, or a thread is to be started |
//! | [`starting`] | a thread is started, or the system refuses it |
//! | [`roster`] | the list, and waiting until all on it are gone |
//!
//! When there should be more than cores is in [`crate::growth`], what they do in [`crate::worker`].

pub(crate) mod idle;
pub(crate) mod park;
pub(crate) mod roster;
pub(crate) mod spin;
mod starting;
mod summon;
