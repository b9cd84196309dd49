//! What TCP and Unix streams have in common.

/// The methods of a stream whose first field is an `Async`. `$to_read` and `$to_write` are as `$wanted` for
/// [`byte_reader`](crate::io::bytes::byte_reader).
macro_rules! byte_stream {
    ($stream:ident, $to_read:expr, $to_write:expr) => {
        crate::io::bytes::byte_reader!(
            $stream,
            crate::io::direct::receive,
            crate::io::direct::append,
            $to_read
        );
        crate::io::bytes::byte_writer!(
            $stream,
            crate::io::direct::send,
            crate::io::direct::send_vectored,
            $to_write
        );

        impl $stream {
            /// Ends one direction of the connection, or both. The peer reads the end of the stream after the last
            /// byte that was written.
            ///
            /// # Errors
            /// What the kernel says, such as that there is no connection any more.
            #[inline]
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.0.get_ref().shutdown(how)
            }
        }
    };
}

pub(super) use byte_stream;
