//! An operation under way, as a future, and its place among those who wait for the source.

use super::Registration;
use crate::Direction;
use crate::ready::Ready;
use crate::waiters::WaiterId;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The future of one operation. By hand, because an idle connection keeps one, and async functions around each other
/// keep what they are given twice over.
pub(super) struct Operation<'a, F, D> {
    place: Place<'a>,
    op: F,
    drained: D,
}

impl<'a, F, D> Operation<'a, F, D> {
    #[inline]
    pub(super) fn new(registration: &'a Registration, direction: Direction, op: F, drained: D) -> Self {
        Operation { place: Place::new(registration, direction), op, drained }
    }
}

/// Nothing in it is ever pinned.
impl<F, D> Unpin for Operation<'_, F, D> {}

impl<R, F, D> Future for Operation<'_, F, D>
where
    F: FnMut() -> io::Result<R>,
    D: Fn(&R) -> bool,
{
    type Output = io::Result<R>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
        let Operation { place, op, drained } = self.get_mut();
        let polled = place.registration.poll_with(&mut place.id, cx, op, drained);
        if polled.is_ready() {
            place.has_left();
        }
        polled
    }
}

/// A place of its own among those who wait for a registration, from the first time that it has to wait.
pub(super) struct Place<'a> {
    registration: &'a Registration,
    id: WaiterId,
}

impl Place<'_> {
    pub(super) fn new(registration: &Registration, direction: Direction) -> Place<'_> {
        Place { registration, id: WaiterId::none(direction) }
    }

    pub(super) fn wait_to_report(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let direction = self.id.direction();
        let ends = Ready::TO_REPORT;
        if !self.registration.word.snapshot(direction).has_any(ends)
            && self.registration.wait(&mut self.id, cx, ends).is_pending()
        {
            return Poll::Pending;
        }
        self.has_left();
        Poll::Ready(())
    }

    /// What it has waited for is there, and came after it was listed: so it is listed no more, see the
    /// `scheduled_io.rs` of the sources.
    fn has_left(&mut self) {
        self.id = WaiterId::none(self.id.direction());
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.id.is_none() {
            self.registration.handle.0.table.forget(self.registration.token, self.id);
        }
    }
}
