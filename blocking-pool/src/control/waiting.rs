//! A spawn that waits for room: the future between a full queue and an accepted job.

use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::room::{Asked, Place};
use crate::job::{JoinHandle, Terms, Work};
use crate::pool::account::Account;
use crate::submit::spawn_error::{SpawnError, SpawnErrorKind};

/// Waits for room, then submits. Dropping it gives up its place in line, and `work`.
pub(crate) async fn spawn_when_room<W: Work>(
    account: Arc<Account>,
    work: W,
    location: &'static Location<'static>,
    terms: Option<Box<Terms>>,
) -> Result<JoinHandle<W::Output>, SpawnError<W>> {
    let room = ForRoom { account: &account, place: None }.await;
    match room {
        Ok(()) => account.submit_if(account.admit_in_room(), work, location, terms),
        Err(kind) => {
            account.pool().counters.rejected();
            Err(SpawnError::new(kind, work))
        }
    }
}

/// Resolves when there is room, which is then the caller's.
struct ForRoom<'a> {
    account: &'a Account,
    place: Option<Place>,
}

impl Future for ForRoom<'_> {
    type Output = Result<(), SpawnErrorKind>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let pool = this.account.pool();
        // Before the lock, which a thread may hold that is not there.
        if pool.is_forked() {
            return Poll::Ready(Err(SpawnErrorKind::Forked));
        }
        let (asked, unused) = pool.room.ask(&mut this.place, cx.waker().clone());
        pool.discard_waker(unused);
        if asked == Asked::Room {
            return Poll::Ready(Ok(()));
        }
        // After standing in line: whoever closed before that has not called us.
        if this.account.is_closed() || pool.gate.is_closed() {
            return Poll::Ready(Err(SpawnErrorKind::Closed));
        }
        Poll::Pending
    }
}

impl Drop for ForRoom<'_> {
    fn drop(&mut self) {
        let pool = self.account.pool();
        if let Some(place) = self.place.take() {
            let (mine, next) = pool.room.leave(place);
            pool.discard_waker(mine);
            pool.wake(next);
        }
    }
}
