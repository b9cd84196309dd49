//! The loop and its watchdog.

use super::check;
use crate::core::pulse::Pulse;
use crate::sync::thread;
use crate::watchdog::Doze;
use std::sync::Arc;

/// The watchdog lies down while the loop goes to work. A fault shows as a watchdog that sleeps for ever.
#[test]
fn watchdog_sleep_against_rise() {
    check(3, || {
        let doze = Arc::new(Doze::new());
        let watching = Arc::clone(&doze);
        let watchdog = thread::spawn(move || {
            watching.introduce_watchdog();
            loop {
                let rests = watching.rests();
                if !Doze::is_rest(rests) {
                    break;
                }
                watching.sleep(rests);
            }
        });
        doze.rise();
        watchdog.join().unwrap();
    });
}

/// The watchdog reads the task that is being polled while that completes and is freed. A fault shows as a race for the task: it is
/// read before it can be seen whole, or while it is freed.
#[test]
fn watchdog_reads_against_completion() {
    struct Task(loom::cell::UnsafeCell<()>);
    #[allow(unsafe_code)]
    // SAFETY: there is nothing in it. loom sees to it that the accesses are as if there were.
    unsafe impl Sync for Task {}
    check(3, || {
        let pulse = Arc::new(Pulse::new(true));
        let tasks = Arc::new([1, 2].map(|_| Task(loom::cell::UnsafeCell::new(()))));
        let (reading, seen) = (Arc::clone(&pulse), Arc::clone(&tasks));
        let watchdog = thread::spawn(move || {
            reading.read_model(|current| {
                thread::yield_now();
                seen[current / 8 - 1].0.with(|_| ());
            });
        });
        for (number, task) in (1..).zip(tasks.iter()) {
            // It is made, and later freed.
            task.0.with_mut(|_| ());
            pulse.begin_model(number * 8);
            pulse.let_go();
            task.0.with_mut(|_| ());
            pulse.end();
        }
        watchdog.join().unwrap();
    });
}
