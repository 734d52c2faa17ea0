use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address belongs to somebody on the internet, and to nobody nearer: the
/// registries of special addresses (RFC 6890 and the IANA's tables) with what reaches an
/// IPv4 address by way of IPv6.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0 // This network
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || a == 100 && (64..128).contains(&b) // Carriers' NAT, RFC 6598
        || (a, b, c) == (192, 0, 0) // Protocol assignments
        || (a, b, c) == (192, 88, 99) // 6to4 relays
        || address.is_documentation()
        || a == 198 && (b == 18 || b == 19) // Benchmarks, RFC 2544
        || a >= 224) // Multicast, reserved, broadcast
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, ..] = address.segments();
    if let Some(inner) = embedded(address) {
        return is_public_v4(inner);
    }
    // Global unicast is 2000::/3. Of it, not what is special:
    a & 0xe000 == 0x2000
        && !(a == 0x2001 && b < 0x0200) // Protocol assignments, Teredo (2001::/32) among them
        && !(a == 0x2001 && b == 0x0db8) // Documentation
        && !(a == 0x3fff && b < 0x1000) // Documentation, RFC 9637
        && !(a == 0x2620 && (b, c, d) == (0x004f, 0x8000, 0)) // AS112
}

/// The IPv4 address that is meant by an IPv6 one: mapped, compatible, 6to4, NAT64.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let [_, b, c, d, e, f, g, h] = segments;
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff | 0, ..] => Some(of(g, h)),
        // Translated by SIIT, RFC 2765.
        [0, 0, 0, 0, 0xffff, 0, ..] => Some(of(g, h)),
        [0x2002, ..] => Some(of(b, c)),
        // The well-known prefix of NAT64; others (64:ff9b:1::/48) are no global unicast.
        [0x0064, 0xff9b, ..] if (c, d, e, f) == (0, 0, 0, 0) => Some(of(g, h)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> bool {
        is_public(text.parse().unwrap())
    }

    #[test]
    fn addresses_of_others_are_public() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(check(address), "{address}");
        }
    }

    #[test]
    fn addresses_that_are_nearer_are_not() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert!(!check(address), "{address}");
        }
    }
}
