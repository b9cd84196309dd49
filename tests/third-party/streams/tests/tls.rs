//! futures-rustls over our streams.

use futures::{AsyncReadExt, AsyncWriteExt};
use futures_rustls::TlsConnector;
use sideline::spawn;
use std::io::ErrorKind;
use std::time::Duration;
use streams::{tcp_pair, tls_pair};
use support::{Dice, identity, pattern, run};

#[test]
fn thousands_of_messages_of_all_sizes_come_back() {
    run(async {
        let (mut client, mut server) = tls_pair(&identity().unwrap()).await.unwrap();
        drop(spawn(async move {
            let mut buffer = vec![0; 20_000];
            loop {
                match server.read(&mut buffer).await.unwrap() {
                    0 => break,
                    n => {
                        server.write_all(&buffer[..n]).await.unwrap();
                        server.flush().await.unwrap();
                    }
                }
            }
            server.close().await.unwrap();
        }));
        let content = pattern(100_000);
        let mut dice = Dice::new(1);
        let mut echo = vec![0; content.len()];
        for _ in 0..3000 {
            // From a byte to several records.
            let len = 1 + dice.of_bits(16);
            client.write_all(&content[..len]).await.unwrap();
            client.flush().await.unwrap();
            client.read_exact(&mut echo[..len]).await.unwrap();
            assert!(echo[..len] == content[..len]);
        }
        client.close().await.unwrap();
        assert_eq!(client.read(&mut echo).await.unwrap(), 0);
    });
}

#[test]
fn both_directions_are_full_at_once() {
    run(async {
        let (client, server) = tls_pair(&identity().unwrap()).await.unwrap();
        let content = pattern(16 << 20);
        let (mut client_reads, mut client_writes) = client.split();
        let (mut server_reads, mut server_writes) = server.split();
        let client_sends = async {
            client_writes.write_all(&content).await.unwrap();
            client_writes.close().await.unwrap();
        };
        let server_sends = async {
            server_writes.write_all(&content).await.unwrap();
            server_writes.close().await.unwrap();
        };
        let (mut at_client, mut at_server) = (Vec::new(), Vec::new());
        let (_, _, one, other) = futures::join!(
            client_sends,
            server_sends,
            client_reads.read_to_end(&mut at_client),
            server_reads.read_to_end(&mut at_server)
        );
        assert_eq!((one.unwrap(), other.unwrap()), (content.len(), content.len()));
        assert!(at_client == content && at_server == content);
    });
}

#[test]
fn an_abrupt_end_is_told_from_an_orderly_one() {
    run(async {
        let identity = identity().unwrap();
        let mut buffer = [0; 16];

        // The peer closes the socket without TLS's word of farewell: somebody might have cut the connection.
        let (mut client, server) = tls_pair(&identity).await.unwrap();
        drop(server.into_inner());
        let error = client.read(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);

        // It resets the connection in the middle of a record.
        let (mut client, mut server) = tls_pair(&identity).await.unwrap();
        server.get_ref().0.set_linger(Some(Duration::ZERO)).unwrap();
        server.write_all(b"half").await.unwrap();
        drop(server.into_inner());
        let mut received = Vec::new();
        let error = client.read_to_end(&mut received).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof), "{error}");
        // Closing what is broken does not hang.
        let _ = client.close().await;

        // And it says farewell.
        let (mut client, mut server) = tls_pair(&identity).await.unwrap();
        server.close().await.unwrap();
        assert_eq!(client.read(&mut buffer).await.unwrap(), 0);
    });
}

#[test]
fn a_server_that_nobody_vouches_for_is_refused_on_both_sides() {
    run(async {
        let (identity, other) = (identity().unwrap(), support::identity().unwrap());
        let (client, server) = tcp_pair().await.unwrap();
        let connect = TlsConnector::from(other.client).connect("localhost".try_into().unwrap(), client);
        let accept = futures_rustls::TlsAcceptor::from(identity.server).accept(server);
        let (connected, accepted) = futures::join!(connect, accept);
        assert!(connected.is_err() && accepted.is_err());
    });
}
