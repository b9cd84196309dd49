//! async-tungstenite over our streams, in the clear and in TLS.

use async_tungstenite::tungstenite::{Error, Message, error::ProtocolError};
use async_tungstenite::{WebSocketStream, accept_async, client_async};
use futures::future::join_all;
use futures::{AsyncRead, AsyncWrite, AsyncWriteExt, StreamExt};
use sideline::net::{TcpListener, TcpStream};
use sideline::{JoinHandle, spawn};
use std::time::Duration;
use streams::{tcp_pair, tls_pair};
use support::{Dice, identity, pattern, run};

fn echo<S: AsyncRead + AsyncWrite + Unpin + 'static>(stream: S) -> JoinHandle<Result<usize, Error>> {
    spawn(async move {
        let mut socket = accept_async(stream).await?;
        let mut echoed = 0;
        while let Some(message) = socket.next().await {
            let message = message?;
            if message.is_text() || message.is_binary() {
                socket.send(message).await?;
                echoed += 1;
            }
        }
        // TLS wants a farewell of its own.
        socket.into_inner().close().await?;
        Ok(echoed)
    })
}

async fn connect<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> WebSocketStream<S> {
    client_async("ws://localhost/", stream).await.unwrap().0
}

async fn exchanges<S: AsyncRead + AsyncWrite + Unpin>(stream: S, messages: usize, seed: u64) {
    let mut socket = connect(stream).await;
    let content = pattern(1 << 17);
    let mut dice = Dice::new(seed);
    for n in 0..messages {
        // Up to 128 KiB, most of them short; every tenth is text, and pings in between.
        let len = dice.of_bits(17);
        let message = match n % 10 {
            0 => Message::text("ä".repeat(len / 2)),
            _ => Message::binary(content[..len].to_vec()),
        };
        if n % 7 == 0 {
            socket.send(Message::Ping(vec![7; 5].into())).await.unwrap();
        }
        socket.send(message.clone()).await.unwrap();
        let answer = loop {
            match socket.next().await.unwrap().unwrap() {
                Message::Pong(payload) => assert_eq!(&*payload, [7; 5]),
                message => break message,
            }
        };
        assert!(answer == message, "message {n}");
    }
    socket.close(None).await.unwrap();
    while let Some(message) = socket.next().await {
        assert!(message.unwrap().is_close());
    }
}

#[test]
fn thousands_of_messages_of_all_sizes_come_back() {
    run(async {
        let (client, server) = tcp_pair().await.unwrap();
        let server = echo(server);
        exchanges(client, 5000, 1).await;
        assert_eq!(server.await.unwrap().unwrap(), 5000);
    });
}

#[test]
fn and_in_tls() {
    run(async {
        let (client, server) = tls_pair(&identity().unwrap()).await.unwrap();
        let server = echo(server);
        exchanges(client, 3000, 2).await;
        assert_eq!(server.await.unwrap().unwrap(), 3000);
    });
}

#[test]
fn a_hundred_clients_at_once() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let servers = spawn(async move {
            let mut servers = Vec::new();
            while servers.len() < 100 {
                servers.push(echo(listener.accept().await.unwrap().0));
            }
            servers
        });
        let clients = (0..100).map(|seed| {
            spawn(async move { exchanges(TcpStream::connect(address).await.unwrap(), 50, seed).await })
        });
        join_all(clients).await.into_iter().for_each(Result::unwrap);
        for server in servers.await.unwrap() {
            assert_eq!(server.await.unwrap().unwrap(), 50);
        }
    });
}

#[test]
fn a_message_of_many_mebibytes_goes_both_ways() {
    run(async {
        let (client, server) = tcp_pair().await.unwrap();
        let _server = echo(server);
        let mut socket = connect(client).await;
        let content = pattern(12 << 20);
        socket.send(Message::binary(content.clone())).await.unwrap();
        assert!(socket.next().await.unwrap().unwrap().into_data()[..] == content);
    });
}

#[test]
fn a_client_that_vanishes_is_an_error_at_the_server_and_nothing_else() {
    run(async {
        for reset in [false, true] {
            let (client, server) = tcp_pair().await.unwrap();
            let server = echo(server);
            let mut socket = connect(client).await;
            socket.send(Message::text("hello")).await.unwrap();
            socket.next().await.unwrap().unwrap();
            if reset {
                socket.get_ref().set_linger(Some(Duration::ZERO)).unwrap();
            }
            drop(socket);
            match server.await.unwrap().unwrap_err() {
                Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {}
                Error::Io(error) => assert!(reset, "{error}"),
                error => panic!("{error}"),
            }
        }
    });
}

#[test]
fn a_server_that_vanishes_in_the_middle_of_a_message_is_noticed() {
    run(async {
        let (client, server) = tcp_pair().await.unwrap();
        let server = spawn(async move {
            let mut socket = accept_async(server).await.unwrap();
            socket.next().await.unwrap().unwrap();
            // The head of a long frame, and an end.
            socket.get_ref().write_all(&[0x82, 126, 0xff, 0xff, 1, 2, 3]).await.unwrap();
        });
        let mut socket = connect(client).await;
        socket.send(Message::text("go on")).await.unwrap();
        let error = socket.next().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Protocol(_) | Error::Io(_)), "{error}");
        server.await.unwrap();
    });
}
