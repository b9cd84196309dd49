//! Socket addresses as the kernel writes them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

/// For people: `127.0.0.1:80`, `[::1]:80`, `/run/socket`, `@abstract`.
pub(super) fn parse(raw: &[u8]) -> Option<String> {
    let family = u16::from_ne_bytes(raw.get(..2)?.try_into().ok()?);
    let port = || Some(u16::from_be_bytes(raw.get(2..4)?.try_into().ok()?));
    match libc::c_int::from(family) {
        libc::AF_INET => {
            let ip: [u8; 4] = raw.get(4..8)?.try_into().ok()?;
            Some(SocketAddrV4::new(Ipv4Addr::from(ip), port()?).to_string())
        }
        libc::AF_INET6 => {
            let ip: [u8; 16] = raw.get(8..24)?.try_into().ok()?;
            Some(SocketAddrV6::new(Ipv6Addr::from(ip), port()?, 0, 0).to_string())
        }
        libc::AF_UNIX => {
            let path = raw.get(2..)?;
            let (sign, path) = match path.split_first()? {
                (0, rest) => ("@", rest),
                _ => ("", path),
            };
            let path = path.split(|byte| *byte == 0).next()?;
            (!path.is_empty()).then(|| format!("{sign}{}", String::from_utf8_lossy(path)))
        }
        _ => None,
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn raw(family: libc::c_int, rest: &[u8]) -> Vec<u8> {
        let family = u16::try_from(family).unwrap().to_ne_bytes();
        [&family, rest].concat()
    }

    #[test]
    fn each_family_has_its_form() {
        assert_eq!(parse(&raw(libc::AF_INET, &[0, 80, 127, 0, 0, 1])).unwrap(), "127.0.0.1:80");
        let mut v6 = vec![31, 144, 0, 0, 0, 0];
        v6.extend(Ipv6Addr::LOCALHOST.octets());
        assert_eq!(parse(&raw(libc::AF_INET6, &v6)).unwrap(), "[::1]:8080");
        assert_eq!(parse(&raw(libc::AF_UNIX, b"/run/s\0old")).unwrap(), "/run/s");
        assert_eq!(parse(&raw(libc::AF_UNIX, b"\0hidden")).unwrap(), "@hidden");
    }

    #[test]
    fn what_is_cut_short_or_unnamed_is_nothing() {
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&raw(libc::AF_INET, &[0, 80, 127])), None);
        assert_eq!(parse(&raw(libc::AF_UNIX, &[])), None);
        assert_eq!(parse(&raw(libc::AF_UNIX, &[0])), None);
        assert_eq!(parse(&raw(libc::AF_NETLINK, &[0; 10])), None);
    }
}
