//! Lookups of names that take as long as a silent name server lets them.
//!
//! A program of its own: it has the system's lookup replaced.
#![cfg(all(unix, not(loom)))]
#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
use sideline::net::{TcpListener, TcpSocket};
use sideline::net::{TcpStream, lookup_host};
use sideline::time::timeout;
use sideline::{Pool, Runtime, Shutdown, block_on, to_thread};
use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::future::poll_fn;
use std::net::Ipv4Addr;
#[cfg(target_os = "linux")]
use std::net::SocketAddr;
use std::ptr;
use std::sync::{Condvar, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

/// How many lookups of each host have begun, and whether they may end.
static LOOKUPS: Mutex<BTreeMap<String, (usize, bool)>> = Mutex::new(BTreeMap::new());
static CHANGED: Condvar = Condvar::new();
/// Who waits for one to begin. Locked after the lookups.
static WAITING: Mutex<Vec<Waker>> = Mutex::new(Vec::new());

/// In place of the C library's: what it finds it would find too late.
///
/// # Safety
/// `host` is a string, and `found` a place for a pointer.
#[unsafe(no_mangle)]
unsafe extern "C" fn getaddrinfo(
    host: *const c_char,
    _service: *const c_char,
    _hints: *const c_void,
    found: *mut *mut libc::addrinfo,
) -> c_int {
    // SAFETY: as above.
    let host = unsafe { CStr::from_ptr(host) }.to_str().unwrap();
    if host == TWO_ADDRESSES {
        // SAFETY: as above.
        unsafe { *found = listed(FIRST, listed(SECOND, ptr::null_mut())) };
        return 0;
    }
    let mut lookups = LOOKUPS.lock().unwrap();
    lookups.entry(host.to_owned()).or_default().0 += 1;
    WAITING.lock().unwrap().drain(..).for_each(Waker::wake);
    drop(CHANGED.wait_while(lookups, |lookups| !lookups[host].1).unwrap());
    libc::EAI_FAIL
}

/// Frees what the one above has found.
///
/// # Safety
/// It is from there, and nobody has freed it.
#[unsafe(no_mangle)]
unsafe extern "C" fn freeaddrinfo(mut found: *mut libc::addrinfo) {
    while !found.is_null() {
        // SAFETY: as above; `listed` has made both boxes, and the next one is null or made like it.
        let info = unsafe { Box::from_raw(found) };
        // SAFETY: as above.
        drop(unsafe { Box::from_raw(info.ai_addr.cast::<libc::sockaddr_in>()) });
        found = info.ai_next;
    }
}

/// Only a test that fails waits this long.
#[cfg(target_os = "linux")]
const PATIENCE: Duration = Duration::from_secs(20);

/// The one host that is found at once.
const TWO_ADDRESSES: &str = "two.addresses";
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn listed(address: Ipv4Addr, next: *mut libc::addrinfo) -> *mut libc::addrinfo {
    // SAFETY: structs of integers and pointers, for which zeros are values.
    let (mut raw, mut info): (libc::sockaddr_in, libc::addrinfo) = unsafe { std::mem::zeroed() };
    raw.sin_family = libc::AF_INET as libc::sa_family_t;
    raw.sin_addr.s_addr = u32::from(address).to_be();
    info.ai_family = libc::AF_INET;
    info.ai_addrlen = size_of_val(&raw) as libc::socklen_t;
    info.ai_addr = Box::into_raw(Box::new(raw)).cast();
    info.ai_next = next;
    Box::into_raw(Box::new(info))
}

fn so_far(host: &str) -> usize {
    LOOKUPS.lock().unwrap().get(host).map_or(0, |lookups| lookups.0)
}

async fn begun(host: &str, so_many: usize) {
    poll_fn(|cx| {
        let lookups = LOOKUPS.lock().unwrap();
        if lookups.get(host).is_some_and(|lookups| lookups.0 >= so_many) {
            return Poll::Ready(());
        }
        WAITING.lock().unwrap().push(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

fn may_end(host: &str) {
    LOOKUPS.lock().unwrap().entry(host.to_owned()).or_default().1 = true;
    CHANGED.notify_all();
}

/// The end waited for each as for all jobs, for ten seconds.
#[test]
fn one_that_is_given_up_holds_up_nobody() {
    block_on(async {
        let connecting = sideline::spawn(TcpStream::connect("far.away:80"));
        begun("far.away", 1).await;
        connecting.abort();
    });
    let runtime = Runtime::new().unwrap();
    let looking = runtime.spawn(async { lookup_host("far.away:80").await.map(drop) });
    runtime.block_on(begun("far.away", 2));
    assert_eq!(runtime.handle().metrics().jobs_outstanding, 2 - 1);
    let report = runtime.shutdown(Shutdown::Deadline(Duration::from_secs(3)));
    assert!(report.jobs.left_running.is_empty());
    assert!(block_on(looking).unwrap_err().is_cancelled());
    assert!(!LOOKUPS.lock().unwrap()["far.away"].1, "they are all still under way");

    // Of virtual time none passes meanwhile.
    let paused = Runtime::builder().paused_clock().build().unwrap();
    let answered = paused.block_on(async {
        let begin = sideline::time::now();
        let looking = sideline::spawn(timeout(Duration::from_secs(5), lookup_host("far.away:80")));
        begun("far.away", 3).await;
        may_end("far.away");
        let answered = looking.await.unwrap();
        assert_eq!(sideline::time::now(), begin);
        answered
    });
    let error = answered.expect("the lookup was in time").map(drop).unwrap_err();
    assert!(error.to_string().contains("far.away"), "{error}");
}

/// One after the other the second address would have its turn after minutes.
#[cfg(target_os = "linux")] // which has all of 127.0.0.0
#[test]
fn a_silent_address_of_a_host_does_not_hold_up_the_next() {
    let paused = Runtime::builder().paused_clock().build().unwrap();
    paused.block_on(async {
        let (silent, _alive, port) = loop {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind((FIRST, 0).into()).unwrap();
            let silent = socket.listen(1).unwrap();
            let port = silent.local_addr().unwrap().port();
            // It may be somebody's there.
            if let Ok(alive) = TcpListener::bind((SECOND, port)).await {
                break (silent, alive, port);
            }
        };
        let _queued = fill(&silent);
        let begin = sideline::time::now();
        let connecting = TcpStream::connect((TWO_ADDRESSES, port));
        let connecting = sideline::spawn(timeout(Duration::from_secs(60), connecting));
        // Time passes when all wait, and by then it has been the second one's turn.
        sideline::time::sleep(Duration::from_millis(999)).await;
        // From here on it stands, until the kernel has answered: a job is running.
        let (answered, is_answered) = std::sync::mpsc::channel::<()>();
        let stands = sideline::spawn_blocking(move || is_answered.recv_timeout(PATIENCE));
        let stream = connecting.await.unwrap().expect("it waits for the first").unwrap();
        assert_eq!(stream.peer_addr().unwrap(), SocketAddr::from((SECOND, port)));
        let took = sideline::time::now() - begin;
        assert!(took < Duration::from_secs(1), "{took:?}");
        drop(answered);
        stands.await.unwrap().unwrap_err();
    });
}

/// Connects, until as many connections wait to be accepted as there is room for: from then on the kernel is silent.
#[cfg(target_os = "linux")]
fn fill(listener: &TcpListener) -> Vec<std::net::TcpStream> {
    use std::os::fd::AsRawFd;
    let wait_to_be_accepted = || {
        // SAFETY: a struct of integers, for which zeros are values.
        let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
        let mut len = size_of_val(&info) as libc::socklen_t;
        let (socket, into) = (listener.as_raw_fd(), (&raw mut info).cast());
        // SAFETY: there is as much room as is said.
        let got = unsafe { libc::getsockopt(socket, libc::IPPROTO_TCP, libc::TCP_INFO, into, &raw mut len) };
        assert_eq!(got, 0);
        // Of a listener these are how many wait, and the most that may before one more is the last.
        (info.tcpi_unacked as usize, info.tcpi_sacked as usize)
    };
    let mut queued = Vec::new();
    let (_, most) = wait_to_be_accepted();
    while queued.len() <= most {
        queued.push(std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        // Whoever connects may hear of it first.
        while wait_to_be_accepted().0 < queued.len() {
            std::thread::yield_now();
        }
    }
    queued
}

/// They took all threads of the pool, for as long as the name server was silent.
#[test]
fn a_silent_name_server_leaves_threads_to_others() {
    const HOST: &str = "nobody.there";
    let pool = Pool::builder().core_threads(2).max_threads(4).build().unwrap();
    let runtime = Runtime::builder().pool(pool).build().unwrap();
    runtime.block_on(async {
        let mut connecting = Vec::new();
        for _ in 0..100 {
            connecting.push(sideline::spawn(TcpStream::connect((HOST, 80))));
        }
        begun(HOST, 2).await;
        for number in 0..100 {
            assert_eq!(to_thread(move || number).await, number);
        }
        assert_eq!(so_far(HOST), 2);
        // Giving up one that is under way frees no thread. One that waits never begins.
        connecting.swap_remove(0).abort();
        connecting.pop().unwrap().abort();
        assert_eq!(to_thread(|| 7).await, 7);
        assert_eq!(so_far(HOST), 2);
        may_end(HOST);
        for connecting in connecting {
            let error = connecting.await.unwrap().unwrap_err();
            assert!(error.to_string().contains(HOST));
        }
        assert_eq!(so_far(HOST), 99);
    });
}

/// They heard of it when a lookup that was under way had ended.
#[test]
fn those_that_wait_for_others_hear_at_once_that_their_pool_is_closed() {
    const HOST: &str = "silent.for.long";
    let pool = Pool::builder().core_threads(1).max_threads(2).build().unwrap();
    let runtime = Runtime::builder().pool(pool.clone()).build().unwrap();
    runtime.block_on(async {
        let under_way = sideline::spawn(lookup_host((HOST, 80)));
        begun(HOST, 1).await;
        let waits = sideline::spawn(lookup_host((HOST, 80)));
        sideline::task::yield_now().await;
        pool.shutdown(Shutdown::Abandon);
        let late = lookup_host((HOST, 80)).await.map(drop);
        for refused in [waits.await.unwrap().map(drop), late] {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains("was rejected: the pool is shut down"), "{error}");
        }
        assert!(!under_way.is_finished());
        may_end(HOST);
        _ = under_way.await;
        assert_eq!(so_far(HOST), 1);
    });
}

/// Virtual time passed it by: it was no job yet.
#[test]
fn one_that_waits_for_others_holds_up_virtual_time() {
    let pool = Pool::builder().core_threads(1).max_threads(2).build().unwrap();
    let first = Runtime::builder().pool(pool.clone()).build().unwrap();
    drop(first.spawn(async { lookup_host("first.in.line:80").await.map(drop) }));
    first.block_on(begun("first.in.line", 1));
    let paused = Runtime::builder().pool(pool).paused_clock().build().unwrap();
    may_end("second.in.line");
    paused.block_on(async {
        let begin = sideline::time::now();
        let handle = sideline::Handle::current();
        let before = handle.metrics().turns;
        let looking = timeout(Duration::from_nanos(1), lookup_host("second.in.line:80"));
        // Another thread lets the first one end when this loop has turned in vain for a while.
        let other = std::thread::spawn(move || {
            while handle.metrics().turns < before + 5 {
                std::thread::yield_now();
            }
            may_end("first.in.line");
        });
        let error = looking.await.expect("time stands still").map(drop).unwrap_err();
        assert!(error.to_string().contains("second.in.line"), "{error}");
        assert_eq!(sideline::time::now(), begin);
        other.join().unwrap();
    });
}
