//! The thread that looks whether more threads are needed, and only while that is a question.
//!
//! | mode   | meaning                                    | left by                                                 |
//! |--------|--------------------------------------------|---------------------------------------------------------|
//! | ABSENT | there is no monitor thread                 | `poke`: starts one                                      |
//! | AWAKE  | it looks every half millisecond or so      | itself, when nobody has to wait for a while             |
//! | ASLEEP | it is parked                               | `poke` and `call`: wake it; itself, after the keep-alive |
//!
//! `poke` comes from whoever sees a job waiting with every worker running one. It costs a load while the monitor is
//! awake. The bad interleaving: the monitor sees a searcher and is about to sleep; the searcher finds a job, sees
//! another one left and everybody running, and the monitor still awake; the monitor sleeps; the job waits behind a
//! worker that may never be done. So the monitor says that it sleeps, and then looks once more:
//!
//! ```text
//!   last searcher:  stop searching;  fence(SeqCst);  read mode
//!   monitor:        mode = ASLEEP;   fence(SeqCst);  read the idle word and the queues
//! ```
//!
//! While jobs *flow*, each worker starting one after the other within moments, it looks less often: beside a web
//! service with short queries of SQLite it made 1,000 to 1,600 looks a second; now it makes 250. The price is that a burst of
//! jobs that block, out of such a flow, is noticed up to 4 ms later; and so is one worker that is stuck beside others
//! whose jobs flow.
//!
//! If no monitor thread can be started the pool goes on with the threads it has, and a later `poke` tries again: see `refused.rs`.
//!
//! Models: `submit_against_a_monitor_that_falls_asleep`, twins `monitor-fence` and `monitor-looks-again`; for one that leaves a closed
//! pool, with ABSENT in place of ASLEEP, `find_against_a_monitor_that_leaves`, twin `leaving-monitor-fence`. The other models have no
//! monitor: they grow by hand.

use std::sync::Arc;
use std::time::Duration;

use super::evidence::{Grow, Streak, decide};
use super::look::Look;
use super::refused::Refused;
use crate::pool::shared::Shared;
use crate::sync::atomic::{AtomicU64, Ordering, fence};
use crate::sync::{CLOCKS, left_out};
use crate::threads::park::Parker;
use crate::threads::roster::Role;
use crate::worker::desk::Desk;

const ABSENT: u64 = 0;
const AWAKE: u64 = 1;
const ASLEEP: u64 = 2;

pub(crate) struct Monitor {
    enabled: bool,
    mode: AtomicU64,
    parker: Parker,
    refused: Refused,
}

/// The time between two looks: at first, and at most. It becomes longer while the workers are busy, since looking takes some of
/// the processors, too.
const SHORT: Duration = Duration::from_micros(500);
const LONG: Duration = Duration::from_millis(4);
/// Looks without anybody waiting before it goes to sleep: sleeping and waking costs more than a few looks.
const CALM_LOOKS: u32 = 8;
/// Between two looks while the pool grows: the threads just added have a job by then, or are still searching.
const GROWING: Duration = Duration::from_micros(200);

impl Monitor {
    pub(crate) fn new(enabled: bool) -> Self {
        let mode = AtomicU64::new(ABSENT);
        Self { enabled, mode, parker: Parker::new(), refused: Refused::default() }
    }

    /// A job waits and everybody is running one: have a look. Called after a fence.
    #[inline(never)]
    pub(crate) fn poke(&self, pool: &Arc<Shared>) {
        if !self.enabled || self.is_awake() {
            return;
        }
        // AcqRel: one poke makes each edge; the others find it AWAKE.
        match self.mode.swap(AWAKE, Ordering::AcqRel) {
            ASLEEP => self.parker.unpark(),
            ABSENT if self.refused.pass_over() => self.mode.store(ABSENT, Ordering::Release),
            ABSENT => self.start(pool),
            _ => {}
        }
    }

    /// It could not be started, and jobs may wait for what it would have done.
    #[inline]
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.is_any()
    }

    /// After a fence: it looks once more before it sleeps, so there is no need for a poke.
    pub(crate) fn is_awake(&self) -> bool {
        // Relaxed: nothing is read that it would show.
        self.mode.load(Ordering::Relaxed) == AWAKE
    }

    /// The pool was closed: a sleeping monitor has to leave.
    #[inline(never)]
    pub(crate) fn call(&self) {
        if self.mode.compare_exchange(ASLEEP, AWAKE, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            self.parker.unpark();
        }
    }

    fn start(&self, pool: &Arc<Shared>) {
        let Err((name, why)) = pool.hire(Role::Monitor) else { return self.refused.forget() };
        self.refused.note();
        self.mode.store(ABSENT, Ordering::Release);
        pool.report_refusal(name, why, pool.idle.census().threads());
    }
}

