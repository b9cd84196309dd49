//! The decision: given what was seen, is a poll stuck, and when to look again?
//!
//! Between two looks that find the same poll at work nothing else has run. The time that counts is what has passed since
//! the first of them, so it is never more than the poll has really lasted, and nothing is reported that was shorter
//! than the threshold. Less is counted, not more:
//! * while the loop's thread was ready and waited for a processor: that is the machine's fault and not the poll's;
//! * while the watchdog itself was held up far beyond the time it wanted to wait: the process was stopped, or the
//!   machine suspended.
//!
//! On a machine that is full both are held up by the same others. What has been left out for the watchdog's delay is
//! not left out again for the loop's wait, or a poll that computes for ever would never be found there.
//!
//! Looks are a quarter of the threshold apart, so a poll that lasts a quarter longer than the threshold is always found
//! while it is stuck. After the report they become rarer, but only for a poll that lasts for long.

use super::doze::Doze;
use std::time::{Duration, Instant};

/// What one look at the loop has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// See [`Doze::rests`].
    pub(crate) rests: u64,
    /// How many polls, and turns of the reactor, have begun.
    pub(crate) polls: u64,
    /// Whether one of them is going on.
    pub(crate) polling: bool,
    /// How long the loop's thread has waited for a processor since it exists, as far as anybody knows.
    pub(crate) starved: Duration,
}

#[derive(Debug)]
pub(crate) struct Judge {
    threshold: Duration,
    looked: Option<Look>,
}

/// A state in which the loop has been found, at the last look and perhaps at some before it.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// At the first look.
    seen: Seen,
    /// Of the last one.
    at: Instant,
    /// Between first and last, the watchdog's own delays left out.
    lasted: Duration,
    /// These delays.
    delayed: Duration,
    /// The pause that was asked for at the last one.
    pause: Duration,
    reported: bool,
}

/// What to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Nothing,
    /// A poll is stuck, and has been for this long.
    Stuck(Duration),
    /// The poll that was reported is over. It has lasted about so long.
    Over(Duration),
}

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    In(Duration),
    /// When the loop goes to work.
    AtWork,
}

/// Looks closer to each other would cost more than they tell.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(250);
/// Before a threshold that is about to be reached.
const LAST: Duration = Duration::from_micros(100);
/// Once a poll has been reported, this part of the time it has lasted may pass until its end is seen. For what hangs for
/// minutes; a stall that follows one of seconds is still found.
const RARER: u32 = 1000;

impl Judge {
    pub(crate) fn new(threshold: Duration) -> Self {
        Self { threshold: threshold.max(SHORTEST), looked: None }
    }

    pub(crate) fn look(&mut self, now: Instant, seen: Seen) -> (Verdict, Next) {
        let resting = Doze::is_rest(seen.rests);
        // A loop at work that polls nothing lingers, or is on its way from one poll to the next: nothing is stuck.
        let same = self.looked.filter(|look| {
            (look.seen.rests, look.seen.polls) == (seen.rests, seen.polls) && (seen.polling || resting)
        });
        let Some(mut look) = same else {
            let verdict = self.over();
            let pause = self.pause();
            self.looked = Some(Look {
                seen,
                at: now,
                lasted: Duration::ZERO,
                delayed: Duration::ZERO,
                pause,
                reported: false,
            });
            return (verdict, Next::In(pause));
        };
        if resting {
            return (Verdict::Nothing, Next::AtWork);
        }
        let gap = now.saturating_duration_since(look.at);
        let counts = gap.min(2 * look.pause);
        look.lasted += counts;
        look.delayed += gap - counts;
        look.at = now;
        let starved = seen.starved.saturating_sub(look.seen.starved);
        let stuck = look.lasted.saturating_sub(starved.saturating_sub(look.delayed));
        let is_news = !look.reported && stuck >= self.threshold;
        look.reported |= is_news;
        look.pause = if look.reported {
            (look.lasted / RARER).clamp(self.pause(), LONGEST)
        } else {
            self.pause().min((self.threshold - stuck).max(LAST))
        };
        self.looked = Some(look);
        (if is_news { Verdict::Stuck(stuck) } else { Verdict::Nothing }, Next::In(look.pause))
    }

