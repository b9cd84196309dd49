//! End-to-end tests of the runtime. What several of them need is here; the cross-crate loom models too.
#![forbid(unsafe_code)]

#[cfg(all(test, loom))]
mod models;

/// How many descriptors this process has open.
///
/// # Panics
/// Where there is no `/proc`.
pub fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc/self/fd").count()
}

/// What a thread has waited for until now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waits {
    /// Its name and number.
    pub thread: String,
    /// How often it has given up the CPU to wait.
    pub times: u64,
    /// `S` for one that sleeps, `R` for one that runs or waits for a processor.
    pub state: char,
}

impl Waits {
    /// Whether it waits now for somebody to wake it up.
    pub fn is_asleep(&self) -> bool {
        self.state == 'S'
    }
}

/// The threads of this process whose name starts with `prefix`.
///
/// # Panics
/// Where there is no `/proc`.
pub fn waits_of_threads(prefix: &str) -> Vec<Waits> {
    let mut threads = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").expect("/proc/self/task").flatten() {
        // A thread may end while we look.
        let Ok(status) = std::fs::read_to_string(task.path().join("status")) else { continue };
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned()).unwrap_or_default()
        };
        let name = field("Name:");
        if name.starts_with(prefix) {
            let thread = format!("{name} {}", task.file_name().to_string_lossy());
            let times = field("voluntary_ctxt_switches:").parse().unwrap_or(0);
            threads.push(Waits { thread, times, state: field("State:").chars().next().unwrap_or('?') });
        }
    }
    threads.sort();
    threads
}

/// `cargo loom` asks for `cfg(loom)`; a RUSTFLAGS in the environment would switch it off without a word.
#[cfg(test)]
#[test]
fn loom_is_really_on() {
    let asked_for = std::env::var_os("SIDELINE_LOOM").is_some();
    assert!(cfg!(loom) || !asked_for, "cargo loom ran without cfg(loom): unset RUSTFLAGS");
}
