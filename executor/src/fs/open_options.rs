//! How to open a file.

use super::{File, on_path};
use std::io;
use std::path::Path;

/// How to open a file: [`std::fs::OpenOptions`], whose `open` is a job.
///
/// # Example
/// ```
/// use sideline::fs::OpenOptions;
///
/// sideline::block_on(async {
///     let directory = tempfile::tempdir()?;
///     let path = directory.path().join("log");
///     let mut log = OpenOptions::new().append(true).create(true).open(path).await?;
///     log.write_all(b"started\n").await
/// })
/// # .unwrap()
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions(std::fs::OpenOptions);

impl OpenOptions {
    /// Options of which none is chosen. To open a file, choose at least one of [`read`](Self::read), [`write`](Self::write) and
    /// [`append`](Self::append).
    #[allow(clippy::new_without_default, reason = "as in std: a default would not open anything")]
    pub fn new() -> OpenOptions {
        OpenOptions(std::fs::OpenOptions::new())
    }

    /// Whether the file is opened for reading. Default: no.
    pub fn read(&mut self, read: bool) -> &mut OpenOptions {
        self.0.read(read);
        self
    }

    /// Whether the file is opened for writing, from the beginning and over what is there. Default: no.
    pub fn write(&mut self, write: bool) -> &mut OpenOptions {
        self.0.write(write);
        self
    }

    /// Whether the file is opened for writing, each write at its end, wherever that is by then. Default: no.
    pub fn append(&mut self, append: bool) -> &mut OpenOptions {
        self.0.append(append);
        self
    }

    /// Whether a file that is there is emptied when it is opened. That takes [`write`](Self::write). Default: no.
    pub fn truncate(&mut self, truncate: bool) -> &mut OpenOptions {
        self.0.truncate(truncate);
        self
    }

    /// Whether the file is made if it is not there. That takes [`write`](Self::write) or [`append`](Self::append). Default: no.
    pub fn create(&mut self, create: bool) -> &mut OpenOptions {
        self.0.create(create);
        self
    }

    /// Whether the file is made, with an error if it is there already; the two are one step. Default: no.
    pub fn create_new(&mut self, create_new: bool) -> &mut OpenOptions {
        self.0.create_new(create_new);
        self
    }

    /// The permission bits of a file that is made, less the process's umask. Default: 0o666. Unix only.
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut OpenOptions {
        std::os::unix::fs::OpenOptionsExt::mode(&mut self.0, mode);
        self
    }

    /// More flags for `open(2)`. Unix only.
    #[cfg(unix)]
    pub fn custom_flags(&mut self, flags: i32) -> &mut OpenOptions {
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut self.0, flags);
        self
    }

    /// Opens the file at `path`. If the future is dropped before, a job that has started opens it all the same, and closes it.
    ///
    /// # Errors
    /// What the kernel says; a lack of descriptors names the limit. `InvalidInput` if the options contradict each other.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let options = self.0.clone();
        on_path("open", path.as_ref(), move |path| options.open(path)).await.map(File::from_std)
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(options: std::fs::OpenOptions) -> OpenOptions {
        OpenOptions(options)
    }
}
