/// How many threads of this process have a name that begins so.
#[cfg(target_os = "linux")]
fn threads_named(prefix: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with(prefix)).count()
}

/// Waits until they have ended, for ever if one stays. One that has just been joined may be on the list for a moment.
#[cfg(target_os = "linux")]
fn threads_end(prefix: &str) {
    while threads_named(prefix) > 0 {
        std::thread::yield_now();
    }
}
