//! Who a token belongs to.
//!
//! A slot is reused as soon as its source is deregistered, possibly in the middle of a batch of events that still
//! names the old owner, and a descriptor that was duplicated keeps reporting for an owner long gone. So a token
//! carries, beside the slot's index, the generation of the registration it was made for, and an event whose
//! generation is not the slot's present one is nobody's. Each has half of the token's bits: on a 32-bit system there is
//! room for 65,535 sources, and who comes after that gets an error.
//!
//! The closed flag lives under the same lock as the slots: a registration is either in the table when the reactor
//! closes, and is told, or it comes later and is refused. Model: `register_against_close`, twin
//! `register-sees-closed`.

use crate::errors;
use crate::lock::Mutex;
use crate::readiness::Ready;
use crate::scheduled_io::ScheduledIo;
use crate::sync::{Arc, left_out};
use mio::Token;
use slab::Slab;
use std::io;
use std::task::Waker;

pub(crate) struct Table(Mutex<Slots>);

struct Slots {
    slots: Slab<Slot>,
    next_generation: usize,
    closed: bool,
}

struct Slot {
    generation: usize,
    io: Arc<ScheduledIo>,
}

/// The low half of a token is the index, the high half the generation.
const HALF: u32 = usize::BITS / 2;
const LOW: usize = (1 << HALF) - 1;

impl Table {
    pub(crate) fn new() -> Table {
        Table(Mutex::new(Slots { slots: Slab::new(), next_generation: 0, closed: false }))
    }

    /// A slot for a new source.
    ///
    /// # Errors
    /// If the reactor is closed; if there are more sources than a token can tell apart.
    pub(crate) fn insert(&self) -> io::Result<(Token, Arc<ScheduledIo>)> {
        self.insert_below(LOW)
    }

    fn insert_below(&self, most: usize) -> io::Result<(Token, Arc<ScheduledIo>)> {
        let io = Arc::new(ScheduledIo::new());
        let mut table = self.0.lock();
        if table.closed && !left_out("register-sees-closed") {
            return Err(errors::shut_down());
        }
        if table.slots.vacant_key() >= most {
            return Err(errors::too_many_sources());
        }
        let generation = table.next_generation;
        // The highest generation is never given out: its token could be the wakeup's.
        table.next_generation = if generation + 1 >= LOW { 0 } else { generation + 1 };
        let index = table.slots.insert(Slot { generation, io: io.clone() });
        Ok((Token(generation << HALF | index), io))
    }

    /// Frees the slot, unless it is not this token's any more.
    pub(crate) fn remove(&self, token: Token) {
        let removed = {
            let mut table = self.0.lock();
            table.get(token).is_some().then(|| table.slots.remove(token.0 & LOW))
        };
        // Outside the lock: with the last reference go wakers that were never woken.
        drop(removed);
    }

    /// Notes one batch of events. Those of former owners are ignored. The waiters are moved to `woken`.
    pub(crate) fn dispatch(&self, events: impl Iterator<Item = (Token, Ready)>, woken: &mut Vec<Waker>) {
        let mut events = events.peekable();
        if events.peek().is_none() {
            return;
        }
        let table = self.0.lock();
        for (token, ready) in events {
            if let Some(io) = table.get(token) {
                io.set_ready(ready, woken);
            }
        }
    }

    /// Refuses everybody from now on, and hands out those who are in.
    pub(crate) fn close(&self) -> impl Iterator<Item = Arc<ScheduledIo>> + use<> {
        let mut table = self.0.lock();
        table.closed = true;
        std::mem::take(&mut table.slots).into_iter().map(|(_, slot)| slot.io)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().slots.len()
    }
}

impl Slots {
    fn get(&self, token: Token) -> Option<&ScheduledIo> {
        let slot = self.slots.get(token.0 & LOW)?;
        (slot.generation == token.0 >> HALF).then_some(&*slot.io)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::registration::Direction;

    #[test]
    fn an_event_for_a_former_owner_of_the_slot_is_ignored() {
        let table = Table::new();
        let (old, _) = table.insert().unwrap();
        table.remove(old);
        let (new, io) = table.insert().unwrap();
        assert_eq!(old.0 & LOW, new.0 & LOW, "the slot is reused");
        assert_ne!(old, new);
        table.dispatch([(old, Ready::READABLE)].into_iter(), &mut Vec::new());
        assert!(!io.snapshot().reported(Direction::Read));
        table.remove(old);
        table.dispatch([(new, Ready::READABLE)].into_iter(), &mut Vec::new());
        assert!(io.snapshot().reported(Direction::Read));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn generations_wrap_without_ever_making_the_wakeup_s_token() {
        let table = Table::new();
        table.0.lock().next_generation = LOW - 2;
        let generations: Vec<_> = (0..4).map(|_| table.insert().unwrap().0.0 >> HALF).collect();
        assert_eq!(generations, [LOW - 2, LOW - 1, 0, 1]);
    }

    #[test]
    fn one_source_too_many_is_an_error_and_costs_nobody_a_slot() {
        let table = Table::new();
        let (first, _) = table.insert_below(2).unwrap();
        table.insert_below(2).unwrap();
        let error = table.insert_below(2).unwrap_err();
        assert!(error.to_string().contains("sources"), "{error}");
        table.remove(first);
        table.insert_below(2).unwrap();
        assert_eq!(table.len(), 2);
    }
}
