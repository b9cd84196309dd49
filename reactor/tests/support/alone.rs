include!("again.rs");

/// Runs one test of this program once more, in a process of its own, unless this is that: false there, and true here, when it has
/// succeeded. `descriptors`: how many that process may have open.
fn ran_alone(test: &str, descriptors: Option<u32>) -> bool {
    let Some(mut again) = again(test, descriptors) else { return false };
    let output = again.output().unwrap();
    // A test that has another name by now would not run at all, and that is a success, too.
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    true
}
