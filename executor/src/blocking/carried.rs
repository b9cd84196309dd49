//! What goes along with a job from the thread that spawned it to the one that runs it.
//!
//! The runtime always does. Carried task-locals do if any is in scope; if not, that costs one look at a thread-local
//! list. With the feature `tracing` the current span does.

use crate::Handle;
use crate::runtime::context;
use crate::task::local::Locals;
use sideline_blocking_pool::Around;

pub(crate) struct Carried {
    what: What,
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

/// Most jobs carry the runtime alone, and for those it is small: many jobs that wait need this memory all at the same time.
enum What {
    Runtime(Handle),
    WithLocals(Box<(Handle, Locals)>),
}

impl Carried {
    /// Takes along what this thread has now.
    #[inline]
    pub(crate) fn capture(handle: Handle) -> Self {
        Self {
            what: match Locals::capture() {
                None => What::Runtime(handle),
                Some(locals) => What::WithLocals(Box::new((handle, locals))),
            },
            #[cfg(feature = "tracing")]
            span: tracing::Span::current(),
        }
    }
}

impl Around for Carried {
    fn around<T>(self, job: impl FnOnce() -> T) -> T {
        #[cfg(feature = "tracing")]
        let _span = self.span.entered();
        let (handle, locals) = match self.what {
            What::Runtime(handle) => (handle, None),
            What::WithLocals(both) => (both.0, Some(both.1)),
        };
        let _entered = context::enter(handle.shared(), None, None);
        let _locals = locals.map(Locals::enter);
        job()
    }
}

#[cfg(all(test, target_pointer_width = "64", not(feature = "tracing")))]
mod tests {
    use super::*;

    #[test]
    fn a_job_carries_little_and_its_handle_is_small() {
        assert_eq!(size_of::<Carried>(), 16);
        assert_eq!(size_of::<crate::JoinHandle<[u64; 9]>>(), 16);
    }
}
