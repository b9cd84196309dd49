//! `rayon::spawn` with a oneshot channel for the result: what people build when tokio's blocking pool is too slow.

use super::Offload;
use std::future::Future;
use tokio::sync::oneshot;

pub(crate) struct Rayon;

impl Offload for Rayon {
    fn offload<F, T>(closure: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        rayon::spawn(move || {
            // Nobody listens any more: the case is over.
            let _ = sender.send(closure());
        });
        async { receiver.await.expect("the closure does not panic") }
    }
}
