//! The program that `tests/fork.rs` runs, with one scenario after another: what was made before a fork, and its use after it in the
//! child; and what a process has one of.
//!
//! A process of its own, because a test harness has threads that may hold locks at the moment of a fork.

#[cfg(unix)]
mod scenarios;

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
fn main() {
    scenarios::run(std::env::args().nth(1).as_deref());
}
