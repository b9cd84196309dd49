//! What all sockets have in common.

/// `from_std`, `into_std`, the own address, descriptors and `Debug`, for a tuple struct whose first field is an `Async`
/// of the mio socket of the same name.
macro_rules! socket {
    ($socket:ident, $std:ty, $new:expr) => {
        impl $socket {
            /// Takes over a socket from the standard library, makes it non-blocking, and registers it with the
            /// current runtime.
            ///
            /// # Errors
            /// Outside a runtime, and what the kernel says. The socket is closed then.
            #[inline]
            pub fn from_std(socket: $std) -> io::Result<$socket> {
                socket.set_nonblocking(true)?;
                $new(&crate::runtime::context::reactor()?, mio::net::$socket::from_std(socket))
            }

            /// Gives the socket back to the standard library. It stays non-blocking.
            ///
            /// # Errors
            /// If the kernel cannot take it off the loop's list. The socket is closed then.
            #[inline]
            pub fn into_std(self) -> io::Result<$std> {
                self.0.into_inner().map(<$std>::from)
            }

            /// The address of this end; of a listener, the one that is listened on, with the port that the kernel chose.
            ///
            /// # Errors
            /// What the kernel says.
            #[inline]
            pub fn local_addr(&self) -> io::Result<SocketAddr> {
                self.0.get_ref().local_addr()
            }

            /// The socket below and its registration, for operations that this type does not have: each is tried, and
            /// waits for readiness, by [`read_with`](crate::io::Async::read_with) and its like.
            #[inline]
            pub fn as_async(&self) -> &Async<mio::net::$socket> {
                &self.0
            }

            /// The error that the kernel has stored for this socket, which is thereby forgotten.
            ///
            /// # Errors
            /// If it cannot be asked.
            #[inline]
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.0.get_ref().take_error()
            }
        }

        impl std::fmt::Debug for $socket {
            #[inline]
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(self.0.get_ref(), f)
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsFd for $socket {
            #[inline]
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsRawFd for $socket {
            #[inline]
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.0.as_raw_fd()
            }
        }
    };
}

pub(super) use socket;

/// Waiting for readiness without an operation, for sockets that are read and written.
macro_rules! readiness {
    ($socket:ident) => {
        impl $socket {
            /// Waits until the kernel has reported something to read, or the end.
            ///
            /// Another task may be faster: then a `try_` method says `WouldBlock`, and the next wait is a real one.
            ///
            /// # Errors
            /// If the runtime was shut down.
            #[inline]
            pub fn readable(&self) -> impl std::future::Future<Output = io::Result<()>> {
                self.0.readable()
            }

            /// Waits until the kernel has reported room to write. See [`readable`](Self::readable).
            ///
            /// # Errors
            /// If the runtime was shut down.
            #[inline]
            pub fn writable(&self) -> impl std::future::Future<Output = io::Result<()>> {
                self.0.writable()
            }

            /// Waits until one of the directions in `interest` is ready, and says which are.
            ///
            /// # Errors
            /// If the runtime was shut down. `InvalidInput` if `interest` is neither reading nor writing.
            #[inline]
            pub fn ready(
                &self,
                interest: Interest,
            ) -> impl std::future::Future<Output = io::Result<Interest>> {
                self.0.ready(interest)
            }

            /// Calls `op`, which uses the socket in some way of its own, if a direction in `interest` may be ready.
            ///
            /// # Errors
            /// `WouldBlock` if none is, or `op` says so, which takes the readiness back; otherwise those of `op`.
            pub fn try_io<R>(&self, interest: Interest, op: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
                // By way of mio, which on some systems has to hear of `WouldBlock`.
                self.0.try_io(interest, |socket| socket.try_io(op))
            }

            /// Calls `op`, which uses the socket in some way of its own, until it says something else than
            /// `WouldBlock`, waiting for a direction in `interest` in between. It must not block.
            ///
            /// # Errors
            /// Those of `op`, except `WouldBlock` and `Interrupted`; if the runtime was shut down.
            #[inline]
            pub fn async_io<R>(
                &self,
                interest: Interest,
                mut op: impl FnMut() -> io::Result<R>,
            ) -> impl std::future::Future<Output = io::Result<R>> {
                self.0.async_io(interest, move |socket| socket.try_io(&mut op))
            }

            /// [`readable`](Self::readable) for poll functions: the last caller of any `poll_` method that reads is
            /// woken.
            #[inline]
            pub fn poll_readable(&self, cx: &mut std::task::Context<'_>) -> std::task::Poll<io::Result<()>> {
                self.0.poll_readable(cx)
            }

            /// [`writable`](Self::writable) for poll functions: the last caller of any `poll_` method that writes is
            /// woken.
            #[inline]
            pub fn poll_writable(&self, cx: &mut std::task::Context<'_>) -> std::task::Poll<io::Result<()>> {
                self.0.poll_writable(cx)
            }
        }
    };
}

pub(super) use readiness;

/// What sockets of the internet protocols have: a limit of hops.
macro_rules! hops {
    ($socket:ident) => {
        impl $socket {
            /// How many hops a packet may take (`IP_TTL`).
            ///
            /// # Errors
            /// What the kernel says.
            #[inline]
            pub fn ttl(&self) -> io::Result<u32> {
                self.0.get_ref().ttl()
            }

            /// Sets how many hops a packet may take.
            ///
            /// # Errors
            /// What the kernel says.
            #[inline]
            pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
                self.0.get_ref().set_ttl(hops)
            }
        }
    };
}

pub(super) use hops;
