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
//! While jobs *flow*, each worker starting one after the other within moments, it looks less often: beside a web service
//! with short queries of SQLite it made 1,000 to 1,600 looks a second, and makes 250 so. A burst of jobs that block, out of such a
//! flow, is noticed up to 4 ms later for that; so is one worker that is stuck beside others whose jobs flow.
//!
//! If no monitor thread can be started the pool goes on with the threads it has, and a later `poke` tries again: that
//! of a submit, or of a worker that finds a job and sees another. The next one does after one or two refusals; after
//! more in a row some are passed over (1, 3, 7 ... 63), or a burst of submits would make a refused system call each.
//! If from then on nobody submits and no job ends, nobody tries again, and what waits goes on waiting although the
//! system might give a thread by now. There is nobody who could: every thread of the pool is blocked in a job, and a
//! thread or a timer kept in reserve for this is what the system has just refused. A worker that stood in for the
//! monitor would keep the job waiting that it has just taken, perhaps the very one that would end the wait. The refusal
//! is reported when it happens (`Report::ThreadFailed`), and shows as `queued` jobs beside `threads` below the maximum.
//!
//! Models have no monitor: they grow by hand.

use std::sync::Arc;
// A plain count, written by one at a time: whoever has made `mode` AWAKE.
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::evidence::{Grow, STALL, Sample, Streak, Workers, decide};
use super::sample;
use crate::cpu_clock;
use crate::desk::Desk;
use crate::park::Parker;
use crate::report::Report;
use crate::shared::Shared;
use crate::sync::atomic::{AtomicUsize, Ordering, fence};

const ABSENT: usize = 0;
const AWAKE: usize = 1;
const ASLEEP: usize = 2;

pub(crate) struct Monitor {
    enabled: bool,
    mode: AtomicUsize,
    parker: Parker,
    refused: Refused,
}

/// Refusals of a monitor thread, by the one poke that is starting it.
#[derive(Default)]
struct Refused {
    /// Pokes still to be passed over.
    skip: AtomicU32,
    /// Half of it is passed over after the next refusal; doubled by each.
    pause: AtomicU32,
}

/// Half of this is the longest run of pokes that are passed over.
const LONGEST_PAUSE: u32 = 127;

/// Between two looks, at first and at most. Longer while the workers are busy, as looking costs, too.
const SHORT: Duration = Duration::from_micros(500);
const LONG: Duration = Duration::from_millis(4);
/// Looks without anybody waiting before it goes to sleep: sleeping and waking costs more than a few looks.
const CALM_LOOKS: u32 = 8;
/// Jobs *flow* when each worker starts one in less than this, on average. Then a job that waits for one does not wait long.
const FLOWING: Duration = Duration::from_micros(100);
/// Between two looks while the pool grows: the threads just added have a job by then, or are still searching.
const GROWING: Duration = Duration::from_micros(200);
/// For how long one long job says something about the others.
const LATELY: Duration = Duration::from_secs(1);
/// Workers whose state is read at one look, some 20 us each.
const MOST_READ: usize = 8;

impl Monitor {
    pub(crate) fn new(enabled: bool) -> Self {
        let mode = AtomicUsize::new(ABSENT);
        Self { enabled, mode, parker: Parker::new(), refused: Refused::default() }
    }

