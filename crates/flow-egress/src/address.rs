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
        || (a, b, c) == (192, 31, 196) // AS112, RFC 7535
        || (a, b, c) == (192, 52, 193) // Relays of multicast, RFC 7450
        || (a, b, c) == (192, 88, 99) // 6to4 relays
        || (a, b, c) == (192, 175, 48) // AS112, RFC 7534
        || address.is_documentation()
        || a == 198 && (b == 18 || b == 19) // Benchmarks, RFC 2544
        // A virtual machine's way to its host at Azure, in the midst of public addresses.
        || address == Ipv4Addr::new(168, 63, 129, 16)
        || a >= 224) // Multicast, reserved, broadcast
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, ..] = address.segments();
    if let Some(inner) = embedded(address) {
        return is_public_v4(inner);
    }
    // Global unicast is 2000::/3. Of it, not what is special:
    a & 0xe000 == 0x2000
        && !(a == 0x2001 && b < 0x0200) // Protocol assignments, Teredo (2001::/32) among them
        && !(a == 0x2001 && b == 0x0db8) // Documentation
        && !(a == 0x3fff && b < 0x1000) // Documentation, RFC 9637
        && (a, b, c) != (0x2620, 0x004f, 0x8000) // AS112
}

/// The IPv4 address that is reached by way of an IPv6 one: mapped, 6to4, NAT64. Others that
/// hold one (compatible, SIIT, Teredo) lead nowhere on the internet, and are not public.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let [_, b, c, d, e, f, g, h] = segments;
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, ..] => Some(of(g, h)),
        [0x2002, ..] => Some(of(b, c)),
        // The well-known prefix of NAT64; others (64:ff9b:1::/48) are no global unicast.
        [0x0064, 0xff9b, ..] if (c, d, e, f) == (0, 0, 0, 0) => Some(of(g, h)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
