//! Reading and writing at an offset, in the caller's own memory.

use super::{File, joined, runtime, start};
use std::io;
use std::sync::Arc;

/// Operations at an offset. The position of the file does not matter, and on Unix does not change.
///
/// The buffer is given away and comes back beside the result, whatever that is: a job cannot borrow from a future that
/// may be dropped while it runs. If the future is dropped, the buffer goes with it.
impl File {
    /// Reads into `buf`, which is as long as the most that is wanted. 0 is the end of the file.
    ///
    /// # Errors
    /// What the kernel says. If the pool takes no job the buffer is lost, and a new one comes back.
    ///
    /// # Example
    /// ```
    /// use sideline::fs::File;
    ///
    /// sideline::block_on(async {
    ///     let file = File::open("Cargo.toml").await?;
    ///     let (read, buf) = file.read_at(vec![0; 9], 0).await;
    ///     assert_eq!(&buf[..read?], b"[package]");
    ///     std::io::Result::Ok(())
    /// })
    /// # .unwrap()
    /// ```
    pub async fn read_at<B>(&self, buf: B, offset: u64) -> (io::Result<usize>, B)
    where
        B: AsMut<[u8]> + Default + Send + 'static,
    {
        self.with("fs: read", buf, move |file, buf| read_at(file, buf.as_mut(), offset)).await
    }

    /// Fills `buf`.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends before; otherwise as [`read_at`](File::read_at).
    pub async fn read_exact_at<B>(&self, buf: B, offset: u64) -> (io::Result<()>, B)
    where
        B: AsMut<[u8]> + Default + Send + 'static,
    {
        let fill = move |file: &std::fs::File, buf: &mut B| {
            let buf = buf.as_mut();
            let mut filled = 0;
            while filled < buf.len() {
                match read_at(file, &mut buf[filled..], offset + filled as u64)? {
                    0 => return Err(crate::io::bytes::unexpected_end()),
                    n => filled += n,
                }
            }
            Ok(())
        };
        self.with("fs: read", buf, fill).await
    }

    /// Writes all of `buf`, which may be anything that owns its bytes.
    ///
    /// # Errors
    /// What the kernel says; some of it may have been written. If the pool takes no job the buffer is lost, and a new
    /// one comes back.
    pub async fn write_all_at<B>(&self, buf: B, offset: u64) -> (io::Result<()>, B)
    where
        B: AsRef<[u8]> + Default + Send + 'static,
    {
        let write = move |file: &std::fs::File, buf: &mut B| {
            let buf = (*buf).as_ref();
            let mut written = 0;
            while written < buf.len() {
                match write_at(file, &buf[written..], offset + written as u64) {
                    Ok(0) => return Err(crate::io::bytes::write_zero()),
                    Ok(n) => written += n,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        self.with("fs: write", buf, write).await
    }

    async fn with<B, T>(
        &self,
        name: &'static str,
        mut buf: B,
        call: impl FnOnce(&std::fs::File, &mut B) -> io::Result<T> + Send + 'static,
    ) -> (io::Result<T>, B)
    where
        B: Default + Send + 'static,
        T: Send + 'static,
    {
        let file = Arc::clone(&self.file);
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return (Err(error), buf),
        };
        let job = start(&runtime, name, move || {
            let result = call(&file, &mut buf);
            (result, buf)
        });
        joined(job.abort_on_drop().await).unwrap_or_else(|error| (Err(error), B::default()))
    }
}

fn read_at(file: &std::fs::File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, buf, offset);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(file, buf, offset);
        match read {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

fn write_at(file: &std::fs::File, buf: &[u8], offset: u64) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_at(file, buf, offset);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_write(file, buf, offset);
}
