//! The functions of `std::fs`, each as one job.

use super::{on_path, on_paths};
use std::fs::{self, Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

/// The whole file. See [`std::fs::read`].
///
/// # Errors
/// If it cannot be opened or read.
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    on_path("read", path.as_ref(), fs::read).await
}

/// The whole file as a string. See [`std::fs::read_to_string`].
///
/// # Errors
/// If it cannot be opened or read, or is not UTF-8.
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    on_path("read", path.as_ref(), fs::read_to_string).await
}

/// Makes the file have these contents, whether it is there or not. See [`std::fs::write`].
///
/// The contents are given away, not copied: a `Vec`, a `String`, an `Arc<[u8]>`, a `&'static str`.
///
/// # Errors
/// If it cannot be opened or written. It may be cut short then.
pub async fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]> + Send + 'static) -> io::Result<()> {
    on_path("write", path.as_ref(), |path| fs::write(path, contents)).await
}

/// Copies contents and permissions; returns how many bytes. See [`std::fs::copy`]; on Linux it also goes on after a signal.
///
/// # Errors
/// If one cannot be read or the other written.
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    use super::copying::copy;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    use fs::copy;
    on_paths("copy", from.as_ref(), to.as_ref(), copy).await
}

/// Gives a file or directory another name, replacing what has it. See [`std::fs::rename`].
///
/// # Errors
/// If it is not there, or the other name is on another file system.
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    on_paths("rename", from.as_ref(), to.as_ref(), fs::rename).await
}

/// A second name for the same file. See [`std::fs::hard_link`].
///
/// # Errors
/// If the file is not there, or the name is taken.
pub async fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    on_paths("link", original.as_ref(), link.as_ref(), fs::hard_link).await
}

/// A symbolic link. Unix only. See [`std::os::unix::fs::symlink`].
///
/// # Errors
/// If the name is taken.
#[cfg(unix)]
pub async fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    on_paths("link", original.as_ref(), link.as_ref(), std::os::unix::fs::symlink).await
}

/// Where a symbolic link leads. See [`std::fs::read_link`].
///
/// # Errors
/// If it is not a symbolic link.
pub async fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    on_path("read link", path.as_ref(), fs::read_link).await
}

/// The path from the root, without symbolic links. See [`std::fs::canonicalize`].
///
/// # Errors
/// If it is not there.
pub async fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    on_path("canonicalize", path.as_ref(), fs::canonicalize).await
}

/// What the file system knows of a file or directory; symbolic links are followed. See [`std::fs::metadata`].
///
/// # Errors
/// If it is not there.
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    on_path("look at", path.as_ref(), fs::metadata).await
}

/// As [`metadata`], of a symbolic link itself. See [`std::fs::symlink_metadata`].
///
/// # Errors
/// If it is not there.
pub async fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    on_path("look at", path.as_ref(), fs::symlink_metadata).await
}

/// Whether it is there. See [`std::fs::exists`].
///
/// # Errors
/// If that cannot be said, for example because a directory on the way may not be entered.
pub async fn try_exists(path: impl AsRef<Path>) -> io::Result<bool> {
    on_path("look for", path.as_ref(), |path| path.try_exists()).await
}

/// Sets who may do what. See [`std::fs::set_permissions`].
///
/// # Errors
/// If it is not there, or not ours to change.
pub async fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    on_path("set permissions", path.as_ref(), |path| fs::set_permissions(path, permissions)).await
}

/// Makes a directory. See [`std::fs::create_dir`].
///
/// # Errors
/// If it is there, or its parent is not.
pub async fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    on_path("create directory", path.as_ref(), fs::create_dir).await
}

/// Makes a directory, and those it is in, as far as they are not there. See [`std::fs::create_dir_all`].
///
/// # Errors
/// If something else has the name of one of them.
pub async fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    on_path("create directory", path.as_ref(), fs::create_dir_all).await
}

/// Removes a file. See [`std::fs::remove_file`].
///
/// # Errors
/// If it is not there, or is a directory.
pub async fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    on_path("remove", path.as_ref(), fs::remove_file).await
}

/// Removes an empty directory. See [`std::fs::remove_dir`].
///
/// # Errors
/// If it is not there, or not empty.
pub async fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    on_path("remove directory", path.as_ref(), fs::remove_dir).await
}

/// Removes a directory with all that is in it. Symbolic links are removed, not followed. See
/// [`std::fs::remove_dir_all`].
///
/// # Errors
/// If something cannot be removed; what was before it is gone.
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    on_path("remove directory", path.as_ref(), fs::remove_dir_all).await
}
