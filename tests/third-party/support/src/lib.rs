//! What the tests of this workspace have in common: a certificate, bytes to send, and a runtime.

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use sideline::time::timeout;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// A certificate made for the occasion, and what both sides need of it.
pub struct Identity {
    /// Offers HTTP/2 and HTTP/1.1.
    pub server: Arc<ServerConfig>,
    /// Trusts this certificate alone.
    pub client: Arc<ClientConfig>,
    /// The certificate, for other programs.
    pub pem: String,
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

/// Makes a new identity for `localhost`.
///
/// # Errors
/// If the cryptography fails.
pub fn identity() -> Result<Identity, Box<dyn Error + Send + Sync>> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let certificate = made.cert.der().clone();
    let provider = Arc::new(rustls::crypto::ring::default_provider());

    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.clone_key())?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];

    let mut trusted = RootCertStore::empty();
    trusted.add(certificate.clone())?;
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusted)
        .with_no_client_auth();

    Ok(Identity {
        server: Arc::new(server),
        client: Arc::new(client),
        pem: made.cert.pem(),
        certificate,
        key,
    })
}

/// Runs a test on a runtime of its own. One that hangs fails instead, after a time that is far longer than any takes.
///
/// # Panics
/// If it hangs.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    sideline::block_on(async { timeout(Duration::from_secs(180), test).await.expect("the test hangs") })
}

/// Runs a test in virtual time: minutes of waiting take none.
///
/// # Panics
/// If there is no runtime to be had.
pub fn run_paused<T>(test: impl Future<Output = T>) -> T {
    sideline::Runtime::builder().paused_clock().build().expect("a runtime").block_on(test)
}

/// Numbers that look random and are the same each time.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Other seeds give other numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % limit
    }

    /// A number of at most so many bits, and of each number of bits as often: mostly small, sometimes large.
    pub fn of_bits(&mut self, bits: u32) -> usize {
        let limit = 1 << (1 + self.below(bits.into()));
        self.below(limit) as usize
    }
}

/// Bytes of which no two stretches look alike, so that a mix-up shows.
pub fn pattern(len: usize) -> Vec<u8> {
    let mut dice = Dice::new(7);
    (0..len).map(|_| (dice.below(1 << 20) >> 5) as u8).collect()
}
