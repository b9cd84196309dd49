//! What was read of a file and not returned to a caller yet.
//!
//! The file's position is ahead of the caller by as much. So a write or a seek goes back by it first.
//!
//! In a child of `fork` a worker of the parent's, which is not there, may have been taking it. It is gone then, as it would be a moment
//! later, and the next job has another place for it.
//!
//! A job that needs what was read ahead takes it when it starts, not along into the queue: a pool that refuses or
//! cancels the job drops the closure, and what the closure owns.

use parking_lot::Mutex;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::mem;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct ReadAhead {
    /// From `returned` on. Kept for its capacity.
    bytes: Vec<u8>,
    returned: usize,
    /// That, while a job is under way which is to take it.
    lent: Lent,
    /// How the last read went, if no caller has been told.
    outcome: Option<io::Result<usize>>,
}

/// For a job, to be taken when it starts, or afterwards by the file, if it never did: within a process nobody ever waits for the other.
#[derive(Clone, Default)]
pub(super) struct Lent(Arc<Mutex<Vec<u8>>>);

impl Lent {
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.try_lock().map_or_else(Vec::new, |mut bytes| mem::take(&mut bytes))
    }
}

impl ReadAhead {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.returned..]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// After a read, whose caller is gone or will ask.
    pub(super) fn keep(&mut self, outcome: io::Result<usize>, bytes: Vec<u8>) {
        self.outcome = Some(outcome);
        self.put_back(bytes);
    }

    /// What a write or a seek has left of it.
    pub(super) fn put_back(&mut self, rest: Vec<u8>) {
        self.bytes = rest;
        self.returned = 0;
    }

    /// Returns as much as fits to a caller.
    pub(super) fn read(&mut self, buf: &mut [u8]) -> usize {
        let n = self.rest().len().min(buf.len());
        buf[..n].copy_from_slice(&self.rest()[..n]);
        self.returned += n;
        self.outcome = None;
        n
    }

    pub(super) fn take_outcome(&mut self) -> Option<io::Result<usize>> {
        self.outcome.take()
    }

    /// To be used again, if nothing of it is left to be returned. With its contents: what is read over need not be filled with
    /// zeros first.
    pub(super) fn take_memory(&mut self) -> Vec<u8> {
        debug_assert!(self.is_empty(), "what was read ahead would be lost");
        self.returned = 0;
        mem::take(&mut self.bytes)
    }

    /// For the job that is about to begin. How the read ended is forgotten: the next one will end in the same way.
    pub(super) fn lend(&mut self) -> Lent {
        let mut rest = mem::take(&mut self.bytes);
        rest.drain(..self.returned);
        (self.returned, self.outcome) = (0, None);
        if self.lent.0.is_locked() {
            // By whoever is not there.
            self.lent = Lent::default();
        }
        *self.lent.0.lock() = rest;
        self.lent.clone()
    }

    /// The job has not started, and never will.
    pub(super) fn take_back(&mut self) {
        let rest = self.lent.take();
        self.put_back(rest);
    }
}

/// Goes back by what was read ahead, which is then forgotten. What has no position cannot, and keeps it.
pub(super) fn go_back(mut file: &File, ahead: &mut Vec<u8>) -> io::Result<()> {
    if !ahead.is_empty() {
        // They are in memory, so their number fits.
        match file.seek(SeekFrom::Current(-(ahead.len() as i64))) {
            Err(error) if error.kind() == io::ErrorKind::NotSeekable => {}
            result => {
                result?;
                ahead.clear();
            }
        }
    }
    Ok(())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_locked_in_the_parent_holds_up_nobody() {
        let mut ahead = ReadAhead::default();
        ahead.put_back(b"ahead".into());
        let of_job = ahead.lend();
        mem::forget(of_job.0.lock());
        ahead.take_back();
        assert!(ahead.is_empty());
        ahead.put_back(b"next".into());
        assert_eq!(ahead.lend().take(), b"next");
    }
}
