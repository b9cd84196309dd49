//! Waking the loop costs a system call only if it sleeps.
//!
//! ```text
//!            announce                     notify: the winner writes the eventfd
//!  RUNNING ────────────► PARKED ───────────────────────────────────────────────► NOTIFIED
//!     ▲                    │                                                        │
//!     └────────────────────┴──────────────────── resume ────────────────────────────┘
//! ```
//!
//! Only the loop announces and resumes; only notifiers go to NOTIFIED. While the loop is RUNNING or
//! NOTIFIED a notify is one fence and one load: the loop is going to look anyway. In place of PARKED it may be ASLEEP, and is
//! woken without the eventfd: see below, "Where the loop sleeps".
//!
//! # Why no wake is lost
//! Each side writes first and looks second:
//!
//! ```text
//! loop                                   notifier
//! L1 state := PARKED                     N1 publishes the work (inbox, timer)
//! L2 fence                               N2 fence
//! L3 looks for work                      N3 looks at the state
//! ```
//!
//! Of two sequentially consistent fences one comes first. If it is L2, then N3 sees PARKED and the notifier writes
//! the eventfd, whose event stays there until the loop's wait takes it. If it is N2, then L3 sees the work and the
//! loop does not wait. Without a fence both looks could miss: the loop sleeps on its work. If the loop looked only
//! *before* L1, a notifier between the look and L1 would see RUNNING and write nothing.
//!
//! Model: `park_against_notify`, twins `notifier-fence` and `loop-looks-after-announcing`; the same for timers in
//! `timer_against_park`.
//!
//! # Where the loop sleeps
//! If there are sources, the loop sleeps in the selector, PARKED. As long as there has never been one, only a notify or
//! the time can end a sleep, and there need not be an event queue (`queue.rs`). Then the loop sleeps on this very word, a
//! futex (`word.rs`), and is ASLEEP. On two processors that took 6 % less of a loop and a worker that call each other now
//! and then. The first source ends that for good: whoever registers it publishes that and notifies, which is N1 to N3, and
//! L3 looks for a source as it looks for work.
//!
//! A sleep that has to end to the microsecond needs the selector, too, with its timerfd. So the loop may go from ASLEEP
//! to PARKED, by a compare-and-swap like the notifier's. If the notifier's comes first, the loop does not sleep. If the
//! loop's comes first, the notifier finds PARKED in place of what it had seen, and tries again: now the eventfd is to
//! be written.
//!
//! Models: `sleep_on_the_word_against_notify_loses_no_wake`, twins `notifier-fence` and `loop-looks-after-announcing`;
//! `sleep_on_the_word_against_register`, twins `register-notifies` and `loop-looks-for-sources`;
//! `change_of_place_against_notify`, twin `notifier-follows`.
//!
//! # Standing by
//! A loop that runs inside another one does not wait itself between its turns: the other waits, on the event queue's
//! descriptor. So it announces and leaves it at that, from the end of one turn ([`Reactor::stand_by`]) to the
//! beginning of the next ([`Reactor::resume`]). The argument is the same, with the other loop's wait in place of ours;
//! L3 is the look in `stand_by`, and if that finds work the loop notifies itself, which makes the descriptor readable.
//!
//! Model: `stand_by_against_notify`, twins `notifier-fence` and `stand-by-looks-again`.
//!
//! [`Reactor::stand_by`]: crate::Reactor::stand_by
//! [`Reactor::resume`]: crate::Reactor::resume
//!
//! # A late event
//! The winner writes after it has set NOTIFIED, so the loop may by then have woken for another reason, resumed, and
//! even parked again. The event then ends that wait with nothing to do: one empty turn, nothing lost. For the word
//! there is no event that stays: a late wake ends the sleep that it finds there, or does nothing.
//!
//! Nothing rests on it. Nor need the loop see that it was notified when it resumes, which is why that is a load and a
//! store: if a NOTIFIED is overwritten, the work of its winner, and of whoever finds it there and leaves the waking to
//! the winner, is seen after the next announcement at the latest. (An exchange comes directly after what it took, so the
//! N3 of either saw what is older than the next announcement, and its N2 comes before the next L2.)
//!
//! Models: `park_against_two_notifiers`, on the word `sleep_on_the_word_against_two_notifiers_loses_no_wake`, and where the
//! loop moves from one to the other `first_source_against_notify`.
//!
//! # When the write fails
//! It hardly can: the eventfd is non-blocking and mio empties it when it is full. But swallowed, the error would be
//! a silent hang, so it is tried again a few times; then PARKED is put back, for the next notifier to try, and it is
//! said on stderr.

use crate::errors::{self, KernelError};
use crate::sync::{Ordering, Word, fence, left_out, yield_now};
use std::time::Duration;
use std::{fmt, io};

pub(crate) struct Notifier(Word);

const RUNNING: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;
const ASLEEP: u32 = 3;

/// How the loop sleeps: see "Where the loop sleeps" above.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sleep {
    /// In the selector, until there is an event.
    InSelector = PARKED as isize,
    /// On the notifier's own word.
    OnWord = ASLEEP as isize,
}

/// How often the write is tried: see "When the write fails" above.
const ATTEMPTS: u32 = 16;

impl Notifier {
    pub(crate) fn new() -> Notifier {
        Notifier(Word::new(RUNNING))
    }

