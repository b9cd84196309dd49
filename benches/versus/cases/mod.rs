//! What is measured. Each case is written once, over any peer.
//!
//! Every case opens with the question it answers, then says what is excluded and what would make the number a
//! lie. Beside some cases stands a *bare* one: the same without any runtime, as a floor.

mod burst;
mod busy;
mod echo;
mod echo_client;
mod handoff;
mod memory;
mod start;
mod tasks;
mod timers;

use crate::peers::{KeepAlive, Loop, Offload};
use sideline_benches::Metric;
use std::time::Duration;

/// A row of the table, or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    RoundTrip,
    FanOut,
    Window,
    ShortBurst,
    SleepBurst,
    Mixed,
    Saturated,
    Trickle,
    Start,
    SpawnJoin,
    Yield,
    PingPong,
    ThreadWake,
    TimeoutChurn,
    Timers,
    Lateness,
    AfterBurst,
    IdleTask,
    IdleConnection,
    Echo1,
    Echo50,
    Echo500,
}

impl Case {
    pub(crate) const ALL: [Self; 22] = [
        Self::RoundTrip,
        Self::FanOut,
        Self::Window,
        Self::ShortBurst,
        Self::SleepBurst,
        Self::Mixed,
        Self::Saturated,
        Self::Trickle,
        Self::Start,
        Self::SpawnJoin,
        Self::Yield,
        Self::PingPong,
        Self::ThreadWake,
        Self::TimeoutChurn,
        Self::Timers,
        Self::Lateness,
        Self::AfterBurst,
        Self::IdleTask,
        Self::IdleConnection,
        Self::Echo1,
        Self::Echo50,
        Self::Echo500,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RoundTrip => "round-trip",
            Self::FanOut => "fan-out",
            Self::Window => "window",
            Self::ShortBurst => "short-burst",
            Self::SleepBurst => "sleep-burst",
            Self::Mixed => "mixed",
            Self::Saturated => "saturated",
            Self::Trickle => "trickle",
            Self::Start => "start",
            Self::SpawnJoin => "spawn-join",
            Self::Yield => "yield",
            Self::PingPong => "ping-pong",
            Self::ThreadWake => "thread-wake",
            Self::TimeoutChurn => "timeout-churn",
            Self::Timers => "timers",
            Self::Lateness => "lateness",
            Self::AfterBurst => "after-burst",
            Self::IdleTask => "idle-task",
            Self::IdleConnection => "idle-connection",
            Self::Echo1 => "echo-1",
            Self::Echo50 => "echo-50",
            Self::Echo500 => "echo-500",
        }
    }

    pub(crate) fn named(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|case| case.name() == name).ok_or_else(|| {
            format!("no case is called {name:?}; there are {}", Self::ALL.map(Self::name).join(", "))
        })
    }

    /// Whether it is about closures on other threads.
    pub(crate) fn offloads(self) -> bool {
        use Case::*;
        matches!(self, RoundTrip | FanOut | Window | ShortBurst | SleepBurst | Mixed | Saturated | Trickle)
    }

    /// Measures a loop and an offload in this process.
    pub(crate) fn run<L: Loop, O: Offload>(self, scale: Scale) -> Vec<Metric> {
        match self {
            Self::RoundTrip => handoff::round_trip::<L, O>(scale),
            Self::FanOut => handoff::fan_out::<L, O>(scale),
            Self::Window => handoff::window::<L, O>(scale),
            Self::ShortBurst => burst::short::<L, O>(scale),
            Self::SleepBurst => burst::sleeping::<L, O>(scale),
            Self::Mixed => busy::mixed::<L, O>(scale),
            Self::Saturated => busy::saturated::<L, O>(scale),
            Self::Trickle => busy::trickle::<L, O>(scale),
            Self::Start => start::start::<L, O>(scale),
            Self::SpawnJoin => tasks::spawn_join::<L>(scale),
            Self::Yield => tasks::yields::<L>(scale),
            Self::PingPong => tasks::ping_pong::<L>(scale),
            Self::ThreadWake => tasks::thread_wake::<L>(scale),
            Self::TimeoutChurn => timers::churn::<L>(scale),
            Self::Timers => timers::many::<L>(scale),
            Self::Lateness => timers::lateness::<L>(scale),
            Self::AfterBurst => Vec::new(),
            Self::IdleTask => memory::idle_task::<L>(scale),
            Self::IdleConnection => memory::idle_connection::<L>(scale),
            Self::Echo1 => echo::echo::<L>(scale, 1),
            Self::Echo50 => echo::echo::<L>(scale, 50),
            Self::Echo500 => echo::echo::<L>(scale, 500),
        }
    }

    /// Measures the one case that is about the pool as it is configured.
    pub(crate) fn run_after_burst<P: KeepAlive + Offload>(scale: Scale) -> Vec<Metric> {
        memory::after_burst::<P>(scale)
    }

    /// The same without any runtime, where that means something.
    pub(crate) fn bare(self) -> Option<fn(Scale) -> Vec<Metric>> {
        Some(match self {
            Self::RoundTrip => handoff::bare_round_trip,
            Self::ShortBurst => burst::bare_short,
            Self::SleepBurst => burst::bare_sleeping,
            Self::Saturated => busy::bare_saturated,
            Self::Start => start::bare_start,
            Self::SpawnJoin => tasks::bare_spawn_join,
            Self::TimeoutChurn => timers::bare_churn,
            Self::Lateness => timers::bare_lateness,
            Self::Echo1 => |scale| echo::bare_echo(scale, 1),
            Self::Echo50 => |scale| echo::bare_echo(scale, 50),
            Self::Echo500 => |scale| echo::bare_echo(scale, 500),
            _ => return None,
        })
    }

    /// What the bare figure is the figure of.
    pub(crate) fn bare_means(self) -> Option<&'static str> {
        Some(match self {
            Self::RoundTrip => "two channels and a thread, both sides parking; or both spinning",
            Self::ShortBurst => "one thread per core, each with its share",
            Self::SleepBurst => "one thread per closure, started and joined",
            Self::Saturated => "a sleeping thread beside one computing thread per core at nice 10",
            Self::Start => "mio's event queue and waker, made and dropped",
            Self::SpawnJoin => "one allocation, made and freed",
            Self::TimeoutChurn => "reading the clock",
            Self::Lateness => "thread::sleep",
            Self::Echo1 | Self::Echo50 | Self::Echo500 => "a loop written directly on mio",
            _ => return None,
        })
    }
}

/// How much of everything: all of it, or enough to see that it works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) quick: bool,
}

impl Scale {
    fn count(self, full: usize) -> usize {
        if self.quick { full / 10 } else { full }
    }

    fn time(self, full: Duration) -> Duration {
        if self.quick { full / 4 } else { full }
    }
}

fn nanos_each(took: Duration, count: usize) -> f64 {
    took.as_nanos() as f64 / count as f64
}

fn micros_each(took: Duration, count: usize) -> f64 {
    nanos_each(took, count) / 1e3
}

fn micros(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// How many threads can run at once.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
