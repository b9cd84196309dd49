//! HTTP/1: keep-alive, pipelining, large bodies, upgrade.

use crate::service::{Body, Service, empty, expect_body, large_body};
use futures::{AsyncReadExt, AsyncWriteExt};
use http_body_util::BodyExt;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use sideline::hyper::{Io, Timer};
use sideline::net::{TcpStream, UnixStream};
use sideline::{JoinHandle, spawn};
use sideline_ecosystem::{pattern, run, tcp_pair};
use std::convert::Infallible;
use std::net::Shutdown;

fn serve<S>(service: &Service, stream: S) -> JoinHandle<hyper::Result<()>>
where
    S: Read + Write + Unpin + 'static,
{
    let service = service.clone();
    let service = service_fn(move |request| service.clone().answer(request));
    spawn(http1::Builder::new().timer(Timer).serve_connection(stream, service))
}

/// A client on one end of a connection whose other end is served.
async fn connect(service: &Service) -> (SendRequest<Body>, JoinHandle<hyper::Result<()>>) {
    let (client, server) = tcp_pair().await.unwrap();
    let server = serve(service, server);
    let (sender, connection) = handshake(client).await.unwrap();
    drop(spawn(async { connection.await.expect("the connection ends well") }));
    (sender, server)
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).header(header::HOST, "test").body(empty()).unwrap()
}

#[test]
fn one_connection_serves_many_requests_and_ends_with_the_client() {
    run(async {
        let service = Service::default();
        let (mut sender, server) = connect(&service).await;
        for number in 0..1000 {
            sender.ready().await.unwrap();
            let response = sender.send_request(get(&format!("/number/{number}"))).await.unwrap();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, number.to_string());
        }
        let offloaded = sender.send_request(get("/offloaded")).await.unwrap();
        assert_eq!(offloaded.into_body().collect().await.unwrap().to_bytes(), "from the pool");
        drop(sender);
        server.await.unwrap().unwrap();
        assert_eq!(service.answered.get(), 1001);
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    run(async {
        let service = Service::default();
        let (client, server) = tcp_pair().await.unwrap();
        let server = serve(&service, server);
        let mut requests: String =
            (0..500).map(|number| format!("GET /number/{number} HTTP/1.1\r\nhost: test\r\n\r\n")).collect();
        requests.push_str("GET /number/500 HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        // All of them are under way before the first answer is read.
        client.write_all(requests.as_bytes()).await.unwrap();
        let mut answers = Vec::new();
        client.read_to_end(&mut answers).await.unwrap();
        let answers = String::from_utf8(answers).unwrap();
        let numbers: Vec<usize> = answers
            .split("HTTP/1.1 200 OK\r\n")
            .skip(1)
            .map(|answer| answer.split_once("\r\n\r\n").expect("a head and a body").1.parse().unwrap())
            .collect();
        assert!(numbers.into_iter().eq(0..=500));
        server.await.unwrap().unwrap();
    });
}

#[test]
fn a_large_body_goes_both_ways_at_once() {
    run(async {
        let (mut sender, _server) = connect(&Service::default()).await;
        let content: &'static [u8] = pattern(24 << 20).leak();
        let request = Request::post("/echo").header(header::HOST, "test").body(large_body(content)).unwrap();
        let response = sender.send_request(request).await.unwrap();
        expect_body(response.into_body(), content).await;
    });
}

#[test]
fn it_runs_on_unix_sockets_and_through_futures_io_just_as_well() {
    run(async {
        let service = Service::default();
        let (client, server) = UnixStream::pair().unwrap();
        let _server = serve(&service, Io::new(server));
        let (mut sender, connection) = handshake(client).await.unwrap();
        drop(spawn(connection));
        let content: &'static [u8] = pattern(1 << 20).leak();
        let request = Request::post("/echo").header(header::HOST, "test").body(large_body(content)).unwrap();
        expect_body(sender.send_request(request).await.unwrap().into_body(), content).await;
    });
}

#[test]
fn an_upgraded_connection_is_handed_over_with_what_was_read_ahead() {
    async fn upgrade(request: Request<hyper::body::Incoming>) -> Result<Response<Body>, Infallible> {
        drop(spawn(async {
            let upgraded = hyper::upgrade::on(request).await.expect("the client upgrades");
            let (reader, mut writer) = Io::new(upgraded).split();
            futures::io::copy(reader, &mut writer).await.expect("echoes");
            writer.close().await.expect("closes");
        }));
        let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS).header("upgrade", "echo");
        Ok(response.header("connection", "upgrade").body(empty()).unwrap())
    }

    run(async {
        let (client, server) = tcp_pair().await.unwrap();
        let connection = http1::Builder::new().serve_connection(server, service_fn(upgrade)).with_upgrades();
        drop(spawn(connection));
        // The first bytes of the new protocol come with the request, before it is answered.
        let head = "GET / HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
        client.write_all(format!("{head}ahead ").as_bytes()).await.unwrap();
        let content = pattern(1 << 20);
        let write = async {
            client.write_all(&content).await.unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        };
        let mut answer = Vec::new();
        let (_, read) = futures::join!(write, client.read_to_end(&mut answer));
        read.unwrap();
        let head_len = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        assert!(answer.starts_with(b"HTTP/1.1 101 "));
        assert!(answer[head_len..].starts_with(b"ahead "));
        assert!(answer[head_len + 6..] == content);
    });
}

#[test]
fn a_client_upgrades_and_speaks_futures_io() {
    run(async {
        let (client, server) = tcp_pair().await.unwrap();
        drop(spawn(async move {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                server.read_exact(&mut byte).await.unwrap();
                request.extend(byte);
            }
            server.write_all(b"HTTP/1.1 101 Switching\r\nupgrade: echo\r\n\r\n").await.unwrap();
            echo(server).await;
        }));
        let (mut sender, connection) = handshake(client).await.unwrap();
        drop(spawn(connection.with_upgrades()));
        let request = Request::get("/").header("connection", "upgrade").header("upgrade", "echo");
        let response = sender.send_request(request.body(empty()).unwrap()).await.unwrap();
        let mut upgraded = Io::new(hyper::upgrade::on(response).await.unwrap());
        upgraded.write_all(b"hello").await.unwrap();
        let mut buffer = [0; 5];
        upgraded.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"hello");
    });
}

async fn echo(stream: TcpStream) {
    let mut buffer = [0; 1024];
    loop {
        let n = stream.read(&mut buffer).await.unwrap();
        if n == 0 {
            return;
        }
        stream.write_all(&buffer[..n]).await.unwrap();
    }
}

#[test]
fn a_client_that_resets_the_connection_after_its_answer_fails_nobody() {
    run(async {
        let service = Service::default();
        let (client, server) = tcp_pair().await.unwrap();
        let server = serve(&service, server);
        client.write_all(b"GET /number/1 HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = [0; 1024];
        let _ = client.read(&mut answer).await.unwrap();
        drop(client);
        server.await.unwrap().unwrap();
    });
}
