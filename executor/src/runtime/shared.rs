//! What the loop's thread and everybody else have in common.

use super::context;
use super::metrics::Counters;
use super::report::Reporter;
use crate::core::pulse::Pulse;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use crate::sync::left_out;
use crate::task::Inbox;
use crate::watchdog::SharedDoze;
use sideline_blocking_pool::{Tenant, fork};
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, OnceLock};
use std::task::Wake;

/// One per runtime, behind every [`Handle`](crate::Handle), task and waker.
///
/// Aligned, so that the count of those who hold it has cache lines of its own. Each job takes a handle along, and the worker
/// that has run it gives it back; what the loop reads for the next job must not lie beside what is written then. It did once,
/// and the loop waited a sixth of the time that 100,000 submissions took.
#[repr(align(128))]
pub(crate) struct Shared {
    /// Tasks that other threads have woken or spawned.
    pub(crate) inbox: Inbox,
    /// Wakes the loop; registers sockets and timers.
    pub(crate) reactor: sideline_reactor::Handle,
    /// This runtime's account with the pool.
    pub(crate) tenant: Tenant,
    /// A second account, for jobs that the end of the runtime does not wait for: a lookup of a name changes nothing, and may take
    /// as long as it likes. Made when it is needed.
    lookups: OnceLock<Tenant>,
    /// How many things are going to be jobs: lookups that wait for others to end, closures for which there is no room yet.
    in_line: AtomicUsize,
    pub(crate) reporter: Reporter,
    pub(crate) counters: Counters,
    /// What listeners for signals wait on.
    #[cfg(all(unix, feature = "signal"))]
    pub(crate) ear: crate::signal::SharedEar,
    /// What the loop is polling.
    pub(crate) pulse: Pulse,
    /// Whether the loop is at work, for its watchdog. `None` if it has none.
    pub(crate) doze: Option<SharedDoze>,
    /// The process that the runtime was made in; see [`fork`].
    born: u32,
    /// The future given to `block_on` has been woken since it was last polled.
    main_woken: AtomicBool,
}

impl Shared {
    #[inline]
    pub(crate) fn new(
        reactor: sideline_reactor::Handle,
        tenant: Tenant,
        reporter: Reporter,
        doze: Option<SharedDoze>,
    ) -> Self {
        Self {
            inbox: Inbox::new(),
            reactor,
            tenant,
            lookups: OnceLock::new(),
            in_line: AtomicUsize::new(0),
            reporter,
            counters: Counters::default(),
            #[cfg(all(unix, feature = "signal"))]
            ear: crate::signal::SharedEar::default(),
            pulse: Pulse::new(doze.is_some()),
            doze,
            born: fork::note(),
            main_woken: AtomicBool::new(false),
        }
    }

    /// This process is a child of the one that made the runtime: its jobs run in the parent, and both wait at one
    /// event queue.
    pub(crate) fn is_forked(&self) -> bool {
        fork::is_child_of(self.born)
    }

    /// # Panics
    /// In a child of the process that made the runtime.
    #[track_caller]
    pub(crate) fn refuse_fork(&self, what: &str, at: &Location<'_>) {
        if self.is_forked() {
            panic!(
                "{what} at {at}: this process is a fork, and the runtime is its parent's: its threads are not here, and its \
                 event queue is shared with the parent. Make a new runtime in the child"
            );
        }
    }

    /// The account for lookups of names.
    #[inline]
    pub(crate) fn lookups(&self) -> &Tenant {
        self.lookups.get_or_init(|| self.tenant.pool().tenant_of_loop())
    }

    /// How many jobs have results that may still come.
    pub(crate) fn jobs_outstanding(&self) -> usize {
        let lookups = match self.lookups.get() {
            Some(lookups) => lookups.outstanding(),
            None => 0,
        };
        self.tenant.outstanding() + lookups
    }

    /// Something is going to be a job. It counts as a job in flight until the guard is dropped.
    pub(crate) fn stand_in_line(&self) -> InLine<'_> {
        // Relaxed: whoever asks on this thread does so afterwards, and others may ask at any time.
        self.in_line.fetch_add(1, Relaxed);
        InLine(self)
    }

    /// Whether there is anything that will come by itself: jobs, and what is going to be one.
    #[inline]
    pub(crate) fn has_jobs_in_flight(&self) -> bool {
        // Acquire: pairs with the Release of those who leave the line. The line is read first: whoever has left it is a job by
        // then, and so is counted in at least one of the two.
        self.in_line.load(Acquire) > 0 || self.jobs_outstanding() > 0
    }

    /// The loop goes to work.
    pub(crate) fn rise(&self) {
        if let Some(doze) = &self.doze {
            doze.rise();
        }
    }

    /// The loop rests: it is parked, or nobody runs it.
    pub(crate) fn rest(&self) {
        if let Some(doze) = &self.doze {
            doze.rest();
        }
    }

    /// Whether the main future has been woken since this was last asked, and so is to be polled.
    pub(crate) fn take_main_woken(&self) -> bool {
        // The load spares the read-modify-write in the common case. Acquire: pairs with the Release in wake().
        self.main_woken.load(Relaxed) && self.main_woken.swap(false, Acquire)
    }

    /// Whether the main future or a task in the inbox has been woken: the last look before parking.
    pub(crate) fn has_work(&self) -> bool {
        // Relaxed: the notifier's fence orders this after its announcement.
        self.main_woken.load(Relaxed) || !self.inbox.is_empty()
    }
}

/// Something that is going to be a job: see [`Shared::stand_in_line`].
#[must_use]
pub(crate) struct InLine<'a>(&'a Shared);

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in has_jobs_in_flight(). (Model: `what_leaves_the_line_is_a_job_by_then`, twin
        // `line-is-left-as-a-job`.)
        let order = if left_out("line-is-left-as-a-job") { Relaxed } else { Release };
        self.0.in_line.fetch_sub(1, order);
    }
}

/// As the main future's waker.
impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release: pairs with the Acquire in take_main_woken(), also of a wake that finds it set: its read-modify-write continues the
        // sequence. (Model: `what_was_written_before_a_wake_is_seen_by_the_main_future`, twin `main-wake-carries-along`.)
        let order = if left_out("main-wake-carries-along") { Relaxed } else { Release };
        let already = self.main_woken.swap(true, order);
        // Whoever sets it first notifies; on the loop's own thread the loop is awake.
        if !already && !context::is_core_of(self) && !left_out("main-wake-notifies") {
            self.reactor.notify();
        }
    }
}

impl fmt::Debug for Shared {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("jobs_outstanding", &self.jobs_outstanding()).finish_non_exhaustive()
    }
}
