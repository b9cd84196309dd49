//! Code of the user's: closures, wakers, hooks, and the drop of whatever they gave us. It runs under no lock of ours.
//!
//! | file | what it is |
//! |---|---|
//! | [`contain`] | a panic of it ends there |
//! | [`nested`] | a drop may drop what drops the next thing, a hundred thousand times over |
//! | [`delivering`] | it may wait for the very tenant whose job it belongs to |
//! | [`report`] | what went wrong where nobody awaits it |

pub mod contain;
pub(crate) mod delivering;
pub mod nested;
pub(crate) mod report;
