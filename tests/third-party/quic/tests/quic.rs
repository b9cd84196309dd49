//! quinn, with both ends on one loop.

use futures::future::join_all;
use quic::relay::Relay;
use quic::runtime::SidelineRuntime;
use quic::transfer::{echo, receive, send};
use quic::{Configs, configs, endpoint};
use quinn::{Connection, ConnectionError, Endpoint, IdleTimeout, TransportConfig, VarInt};
use sideline::spawn;
use sideline::time::{now, sleep};
use std::time::Duration;
use support::{pattern, run, run_paused};

/// A server that accepts for ever and echoes.
fn serve(configs: &Configs) -> Endpoint {
    let server = endpoint(Some(configs.server.clone()), SidelineRuntime::current()).unwrap();
    drop(spawn({
        let server = server.clone();
        async move {
            while let Some(incoming) = server.accept().await {
                drop(spawn(async move {
                    let Ok(connection) = incoming.await else { return };
                    echo(connection, |stream| drop(spawn(stream.run()))).await;
                }));
            }
        }
    }));
    server
}

fn client(configs: &Configs) -> Endpoint {
    let mut client = endpoint(None, SidelineRuntime::current()).unwrap();
    client.set_default_client_config(configs.client.clone());
    client
}

async fn echoed(connection: &Connection, content: &[u8]) -> bool {
    let (sending, receiving) = connection.open_bi().await.unwrap();
    let (sent, received) = futures::join!(send(sending, content), receive(receiving, content));
    sent.unwrap();
    received.unwrap()
}

#[test]
fn a_connection_is_made_used_and_closed_for_a_reason() {
    run(async {
        let configs = configs(TransportConfig::default()).unwrap();
        let server = serve(&configs);
        let client = client(&configs);
        let connecting = client.connect(server.local_addr().unwrap(), "localhost").unwrap();
        let connection = connecting.await.unwrap();
        assert!(echoed(&connection, b"hello").await);
        server.close(VarInt::from_u32(7), b"enough");
        match connection.closed().await {
            ConnectionError::ApplicationClosed(close) => {
                assert_eq!((close.error_code, &*close.reason), (VarInt::from_u32(7), &b"enough"[..]));
            }
            other => panic!("{other}"),
        }
        server.wait_idle().await;
        client.wait_idle().await;
    });
}

#[test]
fn a_thousand_streams_share_a_connection() {
    run(async {
        let mut transport = TransportConfig::default();
        transport.max_concurrent_bidi_streams(VarInt::from_u32(200));
        let configs = configs(transport).unwrap();
        let server = serve(&configs);
        let connection =
            client(&configs).connect(server.local_addr().unwrap(), "localhost").unwrap().await.unwrap();
        let content = pattern(20_000);
        let streams = (0..1000).map(|n| echoed(&connection, &content[n..n * 19 + 1]));
        assert!(join_all(streams).await.into_iter().all(|same| same));
    });
}

#[test]
fn a_hundred_mebibytes_go_both_ways() {
    run(async {
        let configs = configs(TransportConfig::default()).unwrap();
        let server = serve(&configs);
        let connection =
            client(&configs).connect(server.local_addr().unwrap(), "localhost").unwrap().await.unwrap();
        let content = pattern(100 << 20);
        assert!(echoed(&connection, &content).await);
    });
}

#[test]
fn many_clients_with_sockets_of_their_own() {
    run(async {
        let configs = configs(TransportConfig::default()).unwrap();
        let server = serve(&configs);
        let address = server.local_addr().unwrap();
        let content = pattern(300_000);
        let clients = (0..50).map(async |_| {
            let client = client(&configs);
            let connection = client.connect(address, "localhost").unwrap().await.unwrap();
            assert!(echoed(&connection, &content).await);
            connection.close(VarInt::from_u32(0), b"");
            client.wait_idle().await;
        });
        join_all(clients).await;
    });
}

#[test]
fn fifty_connections_over_one_socket_wait_for_room_side_by_side() {
    run(async {
        let configs = configs(TransportConfig::default()).unwrap();
        let server = serve(&configs);
        let address = server.local_addr().unwrap();
        let client = client(&configs);
        let content = pattern(300_000);
        let connections = (0..50).map(async |_| {
            let connection = client.connect(address, "localhost").unwrap().await.unwrap();
            assert!(echoed(&connection, &content).await);
        });
        join_all(connections).await;
    });
}

#[test]
fn a_connection_nobody_uses_times_out_at_its_time() {
    run_paused(async {
        let idle = Duration::from_secs(30);
        let mut transport = TransportConfig::default();
        transport.max_idle_timeout(Some(IdleTimeout::try_from(idle).unwrap()));
        let configs = configs(transport).unwrap();
        let server = serve(&configs);
        let client = client(&configs);
        let connection = client.connect(server.local_addr().unwrap(), "localhost").unwrap().await.unwrap();
        assert!(echoed(&connection, b"hello").await);
        let start = now();
        assert_eq!(connection.closed().await, ConnectionError::TimedOut);
        let took = now() - start;
        assert!(took >= idle && took <= 2 * idle, "{took:?}");
    });
}

#[test]
fn keep_alives_hold_a_connection_for_hours() {
    run_paused(async {
        let mut transport = TransportConfig::default();
        transport.max_idle_timeout(Some(IdleTimeout::try_from(Duration::from_secs(30)).unwrap()));
        transport.keep_alive_interval(Some(Duration::from_secs(10)));
        let configs = configs(transport).unwrap();
        let server = serve(&configs);
        let client = client(&configs);
        let connection = client.connect(server.local_addr().unwrap(), "localhost").unwrap().await.unwrap();
        sleep(Duration::from_secs(3 * 3600)).await;
        assert_eq!(connection.close_reason(), None);
        assert!(echoed(&connection, b"still there").await);
    });
}

#[test]
fn a_line_that_loses_one_datagram_in_twenty_delivers_everything() {
    run(async {
        let configs = configs(TransportConfig::default()).unwrap();
        let server = serve(&configs);
        let relay = Relay::start(server.local_addr().unwrap(), 50).await.unwrap();
        let client = client(&configs);
        let content = pattern(1 << 20);
        let connections = (0..4).map(async |_| {
            let connection = client.connect(relay.address, "localhost").unwrap().await.unwrap();
            assert!(echoed(&connection, &content).await);
        });
        join_all(connections).await;
        let (passed, lost) = (relay.passed.get(), relay.lost.get());
        assert!(lost * 1000 > passed * 30 && lost * 1000 < passed * 80, "{lost} lost, {passed} passed");
    });
}

#[test]
fn a_line_that_goes_dead_ends_the_connection_in_time() {
    run_paused(async {
        let mut transport = TransportConfig::default();
        transport.max_idle_timeout(Some(IdleTimeout::try_from(Duration::from_secs(20)).unwrap()));
        transport.keep_alive_interval(Some(Duration::from_secs(5)));
        let configs = configs(transport).unwrap();
        let server = serve(&configs);
        let relay = Relay::start(server.local_addr().unwrap(), 0).await.unwrap();
        let client = client(&configs);
        let connection = client.connect(relay.address, "localhost").unwrap().await.unwrap();
        assert!(echoed(&connection, b"hello").await);
        drop(relay);
        let start = now();
        assert_eq!(connection.closed().await, ConnectionError::TimedOut);
        assert!(now() - start <= Duration::from_secs(60));
    });
}
