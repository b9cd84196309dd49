//! Lookups of names that take as long as a silent name server lets them.
//!
//! A program of its own: it has the system's lookup replaced.
#![cfg(all(unix, not(loom)))]
#![allow(unsafe_code)]

use sideline::net::{TcpStream, lookup_host};
use sideline::time::{sleep, timeout};
use sideline::{Runtime, Shutdown, block_on};
use std::ffi::{c_char, c_int, c_void};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// How many lookups have begun, and whether they may end.
static LOOKUPS: Mutex<(usize, bool)> = Mutex::new((0, false));
static CHANGED: Condvar = Condvar::new();

/// In place of the C library's: what it finds it would find too late.
///
/// # Safety
/// Touches none of its arguments.
#[unsafe(no_mangle)]
unsafe extern "C" fn getaddrinfo(
    _host: *const c_char,
    _service: *const c_char,
    _hints: *const c_void,
    _found: *mut *mut c_void,
) -> c_int {
    let mut lookups = LOOKUPS.lock().unwrap();
    lookups.0 += 1;
    CHANGED.notify_all();
    drop(CHANGED.wait_while(lookups, |lookups| !lookups.1).unwrap());
    libc::EAI_FAIL
}

async fn begun(so_many: usize) {
    while LOOKUPS.lock().unwrap().0 < so_many {
        sleep(Duration::from_millis(1)).await;
    }
}

/// The end waited for each as for all jobs, for ten seconds.
#[test]
fn one_that_is_given_up_holds_up_nobody() {
    block_on(async {
        let connecting = sideline::spawn(TcpStream::connect("far.away:80"));
        begun(1).await;
        connecting.abort();
    });
    let runtime = Runtime::new().unwrap();
    let looking = runtime.spawn(async { lookup_host("far.away:80").await.map(drop) });
    runtime.block_on(begun(2));
    assert_eq!(runtime.handle().metrics().jobs_outstanding, 2 - 1);
    let report = runtime.shutdown(Shutdown::Deadline(Duration::from_secs(3)));
    assert!(report.jobs.left_running.is_empty());
    assert!(block_on(looking).unwrap_err().is_cancelled());
    assert!(!LOOKUPS.lock().unwrap().1, "they are all still under way");

    // Of virtual time none passes meanwhile.
    let paused = Runtime::builder().paused_clock().build().unwrap();
    let answered = paused.block_on(async {
        let begin = sideline::time::now();
        let looking = sideline::spawn(timeout(Duration::from_secs(5), lookup_host("far.away:80")));
        while LOOKUPS.lock().unwrap().0 < 3 {
            sideline::task::yield_now().await;
        }
        LOOKUPS.lock().unwrap().1 = true;
        CHANGED.notify_all();
        let answered = looking.await.unwrap();
        assert_eq!(sideline::time::now(), begin);
        answered
    });
    let error = answered.expect("the lookup was in time").map(drop).unwrap_err();
    assert!(error.to_string().contains("far.away"), "{error}");
}
