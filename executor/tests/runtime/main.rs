//! Making, nesting, blocking on and ending runtimes.
#![cfg(not(loom))]

mod ending;
mod many;
mod nesting;
mod staying_awake;
mod time;
