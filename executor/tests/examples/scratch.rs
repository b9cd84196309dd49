//! Directories that go away with their tests.

use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Beside what is built, where there is room.
pub(crate) fn scratch() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Its path, with the directories that lead there.
pub(crate) fn file(directory: &TempDir, name: impl AsRef<Path>, text: &str) -> PathBuf {
    let path = directory.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}
