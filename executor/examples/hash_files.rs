//! SHA-256 of every file under a directory, printed as `sha256sum` does.
//!
//! ```text
//! cargo run --release --example hash_files -- /usr/include > sums.txt
//! ```
//!
//! Reading and hashing block, so each file is a job; the pool spreads them over the cores. The loop has
//! nothing to do but wait and draw the progress bar, which therefore never stutters. The jobs tell it how far
//! they are through an atomic counter: no need to send a message for every chunk.

#![forbid(unsafe_code)]

use sha2::{Digest, Sha256};
use sideline::task::JoinSet;
use sideline::time::sleep;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let (Some(dir), None) = (args.next().map(PathBuf::from), args.next()) else {
        eprintln!("usage: hash_files DIR");
        return ExitCode::from(2);
    };
    match sideline::block_on(hash_tree(dir.clone())) {
        Ok(sums) => print(&sums),
        Err(error) => {
            eprintln!("hash_files: cannot read {}: {error}", dir.display());
            ExitCode::from(2)
        }
    }
}

/// A file, or a directory that could not be listed.
type Sum = (PathBuf, io::Result<String>);

/// Hashes all files under `dir`; sorted by path. Files that cannot be read are in the list with their errors.
async fn hash_tree(dir: PathBuf) -> io::Result<Vec<Sum>> {
    let Listing { files, bytes, failed: mut sums } = sideline::to_thread(move || list_files(&dir)).await?;

    let done = Arc::new(AtomicU64::new(0));
    let progress = sideline::spawn(show_progress(Arc::clone(&done), bytes)).abort_on_drop();

    let mut jobs = JoinSet::new();
    for path in files {
        let done = Arc::clone(&done);
        jobs.spawn_blocking(move || {
            let sum = hash_file(&path, &done);
            (path, sum)
        });
    }
    while let Some(finished) = jobs.join_next().await {
        sums.push(finished.unwrap_or_else(|error| panic!("{error}")));
    }

    // Dropping the guard ends the task; the line it has drawn is ours to clear.
    drop(progress);
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    sums.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(sums)
}

fn hash_file(path: &Path, done: &AtomicU64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 128 * 1024];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => {
                hasher.update(&chunk[..n]);
                done.fetch_add(n as u64, Relaxed);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[derive(Default)]
struct Listing {
    files: Vec<PathBuf>,
    bytes: u64,
    failed: Vec<Sum>,
}

/// The regular files under `dir`, and what could not be looked at. Links are not followed.
fn list_files(dir: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    let mut open = vec![(dir.to_owned(), fs::read_dir(dir)?)];
    while let Some((dir, mut entries)) = open.pop() {
        let entry = match entries.next() {
            Some(Ok(entry)) => entry,
            Some(Err(error)) => {
                listing.failed.push((dir, Err(error)));
                continue;
            }
            None => continue,
        };
        open.push((dir, entries));
        match (entry.path(), entry.metadata()) {
            (path, Ok(found)) if found.is_dir() => match fs::read_dir(&path) {
                Ok(entries) => open.push((path, entries)),
                Err(error) => listing.failed.push((path, Err(error))),
            },
            (path, Ok(found)) if found.is_file() => {
                listing.bytes += found.len();
                listing.files.push(path);
            }
            (_, Ok(_)) => {}
            (path, Err(error)) => listing.failed.push((path, Err(error))),
        }
    }
    Ok(listing)
}

/// Draws until it is dropped: a bar on a terminal, and now and then a line anywhere else.
async fn show_progress(done: Arc<AtomicU64>, total: u64) {
    let terminal = io::stderr().is_terminal();
    let pause = Duration::from_millis(if terminal { 50 } else { 2_000 });
    loop {
        sleep(pause).await;
        let done = done.load(Relaxed).min(total);
        let percent = (done * 100).checked_div(total).unwrap_or(100);
        let megabytes = format!("{} of {} MB", done / 1_000_000, total / 1_000_000);
        if terminal {
            let bar = "#".repeat(percent as usize * 40 / 100);
            eprint!("\r[{bar:<40}] {percent:>3} %  {megabytes}");
        } else {
            eprintln!("hash_files: {percent} %, {megabytes}");
        }
    }
}

/// Sums to stdout, errors to stderr.
fn print(sums: &[Sum]) -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut code = ExitCode::SUCCESS;
    for (path, sum) in sums {
        let path = path.display();
        let written = match sum {
            Ok(sum) => writeln!(out, "{sum}  {path}"),
            Err(error) => {
                eprintln!("hash_files: {path}: {error}");
                code = ExitCode::FAILURE;
                Ok(())
            }
        };
        if written.is_err() {
            break;
        }
    }
    match out.flush() {
        // `hash_files DIR | head` is no failure.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("hash_files: cannot write: {error}");
            ExitCode::FAILURE
        }
        _ => code,
    }
}
