//! What a runtime has in place of a watchdog when it is built without the feature of that name: one that nobody can make.
//!
//! The types of which there is no value have the methods of the real ones, so that whoever calls them needs not know
//! which build it is in; the compiler sees that no such call is ever made, and drops it.

use crate::Runtime;
use std::io;
use std::time::Duration;

pub(crate) enum SharedDoze {}

impl SharedDoze {
    pub(crate) fn rest(&self) {
        match *self {}
    }

    pub(crate) fn rise(&self) {
        match *self {}
    }
}

#[inline]
pub(crate) fn doze(_threshold: Option<Duration>) -> Option<SharedDoze> {
    None
}

#[inline]
pub(crate) fn start(runtime: Runtime, _threshold: Option<Duration>) -> io::Result<Runtime> {
    Ok(runtime)
}

pub(crate) enum Watchdog {}

impl Watchdog {
    pub(crate) fn forget(self) {
        match self {}
    }
}
