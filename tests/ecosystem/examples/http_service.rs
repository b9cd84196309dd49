//! An HTTP service on hyper that ends well: on ctrl-c it takes no new connection, and answers the requests that it has begun.
//!
//! ```text
//! cargo run -p sideline-ecosystem --example http_service -- 127.0.0.1:8080
//! curl http://127.0.0.1:8080/primes/4000000
//! ```
//!
//! What is particular to sideline is little. Its streams are hyper's as they are, [`sideline::hyper::Timer`] is for hyper's timeouts,
//! and what computes or blocks goes to the pool. The service need not be `Send`: connections are tasks of the loop.

#![forbid(unsafe_code)]

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use sideline::net::{TcpListener, TcpStream};
use sideline::task::JoinSet;
use sideline::time::timeout;
use sideline::{CancelToken, to_thread};
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::time::Duration;

/// How long a client may take to send the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long requests in flight may take from the moment at which the service is to end.
const GRACE: Duration = Duration::from_secs(30);

#[allow(dead_code)] // The test calls `serve`.
fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    sideline::block_on(async {
        let listener = TcpListener::bind(&*address).await?;
        println!("http://{}/primes/1000000", listener.local_addr()?);
        let stop = CancelToken::new();
        let service = sideline::spawn(serve(listener, stop.clone()));
        sideline::signal::ctrl_c().await?;
        stop.cancel();
        let served = service.await?;
        println!("{served} connections served");
        Ok(())
    })
}

/// Serves until `stop` is cancelled, and then for as long as requests are in flight. Returns how many connections there were.
pub(crate) async fn serve(listener: TcpListener, stop: CancelToken) -> usize {
    let mut connections = JoinSet::new();
    let mut served = 0;
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, stop.clone()));
                served += 1;
            }
            // The listener takes a break by itself when descriptors run out: this loop does not spin.
            Err(error) => println!("cannot accept: {error}"),
        }
        // The results of those that have ended meanwhile, which the set would keep.
        while connections.try_join_next().is_some() {}
    }
    // From here on the kernel refuses connections.
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, ended).await.is_err() {
        println!("{} connections given up", connections.len());
    }
    served
}

async fn connection(stream: TcpStream, stop: CancelToken) {
    let mut connection = pin!(
        http1::Builder::new()
            .timer(sideline::hyper::Timer)
            .header_read_timeout(PATIENCE)
            .serve_connection(stream, service_fn(answer))
    );
    let ended = match stop.run_until_cancelled(connection.as_mut()).await {
        Some(ended) => ended,
        None => {
            // A request under way is answered, with `connection: close`; an idle connection ends.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        println!("a connection failed: {error}");
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let below = request.uri().path().strip_prefix("/primes/").map(str::parse::<u32>);
    let Some(Ok(below)) = below else {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    };
    let count = to_thread(move || (2..below).filter(|n| is_prime(*n)).count()).await;
    Ok(Response::new(Full::from(format!("{count}\n"))))
}

fn is_prime(n: u32) -> bool {
    (2..).take_while(|d| d * d <= n).all(|d| n % d != 0)
}
