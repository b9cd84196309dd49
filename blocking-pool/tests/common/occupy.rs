/// A worker that is busy with `job`, which has started, until the sender is dropped.
#[track_caller]
fn occupy(
    job: sideline_blocking_pool::JobBuilder,
) -> (sideline_blocking_pool::JoinHandle<()>, std::sync::mpsc::Sender<()>) {
    let (started, has_started) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel();
    let job = job.spawn(move || {
        started.send(()).unwrap();
        _ = released.recv();
    });
    has_started.recv().unwrap();
    (job, release)
}
