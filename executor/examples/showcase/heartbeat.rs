//! A heart that should beat every millisecond.
//!
//! What counts is how late a beat is after it was *due*, and every beat counts: after a stall of 50 ms fifty
//! beats come at once, 50, 49, 48... ms late. Had the heart waited a millisecond after each beat instead, it
//! would have noticed that stall once, and the worse the loop, the fewer the measurements.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_millis(1);

pub(crate) struct Beat {
    /// When it was due, from the start of the run.
    pub(crate) due: Duration,
    pub(crate) late: Duration,
}

/// Beats until `end` is set and every beat due before it has been recorded.
pub(crate) async fn heartbeat(start: Instant, end: Rc<Cell<Option<Instant>>>) -> Vec<Beat> {
    let mut beats = Vec::new();
    let mut interval = sideline::time::interval_at(start + PERIOD, PERIOD);
    loop {
        // The default for missed ticks is a burst: none is left out.
        let due = interval.tick().await;
        if end.get().is_some_and(|end| due > end) {
            return beats;
        }
        beats.push(Beat { due: due - start, late: due.elapsed() });
    }
}
