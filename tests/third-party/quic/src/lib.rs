//! quinn on sideline: its `Runtime`, and what its tests need.

pub mod relay;
pub mod runtime;
pub mod transfer;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, EndpointConfig, Runtime, ServerConfig, TransportConfig};
use std::error::Error;
use std::net::UdpSocket;
use std::sync::Arc;

/// What both sides are configured with.
#[derive(Clone)]
pub struct Configs {
    /// For the side that is connected to.
    pub server: ServerConfig,
    /// For the side that connects.
    pub client: ClientConfig,
}

/// Configurations that know each other, with these timeouts and limits.
///
/// # Errors
/// If the cryptography fails.
pub fn configs(transport: TransportConfig) -> Result<Configs, Box<dyn Error + Send + Sync>> {
    let transport = Arc::new(transport);
    let identity = support::identity()?;
    let mut server = ServerConfig::with_single_cert(vec![identity.certificate], identity.key)?;
    server.transport_config(Arc::clone(&transport));
    let mut client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(identity.client)?));
    client.transport_config(transport);
    Ok(Configs { server, client })
}

/// An endpoint on this machine. It accepts connections if it has the server's configuration.
///
/// # Errors
/// If no port is to be had.
pub fn endpoint(server: Option<ServerConfig>, runtime: Arc<dyn Runtime>) -> std::io::Result<Endpoint> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    Endpoint::new(EndpointConfig::default(), server, socket, runtime)
}
