//! A file against a vector and a position. Of an operation that was given up it is not known whether it was done, only that it was
//! done as a whole or not at all; so there may be several states that the file can be in, until something tells.

use super::*;
use sideline::fs::{File, OpenOptions};
use sideline::{Pool, Runtime, spawn_blocking};
use std::io::{Seek, SeekFrom};
use std::path::PathBuf;

/// As much as one job reads or writes, by the documentation.
const CHUNK: usize = 1 << 20;

#[derive(Clone, PartialEq)]
struct State {
    bytes: Vec<u8>,
    position: usize,
}

impl State {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    /// After a read of so many bytes.
    fn after(&self, len: usize) -> State {
        State { bytes: self.bytes.clone(), position: self.position + len }
    }

    fn at(&self, position: u64) -> State {
        State { bytes: self.bytes.clone(), position: position as usize }
    }

    fn overwritten(&self, at: usize, bytes: &[u8]) -> State {
        let mut new = self.clone();
        if !bytes.is_empty() {
            new.bytes.resize(new.bytes.len().max(at + bytes.len()), 0);
            new.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        }
        new
    }

    fn target(&self, to: SeekFrom) -> Option<u64> {
        match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => (self.bytes.len() as u64).checked_add_signed(by),
            SeekFrom::Current(by) => (self.position as u64).checked_add_signed(by),
        }
    }
}

struct Known {
    file: File,
    path: PathBuf,
    appends: bool,
    states: Vec<State>,
}

impl Known {
    /// Something was seen, and `next` says to what states a state leads which explains it.
    fn saw(&mut self, what: &str, next: impl Fn(&State) -> Vec<State>) {
        let mut states = Vec::new();
        for state in self.states.iter().flat_map(next) {
            if !states.contains(&state) {
                states.push(state);
            }
        }
        assert!(!states.is_empty(), "{what} is not what it should be");
        self.states = states;
    }

    fn written(&self, state: &State, bytes: &[u8]) -> State {
        if bytes.is_empty() {
            return state.clone();
        }
        let at = if self.appends { state.bytes.len() } else { state.position };
        State { position: at + bytes.len(), ..state.overwritten(at, bytes) }
    }

    /// Now nothing is under way any more, and nothing read ahead.
    async fn settle(&mut self) -> io::Result<()> {
        let position = self.file.seek(SeekFrom::Current(0)).await?;
        let bytes = std::fs::read(&self.path)?;
        let found = State { bytes, position: position as usize };
        self.saw("what there is", |state| if *state == found { vec![found.clone()] } else { vec![] });
        Ok(())
    }

    async fn reads(&mut self, random: &mut Rng) -> io::Result<()> {
        let mut buf = vec![0; some_length(random, 2 * CHUNK)];
        match perhaps(random, self.file.read(&mut buf)).await.transpose()? {
            // It moves nothing: its bytes are those of the next one.
            None => {}
            Some(n) => {
                assert!(n <= CHUNK);
                self.saw("a read", |state| {
                    let nothing = buf.is_empty() || state.rest().is_empty();
                    if (n == 0) == nothing && state.rest().starts_with(&buf[..n]) {
                        vec![state.after(n)]
                    } else {
                        vec![]
                    }
                });
            }
        }
        Ok(())
    }

    async fn reads_exactly(&mut self, random: &mut Rng) -> io::Result<()> {
        let mut buf = vec![0; some_length(random, 20_000)];
        let read = perhaps(random, self.file.read_exact(&mut buf)).await;
        if read.is_none() {
            // Some of it, which is lost.
            let position = self.file.seek(SeekFrom::Current(0)).await?;
            self.saw("a part of an exact read", |state| {
                let (from, to) = (state.position as u64, (state.position + buf.len()) as u64);
                if (from..=to).contains(&position) { vec![state.at(position)] } else { vec![] }
            });
            return Ok(());
        }
        self.saw("an exact read", |state| match &read {
            Some(Ok(())) if state.rest().starts_with(&buf) => vec![state.after(buf.len())],
            Some(Err(error))
                if error.kind() == ErrorKind::UnexpectedEof && state.rest().len() < buf.len() =>
            {
                vec![state.after(state.rest().len())]
            }
            _ => vec![],
        });
        Ok(())
    }

    async fn reads_to_the_end(&mut self, random: &mut Rng) -> io::Result<()> {
        let before = some_bytes(random, 2);
        let mut buf = before[..random.usize(..=2)].to_vec();
        let start = buf.len();
        match perhaps(random, self.file.read_to_end(&mut buf)).await.transpose()? {
            None => assert_eq!(buf.len(), start),
            Some(n) => {
                assert_eq!((n, &buf[..start]), (buf.len() - start, &before[..start]));
                self.saw("the rest", |state| {
                    if state.rest() == &buf[start..] { vec![state.after(n)] } else { vec![] }
                });
            }
        }
        Ok(())
    }

    /// `pieces` were written, or, if the rest was given up, the first of them, however many.
    fn wrote(&mut self, pieces: &[&[u8]], all: bool) {
        let mut states = Vec::new();
        for state in &self.states {
            let mut state = state.clone();
            for piece in pieces {
                let next = self.written(&state, piece);
                states.extend((!all).then_some(state));
                state = next;
            }
            states.push(state);
        }
        states.dedup();
        self.states = states;
    }

