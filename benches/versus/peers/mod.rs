//! Who is measured, behind two small traits, so that each case is written once.
//!
//! A peer is a [`Loop`] and an [`Offload`]: rayon is an offload on tokio's loop, and sideline's pool is one too.
//! Every adapter uses the calls that the peer's own documentation recommends, and adds nothing to them but
//! "unwrap the result".

mod guest;
mod miniature;
mod rayon;
mod sideline;
mod smol;
mod tokio;
mod watched;

use crate::cases::{Case, Scale};
use sideline_benches::Metric;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// A single-threaded event loop.
///
/// Spawned futures are `Send`, because tokio asks for it; that costs the others nothing.
pub(crate) trait Loop: 'static {
    type Listener: 'static;
    type Stream: Send + 'static;

    /// Makes a runtime, runs the future on this thread, drops the runtime.
    fn block_on<F: Future>(future: F) -> F::Output;

    /// Spawns a task on this loop. The result is its output.
    fn spawn<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future<Output: Send + 'static> + Send + 'static;

    /// Spawns a task that nobody will await.
    fn detach<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static;

    fn yield_now() -> impl Future<Output = ()> + Send;
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static;

    /// A listener on a free port of 127.0.0.1.
    fn listen() -> impl Future<Output = io::Result<(Self::Listener, SocketAddr)>>;
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>>;
    fn read(stream: &mut Self::Stream, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;
    fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
}

/// What is the same to the letter with the sockets of sideline, tokio and smol: the adapter has its own `TcpListener` and `TcpStream` in
/// scope, and the traits that their methods are of.
macro_rules! sockets {
    () => {
        type Listener = TcpListener;
        type Stream = TcpStream;

        async fn listen() -> std::io::Result<(TcpListener, std::net::SocketAddr)> {
            let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        }

        async fn accept(listener: &TcpListener) -> std::io::Result<TcpStream> {
            Ok(listener.accept().await?.0)
        }

        async fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> std::io::Result<usize> {
            stream.read(buffer).await
        }

        async fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
            stream.write_all(bytes).await
        }
    };
}
use sockets;

/// A place for closures that block.
pub(crate) trait Offload: 'static {
    /// Queues the closure at once. The result is its output.
    fn offload<F, T>(closure: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;
}

/// A runtime with a pool of its own that lets idle threads go after a given time.
pub(crate) trait KeepAlive: 'static {
    /// Makes such a runtime, runs the future on this thread, drops the runtime.
    fn block_on_with<F: Future>(keep_alive: Duration, future: F) -> F::Output;
}

/// A column of the table. The watched one and the miniature take part if they are asked for: they are there to be compared with
/// the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Sideline,
    Watched,
    Miniature,
    Tokio,
    Smol,
    RayonOnTokio,
    PoolOnTokio,
    PoolOnSmol,
    Bare,
}

impl Peer {
    pub(crate) const ALL: [Self; 7] = [
        Self::Sideline,
        Self::Tokio,
        Self::Smol,
        Self::RayonOnTokio,
        Self::PoolOnTokio,
        Self::PoolOnSmol,
        Self::Bare,
    ];

    /// What everybody is compared to.
    pub(crate) const REFERENCE: Self = Self::Tokio;

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sideline => "sideline",
            Self::Watched => "sideline-watched",
            Self::Miniature => "miniature",
            Self::Tokio => "tokio",
            Self::Smol => "smol",
            Self::RayonOnTokio => "rayon-on-tokio",
            Self::PoolOnTokio => "pool-on-tokio",
            Self::PoolOnSmol => "pool-on-smol",
            Self::Bare => "bare",
        }
    }

    pub(crate) fn named(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .chain([Self::Watched, Self::Miniature])
            .find(|peer| peer.name() == name)
            .ok_or_else(|| {
                format!("no peer is called {name:?}; there are {}", Self::ALL.map(Self::name).join(", "))
            })
    }

    /// Whether this peer takes part: mere offloads have nothing to say about a loop.
    pub(crate) fn takes_part_in(self, case: Case) -> bool {
        match self {
            Self::Sideline | Self::Tokio => true,
            Self::PoolOnTokio | Self::PoolOnSmol => case.offloads() || case == Case::AfterBurst,
            Self::Smol | Self::Watched | Self::Miniature => case != Case::AfterBurst,
            Self::RayonOnTokio => case.offloads(),
            Self::Bare => case.bare().is_some(),
        }
    }

    /// Measures in this process.
    pub(crate) fn run(self, case: Case, scale: Scale) -> Vec<Metric> {
        match self {
            Self::Sideline if case == Case::AfterBurst => Case::run_after_burst::<sideline::Sideline>(scale),
            Self::Tokio if case == Case::AfterBurst => Case::run_after_burst::<tokio::Tokio>(scale),
            Self::PoolOnTokio if case == Case::AfterBurst => {
                Case::run_after_burst::<guest::Guest<tokio::Tokio>>(scale)
            }
            Self::PoolOnSmol if case == Case::AfterBurst => {
                Case::run_after_burst::<guest::Guest<smol::Smol>>(scale)
            }
            Self::Sideline => case.run::<sideline::Sideline, sideline::Sideline>(scale),
            Self::Watched => case.run::<watched::Watched, sideline::Sideline>(scale),
            Self::Miniature => case.run::<miniature::Miniature, miniature::Miniature>(scale),
            Self::Tokio => case.run::<tokio::Tokio, tokio::Tokio>(scale),
            Self::Smol => case.run::<smol::Smol, smol::Smol>(scale),
            Self::RayonOnTokio => case.run::<tokio::Tokio, rayon::Rayon>(scale),
            Self::PoolOnTokio => case.run::<tokio::Tokio, sideline::SidelinePool>(scale),
            Self::PoolOnSmol => case.run::<smol::Smol, sideline::SidelinePool>(scale),
            Self::Bare => case.bare().map_or_else(Vec::new, |run| run(scale)),
        }
    }
}
