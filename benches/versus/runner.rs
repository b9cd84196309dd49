//! The parent: starts a process for each measurement, rivals taking turns, and gathers what they print.

use crate::cases::Case;
use crate::options::{CHILD, Options};
use crate::peers::Peer;
use sideline_benches::{Disturbance, Metric};
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any measurement takes, the end of the runtime included; whoever needs more hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// One figure with its origin.
pub(crate) struct Sample {
    pub(crate) case: Case,
    pub(crate) peer: Peer,
    pub(crate) round: usize,
    /// How many cores were busy with other things meanwhile.
    pub(crate) disturbed: Option<f64>,
    pub(crate) metric: Metric,
}

/// All figures, in the order in which they were taken.
pub(crate) struct Outcome {
    pub(crate) samples: Vec<Sample>,
    /// What did not work, one line each.
    pub(crate) failures: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Outcome {
    let mut outcome = Outcome { samples: Vec::new(), failures: Vec::new() };
    let start = Instant::now();
    let matches: usize = options.cases.iter().map(|case| rivals(options, *case).len()).sum();
    let total = matches * options.rounds;
    let mut done = 0;
    for &case in &options.cases {
        let mut rivals = rivals(options, case);
        for round in 1..=options.rounds {
            let mut failed = Vec::new();
            for &peer in &rivals {
                done += 1;
                let (seconds, case_name, peer_name) = (start.elapsed().as_secs(), case.name(), peer.name());
                eprintln!("{seconds:>4} s  {done}/{total}  {case_name}  {peer_name}  round {round}");
                let disturbance = Disturbance::begin();
                match measure(case, peer, options.scale.quick) {
                    Ok(metrics) => {
                        let disturbed = disturbance.and_then(Disturbance::cores);
                        let sample = |metric| Sample { case, peer, round, disturbed, metric };
                        outcome.samples.extend(metrics.into_iter().map(sample));
                    }
                    Err(message) => {
                        let failure = format!("{case_name}, {peer_name}, round {round}: {message}");
                        eprintln!("        FAILED: {failure}");
                        outcome.failures.push(failure);
                        failed.push(peer);
                    }
                }
            }
            // Whoever hangs once would hang in each round.
            rivals.retain(|peer| !failed.contains(peer));
            // Somebody else begins the next round, so that nobody always follows the same neighbour.
            let second = rivals.len().min(1);
            rivals.rotate_left(second);
        }
    }
    outcome
}

fn rivals(options: &Options, case: Case) -> Vec<Peer> {
    options.peers.iter().copied().filter(|peer| peer.takes_part_in(case)).collect()
}

/// Measures in a process of its own. This one sleeps meanwhile.
fn measure(case: Case, peer: Peer, quick: bool) -> Result<Vec<Metric>, String> {
    let program = std::env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
    let mut command = Command::new(program);
    command.args([CHILD, "--case", case.name(), "--peer", peer.name()]);
    if quick {
        command.arg("--quick");
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("no process: {error}"))?;
    let mut pipe = child.stdout.take().expect("stdout was piped");
    let (sender, output) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        let result = pipe.read_to_string(&mut text).map(|_| text);
        // If nobody waits any more, the child was killed for being late.
        let _ = sender.send(result);
    });
    let output = output.recv_timeout(PATIENCE);
    if output.is_err() {
        // If it has just exited by itself, so much the better.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| format!("no exit status: {error}"))?;
    reader.join().expect("the reader does not panic");
    let text = output
        .map_err(|_| format!("still not done after {} s", PATIENCE.as_secs()))?
        .map_err(|error| format!("its output cannot be read: {error}"))?;
    if !status.success() {
        return Err(format!("{status}"));
    }
    text.lines().map(str::parse).collect()
}
