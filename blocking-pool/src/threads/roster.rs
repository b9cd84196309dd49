//! The threads of a pool: their desks, their handles, and waiting for them to be gone.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

use crate::sync::left_out;
use crate::sync::thread::JoinHandle;
use crate::sys::lock::{Condvar, Mutex};
use crate::sys::refusal::Refusal;
use crate::worker::desk::Desk;

pub(crate) struct Roster {
    list: Mutex<List>,
    /// Rung whenever a thread is gone or begins to wait for the others.
    bell: Condvar,
}

struct List {
    members: Vec<Member>,
    /// Threads of this pool that are themselves waiting in `wait_gone`; nobody waits for those.
    waiting: usize,
    /// Threads that have left a closed pool and are about to end.
    gone: Vec<Member>,
    /// How many workers have been given a name; the next one's ends with this number.
    names: u64,
}

struct Member {
    desk: Arc<Desk>,
    is_worker: bool,
    handle: JoinHandle<()>,
}

/// What a thread is hired for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// A worker with a seat, if one is free.
    Core,
    /// A worker above the core.
    Extra,
    Monitor,
}

impl Roster {
    pub(crate) fn new() -> Self {
        let list = List { members: Vec::new(), waiting: 0, gone: Vec::new(), names: 0 };
        Self { list: Mutex::new(list), bell: Condvar::new() }
    }

    /// Starts a thread by `start`, which is given its desk with its name, and lists it. The list is locked meanwhile,
    /// so that the thread cannot leave before it is on it. Err: the name it would have had, and why there is none.
    pub(crate) fn hire(
        &self,
        pool_name: &str,
        role: Role,
        start: impl FnOnce(Arc<Desk>) -> Result<JoinHandle<()>, Refusal>,
    ) -> Result<(), (String, Refusal)> {
        let mut list = self.list.lock();
        let is_worker = role != Role::Monitor;
        let suffix: &dyn Display = if is_worker { &list.names } else { &"monitor" };
        let desk = Arc::new(Desk::new(format!("{pool_name}-{suffix}")));
        let handle = match start(Arc::clone(&desk)) {
            Ok(handle) => handle,
            Err(why) => return Err((desk.name.clone(), why)),
        };
        list.names += u64::from(is_worker);
        list.members.push(Member { desk, is_worker, handle });
        Ok(())
    }

    /// By a thread, as the last thing it does. Its handle is kept for whoever waits if the pool `is_closed`.
    pub(crate) fn leave(&self, desk: &Arc<Desk>, is_closed: bool) {
        let mut list = self.list.lock();
        let mut place = 0;
        while place < list.members.len() && !Arc::ptr_eq(&list.members[place].desk, desk) {
            place += 1;
        }
        if place < list.members.len() {
            let member = list.members.swap_remove(place);
            if is_closed {
                list.gone.push(member);
            }
        }
        drop(list);
        self.bell.notify_all();
    }

    /// Goes past the desks of all workers. None comes or goes meanwhile.
    #[inline(never)]
    pub(crate) fn each_worker(&self, look: &mut dyn FnMut(&Arc<Desk>)) {
        for member in &self.list.lock().members {
            if member.is_worker {
                look(&member.desk);
            }
        }
    }

    /// The desks of some workers, in a circle from the one with this number on, as many as there is room for. How many workers there
    /// are.
    #[inline(never)]
    pub(crate) fn pick(&self, from: usize, picked: &mut [Option<Arc<Desk>>]) -> usize {
        let list = self.list.lock();
        let mut all = 0;
        for member in &list.members {
            all += usize::from(member.is_worker);
        }
        let mut place = all - from.min(all);
        for member in &list.members {
            if member.is_worker {
                if let Some(here) = picked.get_mut(place % all) {
                    *here = Some(Arc::clone(&member.desk));
                }
                place += 1;
            }
        }
        all
    }

    /// Waits until no thread is left, or, `inside`, where the caller is one of them, none but those that wait here
    /// themselves. (Model: `outside_shutdown_against_shutdown_in_a_job`, twin `outside-waits-for-threads`.)
    ///
    /// With no thread at all that is not enough: a job in a limiter's line will start one. So it has to be `drained`, and
    /// whoever makes it so without a thread has to [ring](Self::ring). (Model: `drain_without_a_thread_against_abort`,
    /// twin `drain-is-told`.) False if `until` came first.
    pub(crate) fn wait_gone(&self, inside: bool, drained: impl Fn() -> bool, until: Option<Instant>) -> bool {
        let mut list = self.list.lock();
        if inside {
            list.waiting += 1;
            self.bell.notify_all();
        }
        let over = |list: &List| match list.members.len() {
            0 => drained(),
            // Whoever waits outside waits for those inside as for all others.
            there => (inside || left_out("outside-waits-for-threads")) && there <= list.waiting,
        };
        let gone = loop {
            if over(&list) {
                break true;
            }
            let (again, is_over) = self.bell.wait_until(list, until);
            list = again;
            if is_over {
                break over(&list);
            }
        };
        if inside {
            list.waiting -= 1;
        }
        gone
    }

    /// Those who wait for the threads look again.
    #[inline(never)]
    pub(crate) fn ring(&self) {
        // Under the lock: they wait, or have not looked yet.
        let _list = self.list.lock();
        self.bell.notify_all();
    }

    /// Joins the threads that have left already. They have nothing left to do but to end.
    #[inline]
    pub(crate) fn join_gone(&self) {
        let gone = std::mem::take(&mut self.list.lock().gone);
        for member in gone {
            // Err: it panicked after leaving, which only the user's thread-locals can do, and std has told of it.
            let _ = member.handle.join().map_err(crate::user_code::contain::message_and_discard);
        }
    }
}
