/// A fixed amount of work, calibrated once: a preempted thread must not get its work for free.
fn compute(steps: u64) -> u64 {
    let mut x = 1u64;
    for _ in 0..steps {
        x = std::hint::black_box(x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407));
    }
    x
}

fn steps_per(time: std::time::Duration) -> u64 {
    let probe = 1_000_000;
    let start = std::time::Instant::now();
    std::hint::black_box(compute(probe));
    (probe as f64 * time.as_secs_f64() / start.elapsed().as_secs_f64()) as u64
}
