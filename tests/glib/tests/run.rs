//! The example, run as its user would run it.

use std::process::Command;

#[test]
fn ticks_and_jobs_arrive_with_no_turn_for_nothing_and_no_thread_but_the_pools() {
    let output = Command::new(env!("CARGO_BIN_EXE_sideline-glib")).output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
    for expected in ["tick 1", "tick 2", "tick 3", "job 1,", "job 5,"] {
        assert!(out.lines().any(|line| line.starts_with(expected)), "{out}");
    }
    let number_before = |text: &str| -> usize {
        let line = out.lines().find(|line| line.contains(text)).unwrap();
        line.split(text).next().unwrap().trim().parse().unwrap()
    };
    // The spawn, three ticks and five jobs; some frames pass without a turn. A notifier that is late by one turn, and a
    // timer that ends a wait a moment early, cost one more each.
    let turns = number_before(" turns for");
    assert!((9..=20).contains(&turns), "{out}");
    let threads = number_before(" threads, of the pool");
    let pool: usize = out.lines().last().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    // This one, the pool's, and perhaps the pool's monitor.
    assert!(threads <= 1 + pool + 1, "{out}");
}
