//! Waiting for a cancellation in async code.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::node::{Node, next_key};

/// A future that is ready once its token is cancelled. From [`CancelToken::cancelled`](crate::CancelToken::cancelled).
///
/// **Dropping** it takes it off the token, which keeps nothing of it.
#[must_use = "a future does nothing until it is polled"]
pub struct WhenCancelled {
    node: Arc<Node>,
    key: u64,
}

impl WhenCancelled {
    pub(super) fn new(node: Arc<Node>) -> Self {
        Self { node, key: next_key() }
    }
}

impl Future for WhenCancelled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.node.poll_cancelled(self.key, cx)
    }
}

impl Drop for WhenCancelled {
    fn drop(&mut self) {
        self.node.forget(self.key);
    }
}

impl fmt::Debug for WhenCancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WhenCancelled").field(&self.node.is_cancelled()).finish()
    }
}
