//! How far it is, on stderr: a bar on a terminal, and four lines anywhere else.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

pub(crate) struct Progress {
    what: &'static str,
    /// `None` while it is not known how much there is.
    total: Option<usize>,
    done: usize,
    terminal: bool,
    drawn: Instant,
}

const REDRAW: Duration = Duration::from_millis(50);

impl Progress {
    pub(crate) fn new(what: &'static str, total: usize) -> Self {
        Self { total: Some(total), ..Self::counting(what) }
    }

    pub(crate) fn counting(what: &'static str) -> Self {
        Self { what, total: None, done: 0, terminal: io::stderr().is_terminal(), drawn: Instant::now() }
    }

    /// One more is done.
    pub(crate) fn advance(&mut self) {
        self.done += 1;
        if self.terminal {
            if self.drawn.elapsed() >= REDRAW || Some(self.done) == self.total {
                self.drawn = Instant::now();
                self.draw();
            }
        } else if let Some(total) = self.total {
            let quarter = |done: usize| done * 4 / total.max(1);
            if quarter(self.done) > quarter(self.done - 1) {
                eprintln!("{}: {} of {total}", self.what, self.done);
            }
        }
    }

    /// Leaves nothing behind on a terminal.
    pub(crate) fn finish(&self) {
        if self.terminal {
            eprint!("\r\x1b[K");
        }
    }

    fn draw(&self) {
        let Self { what, done, .. } = self;
        match self.total {
            Some(total) => {
                let bar = "#".repeat(done * 40 / total.max(1));
                eprint!("\r{what} [{bar:<40}] {done} of {total}");
            }
            None => eprint!("\r{what}: {done}"),
        }
    }
}
