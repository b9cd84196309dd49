//! `load [--seconds S] [--rounds N] [--nice N] [CASE...]`: the service on sideline beside the same on tokio's current_thread
//! runtime, under wrk (HTTP/1) and h2load (HTTP/2). Each round runs every case on both, in turns; what is printed are
//! medians of the rounds, and the ratio. Fails if a request does.
//!
//! One thread of the load generator and one of the server share the machine; what is measured is how much of its
//! processor a server needs for a request. A third thread of anything (the pools' workers) makes the offloading cases
//! depend on how many processors there are; and on how they get along with the load generator, for which `--nice 0` gives
//! the threads of sideline's pool the same priority as everybody else has, tokio's among them.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A case: its name, the path, whether over TLS, and who asks.
struct Case {
    name: &'static str,
    path: &'static str,
    tls: bool,
    version: Version,
}

#[derive(Clone, Copy, PartialEq)]
enum Version {
    Http1,
    Http2,
}

use Version::{Http1, Http2};

const CASES: &[Case] = &[
    Case { name: "hello-h1", path: "/hello", tls: false, version: Http1 },
    Case { name: "hello-h1-tls", path: "/hello", tls: true, version: Http1 },
    Case { name: "hello-h2", path: "/hello", tls: false, version: Http2 },
    Case { name: "hello-h2-tls", path: "/hello", tls: true, version: Http2 },
    Case { name: "body-64k-h1", path: "/bytes/65536", tls: false, version: Http1 },
    Case { name: "rusqlite-h1", path: "/size/5000", tls: false, version: Http1 },
    Case { name: "rusqlite-h2-tls", path: "/size/5000", tls: true, version: Http2 },
    Case { name: "diesel-h1", path: "/items/5000", tls: false, version: Http1 },
];

const RUNTIMES: [&str; 2] = ["sideline", "tokio"];

/// What one run of a load generator saw.
#[derive(Clone, Copy)]
struct Seen {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

fn main() -> Result<()> {
    let mut seconds = 2_u32;
    let mut rounds = 3_usize;
    let mut nice = None;
    let mut wanted = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--seconds" => seconds = arguments.next().ok_or("how many seconds?")?.parse()?,
            "--rounds" => rounds = arguments.next().ok_or("how many rounds?")?.parse()?,
            "--nice" => nice = Some(arguments.next().ok_or("how nice?")?),
            case => wanted.push(case.to_owned()),
        }
    }
    let scratch = tempfile::tempdir()?;
    let directory = scratch.path();
    let servers = [Server::start("sideline", directory, nice)?, Server::start("tokio", directory, None)?];
    println!("| case | req/s sideline | tokio | ratio | p50 ms | tokio | p99 ms | tokio | ratio |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for case in CASES.iter().filter(|case| wanted.is_empty() || wanted.iter().any(|name| name == case.name)) {
        let mut seen = [Vec::new(), Vec::new()];
        for round in 0..rounds {
            for turn in 0..2 {
                // Who is first changes from round to round.
                let runtime = (round + turn) % 2;
                seen[runtime].push(case.run(&servers[runtime], seconds, directory)?);
            }
        }
        println!("{}", row(case, &seen));
    }
    Ok(())
}