    async fn writes(&mut self, random: &mut Rng) -> io::Result<()> {
        let most = if random.u32(..30) == 0 { 3 * CHUNK } else { 20_000 };
        let len = some_length(random, most);
        let bytes = some_bytes(random, len);
        let first = &bytes[..len.min(CHUNK)];
        match random.u32(..3) {
            0 => {
                let written = perhaps(random, self.file.write(&bytes)).await.transpose()?;
                assert!(written.is_none_or(|n| n == first.len()));
                self.wrote(&[first], written.is_some());
            }
            1 => {
                // From then on it is done, whatever becomes of the file.
                let queued = perhaps(random, poll_fn(|cx| self.file.poll_write(cx, &bytes))).await;
                if let Some(n) = queued.transpose()? {
                    assert_eq!(n, first.len());
                    self.wrote(&[first], true);
                }
            }
            _ => {
                let written = perhaps(random, self.file.write_all(&bytes)).await.transpose()?;
                self.wrote(&bytes.chunks(CHUNK).collect::<Vec<_>>(), written.is_some());
            }
        }
        Ok(())
    }

    async fn seeks(&mut self, random: &mut Rng) -> io::Result<()> {
        let far = random.i64(-100..30_000);
        let to = match random.u32(..3) {
            0 => SeekFrom::Start(far.unsigned_abs()),
            1 => SeekFrom::End(far - 20_000),
            _ => SeekFrom::Current(far - 10_000),
        };
        // By polls, one who asks for the same as the one before gets that: relative ones would not add up.
        let sought = match to {
            SeekFrom::Start(_) if random.bool() => {
                perhaps(random, poll_fn(|cx| self.file.poll_seek(cx, to))).await
            }
            _ => perhaps(random, self.file.seek(to)).await,
        };
        self.saw("a seek", |state| match (&sought, state.target(to)) {
            (None, None) => vec![state.clone()],
            (None, Some(position)) => vec![state.clone(), state.at(position)],
            (Some(Ok(found)), Some(position)) if *found == position => vec![state.at(position)],
            (Some(Err(error)), None) if error.kind() == ErrorKind::InvalidInput => vec![state.clone()],
            _ => vec![],
        });
        Ok(())
    }

    async fn is_looked_at(&mut self, random: &mut Rng) -> io::Result<()> {
        if let Some(metadata) = perhaps(random, self.file.metadata()).await.transpose()? {
            let len = metadata.len();
            self.saw("its length", |state| {
                if state.bytes.len() as u64 == len { vec![state.clone()] } else { vec![] }
            });
        }
        Ok(())
    }

    /// Operations that do not come after the one before, and that do not know what was read ahead.
    async fn as_a_whole(&mut self, random: &mut Rng) -> io::Result<()> {
        self.settle().await?;
        let at = random.usize(..30_000);
        match random.u32(..5) {
            0 => {
                let buf = vec![0; some_length(random, 20_000)];
                let (n, buf) = self.file.read_at(buf, at as u64).await;
                let n = n?;
                let rest = self.states[0].bytes.get(at..).unwrap_or_default();
                assert!(rest.starts_with(&buf[..n]) && (n > 0 || rest.is_empty() || buf.is_empty()));
            }
            1 if !self.appends => {
                let len = some_length(random, 20_000);
                let bytes = some_bytes(random, len);
                let (written, bytes) = self.file.write_all_at(bytes, at as u64).await;
                written?;
                self.states[0] = self.states[0].overwritten(at, &bytes);
            }
            2 => {
                self.file.set_len(at as u64).await?;
                self.states[0].bytes.resize(at, 0);
            }
            3 => self.file = self.file.try_clone().await?,
            _ => {
                let standard = File::options().read(true).open(&self.path).await?;
                let file = std::mem::replace(&mut self.file, standard);
                let mut file = file.into_std().await?;
                assert_eq!(file.stream_position()?, self.states[0].position as u64);
                self.file = File::from(file);
            }
        }
        Ok(())
    }

    async fn is_used(&mut self, random: &mut Rng) -> io::Result<()> {
        for _ in 0..random.u32(1..60) {
            match random.u32(..16) {
                0..4 => self.reads(random).await?,
                4 => self.reads_exactly(random).await?,
                5 => self.reads_to_the_end(random).await?,
                6..10 => self.writes(random).await?,
                10..12 => self.seeks(random).await?,
                12 => self.is_looked_at(random).await?,
                13 => _ = perhaps(random, self.file.flush()).await.transpose()?,
                14 => self.as_a_whole(random).await?,
                // The pool has something else to do for a while.
                _ => drop(spawn_blocking(std::thread::yield_now)),
            }
            if self.states.len() > 16 {
                self.settle().await?;
            }
        }
        Ok(())
    }
}

#[test]
fn are_what_was_written_to_them() {
    for_seeds(60, |seed| {
        let mut random = Rng::with_seed(seed);
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        let threads = random.usize(1..3);
        let pool = Pool::builder().core_threads(threads).max_threads(threads).build().unwrap();
        let runtime = Runtime::builder().pool(pool).build().unwrap();
        let bytes = some_bytes(&mut random, 20_000);
        std::fs::write(&path, &bytes).unwrap();
        let known = runtime.block_on(async {
            let appends = random.u32(..4) == 0;
            let mut how = OpenOptions::new();
            let file = how.read(true).write(true).append(appends).open(&path).await.unwrap();
            let states = vec![State { bytes, position: 0 }];
            let mut known = Known { file, path: path.clone(), appends, states };
            timeout(LONG, known.is_used(&mut random)).await.expect("hangs").unwrap();
            known
        });
        // What is queued is done before the runtime is gone, with the file or without.
        let Known { file, mut states, .. } = known;
        let kept = random.bool().then_some(file);
        drop(runtime);
        let bytes = std::fs::read(&path).unwrap();
        states.retain(|state| state.bytes == bytes);
        assert!(!states.is_empty(), "in the end it is something else");
        drop(kept);
    });
}
