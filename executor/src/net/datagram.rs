//! What UDP and Unix datagram sockets have in common.

/// The methods of a datagram socket whose first field is an `Async`, but for those that take an address.
macro_rules! datagrams {
    ($socket:ident) => {
        impl $socket {
            /// Receives one datagram, and returns how many bytes of it are in `buf`: what does not fit is lost. If the socket is
            /// [connected](Self::connect), it is one of its peer's.
            ///
            /// # Errors
            /// What the kernel says, such as that an earlier datagram found nobody; if the runtime was shut down.
            #[inline]
            pub fn recv(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                self.0.read_with(move |socket| socket.recv(buf))
            }

            /// As [`recv`](Self::recv), and says from whom it is.
            ///
            /// # Errors
            /// As [`recv`](Self::recv).
            #[inline]
            pub fn recv_from(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<(usize, SocketAddr)>> {
                self.0.read_with(move |socket| socket.recv_from(buf))
            }

            /// [`send`](Self::send) without waiting.
            ///
            /// # Errors
            /// `WouldBlock` if there is no room; otherwise as `send`.
            #[inline]
            pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
                self.0.try_write_with(|socket| socket.send(buf))
            }

            /// [`recv`](Self::recv) without waiting.
            ///
            /// # Errors
            /// `WouldBlock` if there is nothing; otherwise as `recv`.
            #[inline]
            pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.try_read_with(|socket| socket.recv(buf))
            }

            /// [`recv_from`](Self::recv_from) without waiting.
            ///
            /// # Errors
            /// `WouldBlock` if there is nothing; otherwise as `recv_from`.
            #[inline]
            pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
                self.0.try_read_with(|socket| socket.recv_from(buf))
            }

            /// [`send`](Self::send) for poll functions: the last caller is woken.
            #[inline]
            pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.0.poll_write_with(cx, |socket| socket.send(buf))
            }

            /// [`recv`](Self::recv) for poll functions: the last caller is woken.
            #[inline]
            pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                self.0.poll_read_with(cx, |socket| socket.recv(buf))
            }

            /// [`recv_from`](Self::recv_from) for poll functions: the last caller is woken.
            #[inline]
            pub fn poll_recv_from(
                &self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<(usize, SocketAddr)>> {
                self.0.poll_read_with(cx, |socket| socket.recv_from(buf))
            }

            /// The address of the connected peer.
            ///
            /// # Errors
            /// If there is none.
            #[inline]
            pub fn peer_addr(&self) -> io::Result<SocketAddr> {
                self.0.get_ref().peer_addr()
            }
        }
    };
}

pub(super) use datagrams;