    /// A job waits and everybody is running one: have a look. Called after a fence.
    pub(crate) fn poke(&self, pool: &Arc<Shared>) {
        if !self.enabled || self.mode.load(Ordering::Acquire) == AWAKE {
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

    /// The pool was closed: a sleeping monitor has to leave.
    pub(crate) fn call(&self) {
        if self.mode.compare_exchange(ASLEEP, AWAKE, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            self.parker.unpark();
        }
    }

    fn start(&self, pool: &Arc<Shared>) {
        let name = |_| format!("{}-monitor", pool.config.thread_name);
        let hired = pool.roster.hire(&name, false, &|desk| {
            let shared = Arc::clone(pool);
            let name = desk.name.clone();
            pool.start_thread(&name, Box::new(move || run(&shared, &desk)))
        });
        let Err((name, error)) = hired else { return self.refused.forget() };
        self.refused.note();
        self.mode.store(ABSENT, Ordering::Release);
        pool.report(&Report::ThreadFailed { name, error, threads: pool.idle.census().threads() });
    }
}

impl Refused {
    fn pass_over(&self) -> bool {
        let skip = self.skip.load(Relaxed);
        self.skip.store(skip.saturating_sub(1), Relaxed);
        skip > 0
    }

    fn note(&self) {
        let pause = self.pause.load(Relaxed);
        self.skip.store(pause / 2, Relaxed);
        self.pause.store((2 * pause + 1).min(LONGEST_PAUSE), Relaxed);
    }

    fn forget(&self) {
        self.pause.store(0, Relaxed);
    }
}

fn run(pool: &Arc<Shared>, desk: &Arc<Desk>) {
    let mut look = Look::new(pool);
    loop {
        look_while_awake(pool, &mut look);
        if pool.gate.is_closed() {
            // Nobody waits. A poke after this finds ABSENT and starts another.
            pool.monitor.mode.store(ABSENT, Ordering::Release);
            fence(Ordering::SeqCst);
            if !is_needed(pool) || !wake_up_from(pool, ABSENT) {
                break;
            }
            continue;
        }
        pool.monitor.mode.store(ASLEEP, Ordering::Release);
        // Pairs with the fence of the last searcher, of a submitter, and of close().
        fence(Ordering::SeqCst);
        if is_needed(pool) || pool.gate.is_closed() {
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
    pool.roster.leave(desk, pool.gate.is_closed());
}

fn wake_up_from(pool: &Shared, mode: usize) -> bool {
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
    let mut calm = 0;
    let mut pause = SHORT;
    while calm < CALM_LOOKS {
        std::thread::sleep(pause);
        let flowing = look.are_jobs_flowing(pool);
        // Should they stop flowing now, it is noticed a little later: about when a stall would be.
        let next = if flowing { (pause * 2).min(LONG) } else { SHORT };
        match need(pool) {
            Need::None => {
                calm += 1;
                look.streak = Streak::default();
                look.last_start = Instant::now();
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

/// What is remembered between two looks.
struct Look {
    streak: Streak,
    /// When it last looked whether jobs flow, and how many had been started.
    flow: (Instant, u64),
    starts: u64,
    last_start: Instant,
    /// What the workers were seen doing, by thread number, for as long as they are at it.
    known: Vec<Known>,
    /// When a worker was last seen to compute for long on one job.
    last_long: Option<Instant>,
    /// Where to go on reading states if there are too many to read them all.
    cursor: usize,
}

struct Known {
    tid: sample::Tid,
    job: u64,
    was_blocked: bool,
    /// CPU time of the thread when it was first seen in this job.
    computed: Option<Duration>,
}

impl Look {
    fn new(pool: &Shared) -> Self {
        let (now, starts) = (Instant::now(), pool.counters.starts());
        Self {
            streak: Streak::default(),
            flow: (now, starts),
            starts,
            last_start: now,
            known: Vec::new(),
            last_long: None,
            cursor: 0,
        }
    }

    /// Since it was last asked.
    fn are_jobs_flowing(&mut self, pool: &Shared) -> bool {
        let (now, starts) = (Instant::now(), pool.counters.starts());
        let (then, before) = std::mem::replace(&mut self.flow, (now, starts));
        is_flow(starts - before, pool.idle.census().threads(), now - then)
    }

    fn sample(&mut self, pool: &Shared) -> Sample {
        let now = Instant::now();
        let starts = pool.counters.starts();
        if starts != self.starts {
            (self.starts, self.last_start) = (starts, now);
        }
        // Those that wait in a limiter do not wait for a thread.
        let in_line = pool.lines.waiting() as u64;
        let waiting = pool.gate.count().saturating_sub(starts + pool.counters.cancellations() + in_line);
        Sample {
            waiting: usize::try_from(waiting).unwrap_or(usize::MAX),
            core: pool.config.core_threads,
            workers: self.workers(pool, now),
            since_start: now - self.last_start,
        }
    }

    /// Reads the states of at most `MOST_READ` workers, and counts for all of them. Asked while nobody is idle: those
    /// without a job on their desks are about to deliver the last one, or to take the next.
    fn workers(&mut self, pool: &Shared, now: Instant) -> Option<Workers> {
        let desks = pool.roster.desks();
        let long_jobs = self.last_long.is_some_and(|then| now - then < LATELY);
        let at_work: Vec<(sample::Tid, u64, &Desk)> =
            desks.iter().filter_map(|desk| Some((*desk.tid.get()?, desk.job(), &**desk))).collect();
        self.known.retain(|known| at_work.iter().any(|&(tid, job, _)| (tid, job) == (known.tid, known.job)));
        let read = at_work.len().min(MOST_READ);
        let mut seen = Workers::default();
        for offset in 0..read {
            let (tid, job, desk) = at_work[(self.cursor + offset) % at_work.len()];
            // If it has gone on to another job it is not blocked in this one.
            let blocked = sample::is_blocked(tid)? && desk.job() == job;
            let computed = if blocked { None } else { cpu_clock::of_thread(tid) };
            let place = self.known.iter().position(|known| known.tid == tid).unwrap_or_else(|| {
                self.known.push(Known { tid, job, was_blocked: false, computed });
                self.known.len() - 1
            });
            let known = &mut self.known[place];
            let stuck = blocked && known.was_blocked;
            let in_job = job != 0;
            if blocked && in_job {
                seen.blocked += 1;
                seen.stuck += usize::from(stuck);
            } else if in_job || !stuck && !long_jobs {
                // Between two jobs nothing takes long, on a processor. But a waker that blocks is stuck, and not busy;
                // and where jobs are long, one who has just had one is tired, and not to be waited for.
                seen.busy += 1;
                let since = computed.zip(known.computed).map(|(now, then)| now.saturating_sub(then));
                seen.long += usize::from(in_job && since.is_none_or(|since| since >= STALL));
            }
            known.was_blocked = blocked;
            known.computed = known.computed.or(computed);
        }
        if seen.long > 0 {
            self.last_long = Some(now);
        }
        if at_work.len() > MOST_READ {
            // The next look reads others, half of them again: those are the ones that can be found stuck.
            self.cursor = (self.cursor + MOST_READ / 2) % at_work.len();
            let scale = |count: usize| count * at_work.len() / read;
            seen = Workers {
                busy: scale(seen.busy),
                blocked: scale(seen.blocked),
                stuck: scale(seen.stuck),
                long: scale(seen.long),
            };
        } else {
            self.cursor = 0;
        }
        Some(seen)
    }
}

/// Whether so many jobs started by so many threads in so much time are a flow.
fn is_flow(started: u64, threads: usize, time: Duration) -> bool {
    u128::from(started) * FLOWING.as_nanos() > time.as_nanos() * threads as u128
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn jobs_flow_when_each_worker_starts_one_after_the_other() {
        let in_ms = |started, threads| is_flow(started, threads, Duration::from_millis(1));
        assert!(in_ms(21, 2) && in_ms(1_001, 100));
        assert!(!in_ms(0, 0) && !in_ms(20, 2), "moments of blocking are looked at");
        assert!(!in_ms(100, 100), "a hundred jobs that block for a millisecond each are no flow");
    }
}
