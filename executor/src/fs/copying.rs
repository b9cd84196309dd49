//! A copy that goes on after a signal.
//!
//! The standard library lets the kernel copy, and returns its `Interrupted`, which the kernel says of a copy as of any other wait
//! if the signal's handler was installed without `SA_RESTART`. How far it has come is lost then. But the kernel says so
//! only if that call has copied nothing, and every call moves the positions of both files: so whoever has them open
//! calls again, and goes on where they are.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Seek};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

/// As [`std::fs::copy`].
pub(super) fn copy(from: PathBuf, to: PathBuf) -> io::Result<u64> {
    let mut reader = File::open(from)?;
    let about = reader.metadata()?;
    if !about.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "what is to be copied is no regular file"));
    }
    let permissions = about.permissions();
    let mut options = OpenOptions::new();
    // From the first moment on nobody reads it who may not read the other one.
    options.write(true).create(true).truncate(true).mode(permissions.mode());
    let mut writer = options.open(to)?;
    // A device or a pipe keeps its own.
    if writer.metadata()?.is_file() {
        writer.set_permissions(permissions)?;
    }
    while let Err(error) = io::copy(&mut reader, &mut writer) {
        if error.kind() != ErrorKind::Interrupted {
            return Err(error);
        }
    }
    reader.stream_position()
}
