//! Which files there are to be hashed.

use crate::progress::Progress;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

pub(crate) struct Files {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) bytes: u64,
    /// Files and directories that we may not read.
    pub(crate) left_out: usize,
}

/// The regular files under `dir`, in the same order every time. Links are not followed, and what builds and
/// git leave behind is skipped.
///
/// Each file is read once, so that the first run does not pay for the disk and the second one read from
/// memory.
///
/// # Errors
/// If `dir` itself cannot be listed.
pub(crate) fn find(dir: &Path) -> io::Result<Files> {
    let mut files = Files { paths: Vec::new(), bytes: 0, left_out: 0 };
    let mut progress = Progress::counting("finding files");
    let mut entries = vec![fs::read_dir(dir)?];
    while let Some(listing) = entries.last_mut() {
        let Some(entry) = listing.next() else {
            entries.pop();
            continue;
        };
        let looked_at = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)));
        match looked_at {
            Ok((path, kind)) if kind.is_dir() => match fs::read_dir(&path) {
                _ if is_skipped(&path) => {}
                Ok(listing) => entries.push(listing),
                Err(_) => files.left_out += 1,
            },
            Ok((path, kind)) if kind.is_file() => {
                match File::open(&path).and_then(|mut file| io::copy(&mut file, &mut io::sink())) {
                    Ok(bytes) => {
                        files.bytes += bytes;
                        files.paths.push(path);
                        progress.advance();
                    }
                    Err(_) => files.left_out += 1,
                }
            }
            Ok(_) => {}
            Err(_) => files.left_out += 1,
        }
    }
    progress.finish();
    files.paths.sort();
    Ok(files)
}

fn is_skipped(dir: &Path) -> bool {
    dir.file_name().is_some_and(|name| name == "target" || name == ".git")
}
