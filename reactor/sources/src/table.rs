//! Who a token belongs to.
//!
//! A slot is reused as soon as its source is deregistered, possibly in the middle of a batch of events that still
//! names the old owner, and a descriptor that was duplicated keeps reporting for an owner long gone. So a token
//! carries, beside the slot's index, the generation of the registration it was made for, and an event whose
//! generation is not the slot's present one is nobody's. Each has half of the token's bits: on a 32-bit system there is
//! room for 65,535 sources, and who comes after that gets an error.
//!
//! The sources themselves are in the slots, under the same lock: see `scheduled_io.rs`.
//!
//! In a child of `fork` the lock is not taken, and the slots stay as they are: see the `process.rs` of the timers.
//!
//! The closed flag lives under it, too: a registration is either in the table when the reactor
//! closes, and is told, or it comes later and is refused. Model: `register_against_close`, twin
//! `register-sees-closed`.

use crate::contain;
use crate::known::KnownWakers;
use crate::lock::Mutex;
use crate::process::Process;
use crate::readiness::ReadinessWord;
use crate::ready::Report;
use crate::scheduled_io::ScheduledIo;
use crate::sync::{Arc, MutexGuard, left_out};
use crate::waiters::WaiterIds;
use slab::Slab;
use std::mem;
use std::task::Waker;

/// Why a source is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The reactor is closed.
    Closed,
    /// There are more sources than a token can tell apart.
    Full,
    /// This is a child of the reactor's process.
    Forked,
}

/// The sources of one reactor.
pub struct Table {
    slots: Mutex<Slots>,
    /// Those that may be kept, and woken under the lock.
    pub known: KnownWakers,
    /// In a child of this one nobody takes the lock.
    pub process: Process,
}

struct Slots {
    slots: Slab<Slot>,
    next_generation: usize,
    waiter_ids: WaiterIds,
    closed: bool,
}

struct Slot {
    generation: usize,
    io: ScheduledIo,
}

/// The low half of a token is the index, the high half the generation.
const HALF: u32 = usize::BITS / 2;
const LOW: usize = (1 << HALF) - 1;

impl Table {
    /// An empty one.
    pub fn new(known: KnownWakers) -> Table {
        let waiter_ids = WaiterIds::default();
        let slots = Slots { slots: Slab::new(), next_generation: 0, waiter_ids, closed: false };
        Table { slots: Mutex::new(slots), known, process: Process::of_nobody() }
    }

    /// A slot for a new source.
    ///
    /// # Errors
    /// If the reactor is closed, or another process's; if there are more sources than a token can tell apart.
    #[inline]
    pub fn insert(&self) -> Result<(usize, Arc<ReadinessWord>), Refusal> {
        self.insert_below(LOW)
    }

    #[inline(never)]
    fn insert_below(&self, most: usize) -> Result<(usize, Arc<ReadinessWord>), Refusal> {
        if self.process.is_forked() {
            return Err(Refusal::Forked);
        }
        let word = Arc::new(ReadinessWord::new());
        let mut table = self.slots.lock();
        if table.closed && !left_out("register-sees-closed") {
            return Err(Refusal::Closed);
        }
        if table.slots.vacant_key() >= most {
            return Err(Refusal::Full);
        }
        let generation = table.next_generation;
        // The highest generation is never given out: its token could be the wakeup's.
        table.next_generation = if generation + 1 >= LOW { 0 } else { generation + 1 };
        let index = table.slots.insert(Slot { generation, io: ScheduledIo::new(word.clone()) });
        Ok((generation << HALF | index, word))
    }

    /// Frees the slot, unless it is not this token's any more. Whoever waits is not woken.
    #[inline(never)]
    pub fn remove(&self, token: usize) {
        // Outside the lock: with it go wakers that were never woken.
        drop(self.take(token));
    }

    /// As [`remove`](Self::remove); but whoever waits is woken, and finds the source gone.
    #[inline(never)]
    pub fn end(&self, token: usize) {
        if let Some(mut io) = self.take(token) {
            let mut woken = Vec::new();
            io.take_waiters(&mut woken);
            contain::wake_all(&mut woken);
        }
    }

    /// Frees the slot, unless it is not this token's any more, and hands out the source, which has been told that it is gone.
    fn take(&self, token: usize) -> Option<ScheduledIo> {
        let mut table = self.lock_here()?;
        let (io, _) = table.get(token)?;
        io.set_gone();
        Some(table.slots.remove(token & LOW).io)
    }

