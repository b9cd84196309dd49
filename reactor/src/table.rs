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
//! The closed flag lives under it, too: a registration is either in the table when the reactor
//! closes, and is told, or it comes later and is refused. Model: `register_against_close`, twin
//! `register-sees-closed`.

use crate::errors;
use crate::known::KnownWakers;
use crate::lock::Mutex;
use crate::readiness::{ReadinessWord, Report};
use crate::scheduled_io::ScheduledIo;
use crate::sync::{Arc, left_out};
use crate::waiters::WaiterIds;
use mio::Token;
use slab::Slab;
use std::io;
use std::task::Waker;

pub(crate) struct Table {
    slots: Mutex<Slots>,
    pub(crate) known: KnownWakers,
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
    pub(crate) fn new(known: KnownWakers) -> Table {
        let waiter_ids = WaiterIds::default();
        let slots = Slots { slots: Slab::new(), next_generation: 0, waiter_ids, closed: false };
        Table { slots: Mutex::new(slots), known }
    }

    /// A slot for a new source.
    ///
    /// # Errors
    /// If the reactor is closed; if there are more sources than a token can tell apart.
    pub(crate) fn insert(&self) -> io::Result<(Token, Arc<ReadinessWord>)> {
        self.insert_below(LOW)
    }

    fn insert_below(&self, most: usize) -> io::Result<(Token, Arc<ReadinessWord>)> {
        let word = Arc::new(ReadinessWord::new());
        let mut table = self.slots.lock();
        if table.closed && !left_out("register-sees-closed") {
            return Err(errors::shut_down());
        }
        if table.slots.vacant_key() >= most {
            return Err(errors::too_many_sources());
        }
        let generation = table.next_generation;
        // The highest generation is never given out: its token could be the wakeup's.
        table.next_generation = if generation + 1 >= LOW { 0 } else { generation + 1 };
        let index = table.slots.insert(Slot { generation, io: ScheduledIo::new(word.clone()) });
        Ok((Token(generation << HALF | index), word))
    }

    /// Frees the slot, unless it is not this token's any more, and hands out the source, which has been told that it is gone.
    #[inline(never)]
    pub(crate) fn remove(&self, token: Token) -> Option<ScheduledIo> {
        let mut table = self.slots.lock();
        let (io, _) = table.get(token)?;
        io.set_gone();
        Some(table.slots.remove(token.0 & LOW).io)
    }

    /// Calls `f`, which must run no foreign code, with the source, unless the slot is not this token's any more.
    pub(crate) fn with<R>(
        &self,
        token: Token,
        f: impl FnOnce(&mut ScheduledIo, &mut WaiterIds) -> R,
    ) -> Option<R> {
        self.slots.lock().get(token).map(|(io, ids)| f(io, ids))
    }

    /// Notes one batch of events. Those of former owners are ignored. The waiters are woken, or moved to `woken`.
    pub(crate) fn dispatch(&self, events: impl Iterator<Item = (Token, Report)>, woken: &mut Vec<Waker>) {
        let mut table = None;
        for (token, report) in events {
            // Locked only now, because many waits bring no event of a source.
            let table = table.get_or_insert_with(|| self.slots.lock());
            if let Some((io, _)) = table.get(token) {
                io.set_ready(report, self.known, woken);
            }
        }
    }

    /// Refuses all sources from now on. Those in the table are told that they are gone, and whoever waits for one is moved to
    /// `woken`.
    pub(crate) fn close(&self, woken: &mut Vec<Waker>) {
        let mut table = self.slots.lock();
        table.closed = true;
        for index in 0..table.slots.capacity() {
            if let Some(mut slot) = table.slots.try_remove(index) {
                slot.io.set_gone();
                slot.io.take_waiters(woken);
            }
        }
        table.slots = Slab::new();
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.lock().slots.len()
    }
}

impl Slots {
    #[inline]
    fn get(&mut self, token: Token) -> Option<(&mut ScheduledIo, &mut WaiterIds)> {
        let slot = self.slots.get_mut(token.0 & LOW).filter(|slot| slot.generation == token.0 >> HALF)?;
        Some((&mut slot.io, &mut self.waiter_ids))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::readiness::Ready;
    use crate::registration::Direction;

    #[test]
    fn an_event_for_a_former_owner_of_the_slot_is_ignored() {
        let table = Table::new(KnownWakers::default());
        let (old, _) = table.insert().unwrap();
        table.remove(old);
        let (new, word) = table.insert().unwrap();
        assert_eq!(old.0 & LOW, new.0 & LOW, "the slot is reused");
        assert_ne!(old, new);
        table.dispatch([(old, Report::READABLE)].into_iter(), &mut Vec::new());
        assert!(!word.snapshot(Direction::Read).has_any(Ready::READY));
        table.remove(old);
        table.dispatch([(new, Report::READABLE)].into_iter(), &mut Vec::new());
        assert!(word.snapshot(Direction::Read).has_any(Ready::READY));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn generations_wrap_without_ever_making_the_wakeup_s_token() {
        let table = Table::new(KnownWakers::default());
        table.slots.lock().next_generation = LOW - 2;
        let generations: Vec<_> = (0..4).map(|_| table.insert().unwrap().0.0 >> HALF).collect();
        assert_eq!(generations, [LOW - 2, LOW - 1, 0, 1]);
    }

    #[test]
    fn one_source_too_many_is_an_error_and_costs_nobody_a_slot() {
        let table = Table::new(KnownWakers::default());
        let (first, _) = table.insert_below(2).unwrap();
        table.insert_below(2).unwrap();
        let error = table.insert_below(2).unwrap_err();
        assert!(error.to_string().contains("sources"), "{error}");
        table.remove(first);
        table.insert_below(2).unwrap();
        assert_eq!(table.len(), 2);
    }
}
