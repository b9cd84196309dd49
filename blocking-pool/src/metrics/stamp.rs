//! Moments: for telling how long something took, at less cost than `Instant`.
//!
//! The way of a job is measured at three places, one of them on the loop's thread, and an empty job takes 400 ns in all.
//! `Instant::now()` takes 25 to 30 ns here, of which 10 are reading the processor's counter (TSC) and most of the rest
//! is the fence before it, which waits until everything before has been done. Where Linux itself may take the time from
//! that counter, so do we, without the fence: the kernel has then found it to be constant, to go on in sleep, and to be
//! the same on all processors. Everywhere else a tick is a nanosecond of `Instant`.
//!
//! Without the fence a reading may be early by what the processor has in flight, some tens of nanoseconds. A difference
//! that comes out negative counts as none.
//!
//! How long a tick is has to be found out: the counter and the clock are read when the first moment is taken, and again
//! when the first difference is asked for, at least 20 us later (whoever is earlier than that waits; it is a worker
//! that has just been started). That is right to some tenths of a percent. [`Stamp::refine`] measures again over longer
//! and longer times, each eight times the one before, until it was two seconds, and leaves an error of parts in a million.

// One instruction, which std offers as an unsafe function.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::sys::fork::PerProcess;

/// A moment, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(u64);

/// What is ticking.
static SOURCE: AtomicU64 = AtomicU64::new(UNKNOWN);
const UNKNOWN: u64 = 0;
const COUNTER: u64 = 1;
const INSTANT: u64 = 2;

/// Nanoseconds in a tick, times 2^32; 0 until it is known.
static RATE: AtomicU64 = AtomicU64::new(0);
/// When to measure that again, in ticks.
static REFINE_AT: AtomicU64 = AtomicU64::new(NEVER);
const NEVER: u64 = u64::MAX;
/// The first moment, on both clocks. A child's is its parent's, of which there are stamps about; only if a thread of the parent was about
/// to find it out, there are none.
static START: PerProcess<(Instant, Stamp)> = PerProcess::new();

const SHORTEST: Duration = Duration::from_micros(20);
/// Measured over this long, the rate is good enough for ever.
const LONGEST: u64 = 2_000_000_000;

impl Stamp {
    /// Before all others.
    pub(crate) const ZERO: Self = Self(0);

    #[inline]
    pub(crate) fn now() -> Self {
        if SOURCE.load(Ordering::Relaxed) == COUNTER {
            return Self(counter());
        }
        Self::from_instant_or_first()
    }

    /// The nanoseconds from `earlier` to this; 0 if that was later.
    #[inline]
    pub(crate) fn nanos_since(self, earlier: Self) -> u64 {
        let rate = match RATE.load(Ordering::Relaxed) {
            0 => measure_rate(),
            known => known,
        };
        // The cast loses nothing before 584 years.
        let scaled = u128::from(self.0.saturating_sub(earlier.0)) * u128::from(rate);
        (scaled >> 32) as u64
    }

    /// What is enough to tell how long something takes that lasts for less than a second.
    pub(crate) fn lower_half(self) -> u32 {
        self.0 as u32
    }

    /// The nanoseconds since the moment of which that is the lower half, or more than a second less.
    pub(crate) fn nanos_since_lower_half(self, earlier: u32) -> u64 {
        Self(self.lower_half().wrapping_sub(earlier).into()).nanos_since(Self(0))
    }

    /// This many ticks later.
    pub(crate) fn plus_ticks(self, ticks: u64) -> Self {
        Self(self.0.saturating_add(ticks))
    }

    /// As a number that is never 0, for an atomic to hold.
    pub(crate) fn to_bits(self) -> u64 {
        self.0.max(1)
    }

    /// `None` for 0.
    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        (bits != 0).then_some(Self(bits))
    }

    /// Measures how long a tick is over a longer time than before, if there has been one by this moment. A load if not; a good
    /// place to call it is on the way to sleep.
    #[inline]
    pub(crate) fn refine(self) {
        if self.0 >= REFINE_AT.load(Ordering::Relaxed) {
            measure_rate();
        }
    }

    #[inline(never)]
    fn from_instant_or_first() -> Self {
        let (start, _) = start();
        match SOURCE.load(Ordering::Relaxed) {
            COUNTER => Self(counter()),
            _ => Self(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)),
        }
    }
}

/// The first moment; decides what is ticking.
fn start() -> (Instant, Stamp) {
    *START.get_or_init(|parents| parents.copied().unwrap_or_else(first_moment))
}

#[inline(never)] // What std does with it is compiled twice.
fn first_moment() -> (Instant, Stamp) {
    if counter_is_trusted() {
        let start = both_clocks();
        SOURCE.store(COUNTER, Ordering::Relaxed);
        return start;
    }
    RATE.store(1 << 32, Ordering::Relaxed);
    SOURCE.store(INSTANT, Ordering::Relaxed);
    (Instant::now(), Stamp(0))
}

