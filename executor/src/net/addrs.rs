//! What a socket can be told to connect to or to bind, and looking it up without stopping the loop.

use super::failures::Failures;
use crate::blocking::JobBuilder;
use crate::runtime::context;
use sideline_reactor::name_descriptor_limit;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// One or more socket addresses, or a host name and port to be looked up.
///
/// The same types as [`std::net::ToSocketAddrs`], which blocks. A string is `"host:port"`; if the host is an IP
/// address, nothing is looked up.
///
/// It is implemented for the types below and cannot be implemented for others.
///
/// ```
/// use sideline::net::UdpSocket;
/// use std::net::Ipv4Addr;
///
/// sideline::block_on(async {
///     let one = UdpSocket::bind("127.0.0.1:0").await?; // numbers: nothing is looked up
///     let two = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
///     one.connect(two.local_addr()?).await?;
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
pub trait ToSocketAddrs: Sealed {}

/// Tells what has to be done to get the addresses. Out of reach, so that it can change.
pub trait Sealed {
    #[doc(hidden)]
    fn to_addrs(&self) -> io::Result<Addrs>;
}

#[derive(Debug)]
#[doc(hidden)]
pub enum Addrs {
    One(SocketAddr),
    Many(Vec<SocketAddr>),
    LookUp { host: String, port: u16 },
}

/// Looks up a host name on the blocking pool. `host` includes the port; addresses in numbers come back at once.
///
/// The system's lookup cannot be interrupted, and with a name server that is silent takes many seconds. One that is given up, as by a
/// [timeout](crate::time::timeout), goes on by itself, and the end of the runtime does not wait for it. Lookups have at most half of the
/// threads that the pool may have; those that are too many wait for their turn, without a thread. But one they do have: in a pool of
/// [one thread](sideline_blocking_pool::Builder::max_threads) every other job waits for as long as a lookup takes.
///
/// # Errors
/// If there is no such host, or `host` is not of the form `"host:port"`; outside a runtime.
///
/// # Example
/// ```
/// sideline::block_on(async {
///     let mut addresses = sideline::net::lookup_host("localhost:80").await?;
///     assert!(addresses.all(|address| address.ip().is_loopback() && address.port() == 80));
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
pub async fn lookup_host(host: impl ToSocketAddrs) -> io::Result<impl Iterator<Item = SocketAddr>> {
    resolve(host.to_addrs()).await.map(Vec::into_iter)
}

/// Calls `attempt` with one address after the other until one succeeds.
///
/// # Errors
/// All that were met, in one.
pub(super) async fn first_that<T, F>(
    addrs: io::Result<Addrs>,
    // Not an `AsyncFnMut`: nobody could say that its futures are `Send`.
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    if let Ok(Addrs::One(addr)) = addrs {
        return attempt(addr).await;
    }
    let mut failures = Failures::default();
    for addr in resolve(addrs).await? {
        match attempt(addr).await {
            Ok(value) => return Ok(value),
            Err(error) => failures.push(addr, error),
        }
    }
    Err(failures.into_error())
}

/// The addresses. Dropping the future takes a lookup that has not started out of the line and the queue.
pub(super) async fn resolve(addrs: io::Result<Addrs>) -> io::Result<Vec<SocketAddr>> {
    match addrs? {
        Addrs::One(addr) => Ok(vec![addr]),
        Addrs::Many(addrs) => Ok(addrs),
        Addrs::LookUp { host, port } => look_up(host, port).await,
    }
}

async fn look_up(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let job = {
        // An error is better than the panic that spawn_blocking would be.
        let runtime = context::handle().map_err(io::Error::other)?;
        let _in_line = runtime.shared().stand_in_line();
        // A name server that is silent must not have all threads of the pool.
        let permit = runtime.shared().tenant.pool().slow_permit().await;
        let name = format!("net: look up {host}");
        let look_up = move || {
            let _permit = permit;
            let found = std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port));
            found.map(Iterator::collect).map_err(|error| {
                let error = or_descriptor_limit(error);
                io::Error::new(error.kind(), format!("host {host:?} could not be looked up: {error}"))
            })
        };
        JobBuilder::of_lookup(runtime.clone()).name(name).spawn(look_up).abort_on_drop()
    };
    job.await.map_err(io::Error::other)?
}

