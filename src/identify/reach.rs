//! Says which addresses keys may be fetched from.
//!
//! In: an address that is about to be dialled. Out: yes or no.
//!
//! A name is anybody's to point anywhere, also at the machine's metadata service or at a port of
//! the loopback that trusts its neighbours. So what is looked at is the address itself, after the
//! name was resolved and before the first byte. Private networks are welcome: that is where many
//! issuers live.
//!
//! Never: takes an IPv4 address for a harmless one because it came in an IPv6 coat.
//!
//! RFC 6890 (special purposes); RFC 4291 2.5.5.2 (mapped); RFC 6052 (NAT64); RFC 3056 (6to4).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether keys may be fetched from there; from the loopback only where the issuer's own URL names
/// it.
pub(super) fn may_dial(address: IpAddr, loopback_is_named: bool) -> bool {
    match bare(address) {
        IpAddr::V4(address) if address.is_loopback() => loopback_is_named,
        IpAddr::V4(address) => !is_special_v4(address),
        IpAddr::V6(address) if address.is_loopback() => loopback_is_named,
        IpAddr::V6(address) => !is_special_v6(address),
    }
}

fn is_special_v4(address: Ipv4Addr) -> bool {
    let first = address.octets()[0];
    first == 0
        || first >= 240 // reserved, and the broadcast address
        || address.is_link_local()
        || address.is_multicast()
        || METADATA_V4.contains(&address)
}

fn is_special_v6(address: Ipv6Addr) -> bool {
    address.is_unspecified()
        || address.is_multicast()
        || address.is_unicast_link_local()
        || address.segments()[0] & 0xffc0 == 0xfec0 // what site-local was before RFC 3879
        || METADATA_V6.contains(&address)
}

/// The IPv4 address inside, where an IPv6 address only carries one.
fn bare(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    if let Some(mapped) = v6.to_ipv4_mapped() {
        return IpAddr::V4(mapped);
    }
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // `::a.b.c.d`, deprecated; `::` and `::1` are no such thing.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => v4(high, low),
        _ => address,
    }
}

/// Where clouds hand out credentials to whoever asks, outside the link-local ones.
const METADATA_V4: &[Ipv4Addr] = &[
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
];
const METADATA_V6: &[Ipv6Addr] = &[Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn dialled(text: &str, named: bool) -> bool {
        may_dial(text.parse().unwrap(), named)
    }

    #[test]
    fn public_and_private_addresses_are_dialled() {
        for text in [
            "198.51.100.7",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "2001:db8::1",
            "fd12:3456::1",
            "::ffff:10.0.0.1",
            "64:ff9b::c633:6407",
        ] {
            assert!(dialled(text, false), "{text}");
        }
    }

    #[test]
    fn special_addresses_are_never_dialled_in_whatever_coat() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::169.254.169.254",
        ] {
            assert!(!dialled(text, false), "{text}");
            assert!(!dialled(text, true), "{text}, with the loopback named");
        }
    }

    #[test]
    fn the_loopback_is_dialled_only_where_the_issuer_names_it() {
        for text in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ] {
            assert!(dialled(text, true), "{text}");
            assert!(!dialled(text, false), "{text}");
        }
    }
}
