//! What a UDP socket can be told beside sending and receiving.

use super::UdpSocket;
#[cfg(unix)]
use super::options;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Options. Those that have to be set before binding are set on a socket of another library, `socket2` say, which
/// [`from_std`](UdpSocket::from_std) takes over. Several programs can receive on one port, as with multicast, only if each has
/// set `SO_REUSEADDR` that way.
impl UdpSocket {
    /// Whether datagrams may be broadcast.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn broadcast(&self) -> io::Result<bool> {
        self.0.get_ref().broadcast()
    }

    /// Sets whether datagrams may be broadcast.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.0.get_ref().set_broadcast(on)
    }

    /// Joins an IPv4 multicast group on the interface with that address.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.0.get_ref().join_multicast_v4(&group, &interface)
    }

    /// Leaves an IPv4 multicast group.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.0.get_ref().leave_multicast_v4(&group, &interface)
    }

    /// Joins an IPv6 multicast group on the interface with that index; 0 is any.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.0.get_ref().join_multicast_v6(group, interface)
    }

    /// Leaves an IPv6 multicast group.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.0.get_ref().leave_multicast_v6(group, interface)
    }

    /// Whether what is sent to an IPv4 group also comes back to this machine.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.0.get_ref().multicast_loop_v4()
    }

    /// Sets whether what is sent to an IPv4 group also comes back to this machine.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.0.get_ref().set_multicast_loop_v4(on)
    }

    /// How many hops a packet to an IPv4 group may take.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.0.get_ref().multicast_ttl_v4()
    }

    /// Sets how many hops a packet to an IPv4 group may take.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.0.get_ref().set_multicast_ttl_v4(ttl)
    }

    /// Whether what is sent to an IPv6 group also comes back to this machine.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.0.get_ref().multicast_loop_v6()
    }

    /// Sets whether what is sent to an IPv6 group also comes back to this machine.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.0.get_ref().set_multicast_loop_v6(on)
    }
}

#[cfg(unix)]
options::buffer_sizes!(UdpSocket);
