/// Runs `model` in a process of its own, as it may abort that, with `step` left out. True if it fails.
///
/// A model has an end, with a missing step as without: what waits for ever is a deadlock to it, and what turns for ever
/// has too many branches.
fn fails(step: &str, model: &str) -> bool {
    let this = std::env::current_exe().expect("a running test has a path");
    let ended = std::process::Command::new(this)
        .args(["--exact", model])
        .env("SIDELINE_TWIN", step)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .expect("the test binary starts once more");
    !ended.success()
}
