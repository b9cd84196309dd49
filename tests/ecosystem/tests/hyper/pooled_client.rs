//! hyper-util on top: its client with a pool of connections, and its server that finds out which HTTP is spoken.

use crate::service::{Body, Service, empty};
use http_body_util::BodyExt;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper::{Request, Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::server::conn::auto;
use sideline::hyper::Timer;
use sideline::net::{TcpListener, TcpStream};
use sideline::{Handle, LocalHandle, spawn};
use sideline_ecosystem::run;
use std::cell::Cell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// hyper-util wants to ask the stream things that no other crate knows of.
struct Stream(TcpStream);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Read::poll_read(Pin::new(&mut self.0), cx, buf)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Write::poll_write(Pin::new(&mut self.0), cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_flush(Pin::new(&mut self.0), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_shutdown(Pin::new(&mut self.0), cx)
    }

    fn is_write_vectored(&self) -> bool {
        Write::is_write_vectored(&self.0)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Write::poll_write_vectored(Pin::new(&mut self.0), cx, bufs)
    }
}

#[derive(Clone)]
struct Connector(SocketAddr);

impl tower_service::Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let address = self.0;
        Box::pin(async move { TcpStream::connect(address).await.map(Stream) })
    }
}

/// A server for both versions, and how many connections it has accepted.
async fn serve(service: Service) -> io::Result<(SocketAddr, Rc<Cell<usize>>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let accepted = Rc::new(Cell::new(0));
    drop(spawn({
        let accepted = Rc::clone(&accepted);
        async move {
            loop {
                let (stream, _peer) = listener.accept().await.expect("accepts");
                accepted.set(accepted.get() + 1);
                let service = service.clone();
                let service = service_fn(move |request| service.clone().answer(request));
                drop(spawn(async move {
                    let mut builder = auto::Builder::new(LocalHandle::current());
                    builder.http1().timer(Timer);
                    builder.http2().timer(Timer);
                    builder.serve_connection(stream, service).await.expect("serves");
                }));
            }
        }
    }));
    Ok((address, accepted))
}

#[test]
fn connections_are_kept_and_used_again() {
    run(async {
        let service = Service::default();
        let (address, accepted) = serve(service.clone()).await.unwrap();
        let mut builder = Client::builder(Handle::current());
        builder.pool_timer(Timer).timer(Timer).pool_idle_timeout(Duration::from_secs(60));
        let client: Client<_, Body> = builder.build(Connector(address));
        for number in 0..200 {
            let response = client.get(format!("http://test/number/{number}").parse().unwrap()).await.unwrap();
            assert_eq!(response.version(), Version::HTTP_11);
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), number.to_string());
        }
        assert_eq!(service.answered.get(), 200);
        // A connection is back in the pool only a moment after the last byte of its body.
        assert!(accepted.get() <= 20, "{} connections", accepted.get());
    });
}

#[test]
fn the_same_port_speaks_http2() {
    run(async {
        let service = Service::default();
        let (address, accepted) = serve(service.clone()).await.unwrap();
        let mut builder = Client::builder(Handle::current());
        builder.http2_only(true).timer(Timer).pool_timer(Timer);
        let client: Client<_, Body> = builder.build(Connector(address));
        let request = |number: usize| {
            let client = client.clone();
            async move {
                let request = Request::get(format!("http://test/number/{number}")).body(empty()).unwrap();
                let response = client.request(request).await.unwrap();
                assert_eq!(response.version(), Version::HTTP_2);
                assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), number.to_string());
            }
        };
        futures::future::join_all((0..300).map(request)).await;
        assert_eq!(service.answered.get(), 300);
        assert_eq!(accepted.get(), 1);
    });
}