    /// The poll that was looked at last is over: what to say if nobody will look again.
    pub(crate) fn over(&mut self) -> Verdict {
        match self.looked.take() {
            // It ended between the last look and now, and began between its first look and the one before.
            Some(look) if look.reported => Verdict::Over(look.lasted + look.pause / 2),
            _ => Verdict::Nothing,
        }
    }

    fn pause(&self) -> Duration {
        (self.threshold / 4).clamp(SHORTEST, LONGEST)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use fastrand::Rng;

    const MS: Duration = Duration::from_millis(1);
    const THRESHOLD: Duration = Duration::from_millis(100);

    fn working(polls: u64) -> Seen {
        Seen { rests: 2, polls, polling: true, starved: Duration::ZERO }
    }

    #[test]
    fn a_poll_is_reported_once_when_it_reaches_the_threshold_and_again_when_it_ends() {
        let (mut judge, start) = (Judge::new(THRESHOLD), Instant::now());
        for (at, expected) in [
            (0, (Verdict::Nothing, Next::In(25 * MS))),
            (25, (Verdict::Nothing, Next::In(25 * MS))),
            (50, (Verdict::Nothing, Next::In(25 * MS))),
            (90, (Verdict::Nothing, Next::In(10 * MS))),
            (100, (Verdict::Stuck(100 * MS), Next::In(25 * MS))),
            (125, (Verdict::Nothing, Next::In(25 * MS))),
        ] {
            assert_eq!(judge.look(start + at * MS, working(7)), expected, "after {at} ms");
        }
        let (verdict, _) = judge.look(start + 140 * MS, working(8));
        assert_eq!(verdict, Verdict::Over(125 * MS + 25 * MS / 2));
        assert_eq!(judge.over(), Verdict::Nothing);
    }

    #[test]
    fn a_loop_that_rests_is_left_alone_until_it_works() {
        let (mut judge, start) = (Judge::new(THRESHOLD), Instant::now());
        let rest = |rests| Seen { rests, polls: 7, polling: false, starved: Duration::ZERO };
        assert_eq!(judge.look(start, rest(3)), (Verdict::Nothing, Next::In(25 * MS)));
        // It has worked and rested again meanwhile.
        assert_eq!(judge.look(start + 25 * MS, rest(5)), (Verdict::Nothing, Next::In(25 * MS)));
        assert_eq!(judge.look(start + 50 * MS, rest(5)), (Verdict::Nothing, Next::AtWork));
        // Hours later; nobody was stuck.
        let later = start + 100_000 * MS;
        assert_eq!(judge.look(later, rest(6)), (Verdict::Nothing, Next::In(25 * MS)));
    }

    /// As with busy polling, where the loop stays at work with nothing to do.
    #[test]
    fn a_poll_that_was_reported_is_over_when_it_ends_and_not_when_the_next_begins() {
        let (mut judge, start) = (Judge::new(THRESHOLD), Instant::now());
        for at in [0, 25, 50, 75, 100] {
            judge.look(start + at * MS, working(7));
        }
        let idle = Seen { polling: false, ..working(7) };
        let (verdict, _) = judge.look(start + 125 * MS, idle);
        assert_eq!(verdict, Verdict::Over(100 * MS + 25 * MS / 2));
        for at in (150..100_000).step_by(25) {
            assert_eq!(judge.look(start + at * MS, idle), (Verdict::Nothing, Next::In(25 * MS)), "{at}");
        }
    }

    #[test]
    fn time_without_a_processor_does_not_count() {
        let (mut judge, start) = (Judge::new(THRESHOLD), Instant::now());
        let mut now = Duration::ZERO;
        loop {
            // Four fifths of the time somebody else has the processor.
            let (verdict, next) = judge.look(start + now, Seen { starved: now * 4 / 5, ..working(1) });
            if let Verdict::Stuck(stuck) = verdict {
                assert_eq!(stuck, now - now * 4 / 5);
                break;
            }
            let Next::In(pause) = next else { panic!("it is at work") };
            now += pause;
        }
        assert!((500 * MS..505 * MS).contains(&now), "{now:?}");
    }

    /// The same wait was left out twice, once for each of the two: the poll was never found.
    #[test]
    fn a_poll_that_computes_where_both_wait_for_a_processor_is_reported() {
        let (mut judge, start) = (Judge::new(THRESHOLD), Instant::now());
        for look in 0..4 {
            // Five times as late as it wanted to be; one part in five is the poll's own.
            let seen = Seen { starved: look * 100 * MS, ..working(1) };
            assert_eq!(judge.look(start + look * 125 * MS, seen).0, Verdict::Nothing);
        }
        let seen = Seen { starved: 400 * MS, ..working(1) };
        assert_eq!(judge.look(start + 500 * MS, seen).0, Verdict::Stuck(100 * MS));
    }

    #[test]
    fn a_stopped_process_was_not_stuck() {
        let (mut judge, start) = (Judge::new(THRESHOLD), Instant::now());
        judge.look(start, working(1));
        let (verdict, _) = judge.look(start + 3_600_000 * MS, working(1));
        assert_eq!(verdict, Verdict::Nothing);
    }

    /// An hour of a loop: polls just below the threshold, quick ones, rests, and now and then a stall of 5 to 500 ms.
    /// The looks come late, as they do.
    #[test]
    fn in_an_hour_every_stall_is_reported_once_and_none_is_invented() {
        const THRESHOLD: Duration = Duration::from_millis(4);
        let mut random = Rng::with_seed(1);
        let (mut judge, start) = (Judge::new(THRESHOLD), Instant::now());
        let (mut clock, mut next_look) = (Duration::ZERO, Duration::ZERO);
        let (mut rests, mut polls, mut asleep) = (1, 0, false);
        let (mut stalls, mut found, mut over) = (0, 0, 0);
        while clock < Duration::from_secs(3600) {
            // What the loop does next, and for how long.
            let chance = random.u64(..100);
            let stall = chance == 0;
            let length = match chance {
                0 => Duration::from_micros(5_000 + random.u64(..495_000)),
                1..30 => Duration::from_micros(random.u64(..4_000)),
                30..60 => Duration::from_micros(random.u64(..20_000)),
                _ => Duration::from_micros(random.u64(..50)),
            };
            if (30..60).contains(&chance) {
                rests |= 1;
            } else {
                if Doze::is_rest(rests) {
                    rests += 1;
                    if std::mem::take(&mut asleep) {
                        next_look = clock + Duration::from_micros(random.u64(..200));
                    }
                }
                polls += 1;
                stalls += u32::from(stall);
            }
            let end = clock + length;
            let mut reports = 0;
            while !asleep && next_look < end {
                let polling = !Doze::is_rest(rests);
                let seen = Seen { rests, polls, polling, starved: Duration::ZERO };
                let (verdict, next) = judge.look(start + next_look, seen);
                match verdict {
                    Verdict::Stuck(lasted) => {
                        reports += 1;
                        assert!(lasted >= THRESHOLD && lasted <= next_look - clock, "{lasted:?}");
                    }
                    Verdict::Over(_) => over += 1,
                    Verdict::Nothing => {}
                }
                match next {
                    Next::In(pause) => next_look += pause + Duration::from_micros(random.u64(..150)),
                    Next::AtWork => asleep = true,
                }
            }
            assert_eq!(reports, u32::from(stall), "{length:?} at {clock:?}");
            found += reports;
            clock = end;
        }
        over += u32::from(judge.over() != Verdict::Nothing);
        assert_eq!((found, over), (stalls, stalls));
        assert!(stalls > 1_000, "{stalls}");
    }
}