    /// The loop says that it is about to sleep. It looks for work *after* this; dropping the guard resumes.
    #[inline]
    pub(crate) fn announce(&self, sleep: Sleep) -> Parked<'_> {
        // Release: whoever finds PARKED finds the wakeup as well; see `queue.rs`.
        let order =
            if left_out("announcement-shows-the-wakeup") { Ordering::Relaxed } else { Ordering::Release };
        self.0.store(sleep as u32, order);
        // L2. SeqCst: pairs with the fence in `notify`.
        fence(Ordering::SeqCst);
        Parked(self)
    }

    /// The loop is awake, whatever it announced. True if it was notified meanwhile.
    #[inline]
    pub(crate) fn resume(&self) -> bool {
        // Acquire: pairs with N2; what was done before the wake is visible after it. No swap: a notify that comes in between
        // is a late one; see above.
        let notified = self.0.load(Ordering::Acquire) == NOTIFIED;
        self.0.store(RUNNING, Ordering::Relaxed);
        notified
    }

    /// Whether the loop stands by. Asked on its own thread, where it cannot be parked otherwise.
    #[inline]
    pub(crate) fn stands_by(&self) -> bool {
        self.0.load(Ordering::Relaxed) == PARKED
    }

    /// Wakes the loop if it is parked, by calling `wake` on the PARKED -> NOTIFIED edge.
    pub(crate) fn notify(&self, mut wake: impl FnMut() -> io::Result<()>) {
        // N2. SeqCst: pairs with the fence in `announce`.
        if !left_out("notifier-fence") {
            fence(Ordering::SeqCst);
        }
        let mut state = self.0.load(Ordering::Relaxed);
        while state == PARKED || state == ASLEEP {
            // Acquire: pairs with the Release of PARKED. No Release: N2, before it, releases the work to the Acquire in `resume`.
            let order =
                if left_out("parked-shows-the-wakeup") { Ordering::Relaxed } else { Ordering::Acquire };
            match self.0.compare_exchange(state, NOTIFIED, order, Ordering::Relaxed) {
                Ok(ASLEEP) => return self.0.wake(),
                Ok(_) => return self.ring(&mut wake),
                // The loop is awake, or has gone from the word to the selector.
                Err(_) if left_out("notifier-follows") => return,
                Err(now) => state = now,
            }
        }
    }

    fn ring(&self, wake: &mut dyn FnMut() -> io::Result<()>) {
        let mut failure = None;
        for _ in 0..ATTEMPTS {
            match wake() {
                Ok(()) => return,
                Err(error) => failure = Some(KernelError::of(error)),
            }
            yield_now();
        }
        // Relaxed: nothing is published; if the loop has resumed meanwhile there is nothing to put back.
        let _ = self.0.compare_exchange(NOTIFIED, PARKED, Ordering::Relaxed, Ordering::Relaxed);
        if let Some(error) = failure {
            errors::not_woken(ATTEMPTS, error);
        }
    }
}

impl fmt::Debug for Notifier {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.load(Ordering::Relaxed) {
            RUNNING => "RUNNING",
            ASLEEP => "ASLEEP",
            PARKED => "PARKED",
            _ => "NOTIFIED",
        })
    }
}

/// While this lives, the loop counts as asleep.
pub(crate) struct Parked<'a>(&'a Notifier);

impl Parked<'_> {
    /// Sleeps on the word for at most this long, unless it has been notified.
    #[inline]
    pub(crate) fn sleep(&self, time: Option<Duration>) {
        self.0.0.sleep_while(ASLEEP, time);
    }

    /// To sleep in the selector, and not on the word. False if it was notified before.
    pub(crate) fn turn_to_selector(&self) -> bool {
        // Release: as in `announce`. Relaxed if it fails: then `resume` sees the same NOTIFIED, with its Acquire.
        self.0.0.compare_exchange(ASLEEP, PARKED, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// The loop is awake. True if it was notified meanwhile.
    #[inline]
    pub(crate) fn end(self) -> bool {
        let notifier = self.0;
        self.stay();
        notifier.resume()
    }

    /// The loop counts as asleep until it resumes by itself.
    pub(crate) fn stay(self) {
        std::mem::forget(self);
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.0.resume();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_notify_of_a_parked_loop_writes() {
        let notifier = Notifier::new();
        let mut writes = 0;
        let mut notify = || {
            notifier.notify(|| {
                writes += 1;
                Ok(())
            });
        };
        notify();
        let parked = notifier.announce(Sleep::InSelector);
        notify();
        notify();
        drop(parked);
        notify();
        assert_eq!(writes, 1);
    }

    #[test]
    fn a_failing_write_is_tried_again() {
        let notifier = Notifier::new();
        let _parked = notifier.announce(Sleep::InSelector);
        let mut outcomes = vec![Ok(()), Err(io::ErrorKind::WouldBlock), Err(io::ErrorKind::Interrupted)];
        notifier.notify(|| outcomes.pop().unwrap().map_err(io::Error::from));
        assert!(outcomes.is_empty());
    }

    #[test]
    fn after_a_hopeless_write_the_next_notify_tries_anew() {
        let notifier = Notifier::new();
        let _parked = notifier.announce(Sleep::InSelector);
        let mut attempts = 0;
        notifier.notify(|| {
            attempts += 1;
            Err(io::ErrorKind::PermissionDenied.into())
        });
        assert_eq!(attempts, ATTEMPTS);
        let mut woken = false;
        notifier.notify(|| {
            woken = true;
            Ok(())
        });
        assert!(woken);
    }
}
