//! Children that print as much as they were told, are given up, killed, dropped with their pipes or without, and whose runtime
//! may end before they do. Each ends as it was to, what it has printed arrives, and none of them stays in the process table.

use super::*;
use rustix::process::{Pid, test_kill_process};
use sideline::Runtime;
use sideline::process::{Child, Command, ExitStatus, Stdio};
use sideline::task::JoinSet;
use std::cell::RefCell;
use std::os::unix::process::ExitStatusExt;
use std::rc::Rc;

type Numbers = Rc<RefCell<Vec<u32>>>;

const KILL: i32 = 9;

fn started(command: &mut Command, numbers: &Numbers) -> io::Result<Child> {
    let child = command.spawn()?;
    numbers.borrow_mut().extend(child.id());
    Ok(child)
}

/// Waits, perhaps more than once, since giving up changes nothing.
async fn ended(child: &mut Child, random: &mut Rng) -> io::Result<ExitStatus> {
    loop {
        let known = match random.u32(..4) {
            0 => child.try_wait()?,
            1 => Some(child.wait().await?),
            _ => perhaps(random, child.wait()).await.transpose()?,
        };
        if let Some(status) = known {
            // It stays known.
            assert_eq!((child.try_wait()?, child.wait().await?), (Some(status), status));
            assert_eq!(child.id(), None);
            return Ok(status);
        }
        yield_now().await;
    }
}

/// Prints on both streams and exits with a code of its own.
async fn prints(mut random: Rng, numbers: Numbers) -> io::Result<()> {
    let [out, err] = [(); 2].map(|()| some_length(&mut random, 300_000));
    let code = random.u8(..100);
    let script = format!("head -c {out} /dev/zero; head -c {err} /dev/zero >&2; exit {code}");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = started(&mut command, &numbers)?;
    match random.u32(..5) {
        // All of it at once; perhaps it is given up, and the child finds nobody who reads.
        0 | 1 => {
            if let Some(output) = perhaps(&mut random, child.wait_with_output()).await.transpose()? {
                assert_eq!(output.status.code(), Some(code.into()));
                assert_eq!((output.stdout.len(), output.stderr.len()), (out, err));
            }
        }
        // The second stream is not needed.
        2 => {
            let stdout = child.stdout.take().unwrap();
            drop(child.stderr.take());
            let mut read = 0;
            let mut buf = vec![1; 1 + some_length(&mut random, 100_000)];
            loop {
                match perhaps(&mut random, stdout.read(&mut buf)).await.transpose()? {
                    None => {}
                    Some(0) => break,
                    Some(n) => {
                        assert!(buf[..n].iter().all(|&byte| byte == 0));
                        read += n;
                    }
                }
            }
            assert_eq!(read, out);
            assert_eq!(ended(&mut child, &mut random).await?.code(), Some(code.into()));
        }
        // Somebody kills it, perhaps too late.
        3 => {
            for _ in 0..random.u32(..50) {
                yield_now().await;
            }
            child.start_kill()?;
            let status = ended(&mut child, &mut random).await?;
            assert!(status.signal() == Some(KILL) || status.code() == Some(code.into()), "{status}");
            child.kill().await?;
        }
        // Nobody waits for it; its pipes close.
        _ => drop(child),
    }
    Ok(())
}

/// Gives back what it gets.
async fn echoes(mut random: Rng, numbers: Numbers) -> io::Result<()> {
    let mut command = Command::new("cat");
    let mut child = started(command.stdin(Stdio::piped()).stdout(Stdio::piped()), &numbers)?;
    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    assert_eq!(child.try_wait()?, None);
    // Its pipes are enough to talk to it.
    let child = random.bool().then_some(child);
    for _ in 0..random.u32(..6) {
        let len = some_length(&mut random, 50_000);
        let sent = some_bytes(&mut random, len);
        stdin.write_all(&sent).await?;
        let mut received = vec![0; sent.len()];
        stdout.read_exact(&mut received).await?;
        assert!(received == sent);
    }
    drop(stdin);
    assert_eq!(stdout.read(&mut [0; 8]).await?, 0);
    if let Some(mut child) = child {
        assert!(ended(&mut child, &mut random).await?.success());
    }
    Ok(())
}

/// Does not end by itself.
async fn sleeps(mut random: Rng, numbers: Numbers) -> io::Result<()> {
    let mut child = started(Command::new("sleep").arg("1000").kill_on_drop(true), &numbers)?;
    assert!(timeout(Duration::ZERO, child.wait()).await.is_err(), "it does not end by itself");
    match random.u32(..3) {
        0 => child.kill().await?,
        1 => {
            child.start_kill()?;
            assert_eq!(ended(&mut child, &mut random).await?.signal(), Some(KILL));
        }
        _ => {}
    }
    Ok(())
}

fn one_run(seed: u64) {
    let mut random = Rng::with_seed(seed);
    let numbers = Numbers::default();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let mut children = JoinSet::new();
        for _ in 0..20 {
            let (again, numbers) = (random.fork(), Rc::clone(&numbers));
            match random.u32(..4) {
                0 | 1 => drop(children.spawn(prints(again, numbers))),
                2 => drop(children.spawn(echoes(again, numbers))),
                _ => drop(children.spawn(sleeps(again, numbers))),
            };
        }
        let awaited = if random.u32(..3) == 0 { 5 } else { 20 };
        for _ in 0..awaited {
            let ended = timeout(LONG, children.join_next()).await.expect("one hangs");
            ended.unwrap().unwrap().unwrap();
        }
        // The rest is aborted, or ends with the runtime.
        if random.bool() {
            children.detach_all();
        }
    });
    drop(runtime);
    // They end by themselves now, and are asked for when others are started.
    let is_there = |&number: &u32| test_kill_process(Pid::from_raw(number as i32).unwrap()).is_ok();
    run(async {
        while numbers.borrow().iter().any(is_there) {
            Command::new("true").status().await?;
        }
        Ok(())
    });
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn end_as_they_were_to_and_leave_nothing_behind() {
    if ran_alone("children::end_as_they_were_to_and_leave_nothing_behind", None) {
        return;
    }
    one_run(0);
    let before = open_descriptors();
    for_seeds(10, one_run);
    assert_eq!(open_descriptors(), before);
}
