//! The two runs in figures.

use crate::run::Run;
use std::time::Duration;

pub(crate) fn table(inline: &Run, offloaded: &Run) -> String {
    let runs = [inline, offloaded].map(|run| {
        let late = Spread::of(run.beats.iter().map(|beat| beat.late));
        let echo = Spread::of(run.echoes.iter().copied());
        let threads = match run.threads {
            0 => "1".to_owned(),
            pool => format!("1 + {pool} in the pool"),
        };
        [show(run.took), show(late.p50), show(late.p99), show(late.max), show(echo.p99), threads]
    });
    let names = [
        "total time",
        "heartbeat lateness p50",
        "heartbeat lateness p99",
        "heartbeat lateness max",
        "echo latency p99",
        "threads used",
    ];
    let mut table = format!("{:<24}{:>20}{:>20}\n", "", "inline on the loop", "offloaded");
    for (row, name) in names.iter().enumerate() {
        table += &format!("{name:<24}{:>20}{:>20}\n", runs[0][row], runs[1][row]);
    }
    table
}

/// What to know about a lot of durations. All zero if there are none.
pub(crate) struct Spread {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) max: Duration,
}

impl Spread {
    pub(crate) fn of(values: impl Iterator<Item = Duration>) -> Self {
        let mut values: Vec<_> = values.collect();
        values.sort_unstable();
        let at = |share: f64| {
            let index = (values.len() as f64 * share) as usize;
            values.get(index.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
        };
        Self { p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

/// Three digits and a unit.
pub(crate) fn show(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let (number, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s => (s * 1e6, "us"),
    };
    match number {
        n if n >= 100.0 => format!("{n:.0} {unit}"),
        n if n >= 10.0 => format!("{n:.1} {unit}"),
        n => format!("{n:.2} {unit}"),
    }
}
