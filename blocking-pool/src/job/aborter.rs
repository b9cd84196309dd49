//! The abort handle's hold on a job: it can end the wait in a queue, and look, and nothing else.

use super::JobId;
use super::hold::Hold;
use super::state::Owner;

/// Dropping it lets go, and changes nothing else.
pub(crate) struct Aborter(Hold);

impl Aborter {
    /// The caller has counted it in the state.
    pub(super) fn new(hold: Hold) -> Self {
        Self(hold)
    }

    pub(crate) fn abort(&self) -> bool {
        self.0.abort()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.0.is_done()
    }

    pub(crate) fn id(&self) -> JobId {
        self.0.header().state.id()
    }
}

impl Drop for Aborter {
    fn drop(&mut self) {
        self.0.copy().release(Owner::Aborter);
    }
}