/// The body of the thread.
pub(crate) fn main(pool: Arc<Shared>, desk: Arc<Desk>) {
    let pool = &pool;
    let mut look = Look::new(pool);
    loop {
        look_while_awake(pool, &mut look);
        if pool.gate.is_closed() {
            // Nobody waits. A poke after this finds ABSENT and starts another.
            pool.monitor.mode.swap(ABSENT, Ordering::Release);
            if !left_out("leaving-monitor-fence") {
                // As below.
                fence(Ordering::SeqCst);
            }
            if !is_needed(pool) || !wake_up_from(pool, ABSENT) {
                break;
            }
            continue;
        }
        // An exchange, as each change of the mode against which somebody else may make one: loom would let a store come before an
        // exchange that has not seen it.
        pool.monitor.mode.swap(ASLEEP, Ordering::Release);
        if !left_out("monitor-fence") {
            // Pairs with the fence of the last searcher, of a submitter, and of close().
            fence(Ordering::SeqCst);
        }
        let looks_again = !left_out("monitor-looks-again");
        if looks_again && (is_needed(pool) || pool.gate.is_closed()) {
            if !wake_up_from(pool, ASLEEP) {
                // Poked meanwhile: use up the token.
                pool.monitor.parker.park();
            }
            continue;
        }
        if pool.monitor.parker.park_for(pool.config.keep_alive) {
            continue;
        }
        // Not needed for long. If somebody pokes right now, one of us makes the edge.
        let gone = pool.monitor.mode.compare_exchange(ASLEEP, ABSENT, Ordering::AcqRel, Ordering::Relaxed);
        if gone.is_ok() {
            break;
        }
        pool.monitor.parker.park();
    }
    pool.roster.leave(&desk, pool.gate.is_closed());
}

/// False: a poke has made it AWAKE before.
fn wake_up_from(pool: &Shared, mode: u64) -> bool {
    pool.monitor.mode.compare_exchange(mode, AWAKE, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

/// What the monitor has to do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Need {
    /// No job waits, or somebody idle is being called for it.
    None,
    /// Somebody searches, perhaps a thread that was started just now. The evidence so far still holds.
    Soon,
    /// A job waits with nobody about to take it.
    Look,
}

#[inline(never)]
fn need(pool: &Shared) -> Need {
    let census = pool.idle.census();
    if census.idle() > 0 || census.threads() >= pool.config.max_threads || !pool.queues.has_work() {
        Need::None
    } else if census.searching() > 0 {
        Need::Soon
    } else {
        Need::Look
    }
}

/// Does a job wait with nobody about to take it?
pub(crate) fn is_needed(pool: &Shared) -> bool {
    need(pool) == Need::Look
}

/// Looks, and grows, until nobody has had to wait for a while.
fn look_while_awake(pool: &Arc<Shared>, look: &mut Look) {
    if !CLOCKS {
        // In a model time does not pass: one look, and what waits has waited for long.
        if is_needed(pool) {
            pool.grow(1);
        }
        return;
    }
    let mut calm = 0;
    let mut pause = SHORT;
    while calm < CALM_LOOKS {
        std::thread::sleep(pause);
        let flowing = look.begin(pool);
        // Should they stop flowing now, it is noticed a little later: about when a stall would be.
        let next = if flowing { (pause * 2).min(LONG) } else { SHORT };
        match need(pool) {
            Need::None => {
                calm += 1;
                look.nobody_waits();
                pause = next;
            }
            // What is known so far holds on while the threads just added start.
            Need::Soon if look.streak.is_growing() => pause = GROWING,
            Need::Soon => {
                look.streak = Streak::default();
                pause = next;
            }
            Need::Look => {
                calm = 0;
                let sample = look.sample(pool);
                let Grow(count) = decide(&sample, &mut look.streak);
                pool.grow(count);
                let busy = sample.workers.is_some_and(|workers| workers.busy >= sample.core);
                pause = match count {
                    0 if busy => (pause * 2).min(LONG),
                    0 => next,
                    _ => GROWING,
                };
            }
        }
    }
}