/// The C library opens files and sockets for a lookup. If there are no descriptors left it says, as a rule, that the name is not known.
#[inline]
fn or_descriptor_limit(error: io::Error) -> io::Error {
    match std::fs::File::open("/").map_err(name_descriptor_limit) {
        // With advice an error has no number of the system's any more.
        Err(advised) if advised.raw_os_error().is_none() => advised,
        _ => error,
    }
}

#[inline]
fn host_and_port(host: &str, port: u16) -> Addrs {
    match host.parse::<IpAddr>() {
        Ok(ip) => Addrs::One(SocketAddr::new(ip, port)),
        Err(_) => Addrs::LookUp { host: host.to_owned(), port },
    }
}

macro_rules! always_one {
    ($($address:ty),*) => {$(
        impl ToSocketAddrs for $address {}
        impl Sealed for $address {
            #[inline]
            fn to_addrs(&self) -> io::Result<Addrs> {
                Ok(Addrs::One(SocketAddr::from(*self)))
            }
        }
    )*};
}

always_one!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl ToSocketAddrs for [SocketAddr] {}
impl Sealed for [SocketAddr] {
    #[inline]
    fn to_addrs(&self) -> io::Result<Addrs> {
        Ok(Addrs::Many(self.to_vec()))
    }
}

impl<const N: usize> ToSocketAddrs for [SocketAddr; N] {}
impl<const N: usize> Sealed for [SocketAddr; N] {
    fn to_addrs(&self) -> io::Result<Addrs> {
        self[..].to_addrs()
    }
}

impl ToSocketAddrs for Vec<SocketAddr> {}
impl Sealed for Vec<SocketAddr> {
    #[inline]
    fn to_addrs(&self) -> io::Result<Addrs> {
        self[..].to_addrs()
    }
}

impl ToSocketAddrs for (&str, u16) {}
impl Sealed for (&str, u16) {
    #[inline]
    fn to_addrs(&self) -> io::Result<Addrs> {
        Ok(host_and_port(self.0, self.1))
    }
}

impl ToSocketAddrs for (String, u16) {}
impl Sealed for (String, u16) {
    #[inline]
    fn to_addrs(&self) -> io::Result<Addrs> {
        Ok(host_and_port(&self.0, self.1))
    }
}

impl ToSocketAddrs for str {}
impl Sealed for str {
    #[inline]
    fn to_addrs(&self) -> io::Result<Addrs> {
        if let Ok(addr) = self.parse() {
            return Ok(Addrs::One(addr));
        }
        let parts = self.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        parts.map(|(host, port)| host_and_port(host, port)).ok_or_else(|| {
            let message = format!("{self:?} is not an address: \"host:port\" is expected");
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })
    }
}

impl ToSocketAddrs for String {}
impl Sealed for String {
    #[inline]
    fn to_addrs(&self) -> io::Result<Addrs> {
        self.as_str().to_addrs()
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}
impl<T: ToSocketAddrs + ?Sized> Sealed for &T {
    fn to_addrs(&self) -> io::Result<Addrs> {
        (**self).to_addrs()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_never_looked_up() {
        for address in ["127.0.0.1:80", "[::1]:80", "0.0.0.0:80"] {
            assert!(matches!(address.to_addrs(), Ok(Addrs::One(_))), "{address}");
        }
        assert!(matches!(("::1", 80).to_addrs(), Ok(Addrs::One(_))));
        assert!(matches!("localhost:80".to_addrs(), Ok(Addrs::LookUp { port: 80, .. })));
    }

    #[test]
    fn what_is_no_address_says_what_is_expected() {
        for wrong in ["localhost", "localhost:", ":http", "", "1.2.3.4:65536"] {
            let error = wrong.to_addrs().unwrap_err();
            assert!(error.to_string().contains("host:port"), "{error}");
        }
    }
}
