//! A `BufReader` against the text that it reads, which comes in pieces of all sizes. Whatever is given up has used up nothing.

use super::*;
use sideline::fs::File;
use sideline::io::{BufReader, ReadBytes, copy};
use sideline::net::UnixStream;
use sideline::spawn;

/// Lines of all lengths, some of which are no text.
fn some_text(random: &mut Rng) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..random.u32(..60) {
        let len = some_length(random, 30_000);
        let filling = *random.choice(["x", "\r", "\u{e9}", ";", " "].iter()).unwrap();
        text.extend_from_slice(filling.repeat(len / filling.len()).as_bytes());
        if random.u32(..16) == 0 {
            text.push(0xff);
        }
        text.extend_from_slice(random.choice(["\n", "\r\n", ";\n", ";"]).unwrap().as_bytes());
    }
    if random.bool() {
        text.truncate(text.len().saturating_sub(random.usize(..4)));
    }
    text
}

struct Known<R> {
    reader: BufReader<R>,
    text: Vec<u8>,
    /// How much of it has been used up.
    used: usize,
    max_line: usize,
}

impl<R: ReadBytes> Known<R> {
    fn rest(&self) -> &[u8] {
        &self.text[self.used..]
    }

    /// What ends with `end`, or with the text.
    fn next(&self, end: u8) -> &[u8] {
        let rest = self.rest();
        rest.split_inclusive(|&byte| byte == end).next().unwrap_or(rest)
    }

    /// After a line that was not read. What is too long is still there: to be taken in pieces.
    fn fails(&mut self, error: &io::Error, len: usize, is_text: bool) {
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        if len > self.max_line {
            let len = self.reader.buffer().len();
            self.reader.consume(len);
            self.used += len;
        } else {
            assert!(!is_text);
            self.used += len;
        }
    }

    async fn reads_a_line(&mut self, random: &mut Rng) -> io::Result<()> {
        let line = self.next(b'\n').to_vec();
        let is_text = std::str::from_utf8(&line).is_ok();
        let mut found = String::from("before:");
        match perhaps(random, self.reader.read_line(&mut found)).await {
            Some(Ok(n)) => {
                assert!(n == line.len() && n <= self.max_line);
                assert!(found.strip_prefix("before:").is_some_and(|found| found.as_bytes() == line));
                self.used += n;
            }
            other => {
                assert_eq!(found, "before:");
                other.into_iter().for_each(|failed| {
                    let error = failed.expect_err("it was no success");
                    self.fails(&error, line.len(), is_text);
                });
            }
        }
        Ok(())
    }

    async fn reads_the_next_line(&mut self, random: &mut Rng) -> io::Result<()> {
        let line = self.next(b'\n').to_vec();
        let text = std::str::from_utf8(&line);
        match perhaps(random, self.reader.next_line()).await {
            None => {}
            Some(Ok(None)) => assert!(line.is_empty()),
            Some(Ok(Some(found))) => {
                let text = text.unwrap();
                // The standard library's idea of a line.
                assert!(text.lines().next() == Some(&found) || !text.ends_with('\n') && text == found);
                self.used += line.len();
            }
            Some(Err(error)) => self.fails(&error, line.len(), text.is_ok()),
        }
        Ok(())
    }

    async fn reads_until(&mut self, random: &mut Rng) -> io::Result<()> {
        let end = *random.choice(b";x\n\xff").unwrap();
        let field = self.next(end).to_vec();
        let mut found = vec![1, 2];
        match perhaps(random, self.reader.read_until(end, &mut found)).await {
            Some(Ok(n)) => {
                assert!(n == field.len() && n <= self.max_line && found[2..] == field);
                self.used += n;
            }
            None => assert_eq!(found, [1, 2]),
            Some(Err(error)) => self.fails(&error, field.len(), true),
        }
        Ok(())
    }

    async fn peeks(&mut self, random: &mut Rng) -> io::Result<()> {
        let len = some_length(random, 40_000);
        let consumed = some_length(random, 40_000);
        let Some(found) = perhaps(random, self.reader.peek(len)).await.transpose()? else { return Ok(()) };
        assert!(found == &self.text[self.used..self.text.len().min(self.used + len)]);
        self.used += consumed.min(self.reader.buffer().len());
        self.reader.consume(consumed);
        Ok(())
    }

    async fn reads(&mut self, random: &mut Rng) -> io::Result<()> {
        let mut buf = vec![0; some_length(random, 40_000)];
        if random.u32(..4) == 0 {
            // Not given up: it would lose something.
            let read = self.reader.read_exact(&mut buf).await;
            assert_eq!(read.is_ok(), self.rest().len() >= buf.len());
            let there = buf.len().min(self.rest().len());
            assert!(buf[..there] == self.rest()[..there]);
            self.used += there;
        } else if let Some(n) = perhaps(random, self.reader.read(&mut buf)).await.transpose()? {
            assert!(self.rest().starts_with(&buf[..n]));
            assert_eq!(n == 0, buf.is_empty() || self.rest().is_empty());
            self.used += n;
        }
        Ok(())
    }

    async fn goes_through(mut self, mut random: Rng) -> io::Result<()> {
        let until = random.usize(..=self.text.len() + self.text.len() / 4);
        while self.used <= until {
            let before = self.used;
            match random.u32(..6) {
                0 => self.reads_a_line(&mut random).await?,
                1 => self.reads_the_next_line(&mut random).await?,
                2 => self.reads_until(&mut random).await?,
                3 => self.peeks(&mut random).await?,
                _ => self.reads(&mut random).await?,
            }
            assert!(self.rest().starts_with(self.reader.buffer()), "at {before}");
            if self.rest().is_empty() {
                break;
            }
        }
        let mut rest = Vec::new();
        assert_eq!(copy(&mut self.reader, &mut rest).await?, self.rest().len() as u64);
        assert!(rest == self.rest());
        // And it has really ended.
        assert_eq!(self.reader.read(&mut [0]).await?, 0);
        Ok(())
    }
}

/// Sends `text` in pieces, on the loop, as it comes from a network.
fn sends(mut random: Rng, text: Vec<u8>, stream: UnixStream) {
    drop(spawn(async move {
        let mut rest = &text[..];
        while !rest.is_empty() {
            let piece = &rest[..rest.len().min(1 + some_length(&mut random, 60_000))];
            stream.write_all(piece).await.unwrap();
            rest = &rest[piece.len()..];
            for _ in 0..random.u32(..3) {
                yield_now().await;
            }
        }
    }));
}

#[test]
fn give_what_was_sent_to_whoever_asks_in_whatever_way() {
    for_seeds(80, |seed| {
        let mut random = Rng::with_seed(seed);
        let text = some_text(&mut random);
        let max_line = if random.bool() { usize::MAX } else { random.usize(..10_000) };
        run(async {
            macro_rules! with {
                ($reader:expr) => {{
                    let (reader, text) = (BufReader::new($reader).max_line(max_line), text.clone());
                    Known { reader, text, used: 0, max_line }.goes_through(random.fork()).await
                }};
            }
            match random.u32(..6) {
                0 => with!(&text[..]),
                1 => {
                    let file = NamedTempFile::new()?;
                    std::fs::write(file.path(), &text)?;
                    with!(File::open(file.path()).await?)
                }
                how => {
                    let (near, far) = UnixStream::pair()?;
                    sends(random.fork(), text.clone(), far);
                    if how == 2 { with!(near.into_split().0) } else { with!(near) }
                }
            }
        });
    });
}
