//! Standard input read by a thread.
//!
//! A read of it may never return, and nothing can stop it. So it is no job of the pool, whose jobs the end of a runtime
//! waits for, but a thread that nobody waits for: it ends with the process. It reads only while a read is wanted, so that
//! it takes nothing from a child that is to have the rest. A child of `fork` has one of its own, if it needs one.

use super::input::{Filled, Input};
use std::io::{self, Read};
use std::thread;

/// What came of the last read; `None` if there will be something to see, of `most` bytes at most unless others ask, too.
pub(super) fn poll_fill(most: usize) -> io::Result<Option<Filled>> {
    let input = Input::of_this_process();
    input.ask_thread(most, || {
        thread::Builder::new().name("sideline-stdin".into()).spawn(|| read_when_asked(input))?;
        Ok(())
    })
}

fn read_when_asked(input: &Input) {
    let mut memory = Vec::new();
    loop {
        let most = input.wait_until_asked();
        if memory.len() < most {
            memory.resize(most, 0);
        }
        match io::stdin().read(&mut memory[..most]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => input.answer(outcome, &mut memory),
        }
    }
}