fn row(case: &Case, seen: &[Vec<Seen>; 2]) -> String {
    let median = |runtime: usize, figure: fn(&Seen) -> f64| {
        let mut figures: Vec<f64> = seen[runtime].iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let mut row = format!("| {} |", case.name);
    let rate = [0, 1].map(|runtime| median(runtime, |seen| seen.per_second));
    let p99 = [0, 1].map(|runtime| median(runtime, |seen| seen.p99_ms));
    let p50 = [0, 1].map(|runtime| median(runtime, |seen| seen.p50_ms));
    let _ = write!(row, " {:.0} | {:.0} | {:.2} |", rate[0], rate[1], rate[0] / rate[1]);
    let _ = write!(row, " {:.2} | {:.2} |", p50[0], p50[1]);
    let _ = write!(row, " {:.2} | {:.2} | {:.2} |", p99[0], p99[1], p99[0] / p99[1]);
    row
}

impl Case {
    fn run(&self, server: &Server, seconds: u32, directory: &Path) -> Result<Seen> {
        let base = if self.tls { &server.https } else { &server.http };
        let url = format!("{base}{}", self.path);
        match self.version {
            Http1 => wrk(&url, seconds),
            Http2 => h2load(&url, seconds, &directory.join("requests.tsv")),
        }
    }
}

fn wrk(url: &str, seconds: u32) -> Result<Seen> {
    let said = output("wrk", &["-t1", "-c50", &format!("-d{seconds}"), "--latency", url])?;
    if said.contains("Non-2xx") || said.contains("Socket errors") {
        return Err(format!("requests for {url} failed:\n{said}").into());
    }
    let after = |label: &str| {
        let line = said.lines().find_map(|line| line.trim().strip_prefix(label));
        line.map(str::trim).ok_or(format!("wrk says no {label}:\n{said}"))
    };
    Ok(Seen {
        per_second: after("Requests/sec:")?.parse()?,
        p50_ms: milliseconds(after("50%")?)?,
        p99_ms: milliseconds(after("99%")?)?,
    })
}

/// wrk prints `1.23ms`, `45.6us` or `1.02s`.
fn milliseconds(time: &str) -> Result<f64> {
    for (unit, factor) in [("us", 0.001), ("ms", 1.0), ("s", 1000.0)] {
        if let Some(number) = time.strip_suffix(unit) {
            return Ok(number.parse::<f64>()? * factor);
        }
    }
    Err(format!("no time: {time}").into())
}

/// h2load prints no percentiles, but logs each request: when it began, its status, and how many microseconds it took.
fn h2load(url: &str, seconds: u32, log: &Path) -> Result<Seen> {
    let _ = std::fs::remove_file(log);
    let log_option = format!("--log-file={}", log.display());
    let said = output("h2load", &["-t1", "-c10", "-m5", &format!("-D{seconds}"), &log_option, url])?;
    if !said.contains(" 0 failed, 0 errored, 0 timeout") {
        return Err(format!("requests for {url} failed:\n{said}").into());
    }
    let mut times = Vec::new();
    for line in std::fs::read_to_string(log)?.lines() {
        let [_begun, status, time] = *line.split('\t').collect::<Vec<_>>() else {
            return Err(format!("h2load logs something else: {line}").into());
        };
        if status != "200" {
            return Err(format!("h2load got status {status} for {url}").into());
        }
        times.push(time.parse::<f64>()? / 1000.0);
    }
    times.sort_by(f64::total_cmp);
    let percentile = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or(0.0);
    Ok(Seen {
        per_second: times.len() as f64 / f64::from(seconds),
        p50_ms: percentile(50),
        p99_ms: percentile(99),
    })
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| {
        format!("{program} cannot be run ({error}): install Debian's wrk and nghttp2-client")
    })?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(said)
    } else {
        Err(format!("{program}: {}\n{said}", output.status).into())
    }
}

/// The program `serve` beside this one.
struct Server {
    child: Child,
    http: String,
    https: String,
}

impl Server {
    fn start(runtime: &str, directory: &Path, nice: Option<String>) -> Result<Self> {
        debug_assert!(RUNTIMES.contains(&runtime));
        let program: PathBuf = std::env::current_exe()?.with_file_name("serve");
        let mut command = Command::new(program);
        let mut child = command
            .arg(runtime)
            .arg(directory)
            .args(nice)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("it is piped")?).read_line(&mut line)?;
        let (http, https) = line.trim().split_once(' ').ok_or("the server says no addresses")?;
        Ok(Self { child, http: format!("http://{http}"), https: format!("https://{https}") })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
