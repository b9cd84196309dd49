//! What blocking calls do to a loop, and what offloading them does: measured, in a table and in a picture.
//!
//! ```text
//! cargo run --release --example showcase            # hashes the files under the current directory
//! cargo run --release --example showcase -- /usr/include
//! ```
//!
//! The same work is done twice. Sixteen clients on one loop hash every file under the directory (except in
//! directories named `target` and `.git`), query an SQLite database, compute, and download pages with a
//! blocking HTTP client. The first time they do so *inline*, in tasks on the loop, as happens easily in async
//! code. The second time each call is *offloaded* to the pool. Meanwhile a heartbeat that is due every
//! millisecond notes how late it is, and a client in another thread talks to an echo server on the same loop.
//!
//! | file | what is in it |
//! |---|---|
//! | `files` | which files there are |
//! | `site` | the database and the web server |
//! | `work` | the blocking calls |
//! | `run` | one run: the clients, and what is measured |
//! | `heartbeat`, `echo` | the two measurements |
//! | `table`, `chart` | what comes out |
//! | `progress` | how far it is |

#![forbid(unsafe_code)]

mod chart;
mod echo;
mod files;
mod heartbeat;
mod progress;
mod run;
mod site;
mod table;
mod work;

use run::{Mode, Run};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;

const USAGE: &str = "usage: showcase [--calls N] [DIR]
Hashes the files under DIR (default: the current directory) and makes N calls (default: 120) of each
other kind, once on the loop and once on the pool. Prints a table and writes showcase.svg.";
const PICTURE: &str = "showcase.svg";

fn main() -> ExitCode {
    let Some(Arguments { dir, calls }) = Arguments::parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let files = match files::find(&dir) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("showcase: cannot read {}: {error}", dir.display());
            return ExitCode::from(2);
        }
    };
    match showcase(files, calls) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("showcase: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Arguments {
    dir: PathBuf,
    calls: usize,
}

impl Arguments {
    fn parse(mut args: impl Iterator<Item = String>) -> Option<Self> {
        let (mut dir, mut calls) = (None, 120);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--calls" => calls = args.next()?.parse().ok()?,
                option if option.starts_with('-') => return None,
                _ if dir.is_some() => return None,
                path => dir = Some(PathBuf::from(path)),
            }
        }
        Some(Self { dir: dir.unwrap_or_else(|| PathBuf::from(".")), calls })
    }
}

fn showcase(files: files::Files, calls: usize) -> io::Result<()> {
    let cores = available_parallelism().map_or(1, usize::from);
    let input = format!(
        "{} files ({:.1} MB), {calls} SQLite queries, {calls} computations, {calls} downloads; {} clients, {cores} cores",
        files.paths.len(),
        files.bytes as f64 / 1e6,
        run::CLIENTS,
    );
    println!("{input}");
    if files.left_out > 0 {
        println!("({} that could not be read are left out)", files.left_out);
    }

    let site = site::Site::open()?;
    let calls = work::calls(files, &site, calls);
    let inline = run::run(Mode::Inline, &calls)?;
    let offloaded = run::run(Mode::Offloaded, &calls)?;

    println!("\n{}", table::table(&inline, &offloaded));
    println!("{}", compare(&inline, &offloaded));
    std::fs::write(PICTURE, chart::chart(&inline, &offloaded, &input))
        .map_err(|error| io::Error::new(error.kind(), format!("cannot write {PICTURE}: {error}")))?;
    println!("The heartbeat's lateness over time is in {PICTURE}.");
    Ok(())
}

/// Both runs have to come to the same results, unless somebody writes to the directory.
fn compare(inline: &Run, offloaded: &Run) -> String {
    if inline.digest == offloaded.digest {
        format!("Both runs came to the same results (digest {:016x}).", inline.digest)
    } else {
        "The runs came to different results: some of the files have changed in between.".to_owned()
    }
}
