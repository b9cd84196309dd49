//! The example `http_service`: its end, with a request in flight and an idle connection.
#![cfg(not(loom))]

#[path = "../examples/http_service.rs"]
mod http_service;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use sideline::net::{TcpListener, TcpStream};
use sideline::task::yield_now;
use sideline::{CancelToken, Handle, spawn};
use sideline_ecosystem::run;
use std::net::SocketAddr;

async fn client(address: SocketAddr) -> SendRequest<Empty<Bytes>> {
    let (sender, connection) = handshake(TcpStream::connect(address).await.unwrap()).await.unwrap();
    spawn(async { connection.await.expect("the connection ends well") }).detach();
    sender
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(path).header("host", "test").body(Empty::new()).unwrap()
}

#[test]
fn a_request_in_flight_is_answered_and_idle_connections_end() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancelToken::new();
        let service = spawn(http_service::serve(listener, stop.clone()));

        let mut idle = client(address).await;
        assert_eq!(idle.send_request(get("/nothing")).await.unwrap().status(), 404);
        let few = idle.send_request(get("/primes/100")).await.unwrap();
        assert_eq!(few.into_body().collect().await.unwrap().to_bytes(), "25\n");

        let jobs = || Handle::current().metrics().jobs_outstanding;
        // The last one may still be counted.
        while jobs() > 0 {
            yield_now().await;
        }
        let mut busy = client(address).await;
        let many = spawn(async move { busy.send_request(get("/primes/300000")).await });
        while jobs() == 0 && !many.is_finished() {
            yield_now().await;
        }
        stop.cancel();
        let many = many.await.unwrap().unwrap();
        assert_eq!(many.headers()["connection"], "close");
        assert_eq!(many.into_body().collect().await.unwrap().to_bytes(), "25997\n");
        assert_eq!(service.await.unwrap(), 2);
        assert!(idle.ready().await.is_err());
        assert!(TcpStream::connect(address).await.is_err());
    });
}
