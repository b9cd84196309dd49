// For `include!`.

/// Lets this process have as many descriptors as a test needs: by default, macOS lets one have 256, and here the tests share them.
/// What is a limit for who asks, too, is for people to change.
fn allow_descriptors(needed: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Some(maximum) = limit.maximum.filter(|&maximum| maximum <= needed) {
        panic!("the test needs {needed} descriptors, and some for others: raise the limit of {maximum} (`ulimit -Hn`)");
    }
    // Beside those of the test, some of others.
    let wanted = needed + 256;
    if limit.current.is_some_and(|current| current < wanted) {
        let current = Some(limit.maximum.map_or(wanted, |maximum| maximum.min(wanted)));
        setrlimit(Resource::Nofile, Rlimit { current, maximum: limit.maximum }).unwrap();
    }
}
