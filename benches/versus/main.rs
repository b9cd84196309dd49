//! How does sideline stand against its peers?
//!
//! ```text
//! cargo bench -p sideline-benches --bench versus
//! cargo bench -p sideline-benches --bench versus -- --case round-trip,fan-out --peer sideline,tokio --rounds 9
//! ```
//!
//! Every measurement runs in a process of its own, so that nobody inherits threads, warm caches or a fragmented heap;
//! rivals take turns, so that a machine that slows down slows all of them; the table shows medians over the
//! rounds, and their ratios to tokio. Take ratios, not figures: the machine decides the figures.
//!
//! What makes everything a lie is other work on the machine. How many cores were busy with it is said below the table,
//! and for every single figure in `versus.csv`.

mod cases;
mod options;
mod peers;
mod report;
mod runner;

use options::{Mode, Options};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mode = match Options::parse(std::env::args().skip(1)) {
        Ok(mode) => mode,
        Err(message) => {
            eprintln!("versus: {message}");
            return ExitCode::from(2);
        }
    };
    match mode {
        Mode::Idle => {
            println!("versus measures only under `cargo bench`");
            ExitCode::SUCCESS
        }
        Mode::Help => {
            println!("{}", options::HELP);
            ExitCode::SUCCESS
        }
        Mode::Child { case, peer, scale } => {
            for metric in peer.run(case, scale) {
                println!("{metric}");
            }
            ExitCode::SUCCESS
        }
        Mode::Parent(options) => {
            let outcome = runner::run(&options);
            let report = report::Report::new(&options, &outcome);
            println!("{}", report.table());
            match report.write_files() {
                Ok(files) => eprintln!("written: {files}"),
                Err(error) => {
                    eprintln!("versus: {error}");
                    return ExitCode::FAILURE;
                }
            }
            if outcome.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}
