//! The service on tokio, by the adapters that hyper-util, tokio-rustls and diesel-async have for it.

use crate::app::router;
use crate::database::Database;
use axum::Router;
use diesel_async::sync_connection_wrapper::SpawnBlocking;
use futures::future::BoxFuture;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// diesel-async's own `SpawnBlocking` for tokio cannot be named from outside; this does the same.
pub struct Jobs(tokio::runtime::Handle);

impl SpawnBlocking for Jobs {
    fn spawn_blocking<'a, R>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn Error + Send + Sync>>>
    where
        R: Send + 'static,
    {
        let job = self.0.spawn_blocking(task);
        Box::pin(async { Ok(job.await?) })
    }

    fn get_runtime() -> Self {
        Self(tokio::runtime::Handle::current())
    }
}

/// Serves on two ports of this machine until the program ends, and says first on which: HTTP and HTTPS.
///
/// # Errors
/// If a port or the database is not to be had.
pub async fn serve(
    directory: &Path,
    ready: impl FnOnce(SocketAddr, SocketAddr, &str),
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let app = router::<Jobs>(Database::create(&directory.join("tokio.db")).await?);
    let identity = support::identity()?;
    let (http, https) = (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
    ready(http.local_addr()?, https.local_addr()?, &identity.pem);
    let plain = tokio::spawn(accept(http, None, app.clone()));
    accept(https, Some(TlsAcceptor::from(identity.server)), app).await?;
    Ok(plain.await??)
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, app: Router) -> std::io::Result<()> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(30));
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(Duration::from_secs(30)));
    loop {
        let Ok((stream, _peer)) = listener.accept().await else { continue };
        stream.set_nodelay(true)?;
        let (tls, builder) = (tls.clone(), builder.clone());
        let service = TowerToHyperService::new(app.clone());
        drop(tokio::spawn(async move {
            match tls {
                None => drop(builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await),
                Some(tls) => {
                    let Ok(stream) = tls.accept(stream).await else { return };
                    drop(builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await);
                }
            }
        }));
    }
}
