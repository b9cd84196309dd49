//! The blocking calls: ordinary functions that know nothing of loops.

use crate::files::Files;
use crate::site::Site;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;

/// One call. Which thread runs it is somebody else's business.
pub(crate) enum Call {
    Hash(PathBuf),
    Query { database: PathBuf, status: &'static str },
    Compute { steps: u64 },
    Download { agent: Agent, url: String },
}

/// A computation takes some 20 ms. A count of steps rather than "until the clock says so": a thread that is
/// interrupted must not get its work for free.
const STEPS: u64 = 12_000_000;

/// One `Hash` for each file and `count` calls of each other kind, evenly mixed.
pub(crate) fn calls(files: Files, site: &Site, count: usize) -> Arc<[Call]> {
    let agent: Agent = Agent::config_builder().timeout_global(Some(Duration::from_secs(30))).build().into();
    let hashes = files.paths.into_iter().map(Call::Hash).collect();
    let queries = (0..count)
        .map(|n| Call::Query {
            database: site.database.clone(),
            status: ["pending", "paid", "shipped", "returned"][n % 4],
        })
        .collect();
    let computations = (0..count as u64).map(|n| Call::Compute { steps: STEPS + n }).collect();
    let downloads = (0..count)
        .map(|n| Call::Download { agent: agent.clone(), url: format!("http://{}/{n}", site.server) })
        .collect();
    mix([hashes, queries, computations, downloads])
}

/// Spreads each kind over the whole list.
fn mix(kinds: [Vec<Call>; 4]) -> Arc<[Call]> {
    let mut placed = Vec::new();
    for kind in kinds {
        let count = kind.len() as f64;
        placed.extend(kind.into_iter().enumerate().map(|(n, call)| ((n as f64 + 0.5) / count, call)));
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    placed.into_iter().map(|(_, call)| call).collect()
}

impl Call {
    /// Blocks until there is a result, and returns a number that stands for it.
    pub(crate) fn run(&self) -> Result<u64, String> {
        match self {
            // A file that has gone since we found it is no reason to stop.
            Call::Hash(path) => Ok(hash(path).unwrap_or(0)),
            Call::Query { database, status } => {
                query(database, status).map_err(|error| format!("{}: {error}", database.display()))
            }
            Call::Compute { steps } => Ok(compute(*steps)),
            Call::Download { agent, url } => download(agent, url).map_err(|error| format!("{url}: {error}")),
        }
    }
}

fn hash(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 128 * 1024];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(first_eight(&hasher.finalize())),
            n => hasher.update(&chunk[..n]),
        }
    }
}

fn query(database: &Path, status: &str) -> rusqlite::Result<u64> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = connection.prepare(
        "SELECT category, COUNT(*), SUM(quantity * cents) FROM orders JOIN products ON products.id = product
         WHERE status = ? GROUP BY category ORDER BY 3 DESC",
    )?;
    let mut rows = statement.query([status])?;
    let mut sum = 0;
    while let Some(row) = rows.next()? {
        sum += row.get::<_, u64>(1)? * 1_000_003 + row.get::<_, u64>(2)?;
    }
    Ok(sum)
}

fn compute(steps: u64) -> u64 {
    // The black box keeps the compiler from finding the formula.
    (0..steps).fold(0, |sum, i| sum.wrapping_add(black_box(i) * i))
}

fn download(agent: &Agent, url: &str) -> Result<u64, ureq::Error> {
    let body = agent.get(url).call()?.body_mut().read_to_vec()?;
    Ok(first_eight(&Sha256::digest(body)))
}

fn first_eight(hash: &[u8]) -> u64 {
    hash.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}
