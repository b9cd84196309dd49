//! Reading what a stuck call points to, without trusting the pointer: through the kernel, which says no if it is wrong.
//! The call may end meanwhile and the memory be used for something else; then the answer is nonsense, and no more.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Long enough for people.
const LONGEST_PATH: u64 = 256;
/// No socket address is longer.
const LONGEST: u64 = 256;

/// The path that ends with a NUL byte there.
pub(super) fn path_at(address: u64) -> Option<String> {
    let bytes = read_at(address, LONGEST_PATH)?;
    let path = bytes.split(|byte| *byte == 0).next()?;
    (!path.is_empty()).then(|| String::from_utf8_lossy(path).into_owned())
}

/// At most `length` bytes of this process's memory.
pub(super) fn read_at(address: u64, length: u64) -> Option<Vec<u8>> {
    // Zero is the null pointer; addresses of the kernel are none of ours.
    if address == 0 || i64::try_from(address).is_err() {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(length.min(LONGEST)).ok()?];
    let memory = File::open("/proc/self/mem").ok()?;
    let read = memory.read_at(&mut bytes, address).ok()?;
    bytes.truncate(read);
    Some(bytes)
}