    /// Calls `f`, which must run no foreign code, with the source, unless the slot is not this token's any more.
    pub(crate) fn with<R>(
        &self,
        token: usize,
        f: impl FnOnce(&mut ScheduledIo, &mut WaiterIds) -> R,
    ) -> Option<R> {
        self.lock_here()?.get(token).map(|(io, ids)| f(io, ids))
    }

    /// `None` in a child of `fork`.
    #[inline]
    fn lock_here(&self) -> Option<MutexGuard<'_, Slots>> {
        if self.process.is_forked() { None } else { Some(self.slots.lock()) }
    }

    /// Notes one batch of events. Those of former owners are ignored. The waiters are woken, or moved to `woken`. Returns how
    /// many events there were.
    pub fn dispatch(&self, events: impl Iterator<Item = (usize, Report)>, woken: &mut Vec<Waker>) -> usize {
        let (mut table, mut count) = (None, 0);
        for (token, report) in events {
            count += 1;
            // Locked only now, because many waits bring no event of a source.
            let table = table.get_or_insert_with(|| self.slots.lock());
            if let Some((io, _)) = table.get(token) {
                io.set_ready(report, self.known, woken);
            }
        }
        count
    }

    /// Refuses all sources from now on. Those in the table are told that they are gone, and whoever waits for one is moved to
    /// `woken`.
    #[inline(never)]
    pub fn close(&self, woken: &mut Vec<Waker>) {
        let mut slots = self.take_all();
        // Outside the lock: wakers that do not wait, and were only kept, are dropped here.
        for index in 0..slots.capacity() {
            if let Some(mut slot) = slots.try_remove(index) {
                slot.io.take_waiters(woken);
            }
        }
    }

    /// Refuses all sources from now on, and hands out those in the table, which have been told that they are gone.
    fn take_all(&self) -> Slab<Slot> {
        let mut table = self.slots.lock();
        table.closed = true;
        let slots = mem::replace(&mut table.slots, Slab::new());
        for index in 0..slots.capacity() {
            if let Some(slot) = slots.get(index) {
                slot.io.set_gone();
            }
        }
        slots
    }

    /// How many sources there are. In a child of `fork`, none.
    #[inline(never)]
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock_here().map_or(0, |table| table.slots.len())
    }
}

impl Slots {
    #[inline]
    fn get(&mut self, token: usize) -> Option<(&mut ScheduledIo, &mut WaiterIds)> {
        let slot = self.slots.get_mut(token & LOW).filter(|slot| slot.generation == token >> HALF)?;
        Some((&mut slot.io, &mut self.waiter_ids))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Direction;
    use crate::ready::Ready;

    #[test]
    fn an_event_for_a_former_owner_of_the_slot_is_ignored() {
        let table = Table::new(KnownWakers::default());
        let (old, _) = table.insert().unwrap();
        table.remove(old);
        let (new, word) = table.insert().unwrap();
        assert_eq!(old & LOW, new & LOW, "the slot is reused");
        assert_ne!(old, new);
        table.dispatch([(old, Report::READABLE)].into_iter(), &mut Vec::new());
        assert!(!word.snapshot(Direction::Read).has_any(Ready::READY));
        table.remove(old);
        table.dispatch([(new, Report::READABLE)].into_iter(), &mut Vec::new());
        assert!(word.snapshot(Direction::Read).has_any(Ready::READY));
        assert_eq!(table.count(), 1);
    }

    #[test]
    fn generations_wrap_without_ever_making_the_wakeup_s_token() {
        let table = Table::new(KnownWakers::default());
        table.slots.lock().next_generation = LOW - 2;
        let generations: Vec<_> = (0..4).map(|_| table.insert().unwrap().0 >> HALF).collect();
        assert_eq!(generations, [LOW - 2, LOW - 1, 0, 1]);
    }

    #[test]
    fn one_source_too_many_is_an_error_and_costs_nobody_a_slot() {
        let table = Table::new(KnownWakers::default());
        let (first, _) = table.insert_below(2).unwrap();
        table.insert_below(2).unwrap();
        let error = table.insert_below(2).unwrap_err();
        assert_eq!(error, Refusal::Full);
        table.remove(first);
        table.insert_below(2).unwrap();
        assert_eq!(table.count(), 2);
    }
}
