/// Runs one test of this program once more, in a process of its own, unless this is that: false there, and true here, when it has
/// succeeded. `descriptors`: how many that process may have open.
fn ran_alone(test: &str, descriptors: Option<u32>) -> bool {
    if std::env::var_os("SIDELINE_ALONE").is_some() {
        return false;
    }
    let limit = descriptors.map(|most| format!("ulimit -n {most} && ")).unwrap_or_default();
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("{limit}exec \"$0\" --exact \"$1\" --nocapture")])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env("SIDELINE_ALONE", "1")
        .output()
        .unwrap();
    // A test that has another name by now would not run at all, and that is a success, too.
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    true
}
