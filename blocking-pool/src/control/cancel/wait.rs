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
    /// From the first poll on. Whoever has waited for longest has the lowest, however late it was after it was made: the node's list is
    /// in that order, and one who has to stand before others moves them.
    key: Option<u64>,
}

impl WhenCancelled {
    pub(super) fn new(node: Arc<Node>) -> Self {
        Self { node, key: None }
    }
}

impl Future for WhenCancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let key = *self.key.get_or_insert_with(next_key);
        self.node.poll_cancelled(key, cx)
    }
}

impl Drop for WhenCancelled {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.node.forget(key);
        }
    }
}

impl fmt::Debug for WhenCancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WhenCancelled").field(&self.node.is_cancelled()).finish()
    }
}
