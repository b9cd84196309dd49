//! `quic [--mebibytes N] [--rounds N]`: quinn on sideline beside quinn on tokio's current_thread runtime. In each run a
//! server and a client, with a thread and a runtime each, move so many bytes from the one to the other and as many back
//! at the same time. Runs alternate; what is printed are medians, and the ratio.

use quic::runtime::SidelineRuntime;
use quic::transfer::{receive, send};
use quic::{Configs, configs, endpoint};
use quinn::{Runtime, TokioRuntime, TransportConfig};
use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let (mut mebibytes, mut rounds) = (64_usize, 5_usize);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let number = arguments.next().ok_or("usage: quic [--mebibytes N] [--rounds N]")?.parse()?;
        match &*argument {
            "--mebibytes" => mebibytes = number,
            "--rounds" => rounds = number,
            other => return Err(format!("no such option: {other}").into()),
        }
    }
    let configs = configs(TransportConfig::default())?;
    let content: &'static [u8] = support::pattern(mebibytes << 20).leak();
    let mut took = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        for turn in 0..2 {
            // Who is first changes from round to round.
            let peer = (round + turn) % 2;
            took[peer].push(match peer {
                0 => run(&configs, content, on_sideline)?,
                _ => run(&configs, content, on_tokio)?,
            });
        }
    }
    let [sideline, tokio] = took.map(|mut times| {
        times.sort();
        2.0 * mebibytes as f64 / times[times.len() / 2].as_secs_f64()
    });
    println!("| case | MiB/s sideline | tokio | ratio |");
    println!("|---|---|---|---|");
    println!("| quinn, {mebibytes} MiB each way | {sideline:.0} | {tokio:.0} | {:.2} |", sideline / tokio);
    Ok(())
}

/// Runs one side on a runtime of its own on this thread.
type Host = fn(Side) -> Result<Duration>;

enum Side {
    Server(Configs, &'static [u8], mpsc::Sender<SocketAddr>),
    Client(Configs, &'static [u8], SocketAddr),
}

fn run(configs: &Configs, content: &'static [u8], host: Host) -> Result<Duration> {
    let (say_address, hear_address) = mpsc::channel();
    let server = thread::spawn({
        let configs = configs.clone();
        move || host(Side::Server(configs, content, say_address))
    });
    let address = hear_address.recv()?;
    let took = host(Side::Client(configs.clone(), content, address))?;
    server.join().map_err(|_| "the server panicked")??;
    Ok(took)
}

fn on_sideline(side: Side) -> Result<Duration> {
    sideline::block_on(async { side.run(SidelineRuntime::current()).await })
}

fn on_tokio(side: Side) -> Result<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { side.run(Arc::new(TokioRuntime)).await })
}

impl Side {
    async fn run(self, runtime: Arc<dyn Runtime>) -> Result<Duration> {
        match self {
            Self::Server(configs, content, say_address) => {
                let endpoint = endpoint(Some(configs.server), runtime)?;
                say_address.send(endpoint.local_addr()?)?;
                let connection = endpoint.accept().await.ok_or("no connection came")?.await?;
                let (sending, receiving) = connection.accept_bi().await?;
                both(send(sending, content), receive(receiving, content)).await?;
                connection.closed().await;
                Ok(Duration::ZERO)
            }
            Self::Client(configs, content, address) => {
                let mut endpoint = endpoint(None, runtime)?;
                endpoint.set_default_client_config(configs.client);
                let connection = endpoint.connect(address, "localhost")?.await?;
                let start = Instant::now();
                let (sending, receiving) = connection.open_bi().await?;
                both(send(sending, content), receive(receiving, content)).await?;
                let took = start.elapsed();
                connection.close(0_u32.into(), b"");
                endpoint.wait_idle().await;
                Ok(took)
            }
        }
    }
}

async fn both(
    send: impl Future<Output = Result<()>>,
    receive: impl Future<Output = Result<bool>>,
) -> Result<()> {
    match futures::try_join!(send, receive)? {
        ((), true) => Ok(()),
        ((), false) => Err("other bytes arrived than were sent".into()),
    }
}
