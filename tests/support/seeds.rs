/// Calls `run` with every seed below `count`, or with those that the environment asks for: `SIDELINE_SEEDS=0..5000`. If one
/// fails, it says which.
fn for_seeds(count: u64, run: impl Fn(u64)) {
    struct Running(u64);
    impl Drop for Running {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("this was with the seed {}", self.0);
            }
        }
    }
    let asked = std::env::var("SIDELINE_SEEDS").ok();
    let number = |text: &str| text.parse().expect("SIDELINE_SEEDS is two numbers, as in 0..5000");
    let seeds = match asked.as_deref().map(|range| range.split_once("..").unwrap_or((range, ""))) {
        Some((from, to)) => number(from)..number(to),
        None => 0..count,
    };
    for seed in seeds {
        let _running = Running(seed);
        run(seed);
    }
}
