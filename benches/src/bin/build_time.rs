//! How long does a program wait for its runtime to be built?
//!
//! ```text
//! cargo run -p sideline-benches --bin build_time            # medians of 3
//! cargo run -p sideline-benches --bin build_time -- 9       # of 9
//! ```
//!
//! Two packages of one file each, "hello world after a sleep", one on sideline with its default features and one on tokio
//! with `rt`, `net` and `time`, which is what sideline's defaults compare to. They are built by turns, from nothing, in
//! release mode, with cargo's default settings. The workspace's own lock file says which versions. What is not on this machine
//! yet is downloaded before the clock starts: loom, say, which is not built here, but without which cargo does not read the
//! manifests that name it.
//!
//! A lie if something else is using the processors.

#![forbid(unsafe_code)]

use sideline_benches::median;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

struct Peer {
    name: &'static str,
    dependency: String,
    main: &'static str,
}

const SIDELINE: &str = r#"fn main() {
    sideline::block_on(async {
        sideline::time::sleep(std::time::Duration::from_millis(1)).await;
        println!("hello, world");
    });
}
"#;

const TOKIO: &str = r#"fn main() {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        println!("hello, world");
    });
}
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let rounds: usize = std::env::args().nth(1).map_or(Ok(3), |text| text.parse())?;
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the workspace is above")?;
    let peers = [
        Peer {
            name: "sideline",
            dependency: format!("sideline = {{ path = {:?} }}", workspace.join("executor")),
            main: SIDELINE,
        },
        Peer {
            name: "tokio",
            dependency: "tokio = { version = \"1\", default-features = false, features = [\"rt\", \"net\", \"time\"] }"
                .to_owned(),
            main: TOKIO,
        },
    ];
    let scratch = tempfile::tempdir()?;
    for peer in &peers {
        make_package(&scratch.path().join(peer.name), peer, &workspace.join("Cargo.lock"))?;
    }
    let mut took = [const { Vec::new() }; 2];
    for round in 1..=rounds {
        for (peer, took) in peers.iter().zip(&mut took) {
            let time = build(&scratch.path().join(peer.name))?;
            println!("round {round}  {:<10} {time:6.2} s", peer.name);
            took.push(time);
        }
    }
    let [sideline, tokio] = took.map(|times| median(&times));
    for peer in &peers {
        println!("{:<10} {:2} crates", peer.name, crates(&scratch.path().join(peer.name))?);
    }
    println!("sideline {sideline:.2} s, tokio {tokio:.2} s: {:.2}", sideline / tokio);
    Ok(())
}

fn make_package(dir: &Path, peer: &Peer, lock: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(dir.join("src"))?;
    let Peer { name, dependency, main } = peer;
    let manifest = format!(
        "[package]\nname = \"hello-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{dependency}\n"
    );
    fs::write(dir.join("Cargo.toml"), manifest)?;
    fs::write(dir.join("src/main.rs"), main)?;
    fs::copy(lock, dir.join("Cargo.lock"))?;
    // Drops what it does not need from the lock file, too.
    cargo(dir, &["fetch"]).map(drop)
}

/// From an empty target directory. In seconds.
fn build(dir: &Path) -> Result<f64, Box<dyn Error>> {
    let target = dir.join("target");
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    let start = Instant::now();
    cargo(dir, &["build", "--release", "--offline", "--quiet"])?;
    Ok(start.elapsed().as_secs_f64())
}

/// How many crates it is made of, the program itself left out.
fn crates(dir: &Path) -> Result<usize, Box<dyn Error>> {
    // Each time in the same words: without `--no-dedupe` all but the first have a mark, and would count as others.
    let options = ["--offline", "-e", "normal,build", "--prefix", "none", "--no-dedupe", "--format", "{lib}"];
    let tree = cargo(dir, &[["tree"].as_slice(), &options].concat())?;
    let mut names: Vec<_> = tree.lines().filter(|line| !line.trim().is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names.len())
}

fn cargo(dir: &Path, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let mut command = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    // What the workspace's own build is told is not this one's.
    for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    let output = command.args(arguments).current_dir(dir).output()?;
    if !output.status.success() {
        return Err(format!("cargo {}: {}", arguments[0], String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
