//! Nothing here but what its tests have in common: a TCP connection, and one in TLS.

use futures_rustls::client::TlsStream as ClientStream;
use futures_rustls::server::TlsStream as ServerStream;
use futures_rustls::{TlsAcceptor, TlsConnector};
use sideline::net::{TcpListener, TcpStream};
use std::io;
use support::Identity;

/// Two ends of a TCP connection.
///
/// # Errors
/// What the kernel says.
pub async fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (server, _peer) = listener.accept().await?;
    // Exchanges of messages that are longer than a packet would wait for delayed acknowledgements.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok((client, server))
}

/// Two ends of a TLS connection over TCP.
///
/// # Errors
/// What the kernel or rustls says.
pub async fn tls_pair(identity: &Identity) -> io::Result<(ClientStream<TcpStream>, ServerStream<TcpStream>)> {
    let (client, server) = tcp_pair().await?;
    let name = "localhost".try_into().map_err(io::Error::other)?;
    let connect = TlsConnector::from(identity.client.clone()).connect(name, client);
    let accept = TlsAcceptor::from(identity.server.clone()).accept(server);
    futures::try_join!(connect, accept)
}
