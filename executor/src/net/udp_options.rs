//! What a UDP socket can be told beside sending and receiving.

use super::UdpSocket;
#[cfg(unix)]
use super::options;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Options. What has no method here can be set with any library that takes a descriptor.
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

/// Options of multicast that the standard library has no name for.
#[cfg(unix)]
impl UdpSocket {
    /// The address of the interface that sends to IPv4 groups (`IP_MULTICAST_IF`); 0.0.0.0: the one that the routes say. Unix only.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn multicast_if_v4(&self) -> io::Result<Ipv4Addr> {
        let address: libc::in_addr = options::get(self, libc::IPPROTO_IP, libc::IP_MULTICAST_IF)?;
        Ok(Ipv4Addr::from(address.s_addr.to_ne_bytes()))
    }

    /// Sets by which interface to send to IPv4 groups: the one with that address; 0.0.0.0: the one that the routes say. Receiving is as
    /// [`join_multicast_v4`](UdpSocket::join_multicast_v4) says, for each group. Unix only.
    ///
    /// # Errors
    /// If no interface has that address.
    #[inline]
    pub fn set_multicast_if_v4(&self, interface: Ipv4Addr) -> io::Result<()> {
        let address = libc::in_addr { s_addr: u32::from_ne_bytes(interface.octets()) };
        options::set(self, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, address)
    }

    /// The index of the interface that sends to IPv6 groups (`IPV6_MULTICAST_IF`); 0: the one that the routes say. Unix only.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn multicast_if_v6(&self) -> io::Result<u32> {
        let index: libc::c_int = options::get(self, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_IF)?;
        Ok(index as u32)
    }

    /// Sets by which interface to send to IPv6 groups: the one with that index; 0: the one that the routes say. Unix only.
    ///
    /// # Errors
    /// If there is no such interface.
    #[inline]
    pub fn set_multicast_if_v6(&self, interface: u32) -> io::Result<()> {
        options::set(self, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_IF, interface as libc::c_int)
    }

    /// How many hops a packet to an IPv6 group may take (`IPV6_MULTICAST_HOPS`). Unix only.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn multicast_hops_v6(&self) -> io::Result<u32> {
        let hops: libc::c_int = options::get(self, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS)?;
        Ok(hops as u32)
    }

    /// Sets how many hops a packet to an IPv6 group may take: 255 at most. Unix only.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn set_multicast_hops_v6(&self, hops: u32) -> io::Result<()> {
        options::set(self, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS, hops as libc::c_int)
    }
}

#[cfg(unix)]
options::buffer_sizes!(UdpSocket);
#[cfg(unix)]
options::type_of_service!(UdpSocket);
