//! Options as methods of sockets. Who calls one of these macros has `options` in scope.

/// How much the kernel holds in either direction, for any socket that is `AsFd`.
macro_rules! buffer_sizes {
    ($socket:ident) => {
        impl $socket {
            /// How many bytes that were received the kernel keeps for this process (`SO_RCVBUF`). Unix only.
            ///
            /// # Errors
            /// What the kernel says.
            #[inline]
            pub fn recv_buffer_size(&self) -> io::Result<usize> {
                options::size(self, libc::SO_RCVBUF)
            }

            /// Sets how many bytes that were received the kernel keeps. A wish: Linux doubles it to have room for its
            /// own records, and has a limit. Unix only.
            ///
            /// # Errors
            /// What the kernel says.
            #[inline]
            pub fn set_recv_buffer_size(&self, bytes: usize) -> io::Result<()> {
                options::set_size(self, libc::SO_RCVBUF, bytes)
            }

            /// How many bytes that are to be sent the kernel takes from this process (`SO_SNDBUF`). Unix only.
            ///
            /// # Errors
            /// What the kernel says.
            #[inline]
            pub fn send_buffer_size(&self) -> io::Result<usize> {
                options::size(self, libc::SO_SNDBUF)
            }

            /// Sets how many bytes that are to be sent the kernel takes. A wish, as
            /// [`set_recv_buffer_size`](Self::set_recv_buffer_size). Unix only.
            ///
            /// # Errors
            /// What the kernel says.
            #[inline]
            pub fn set_send_buffer_size(&self, bytes: usize) -> io::Result<()> {
                options::set_size(self, libc::SO_SNDBUF, bytes)
            }
        }
    };
}

pub(in crate::net) use buffer_sizes;

/// What a socket of either internet protocol asks of the network, for any that has `local_addr`.
macro_rules! type_of_service {
    ($socket:ident) => {
        impl $socket {
            /// The type of service of what is sent (`IP_TOS`; of an IPv6 socket its traffic class, `IPV6_TCLASS`): the upper six
            /// bits are the class (DSCP), the lower two congestion marks (ECN). Unix only.
            ///
            /// # Errors
            /// What the kernel says.
            #[inline]
            pub fn tos(&self) -> io::Result<u8> {
                options::tos(self, self.local_addr()?)
            }

            /// Sets the [type of service](Self::tos) of what is sent from now on, by an IPv6 socket also to IPv4 addresses. The
            /// network may heed it. Of TCP the kernel has the lower two bits to itself. Unix only.
            ///
            /// # Errors
            /// What the kernel says.
            #[inline]
            pub fn set_tos(&self, tos: u8) -> io::Result<()> {
                options::set_tos(self, self.local_addr()?, tos)
            }
        }
    };
}

pub(in crate::net) use type_of_service;

/// What has to be set before a socket is bound. What sharing an address means depends on the protocol, so the type says that itself.
macro_rules! options_before_binding {
    ($socket:ident) => {
        impl $socket {
            /// Whether [`set_reuseaddr`](Self::set_reuseaddr) is on (`SO_REUSEADDR`).
            ///
            /// # Errors
            /// What the kernel says.
            #[inline]
            pub fn reuseaddr(&self) -> io::Result<bool> {
                options::flag(self, libc::SOL_SOCKET, libc::SO_REUSEADDR)
            }

            /// Whether [`set_reuseport`](Self::set_reuseport) is on (`SO_REUSEPORT`).
            ///
            /// # Errors
            /// What the kernel says.
            #[inline]
            pub fn reuseport(&self) -> io::Result<bool> {
                options::flag(self, libc::SOL_SOCKET, libc::SO_REUSEPORT)
            }

            /// Sets, before it is bound, whether an IPv6 socket refuses IPv4 (`IPV6_V6ONLY`).
            ///
            /// # Errors
            /// What the kernel says.
            #[inline]
            pub fn set_only_v6(&self, on: bool) -> io::Result<()> {
                options::set_flag(self, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, on)
            }

            /// Sends and receives by way of one network interface only (`SO_BINDTODEVICE`). `None`: by any. Linux only.
            ///
            /// # Errors
            /// If there is no such interface, or the process lacks the privilege.
            #[cfg(any(target_os = "linux", target_os = "android"))]
            #[inline]
            pub fn bind_device(&self, interface: Option<&std::ffi::CStr>) -> io::Result<()> {
                raw::bind_device(self.as_fd(), interface)
            }
        }
    };
}

pub(in crate::net) use options_before_binding;

/// What TCP sockets have, before and after they are connected.
macro_rules! tcp_options {
    ($socket:ident) => {
        impl $socket {
            /// How long an idle connection stays silent before the kernel asks whether the peer is still there
            /// (`SO_KEEPALIVE`, `TCP_KEEPIDLE`). `None`: for ever. Unix only.
            ///
            /// # Errors
            /// What the kernel says.
            #[inline]
            pub fn keepalive(&self) -> io::Result<Option<Duration>> {
                options::keepalive(self)
            }

            /// Sets how long an idle connection stays silent before the kernel asks whether the peer is still there, in
            /// whole seconds, rounded up. `None`: for ever. Unix only.
            ///
            /// # Errors
            /// What the kernel says.
            #[inline]
            pub fn set_keepalive(&self, idle: Option<Duration>) -> io::Result<()> {
                options::set_keepalive(self, idle)
            }

            /// How long closing goes on delivering what was written (`SO_LINGER`). `None`: as long as the kernel
            /// likes, in the background. Unix only.
            ///
            /// # Errors
            /// What the kernel says.
            #[inline]
            pub fn linger(&self) -> io::Result<Option<Duration>> {
                options::linger(self)
            }

            /// Sets how long closing goes on delivering what was written, in whole seconds, rounded up. Zero: closing
            /// throws it away and resets the connection. Anything else than zero makes dropping the socket block the
            /// thread for up to that time, also the loop's. `None`, the default: the kernel does it in the background.
            /// Unix only.
            ///
            /// # Errors
            /// What the kernel says.
            #[inline]
            pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
                options::set_linger(self, linger)
            }
        }
    };
}

pub(in crate::net) use tcp_options;
