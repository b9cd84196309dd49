/// So many jobs, all of which must run at once for any to end. Waits for them; `block_on` must be there.
#[track_caller]
fn all_meet(pool: &sideline_blocking_pool::Pool, count: usize) {
    let meet = std::sync::Arc::new(std::sync::Barrier::new(count));
    let jobs: Vec<_> = (0..count)
        .map(|_| {
            let meet = std::sync::Arc::clone(&meet);
            pool.spawn(move || _ = meet.wait())
        })
        .collect();
    jobs.into_iter().for_each(|job| block_on(job).unwrap());
}
