//! A pointer that is set once.

use super::check;
use crate::set_once::SetOnce;
use crate::sync::{Arc, AtomicBool, Ordering, thread};

struct Value {
    number: u32,
    is_written: AtomicBool,
}

impl Value {
    fn new(number: u32) -> Value {
        let value = Value { number, is_written: AtomicBool::new(false) };
        // Relaxed: it is the pointer that has to carry this along.
        value.is_written.store(true, Ordering::Relaxed);
        value
    }

    fn number(&self) -> u32 {
        assert!(self.is_written.load(Ordering::Relaxed), "found before it was written");
        self.number
    }
}

/// Two set it and a third looks: they come to one value, and to what is in it.
fn set_against_set_and_get() {
    let place = Arc::new(SetOnce::new());
    let setters = [1, 2].map(|number| {
        let place = place.clone();
        thread::spawn(move || place.set(Value::new(number)).number())
    });
    let found = place.get().map(Value::number);
    let [one, other] = setters.map(|setter| setter.join().unwrap());
    assert_eq!(one, other);
    assert!(found.is_none_or(|found| found == one));
    assert_eq!(place.get().map(Value::number), Some(one));
}

#[test]
fn set_against_set_and_get_comes_to_one_value() {
    check(set_against_set_and_get);
}
