/// What runs one test of this program once more, in a process of its own. `None` in that process. `descriptors`: how many that
/// process may have open.
fn again(test: &str, descriptors: Option<u32>) -> Option<std::process::Command> {
    if std::env::var_os("SIDELINE_ALONE").is_some() {
        return None;
    }
    let limit = descriptors.map(|most| format!("ulimit -n {most} && ")).unwrap_or_default();
    let mut again = std::process::Command::new("sh");
    again
        .args(["-c", &format!("{limit}exec \"$0\" --exact \"$1\" --nocapture")])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env("SIDELINE_ALONE", "1");
    Some(again)
}
