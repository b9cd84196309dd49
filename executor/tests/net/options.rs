//! Options, addresses, and the way to the standard library and back.

use super::*;

#[test]
fn options_addresses_and_the_way_to_std_and_back() {
    run(async {
        let (client, server) = tcp_pair().await?;
        client.set_nodelay(true)?;
        assert!(client.nodelay()?);
        client.set_ttl(42)?;
        assert_eq!(client.ttl()?, 42);
        assert!(client.take_error()?.is_none());
        assert!(format!("{client:?}").contains("TcpStream"));
        let std: std::net::TcpStream = client.into_std()?;
        let client = TcpStream::from_std(std)?;
        client.write_all(b"still there").await?;
        drop(client);
        let mut received = Vec::new();
        server.read_to_end(&mut received).await?;
        assert_eq!(received, b"still there");
        let listener = TcpListener::from_std(std::net::TcpListener::bind("127.0.0.1:0")?)?;
        listener.set_ttl(11)?;
        assert_eq!(listener.ttl()?, 11);
        let address = listener.local_addr()?;
        let listener = listener.into_std()?;
        drop(listener);
        TcpListener::bind(address).await?;
        Ok(())
    });
}
