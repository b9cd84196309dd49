//! The command line.

use crate::cases::{Case, Scale};
use crate::peers::Peer;
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Measures sideline against its peers, and prints medians and ratios.

  --case A,B      only these cases (round-trip, fan-out, ...)
  --peer A,B      only these peers (sideline, tokio, smol, rayon-on-tokio, pool-on-tokio,
                  pool-on-smol, bare; and sideline-watched and miniature, only if named)
  --rounds N      how many times each (default 5)
  --quick         a tenth of the work, to see that everything runs; figures mean little
  --svg FILE      where to draw the ratios (default: versus.svg in the target directory; the single figures
                  go into a .csv beside it)";

/// What this process is to do.
pub(crate) enum Mode {
    /// Run by `cargo test`: nothing.
    Idle,
    Help,
    /// Measure one thing, print it, exit.
    Child {
        case: Case,
        peer: Peer,
        scale: Scale,
    },
    Parent(Options),
}

pub(crate) struct Options {
    pub(crate) cases: Vec<Case>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) rounds: usize,
    pub(crate) scale: Scale,
    pub(crate) svg: PathBuf,
}

/// Marks a process as a child of the runner.
pub(crate) const CHILD: &str = "--child";

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Mode, String> {
        let mut options = Self {
            cases: Case::ALL.to_vec(),
            peers: Peer::ALL.to_vec(),
            rounds: 5,
            scale: Scale { quick: false },
            svg: default_svg(),
        };
        let (mut child, mut bench) = (false, false);
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--help" | "-h" => return Ok(Mode::Help),
                // Cargo's way to say that this is `cargo bench`.
                "--bench" => bench = true,
                CHILD => child = true,
                "--quick" => options.scale.quick = true,
                "--case" => options.cases = value()?.split(',').map(Case::named).collect::<Result<_, _>>()?,
                "--peer" => options.peers = value()?.split(',').map(Peer::named).collect::<Result<_, _>>()?,
                "--rounds" => {
                    let text = value()?;
                    options.rounds = text
                        .parse()
                        .ok()
                        .filter(|rounds| *rounds > 0)
                        .ok_or_else(|| format!("--rounds needs a number from 1 up, not {text:?}"))?;
                }
                "--svg" => options.svg = value()?.into(),
                // Whatever `cargo test` hands to all its binaries.
                _ if !bench && !child => {}
                other => return Err(format!("{other:?} is unknown; see --help")),
            }
        }
        if child {
            let ([case], [peer]) = (&options.cases[..], &options.peers[..]) else {
                return Err(format!("{CHILD} needs exactly one case and one peer"));
            };
            return Ok(Mode::Child { case: *case, peer: *peer, scale: options.scale });
        }
        Ok(if bench { Mode::Parent(options) } else { Mode::Idle })
    }
}

/// In the target directory, which this program lies in: `target/release/deps/versus-...`.
fn default_svg() -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    here.ancestors().nth(3).map_or_else(PathBuf::new, PathBuf::from).join("versus.svg")
}
