//! All that a stream has to say, in one buffer.
//!
//! The buffer doubles whenever it is full, and each read asks for the room that there is. So a short answer takes little
//! memory, and a long one few reads.
//!
//! Whoever has a buffer of just the right size does not want it to grow for the end of the stream to be found. So as long as it is
//! as it was given, a look for more when it is full goes into a few bytes beside it.
//!
//! A peer that never ends is an error when there is no more memory, and the loop turns after each [`PORTION`].

use super::Async;
use crate::task::yield_now;
use mio::event::Source;
use sideline_reactor::Direction;
use std::io;

/// How much is read at most before the loop is to turn, which takes some tens of microseconds.
const PORTION: usize = 256 * 1024;
/// What a buffer without any room begins with.
const FIRST: usize = 512;
/// For a look beside the buffer.
const FEW: usize = 32;

/// Appends to `buf` by `append`, which reads as much as it is told at most. It may make room for more than there is, and may have
/// appended something when it says `WouldBlock`.
pub(crate) async fn read_to_end<S: Source>(
    stream: &Async<S>,
    append: fn(&S, &mut Vec<u8>, usize) -> io::Result<usize>,
    wanted: fn(usize) -> usize,
    buf: &mut Vec<u8>,
) -> io::Result<usize> {
    let (start, given) = (buf.len(), buf.capacity());
    let mut since_turn = 0;
    loop {
        let is_full = buf.len() == buf.capacity();
        let looks_beside = is_full && given > 0 && buf.capacity() == given;
        if is_full && !looks_beside {
            buf.try_reserve(FIRST)?;
        }
        let room = if looks_beside { FEW } else { (buf.capacity() - buf.len()).min(PORTION) };
        // What comes before a wait stays in `buf`; only the end of the stream is success.
        let read = stream.transfer(Direction::Read, wanted(room), |stream| {
            if looks_beside { append_beside(stream, append, buf) } else { append(stream, buf, room) }
        });
        match read.await? {
            0 => return Ok(buf.len() - start),
            read => since_turn += read,
        }
        if since_turn >= PORTION {
            since_turn = 0;
            yield_now().await;
        }
    }
}

/// Reads without room in `buf`, and makes room if there was something.
fn append_beside<S>(
    stream: &S,
    append: fn(&S, &mut Vec<u8>, usize) -> io::Result<usize>,
    buf: &mut Vec<u8>,
) -> io::Result<usize> {
    let mut few = Vec::with_capacity(FEW);
    let read = append(stream, &mut few, FEW);
    buf.try_reserve(few.len())?;
    buf.append(&mut few);
    read
}
