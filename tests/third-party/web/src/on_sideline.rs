//! The service on sideline.

use crate::app::router;
use crate::database::Database;
use axum::Router;
use diesel_async::sync_connection_wrapper::SpawnBlocking;
use futures::future::BoxFuture;
use futures_rustls::TlsAcceptor;
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use sideline::hyper::{Io, Timer};
use sideline::net::TcpListener;
use sideline::{Handle, LocalHandle, spawn};
use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

// ANCHOR: spawn_blocking
/// diesel-async's queries as jobs of the runtime that made the connection. A query whose request is gone before it has
/// started never starts.
pub struct Jobs(Handle);

impl SpawnBlocking for Jobs {
    fn spawn_blocking<'a, R>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn Error + Send + Sync>>>
    where
        R: Send + 'static,
    {
        let job = self.0.spawn_blocking(task).abort_on_drop();
        Box::pin(async { Ok(job.await?) })
    }

    fn get_runtime() -> Self {
        Self(Handle::current())
    }
}
// ANCHOR_END: spawn_blocking

/// Serves on two ports of this machine until the program ends, and says first on which: HTTP and HTTPS.
///
/// # Errors
/// If a port or the database is not to be had.
pub async fn serve(
    directory: &Path,
    ready: impl FnOnce(SocketAddr, SocketAddr, &str),
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let app = router::<Jobs>(Database::create(&directory.join("sideline.db")).await?);
    let identity = support::identity()?;
    let (http, https) = (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
    ready(http.local_addr()?, https.local_addr()?, &identity.pem);
    let plain = spawn(accept(http, None, app.clone()));
    accept(https, Some(TlsAcceptor::from(identity.server)), app).await?;
    Ok(plain.await??)
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, app: Router) -> std::io::Result<()> {
    let mut builder = auto::Builder::new(LocalHandle::current());
    builder.http1().timer(Timer).header_read_timeout(Duration::from_secs(30));
    builder.http2().timer(Timer).keep_alive_interval(Some(Duration::from_secs(30)));
    loop {
        // An error is that of one connection, or a lack of descriptors, after which accept waits by itself.
        let Ok((stream, _peer)) = listener.accept().await else { continue };
        stream.set_nodelay(true)?;
        let (tls, builder) = (tls.clone(), builder.clone());
        let service = TowerToHyperService::new(app.clone());
        // Errors are the clients': resets, half-open connections, foreign protocols.
        drop(spawn(async move {
            match tls {
                None => drop(builder.serve_connection_with_upgrades(stream, service).await),
                Some(tls) => {
                    let Ok(stream) = tls.accept(stream).await else { return };
                    drop(builder.serve_connection_with_upgrades(Io::new(stream), service).await);
                }
            }
        }));
    }
}
