//! HTTP/2: many streams on a connection, flow control, services and bodies that are not `Send`.

use crate::service::{Body, Service, empty, expect_body, large_body};
use futures::future::join_all;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::client::conn::http2::{self as client, SendRequest};
use hyper::server::conn::http2 as server;
use hyper::service::service_fn;
use sideline::hyper::Timer;
use sideline::{JoinHandle, LocalHandle, spawn};
use sideline_ecosystem::{pattern, run, tcp_pair};

async fn connect(service: &Service) -> (SendRequest<Body>, JoinHandle<hyper::Result<()>>) {
    let (ours, theirs) = tcp_pair().await.unwrap();
    let local = LocalHandle::current();
    let service = service.clone();
    let service = service_fn(move |request| service.clone().answer(request));
    let server = spawn(server::Builder::new(local.clone()).timer(Timer).serve_connection(theirs, service));
    let (sender, connection) = client::Builder::new(local).timer(Timer).handshake(ours).await.unwrap();
    drop(spawn(async { connection.await.expect("the connection ends well") }));
    (sender, server)
}

fn get(path: &str) -> Request<Body> {
    Request::get(format!("http://test{path}")).body(empty()).unwrap()
}

#[test]
fn a_thousand_streams_share_a_connection() {
    run(async {
        let service = Service::default();
        let (sender, server) = connect(&service).await;
        let requests = (0..1000).map(|number| {
            let mut sender = sender.clone();
            async move {
                let path = if number % 4 == 0 { "/offloaded".into() } else { format!("/number/{number}") };
                sender.ready().await.unwrap();
                let response = sender.send_request(get(&path)).await.unwrap();
                let body = response.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(body, if number % 4 == 0 { "from the pool".into() } else { number.to_string() });
            }
        });
        join_all(requests).await;
        drop(sender);
        server.await.unwrap().unwrap();
        assert_eq!(service.answered.get(), 1000);
    });
}

#[test]
fn large_bodies_go_both_ways_on_several_streams_at_once() {
    run(async {
        let (sender, _server) = connect(&Service::default()).await;
        let content: &'static [u8] = pattern(8 << 20).leak();
        let echoes = (0..3).map(|_| {
            let mut sender = sender.clone();
            async move {
                let request = Request::post("http://test/echo").body(large_body(content)).unwrap();
                let response = sender.send_request(request).await.unwrap();
                expect_body(response.into_body(), content).await;
            }
        });
        join_all(echoes).await;
    });
}

#[test]
fn streams_that_are_given_up_leave_the_others_alone() {
    run(async {
        let (mut sender, _server) = connect(&Service::default()).await;
        for _ in 0..100 {
            let mut response = sender.send_request(get("/endless")).await.unwrap();
            // One frame is enough; the rest is reset.
            response.body_mut().frame().await.unwrap().unwrap();
        }
        let response = sender.send_request(get("/number/7")).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "7");
    });
}
