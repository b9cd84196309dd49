//! What each worker is doing now, for whoever asks: survivors of a shutdown, and the monitor.
//!
//! The job's id serves as the version: 0 while the record is empty or being written, and never used twice. A reader
//! that finds the same id before and after has read one job's record. std's atomics even under loom: nothing is
//! decided by it that would have to be right.

// One block: a pointer that was made from a `&'static` becomes one again.
#![allow(unsafe_code)]

mod mine;

pub(crate) use mine::Seated;

use std::borrow::Cow;
use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

use crate::growth::{Seen, thread_state::Tid};
use crate::job::{JobId, JobInfo};
use crate::sys::lock::{Mutex, MutexGuard};

#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) name: String,
    /// Set by the thread itself, once it runs; 0 until then.
    tid: AtomicU32,
    job: AtomicU64,
    location: AtomicPtr<Location<'static>>,
    tenant: AtomicU64,
    /// Written and read only if there is one; the id vouches for it as for the rest.
    name_of_job: Mutex<Option<Cow<'static, str>>>,
    is_named: AtomicBool,
    /// What the monitor has seen it doing.
    seen: Mutex<Seen>,
}

impl Desk {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            tid: AtomicU32::new(0),
            job: AtomicU64::new(0),
            location: AtomicPtr::new(ptr::null_mut()),
            tenant: AtomicU64::new(0),
            name_of_job: Mutex::new(None),
            is_named: AtomicBool::new(false),
            seen: Mutex::new(Seen::default()),
        }
    }

    /// By the thread itself: under which number the kernel knows it.
    pub(crate) fn set_tid(&self, tid: Tid) {
        self.tid.store(tid, Ordering::Relaxed);
    }

    pub(crate) fn tid(&self) -> Option<Tid> {
        // Relaxed: a number by itself.
        match self.tid.load(Ordering::Relaxed) {
            0 => None,
            tid => Some(tid),
        }
    }

    /// By the worker, before it runs a job. The desk is empty.
    pub(crate) fn begin(&self, id: JobId, location: &'static Location<'static>, tenant: u64) {
        // Release: whoever reads one of these sees that the last job has been cleared away.
        fence(Ordering::Release);
        self.location.store(ptr::from_ref(location).cast_mut(), Ordering::Relaxed);
        self.tenant.store(tenant, Ordering::Relaxed);
        // Release: pairs with the first Acquire in read().
        self.job.store(id.get(), Ordering::Release);
    }

    /// By the worker, of a named job: before it begins, and with `None` after it has ended.
    #[inline(never)]
    pub(crate) fn set_name(&self, name: Option<&Cow<'static, str>>) {
        self.is_named.store(name.is_some(), Ordering::Relaxed);
        *self.name_of_job.lock() = name.cloned();
    }

    /// By the monitor alone.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock()
    }

    /// By the worker, when the closure has ended.
    pub(crate) fn end(&self) {
        self.job.store(0, Ordering::Relaxed);
    }

    /// The number of the job, or 0.
    pub(crate) fn job(&self) -> u64 {
        self.job.load(Ordering::Relaxed)
    }

    /// The tenant of the job on it, by the worker itself.
    pub(crate) fn own_tenant(&self) -> Option<u64> {
        (self.job() != 0).then(|| self.tenant.load(Ordering::Relaxed))
    }

    /// The job on it, and whose it is.
    pub(crate) fn read(&self) -> Option<(u64, JobInfo)> {
        loop {
            // Acquire: pairs with the Release in begin().
            let id = self.job.load(Ordering::Acquire);
            if id == 0 {
                return None;
            }
            let location = self.location.load(Ordering::Relaxed);
            let tenant = self.tenant.load(Ordering::Relaxed);
            let name =
                if self.is_named.load(Ordering::Relaxed) { self.name_of_job.lock().clone() } else { None };
            // Acquire: pairs with the fence in begin(); had we read the next job's record, we would now see 0 or it.
            fence(Ordering::Acquire);
            if self.job.load(Ordering::Relaxed) == id {
                // SAFETY: `id` was read with Acquire after begin() stored a `&'static Location` here.
                let location: &'static Location<'static> = unsafe { &*location };
                return Some((tenant, JobInfo { id: JobId::from_raw(id), name, location }));
            }
        }
    }
}
