//! The third side of a job that has a token: who may take it out of its queue when the token is cancelled.

use super::hold::Hold;
use super::state::{Claim, Owner};
use crate::job::error::Failure;
use crate::user_code::nested;

/// A hold on a job by which it can be given up. Dropping it lets go, and changes nothing else.
pub(crate) struct Watch(Hold);

impl Watch {
    pub(super) fn new(hold: Hold) -> Self {
        Self(hold)
    }

    /// Whether the job has its limiter's slot, as far as is known here: it may get one any time.
    pub(crate) fn has_slot(&self) -> bool {
        self.0.header().terms.as_ref().is_some_and(|terms| terms.has_slot())
    }

    /// The job's token was cancelled. If the job has not started it never will.
    pub(crate) fn give_up(self) {
        if self.0.claim() == Claim::Won {
            nested::dropping(move || {
                let terms = self.0.header().terms.as_ref();
                self.0.refuse(terms.and_then(|terms| terms.forbid()).unwrap_or(Failure::Cancelled));
            });
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.copy().release(Owner::Watch);
    }
}
