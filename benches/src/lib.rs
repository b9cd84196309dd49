//! What the benches share: samples and their medians, a picture of ratios, work of a known size, and what the
//! operating system says about this process.
//!
//! The benches themselves:
//!
//! | bench | the question it answers |
//! |---|---|
//! | `versus` | how does sideline stand against tokio, smol and rayon, case by case? |
//! | `tasks`, `offload`, `time_and_net` | did sideline get slower than it was? (criterion) |
//! | `build_time` (a binary) | how long does a program wait for its runtime to be built? |
//! | `queue` | which queue should the pool's injector be? (criterion) |
//!
//! Figures of the operating system come from `/proc`, so `versus` runs on Linux.
#![forbid(unsafe_code)]

mod chart;
mod metric;
mod process;
mod stats;
mod work;

pub use chart::{Chart, Row};
pub use metric::{Better, Metric};
pub use process::{Disturbance, cpu_time, lower_priority, raise_descriptor_limit, resident_bytes, threads};
pub use stats::{median, percentile};
pub use work::Cpu;
