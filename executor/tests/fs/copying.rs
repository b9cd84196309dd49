//! Copies of whole files.
#![allow(unsafe_code)]

use super::*;
use sideline::to_thread;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

/// A handler that does not ask for interrupted calls to be made again, as profilers have them.
fn install_handler(signal: libc::c_int) {
    extern "C" fn nothing(_: libc::c_int) {}
    let handler: extern "C" fn(libc::c_int) = nothing;
    // SAFETY: all zeros are a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as usize;
    // SAFETY: the handler does nothing.
    assert_eq!(unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) }, 0);
}

/// `fs::copy` failed with `Interrupted` for nearly every file of some megabytes.
#[test]
fn a_copy_goes_on_after_signals() {
    install_handler(libc::SIGUSR2);
    let scratch = tempdir().unwrap();
    let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
    let bytes = pattern(8 << 20);
    std::fs::write(&from, &bytes).unwrap();
    let over = Arc::new(AtomicBool::new(false));
    run(async {
        // SAFETY: takes nothing.
        let worker = to_thread(|| unsafe { libc::gettid() }).await;
        let is_over = Arc::clone(&over);
        let storm = thread::spawn(move || {
            let process = std::process::id();
            while !is_over.load(SeqCst) {
                // SAFETY: there is a handler; the pool's only thread stays until the test has ended.
                unsafe { libc::syscall(libc::SYS_tgkill, process, worker, libc::SIGUSR2) };
                thread::sleep(Duration::from_micros(50));
            }
        });
        let mut copied = Ok(0);
        for _ in 0..20 {
            copied = copied.and(fs::copy(&from, &to).await);
        }
        over.store(true, SeqCst);
        storm.join().unwrap();
        assert_eq!(copied?, bytes.len() as u64);
        Ok(())
    });
    assert!(std::fs::read(&to).unwrap() == bytes);
}

#[test]
fn a_copy_is_as_the_standard_library_s() {
    let scratch = tempdir().unwrap();
    let (from, to, theirs) =
        (scratch.path().join("from"), scratch.path().join("to"), scratch.path().join("theirs"));
    run(async {
        for len in [0, 1, 100_000] {
            std::fs::write(&from, pattern(len)).unwrap();
            for mode in [0o640, 0o444] {
                std::fs::set_permissions(&from, PermissionsExt::from_mode(mode)).unwrap();
                for place in [&to, &theirs] {
                    let _ = std::fs::remove_file(place);
                    std::fs::write(place, b"longer than what is copied there, or not").unwrap();
                }
                assert_eq!(fs::copy(&from, &to).await?, std::fs::copy(&from, &theirs)?);
                assert!(std::fs::read(&to)? == std::fs::read(&theirs)?);
                let mode = |path| std::fs::metadata(path).map(|about| about.permissions().mode());
                assert_eq!(mode(&to)?, mode(&theirs)?);
            }
            std::fs::set_permissions(&from, PermissionsExt::from_mode(0o640)).unwrap();
        }
        for (from, to) in [
            (scratch.path().to_owned(), to.clone()),
            (scratch.path().join("nothing"), to),
            (from, scratch.path().to_owned()),
        ] {
            let ours = fs::copy(&from, &to).await.unwrap_err();
            assert_eq!(ours.kind(), std::fs::copy(&from, &to).unwrap_err().kind());
        }
        Ok(())
    });
}
