//! Bytes that are copied through a chain of connections, files and children, each of another kind. All of them arrive, in order; or,
//! if one of the copies is given up, the first of them.

use super::*;
use sideline::fs::File;
use sideline::io::{BufReader, ReadBytes, WriteBytes, copy, copy_bidirectional};
use sideline::net::UnixStream;
use sideline::process::{Command, Stdio};
use sideline::{JoinHandle, spawn};

type Reader = Box<dyn ReadBytes>;
type Writer = Box<dyn WriteBytes>;

/// What comes out of the reader is what was written to the writer.
async fn link(random: &mut Rng) -> io::Result<(Writer, Reader)> {
    Ok(match random.u32(..8) {
        0 | 1 => {
            let (near, far) = UnixStream::pair()?;
            (Box::new(near), Box::new(far))
        }
        2 => {
            let (near, far) = tcp_pair().await?;
            (Box::new(near), Box::new(far))
        }
        3 => {
            let (near, far) = tcp_pair().await?;
            (Box::new(near.into_split().1), Box::new(BufReader::new(far.into_split().0)))
        }
        4 => {
            let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
            (Box::new(child.stdin.take().unwrap()), Box::new(child.stdout.take().unwrap()))
        }
        5 => {
            let (near, far) = UnixStream::pair()?;
            (Box::new(near), Box::new(BufReader::new(far)))
        }
        // A proxy.
        _ => {
            let (near, mut left) = UnixStream::pair()?;
            let (mut right, far) = tcp_pair().await?;
            drop(spawn(async move { copy_bidirectional(&mut left, &mut right).await }));
            (Box::new(near), Box::new(far))
        }
    })
}

/// A chain of copies from `sent` to what is returned; whether one of them was given up; and how much each of the others says that it
/// has copied.
async fn one_chain(sent: &[u8], random: &mut Rng) -> io::Result<(Vec<u8>, bool, Vec<u64>)> {
    let mut copies: Vec<JoinHandle<io::Result<u64>>> = Vec::new();
    let mut reader: Reader = if random.bool() {
        let file = NamedTempFile::new()?;
        std::fs::write(file.path(), sent)?;
        Box::new(File::open(file.path()).await?)
    } else {
        let sent = sent.to_vec();
        let (near, far) = UnixStream::pair()?;
        copies.push(spawn(async move { copy(&mut &sent[..], &mut &near).await }));
        Box::new(far)
    };
    for _ in 0..random.u32(..5) {
        let (mut writer, next) = link(random).await?;
        let mut before = std::mem::replace(&mut reader, next);
        copies.push(spawn(async move { copy(&mut *before, &mut *writer).await }));
    }
    let is_cut = !copies.is_empty() && random.u32(..3) == 0;
    if is_cut {
        for _ in 0..random.u32(..40) {
            yield_now().await;
        }
        copies[random.usize(..copies.len())].abort();
    }
    let mut received = Vec::new();
    if random.bool() {
        let file = NamedTempFile::new()?;
        let n = copy(&mut *reader, &mut File::create(file.path()).await?).await?;
        received = std::fs::read(file.path())?;
        assert_eq!(n, received.len() as u64, "it was not flushed");
    } else {
        assert_eq!(copy(&mut *reader, &mut received).await?, received.len() as u64);
    }
    let mut counts = Vec::new();
    for copy in copies {
        match copy.await {
            Ok(copied) if !is_cut => counts.push(copied?),
            // Whoever writes to somebody who is gone gets an error.
            Ok(_) => {}
            Err(error) => assert!(is_cut && error.is_cancelled(), "{error}"),
        }
    }
    Ok((received, is_cut, counts))
}

#[test]
fn carry_all_bytes_in_order_or_the_first_of_them() {
    for_seeds(40, |seed| {
        let mut random = Rng::with_seed(seed);
        let len = some_length(&mut random, 1_000_000);
        let sent = some_bytes(&mut random, len);
        run(async {
            let (received, is_cut, counts) = one_chain(&sent, &mut random).await?;
            assert!(sent.starts_with(&received));
            assert!(is_cut || received.len() == len, "{} of {len}", received.len());
            assert!(counts.iter().all(|&count| count == len as u64), "{counts:?}");
            Ok(())
        });
    });
}

/// One end of a conversation: says all it has to, in pieces, and hears what the other says, or some of it.
async fn one_end(
    stream: UnixStream,
    says: Vec<u8>,
    hears: usize,
    mut random: Rng,
) -> io::Result<Option<Vec<u8>>> {
    let stream = std::rc::Rc::new(stream);
    let saying = spawn({
        let (stream, mut random) = (std::rc::Rc::clone(&stream), random.fork());
        async move {
            let mut rest = &says[..];
            while !rest.is_empty() {
                let piece = &rest[..rest.len().min(1 + some_length(&mut random, 100_000))];
                stream.write_all(piece).await?;
                rest = &rest[piece.len()..];
                yield_now().await;
            }
            stream.shutdown(std::net::Shutdown::Write)
        }
    });
    let mut heard = Vec::new();
    while heard.len() < hears {
        let mut buf = vec![0; 1 + some_length(&mut random, 100_000)];
        match stream.read(&mut buf).await? {
            0 => {
                saying.await.unwrap()?;
                return Ok(Some(heard));
            }
            n => heard.extend_from_slice(&buf[..n]),
        }
    }
    // It has heard enough, and hangs up.
    saying.abort();
    Ok(None)
}

#[test]
fn both_ways_carry_what_each_has_said_or_end_with_whom_hangs_up() {
    for_seeds(40, |seed| {
        let mut random = Rng::with_seed(seed);
        let says = [0, 1].map(|_| {
            let len = some_length(&mut random, 600_000);
            some_bytes(&mut random, len)
        });
        let hangs_up = random.u32(..3) == 0;
        run(async {
            let ((client, mut near), (mut far, server)) = (UnixStream::pair()?, UnixStream::pair()?);
            let proxy = spawn(async move { copy_bidirectional(&mut near, &mut far).await });
            let enough = if hangs_up { random.usize(..says[0].len() + 1) } else { usize::MAX };
            let at_client = spawn(one_end(client, says[0].clone(), usize::MAX, random.fork()));
            let at_server = spawn(one_end(server, says[1].clone(), enough, random.fork()));
            let heard = at_server.await.unwrap();
            if !hangs_up {
                assert!(heard?.unwrap() == says[0]);
                assert!(at_client.await.unwrap()?.unwrap() == says[1]);
                let copied = proxy.await.unwrap()?;
                assert_eq!(copied, (says[0].len() as u64, says[1].len() as u64));
                return Ok(());
            }
            // Everybody learns of it: whether as an end or as an error depends on what was still under way.
            let _ = proxy.await.unwrap();
            if let Ok(Some(heard)) = at_client.await.unwrap() {
                assert!(says[1].starts_with(&heard));
            }
            Ok(())
        });
    });
}
