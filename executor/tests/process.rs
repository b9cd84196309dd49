//! Child processes: their ends, their pipes, and none that stays a zombie.
#![cfg(all(unix, not(loom)))]

use rustix::process::{Pid, test_kill_process};
use sideline::process::{Child, ChildStdin, Command, Stdio};
use sideline::task::JoinSet;
use sideline::time::sleep;
use sideline::{Runtime, spawn, to_thread};
use std::future::Future;
use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

include!("common/run.rs");

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// A child that does nothing until its input ends.
fn cat() -> io::Result<Child> {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
}

/// A child whose runtime is gone, and what ends it when it is dropped.
fn orphan() -> (u32, ChildStdin) {
    Runtime::new().unwrap().block_on(async {
        let mut child = cat().unwrap();
        (child.id().unwrap(), child.stdin.take().unwrap())
    })
}

/// False once nobody has this number, a zombie neither.
fn is_in_the_process_table(pid: u32) -> bool {
    test_kill_process(Pid::from_raw(pid as i32).unwrap()).is_ok()
}

/// Until the process has ended and somebody has waited for it. Nobody is told of that, so it is looked for.
async fn is_gone(pid: u32) {
    while is_in_the_process_table(pid) {
        sleep(Duration::from_millis(1)).await;
    }
}

/// Until the process has ended, and be it a zombie: only whoever waits for it would be told, and that is what is not to happen yet.
#[cfg(target_os = "linux")]
async fn has_ended(pid: u32) {
    let is_alive = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    while is_alive() {
        sleep(Duration::from_millis(1)).await;
    }
}

// Whoever spawns or waits for a child also asks for those that nobody waits for any more, so among other tests a zombie that is left
// would be found by them.
include!("../../reactor/tests/support/alone.rs");

#[test]
fn how_a_child_ended_is_known_and_stays_known() {
    run(async {
        let mut child = sh("exit 7").spawn()?;
        let pid = child.id().unwrap();
        assert_eq!(child.wait().await?.code(), Some(7));
        assert_eq!(child.wait().await?.code(), Some(7));
        assert_eq!(child.try_wait()?.unwrap().code(), Some(7));
        assert_eq!(child.id(), None);
        assert!(!is_in_the_process_table(pid));
        child.start_kill()?;
        child.kill().await?;
        assert!(sh("true").status().await?.success());
        assert_eq!(sh("kill -TERM $$").status().await?.signal(), Some(15));
        Ok(())
    });
}

#[test]
fn a_child_that_runs_is_waited_for_and_killed() {
    run(async {
        let mut child = cat()?;
        assert!(child.try_wait()?.is_none());
        // Waiting closes its input; so give that to somebody else first.
        let stdin = child.stdin.take();
        {
            let mut waiting = std::pin::pin!(child.wait());
            let first = std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx)));
            assert!(first.await.is_pending());
        }
        assert!(child.try_wait()?.is_none(), "a wait that is dropped changes nothing");
        child.kill().await?;
        assert_eq!(child.wait().await?.signal(), Some(9));
        drop(stdin);
        // And one whose input ends because it is waited for.
        assert!(cat()?.wait().await?.success());
        Ok(())
    });
}

#[test]
fn pipes_carry_more_than_they_hold_both_ways_at_once() {
    run(async {
        let sent: Vec<u8> = (0..1_000_000_u32).map(|i| (i ^ (i >> 8)) as u8).collect();
        let mut child = cat()?;
        let stdin = child.stdin.take().unwrap();
        let writing = spawn({
            let sent = sent.clone();
            async move { stdin.write_all(&sent).await }
        });
        let mut received = Vec::new();
        child.stdout.as_ref().unwrap().read_to_end(&mut received).await?;
        writing.await.unwrap()?;
        assert!(received == sent);
        assert!(child.wait().await?.success());
        Ok(())
    });
}

