//! Where hyper puts the futures of its connections. They run detached: a panic goes to the runtime's report hook.

use crate::{Handle, LocalHandle};
use hyper::rt::Executor;
use std::future::Future;

/// For `Send` futures: what hyper-util's client asks for.
impl<F> Executor<F> for Handle
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(self.spawn(future));
    }
}

/// For all futures: HTTP/2 with services and bodies that are not `Send`.
impl<F> Executor<F> for LocalHandle
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        drop(self.spawn(future));
    }
}