/// Measures how long a tick is, over the time since the first moment.
#[cold]
#[inline(never)]
fn measure_rate() -> u64 {
    let (first_instant, first_stamp) = start();
    if SOURCE.load(Ordering::Relaxed) != COUNTER {
        return RATE.load(Ordering::Relaxed);
    }
    while first_instant.elapsed() < SHORTEST {
        std::hint::spin_loop();
    }
    let (instant, stamp) = both_clocks();
    let nanos = u64::try_from((instant - first_instant).as_nanos()).unwrap_or(u64::MAX);
    let ticks = stamp.0.saturating_sub(first_stamp.0).max(1);
    let rate = u64::try_from((u128::from(nanos) << 32) / u128::from(ticks)).unwrap_or(u64::MAX).max(1);
    RATE.store(rate, Ordering::Relaxed);
    let again = if nanos < LONGEST { first_stamp.0.saturating_add(ticks.saturating_mul(8)) } else { NEVER };
    REFINE_AT.store(again, Ordering::Relaxed);
    rate
}

/// Both clocks at one moment: of a few tries the one that was least interrupted.
#[inline(never)]
fn both_clocks() -> (Instant, Stamp) {
    let attempt = || {
        let before = counter();
        let instant = Instant::now();
        let took = counter().saturating_sub(before);
        (took, instant, Stamp(before + took / 2))
    };
    let mut best = attempt();
    for _ in 1..4 {
        let another = attempt();
        if another.0 < best.0 {
            best = another;
        }
    }
    (best.1, best.2)
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[inline]
fn counter() -> u64 {
    // SAFETY: the instruction exists on every x86_64, and is only read.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// Linux lists the counter only while it finds it to be constant and the same on all processors.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn counter_is_trusted() -> bool {
    use crate::sys::refusal;

    let list = std::fs::read("/sys/devices/system/clocksource/clocksource0/available_clocksource");
    let list = refusal::ok(list).unwrap_or_default();
    names_tsc(&list)
}

/// Whether it is one of the names, with blanks between them. (`split` is another three functions to compile.)
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn names_tsc(list: &[u8]) -> bool {
    let mut start = 0;
    for (at, byte) in list.iter().enumerate() {
        if byte.is_ascii_whitespace() {
            if &list[start..at] == b"tsc" {
                return true;
            }
            start = at + 1;
        }
    }
    &list[start..] == b"tsc"
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn counter() -> u64 {
    unreachable!("only read where it is trusted")
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn counter_is_trusted() -> bool {
    false
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// One clock read inside the other's readings shows less time, apart from what the rate is off. That may have been measured over
    /// 20 us, of which a slow reading of the clock is a part that counts: so it is measured anew, over all of this.
    #[test]
    fn it_runs_as_fast_as_the_clock() {
        let outer = Instant::now();
        let first = Stamp::now();
        let inner = Instant::now();
        while inner.elapsed() < Duration::from_millis(5) {}
        measure_rate();
        let least = inner.elapsed();
        let nanos = Stamp::now().nanos_since(first);
        let most = outer.elapsed();
        assert!(nanos as f64 > least.as_nanos() as f64 * 0.995, "{nanos} ns, at least {least:?}");
        assert!((nanos as f64) < most.as_nanos() as f64 * 1.005, "{nanos} ns, at most {most:?}");
    }

    #[test]
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    fn the_counter_is_one_of_the_names_or_not() {
        assert!([&b"tsc hpet acpi_pm \n"[..], b"hpet tsc\n", b"tsc"].iter().all(|list| names_tsc(list)));
        assert!(![&b"hpet tsc-early \n"[..], b"atsc\n", b""].iter().any(|list| names_tsc(list)));
    }

    #[test]
    fn it_does_not_run_backwards() {
        let (early, late) = (Stamp::now(), Stamp::now().plus_ticks(1000));
        assert_eq!(early.nanos_since(late), 0);
        assert!(late.nanos_since(early) > 0);
    }

    #[test]
    fn half_of_it_tells_short_times() {
        let (early, late) = (Stamp(u64::from(u32::MAX)), Stamp(u64::from(u32::MAX) + 1000));
        assert_eq!(late.nanos_since_lower_half(early.lower_half()), late.nanos_since(early));
    }

    #[test]
    fn its_bits_are_never_zero() {
        assert_eq!(Stamp::from_bits(Stamp(0).to_bits()), Some(Stamp(1)));
        assert_eq!(Stamp::from_bits(0), None);
        let now = Stamp::now();
        assert_eq!(Stamp::from_bits(now.to_bits()), Some(now));
    }

    #[test]
    fn refining_keeps_it_right() {
        let start = Stamp::now();
        let clock = Instant::now();
        start.nanos_since(start);
        while clock.elapsed() < Duration::from_millis(2) {
            Stamp::now().refine();
        }
        let (least, nanos) = (clock.elapsed(), Stamp::now().nanos_since(start));
        assert!(nanos as f64 > least.as_nanos() as f64 * 0.98, "{nanos} ns, at least {least:?}");
    }
}