#[test]
fn both_outputs_are_read_at_once() {
    run(async {
        // More than a pipe holds on each, in turns.
        let script = "for i in 1 2 3 4; do head -c 100000 /dev/zero; head -c 100000 /dev/zero >&2; done";
        let output = sh(script).output().await?;
        assert!(output.status.success());
        assert_eq!((output.stdout.len(), output.stderr.len()), (400_000, 400_000));
        // What was chosen is kept.
        let output = sh("echo out; echo err >&2").stderr(Stdio::null()).output().await?;
        assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b""[..]));
        Ok(())
    });
}

#[test]
fn asking_for_the_output_once_does_not_pipe_the_streams_for_ever() {
    run(async {
        let mut command = sh("true");
        command.stderr(Stdio::piped());
        command.output().await?;
        let mut child = command.spawn()?;
        assert!(child.stdin.is_none() && child.stdout.is_none(), "these are inherited, as before");
        assert!(child.stderr.is_some(), "this was chosen");
        child.wait().await.map(drop)
    });
}

#[test]
fn the_output_of_one_is_the_input_of_the_next() {
    run(async {
        let mut first = Command::new("echo").arg("through both").stdout(Stdio::piped()).spawn()?;
        let between = Stdio::try_from(first.stdout.take().unwrap())?;
        let output = Command::new("tr").args(["a-z", "A-Z"]).stdin(between).output().await?;
        assert_eq!(output.stdout, b"THROUGH BOTH\n");
        first.wait().await.map(drop)
    });
}

