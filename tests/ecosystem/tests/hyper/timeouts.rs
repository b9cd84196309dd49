//! hyper's timeouts, in virtual time: they fire when nothing else is left to happen.

use crate::service::{Body, Service, empty};
use futures::FutureExt;
use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper::{Request, client, server};
use sideline::hyper::Timer;
use sideline::net::UnixStream;
use sideline::time::{now, sleep};
use sideline::{LocalHandle, spawn};
use sideline_ecosystem::run_paused;
use std::pin::pin;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_client_that_sends_half_a_head_is_turned_away() {
    run_paused(async {
        let (client, server) = UnixStream::pair().unwrap();
        let service = service_fn(|request| Service::default().answer(request));
        let mut builder = server::conn::http1::Builder::new();
        let connection = builder.timer(Timer).header_read_timeout(MINUTE).serve_connection(server, service);
        let start = now();
        client.write_all(b"GET / HTTP/1.1\r\nhost: ").await.unwrap();
        let error = connection.await.unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert!(now() - start >= MINUTE);
    });
}

#[test]
fn an_idle_connection_is_closed_in_time_and_one_in_use_is_not() {
    run_paused(async {
        let (client, server) = UnixStream::pair().unwrap();
        let service = service_fn(|request| Service::default().answer(request));
        let mut builder = server::conn::http1::Builder::new();
        let server =
            spawn(builder.timer(Timer).header_read_timeout(MINUTE).serve_connection(server, service));
        let (mut sender, connection) = client::conn::http1::handshake::<_, Body>(client).await.unwrap();
        let connection = spawn(connection);
        for number in 0..10 {
            sender.ready().await.unwrap();
            let request = Request::get(format!("/number/{number}")).header("host", "test").body(empty());
            let response = sender.send_request(request.unwrap()).await.unwrap();
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), number.to_string());
            sleep(MINUTE / 2).await;
        }
        assert!(!server.is_finished());
        let start = now();
        let _ = server.await.unwrap();
        assert!(now() - start <= MINUTE);
        connection.await.unwrap().unwrap();
    });
}

#[test]
fn a_server_that_answers_no_pings_is_given_up() {
    run_paused(async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let local = LocalHandle::current();
        let service = service_fn(|request| Service::default().answer(request));
        let mut server =
            pin!(server::conn::http2::Builder::new(local.clone()).serve_connection(theirs, service));
        let mut builder = client::conn::http2::Builder::new(local);
        builder
            .timer(Timer)
            .keep_alive_interval(MINUTE)
            .keep_alive_timeout(MINUTE / 3)
            .keep_alive_while_idle(true);
        let handshake = builder.handshake::<_, Body>(ours);
        let (mut sender, connection) = futures::select! {
            client = handshake.fuse() => client.unwrap(),
            _ = server.as_mut().fuse() => unreachable!("it serves on"),
        };
        let connection = spawn(connection);
        let request = Request::get("http://test/number/1").body(empty()).unwrap();
        futures::select! {
            response = sender.send_request(request).fuse() => drop(response.unwrap()),
            _ = server.as_mut().fuse() => unreachable!("it serves on"),
        }
        // It serves for another hour, and is asked sixty times whether it is there.
        futures::select! {
            () = sleep(60 * MINUTE).fuse() => {}
            _ = server.as_mut().fuse() => unreachable!("it serves on"),
        }
        assert!(!connection.is_finished());
        // From now on nobody polls the server, though its socket is open.
        let start = now();
        let error = connection.await.unwrap().unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert!(now() - start >= MINUTE / 3);
        assert!(now() - start <= 2 * MINUTE);
    });
}

#[test]
fn a_graceful_end_lets_the_request_under_way_finish() {
    run_paused(async {
        let (client, server) = UnixStream::pair().unwrap();
        let service = service_fn(|request| async {
            sleep(MINUTE).await;
            Service::default().answer(request).await
        });
        let mut server = pin!(server::conn::http1::Builder::new().serve_connection(server, service));
        let (mut sender, connection) = client::conn::http1::handshake::<_, Body>(client).await.unwrap();
        drop(spawn(connection));
        let request = Request::get("/number/1").header("host", "test").body(empty()).unwrap();
        let mut response = pin!(sender.send_request(request));
        futures::select! {
            _ = response.as_mut().fuse() => unreachable!("it takes a minute"),
            _ = server.as_mut().fuse() => unreachable!("it serves on"),
            () = sleep(MINUTE / 2).fuse() => {}
        }
        server.as_mut().graceful_shutdown();
        let (response, end) = futures::join!(response, server);
        end.unwrap();
        assert_eq!(response.unwrap().headers()["connection"], "close");
    });
}
