//! What the user wants done on each thread of the pool, when it begins and when it ends.

use crate::pool::builder::ThreadHook;
use crate::pool::shared::Shared;
use crate::user_code::contain;
use crate::user_code::report::Report;

impl Shared {
    pub(super) fn on_thread_start(&self) {
        self.run_hook("on_thread_start", self.config.on_start.as_ref());
    }

    pub(super) fn on_thread_stop(&self) {
        self.run_hook("on_thread_stop", self.config.on_stop.as_ref());
    }

    #[inline(never)]
    fn run_hook(&self, name: &'static str, hook: Option<&ThreadHook>) {
        let Some(hook) = hook else { return };
        if let Err(payload) = contain::contain(hook.get()) {
            let message = contain::message_and_discard(payload);
            self.report(Report::HookPanicked { hook: name, message });
        }
    }
}
