//! By what is used after the fork.

mod blocking;
mod kernel;
mod once;
mod process;
mod runtimes;

pub(super) fn run(scenario: Option<&str>) {
    match scenario {
        None => runtimes::runtimes(),
        Some("sets") => runtimes::sets(),
        Some("signals") => kernel::signals(),
        Some("input") => kernel::input(),
        Some("sockets") => kernel::sockets(),
        Some("tables") => kernel::tables(),
        Some("processes") => kernel::processes(),
        Some("aborts") => blocking::aborts(),
        Some("tokens") => blocking::tokens(),
        Some("tenants") => blocking::tenants(),
        Some("first") => once::first_uses(),
        Some("pauses") => kernel::pauses(),
        Some("statics") => once::statics(),
        Some(other) => panic!("no scenario is called {other}"),
    }
}
