//! The token of a job: from the moment at which the job is bound to it, over the end of the closure, to the delivery.

use super::{Hook, Node};
use crate::control::cancel::CancelToken;
use crate::job::Watch;
use crate::sync::left_out;

impl CancelToken {
    /// Binds a job that is about to be queued; it is given up at once if this is cancelled already.
    pub(crate) fn bind(&self, job: Watch) {
        let mut list = self.0.lock();
        if !self.is_cancelled() {
            list.queued = Some(job);
            return;
        }
        drop(list);
        job.give_up();
    }

    /// The job was delivered: there is nothing left to take out of a queue.
    pub(crate) fn unbind(&self) {
        let job = self.0.lock().queued.take();
        drop(job);
    }

    /// Its job's outcome is about to be waited for.
    pub(crate) fn will_be_waited_for(&self) {
        self.0.will_be_waited_for();
    }

    /// By the handle of its job. Nothing if that has ended: it is not the handle that others it has left behind obey.
    pub(crate) fn cancel_job(&self) {
        if !self.0.lock().over {
            self.0.cancel();
        }
    }

    /// The closure has ended: no hook runs from here on, and none is running on another thread when this returns.
    pub(crate) fn end_job(&self) {
        self.0.end_job();
    }
}

impl Node {
    fn end_job(&self) {
        let mut list = self.lock();
        list.over = true;
        let hooks = list.hooks.take_if(|hook| matches!(hook, Hook::User(_)));
        if left_out("end-waits") {
            drop(list);
        } else {
            self.wait_for_hooks(list, |_| true);
        }
        hooks.into_iter().for_each(|hook| self.discard(hook));
    }
}
