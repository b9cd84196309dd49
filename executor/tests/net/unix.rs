//! Unix domain streams, by path.

use super::*;
use std::os::unix::fs::MetadataExt;

#[test]
fn unix_sockets_connect_by_path() {
    run(async {
        let scratch = tempdir()?;
        let path = scratch.path().join("socket");
        let listener = UnixListener::bind(&path)?;
        assert_eq!(listener.local_addr()?.as_pathname(), Some(&*path));
        let client = UnixStream::connect(&path).await?;
        let (server, _) = listener.accept().await?;
        assert_eq!(client.peer_addr()?.as_pathname(), Some(&*path));
        client.write_all(b"hello").await?;
        client.shutdown(Shutdown::Write)?;
        let mut received = Vec::new();
        server.read_to_end(&mut received).await?;
        assert_eq!(received, b"hello");
        assert_eq!(UnixListener::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(listener);
        assert_eq!(UnixStream::connect(&path).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        Ok(())
    });
}

#[test]
fn connecting_to_a_full_unix_listener_waits_for_room() {
    run_paused(async {
        let scratch = tempdir()?;
        let path = scratch.path().join("socket");
        let listener = std::os::unix::net::UnixListener::bind(&path)?;
        // The standard library's queue holds 128, or what the system allows.
        let mut connecting = JoinSet::new();
        for _ in 0..5_000 {
            let path = path.clone();
            connecting.spawn(async move { UnixStream::connect(path).await.map(drop) });
        }
        let all = connecting.len();
        // Time passes once all of them wait.
        sleep(Duration::from_millis(5)).await;
        let mut done = 0;
        let listener = UnixListener::from_std(listener)?;
        drop(spawn(async move { while listener.accept().await.is_ok() {} }));
        while let Some(connected) = connecting.join_next().await {
            connected.unwrap()?;
            done += 1;
        }
        assert_eq!(done, all);
        Ok(())
    });
}

#[cfg(target_os = "linux")]
#[test]
fn abstract_addresses_need_no_file() {
    use std::os::linux::net::SocketAddrExt;
    run(async {
        // Nobody else's, and not one that an earlier run has had: the path of a directory that is ours alone.
        let scratch = tempdir()?;
        let name = scratch.path().display().to_string();
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name)?;
        let listener = UnixListener::bind_addr(&address)?;
        let client = UnixStream::connect_addr(&address).await?;
        let (server, _) = listener.accept().await?;
        client.write_all(b"hi").await?;
        assert_eq!(server.read(&mut [0; 8]).await?, 2);
        let datagrams = UnixDatagram::bind_addr(&std::os::unix::net::SocketAddr::from_abstract_name(
            format!("{name}-datagrams"),
        )?)?;
        assert!(datagrams.local_addr()?.as_abstract_name().is_some());
        Ok(())
    });
}

#[test]
fn the_kernel_says_who_is_at_the_other_end() {
    run(async {
        let scratch = tempdir()?;
        let path = scratch.path().join("socket");
        let listener = UnixListener::bind(&path)?;
        let client = UnixStream::connect(&path).await?;
        let (server, _) = listener.accept().await?;
        let peer = server.peer_cred()?;
        assert_eq!(peer, client.peer_cred()?);
        // The owner of a file that this process has made.
        assert_eq!(peer.uid, std::fs::symlink_metadata(&path)?.uid());
        #[cfg(target_os = "linux")]
        assert_eq!(peer.pid, Some(std::process::id() as i32));
        Ok(())
    });
}
