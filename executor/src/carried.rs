//! What goes along with a job from the thread that spawned it to the one that runs it.
//!
//! The runtime always does. Carried task-locals do if any is in scope; if not, that costs one look at a thread-local
//! list. With the feature `tracing` the current span does.

use crate::Handle;
use crate::context;
use crate::task::local::Locals;
use sideline_blocking_pool::Around;

pub(crate) struct Carried {
    handle: Handle,
    /// Boxed, as most jobs carry none: what a job takes in memory is what many at once cost.
    locals: Option<Box<Locals>>,
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

impl Carried {
    /// Takes along what this thread has now.
    pub(crate) fn capture(handle: Handle) -> Self {
        Self {
            handle,
            locals: Locals::capture().map(Box::new),
            #[cfg(feature = "tracing")]
            span: tracing::Span::current(),
        }
    }
}

impl Around for Carried {
    fn around<T>(self, job: impl FnOnce() -> T) -> T {
        #[cfg(feature = "tracing")]
        let _span = self.span.entered();
        let _entered = context::enter(self.handle, None, None);
        let _locals = self.locals.map(|locals| locals.enter());
        job()
    }
}