#[test]
fn writing_to_a_child_that_has_ended_is_an_error() {
    run(async {
        let mut child = sh("exit 0").stdin(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().unwrap();
        child.wait().await?;
        // A child of another test has the pipe, too, between its fork and its exec.
        let error = loop {
            if let Err(error) = stdin.write(b"hello?").await {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        Ok(())
    });
}

#[test]
fn many_children_end_at_once() {
    run(async {
        let mut children = JoinSet::new();
        for code in 0..40 {
            let mut child = sh(&format!("exit {code}")).spawn()?;
            children.spawn(async move { child.wait().await.map(|status| (code, status.code())) });
        }
        while let Some(ended) = children.join_next().await {
            let (code, status) = ended.unwrap()?;
            assert_eq!(status, Some(code));
        }
        Ok(())
    });
}

#[test]
fn a_child_that_is_dropped_goes_on_and_leaves_no_zombie() {
    if ran_alone("a_child_that_is_dropped_goes_on_and_leaves_no_zombie", None) {
        return;
    }
    run(async {
        let mut child = cat()?;
        let pid = child.id().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        drop(child);
        // It is there, and answers.
        stdin.write_all(b"you").await?;
        let mut answer = [0; 3];
        stdout.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"you");
        drop(stdin);
        is_gone(pid).await;
        Ok(())
    });
}

#[test]
fn a_child_that_is_to_be_killed_on_drop_is() {
    if ran_alone("a_child_that_is_to_be_killed_on_drop_is", None) {
        return;
    }
    run(async {
        let child = Command::new("sleep").arg("1000").kill_on_drop(true).spawn()?;
        let pid = child.id().unwrap();
        drop(child);
        is_gone(pid).await;
        // Also if the drop comes from a future that is given up, on another thread.
        let child = Command::new("sleep").arg("1000").kill_on_drop(true).spawn()?;
        let pid = child.id().unwrap();
        to_thread(move || drop(child)).await;
        is_gone(pid).await;
        Ok(())
    });
}

#[test]
fn a_child_that_outlives_its_runtime_is_waited_for_by_the_next() {
    if ran_alone("a_child_that_outlives_its_runtime_is_waited_for_by_the_next", None) {
        return;
    }
    let (pid, stdin) = orphan();
    drop(stdin);
    run(async {
        while is_in_the_process_table(pid) {
            sh("true").status().await?;
        }
        Ok(())
    });
}

/// Nothing else happens in the process: no child is spawned, and none is dropped.
#[cfg(target_os = "linux")]
#[test]
fn a_child_that_outlives_its_runtime_is_asked_again_when_another_has_ended() {
    if ran_alone("a_child_that_outlives_its_runtime_is_asked_again_when_another_has_ended", None) {
        return;
    }
    let (pid, stdin) = orphan();
    run(async {
        let mut other = cat()?;
        drop(stdin);
        has_ended(pid).await;
        drop(other.stdin.take());
        other.wait().await?;
        assert!(!is_in_the_process_table(pid));
        Ok(())
    });
}

/// Nor has another one ended.
#[cfg(target_os = "linux")]
#[test]
fn a_child_that_outlives_its_runtime_is_asked_again_when_another_is_dropped() {
    if ran_alone("a_child_that_outlives_its_runtime_is_asked_again_when_another_is_dropped", None) {
        return;
    }
    let (pid, stdin) = orphan();
    run(async {
        let mut other = cat()?;
        let goes_on = other.stdin.take();
        drop(stdin);
        has_ended(pid).await;
        drop(other);
        assert!(!is_in_the_process_table(pid));
        drop(goes_on);
        Ok(())
    });
}

#[test]
fn what_cannot_be_run_is_an_error() {
    run(async {
        let error = Command::new("/no/such/program").spawn().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        Ok(())
    });
    let error = Command::new("true").spawn().unwrap_err();
    assert!(error.to_string().contains("block_on"), "{error}");
}

#[test]
fn environment_directory_and_group_are_what_they_were_set_to() {
    run(async {
        let output = sh("echo $ONE $TWO $THREE; pwd")
            .env_clear()
            .env("ONE", "1")
            .envs([("TWO", "2"), ("THREE", "3")])
            .env_remove("TWO")
            .current_dir("/")
            .process_group(0)
            .output()
            .await?;
        assert_eq!(String::from_utf8_lossy(&output.stdout), "1 3\n/\n");
        let from_std = Command::from(std::process::Command::new("true"));
        assert_eq!(from_std.as_std().get_program(), "true");
        Ok(())
    });
}

#[cfg(target_os = "linux")]
#[test]
fn children_of_the_loop_do_not_inherit_the_pool_s_priority() {
    run(async {
        let nice = || async { Command::new("nice").output().await.map(|output| output.stdout) };
        let own = std::process::Command::new("nice").output()?.stdout;
        assert_eq!(nice().await?, own);
        let of_a_job = to_thread(|| std::process::Command::new("nice").output()).await?.stdout;
        // Nothing is nicer than 19.
        assert!(of_a_job != own || own == *b"19\n");
        Ok(())
    });
}

/// Under `nice` the workers were the loop's equals.
#[cfg(target_os = "linux")]
#[test]
fn a_program_that_is_nice_has_a_pool_that_is_nicer() -> Result<(), Box<dyn std::error::Error>> {
    let test = "children_of_the_loop_do_not_inherit_the_pool_s_priority";
    let again = std::process::Command::new("nice")
        .args(["-n", "3"])
        .arg(std::env::current_exe()?)
        .args(["--exact", test])
        .output()?;
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
    Ok(())
}

#[test]
fn children_are_sent_between_threads() {
    fn sent<T: Send>() {}
    fn future<T: Send>(_: impl FnOnce(&'static mut Child) -> T) {}
    sent::<Child>();
    sent::<Command>();
    future(|child| child.wait());
    future(|child| child.kill());
}

/// The kernel forgets it when it has ended. A process that was gone before anybody could wait for it made us listen to the signal,
/// and from then on every child was left in the process table, also those of other code that relies on its being forgotten. It was
/// killed by its number, whoever had that by then.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
#[test]
fn in_a_process_that_ignores_the_signal_a_child_is_forgotten_and_the_next_ones_are() {
    if ran_alone("in_a_process_that_ignores_the_signal_a_child_is_forgotten_and_the_next_ones_are", None) {
        return;
    }
    // SAFETY: no handler, which could do what it must not.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    run(async {
        for _ in 0..100 {
            let error = sh("exit 3").status().await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ECHILD));
        }
        let mut other = std::process::Command::new("true").spawn()?;
        assert!(other.wait().is_err(), "the signal is not ignored any more");
        // By now its number may be another process's.
        let mut child = Command::new("true").spawn()?;
        is_gone(child.id().unwrap()).await;
        child.start_kill()?;
        Ok(())
    });
}
