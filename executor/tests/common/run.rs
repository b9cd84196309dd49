// For `include!`.

const LONG: std::time::Duration = std::time::Duration::from_secs(30);

/// Runs a test on a fresh runtime; a hang is a failure.
fn run<T>(test: impl Future<Output = std::io::Result<T>>) -> T {
    sideline::block_on(async { sideline::time::timeout(LONG, test).await.expect("hangs").unwrap() })
}
