//! Sideline inside GLib's main loop, which is GTK's: timers, jobs and tasks of the runtime on the thread that draws.
//!
//! [`Embedded`] is all there is to it, and can be copied: one GLib source watches the runtime's descriptor, another one,
//! renewed after each turn, its next deadline. GLib waits; the runtime has a turn when it has something to do, and
//! nothing wakes up in between, which the count of turns at the end shows. There is no thread but the pool's.
//!
//! ```sh
//! sudo apt-get install libglib2.0-dev
//! cargo run --manifest-path tests/glib/Cargo.toml
//! ```

#![forbid(unsafe_code)]

use glib::{ControlFlow, IOCondition, MainLoop, SourceId};
use sideline::{Runtime, time::sleep, to_thread};
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A runtime that GLib's loop drives. Dropping it takes it out of that loop.
struct Embedded {
    runtime: Runtime,
    /// Watches the descriptor.
    readable: RefCell<Option<SourceId>>,
    /// Ends GLib's wait at the next deadline.
    due: RefCell<Option<(Instant, SourceId)>>,
}

impl Embedded {
    /// Puts the runtime into the main loop of this thread.
    fn attach(runtime: Runtime) -> Rc<Self> {
        let embedded = Rc::new(Self { runtime, readable: RefCell::default(), due: RefCell::default() });
        let weak = Rc::downgrade(&embedded);
        let fd = embedded.runtime.as_fd().as_raw_fd();
        let source = glib::source::unix_fd_add_local(fd, IOCondition::IN, move |_, _| {
            let Some(embedded) = weak.upgrade() else { return ControlFlow::Break };
            embedded.turn();
            ControlFlow::Continue
        });
        embedded.readable.replace(Some(source));
        embedded
    }

    fn turn(self: &Rc<Self>) {
        self.runtime.turn(Some(Duration::ZERO)).expect("the kernel's event queue works");
        self.wait_for_next_deadline();
    }

    /// A timer that another thread arms makes the descriptor readable, so it is enough to look after each turn.
    fn wait_for_next_deadline(self: &Rc<Self>) {
        let next = self.runtime.next_deadline();
        if self.due.borrow().as_ref().map(|(deadline, _)| *deadline) == next {
            return;
        }
        if let Some((_, source)) = self.due.take() {
            source.remove();
        }
        let Some(deadline) = next else { return };
        // GLib counts milliseconds. Rounded up: a turn that comes too early finds nothing to do.
        let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
        let weak = Rc::downgrade(self);
        let source = glib::source::timeout_add_local_once(left, move || {
            if let Some(embedded) = weak.upgrade() {
                // It has fired, and is gone.
                embedded.due.replace(None);
                embedded.turn();
            }
        });
        self.due.replace(Some((deadline, source)));
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        let due = self.due.take().map(|(_, source)| source);
        for source in self.readable.take().into_iter().chain(due) {
            source.remove();
        }
    }
}

fn main() -> io::Result<()> {
    let main_loop = MainLoop::new(None, false);
    let embedded = Embedded::attach(Runtime::new()?);

    // The program's own business in the same loop: a frame every 10 ms, say.
    let frames = Rc::new(Cell::new(0));
    let counted = Rc::clone(&frames);
    glib::source::timeout_add_local(Duration::from_millis(10), move || {
        counted.set(counted.get() + 1);
        ControlFlow::Continue
    });

    // The runtime's. Futures need not be Send: they may hold widgets.
    let (quit, frames_then) = (main_loop.clone(), Rc::clone(&frames));
    drop(embedded.runtime.spawn(async move {
        for tick in 1..=3 {
            sleep(Duration::from_millis(20)).await;
            println!("tick {tick}");
        }
        for job in 1..=5 {
            // While this blocks, frames go on.
            let before = frames_then.get();
            to_thread(move || std::thread::sleep(Duration::from_millis(10 * job))).await;
            println!("job {job}, {} frames meanwhile", frames_then.get() - before);
        }
        quit.quit();
    }));
    main_loop.run();

    let metrics = embedded.runtime.handle().metrics();
    println!("{} turns for 3 ticks and 5 jobs, {} frames", metrics.turns, frames.get());
    println!("{} threads, of the pool {}", threads(), metrics.pool.threads);
    Ok(())
}

/// Of this process; 0 where nobody tells.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}
