use super::*;

/// A range, and whether the addresses just before and just after it are public.
type Range = (&'static str, &'static str, bool, bool);

/// IANA's registry of special IPv4 addresses, whole; multicast, which has a registry of its
/// own; and one address that a cloud has made special.
const V4: &[Range] = &[
    ("0.0.0.0", "0.255.255.255", false, true),
    ("0.0.0.0", "0.0.0.0", false, false),
    ("10.0.0.0", "10.255.255.255", true, true),
    ("100.64.0.0", "100.127.255.255", true, true),
    ("127.0.0.0", "127.255.255.255", true, true),
    ("168.63.129.16", "168.63.129.16", true, true),
    ("169.254.0.0", "169.254.255.255", true, true),
    ("172.16.0.0", "172.31.255.255", true, true),
    ("192.0.0.0", "192.0.0.255", true, true),
    ("192.0.0.0", "192.0.0.7", true, false),
    ("192.0.0.8", "192.0.0.8", false, false),
    ("192.0.0.9", "192.0.0.9", false, false),
    ("192.0.0.10", "192.0.0.10", false, false),
    ("192.0.0.170", "192.0.0.171", false, false),
    ("192.0.2.0", "192.0.2.255", true, true),
    ("192.31.196.0", "192.31.196.255", true, true),
    ("192.52.193.0", "192.52.193.255", true, true),
    ("192.88.99.0", "192.88.99.255", true, true),
    ("192.88.99.2", "192.88.99.2", false, false),
    ("192.168.0.0", "192.168.255.255", true, true),
    ("192.175.48.0", "192.175.48.255", true, true),
    ("198.18.0.0", "198.19.255.255", true, true),
    ("198.51.100.0", "198.51.100.255", true, true),
    ("203.0.113.0", "203.0.113.255", true, true),
    ("224.0.0.0", "239.255.255.255", true, false),
    ("240.0.0.0", "255.255.255.255", false, false),
    ("255.255.255.255", "255.255.255.255", false, false),
];

/// The same of IPv6, with what is deprecated, and what lies around global unicast. Ranges that
/// stand for IPv4 addresses are elsewhere.
const V6: &[Range] = &[
    ("::", "::", false, false),
    ("::1", "::1", false, false),
    ("::", "::ffff:ffff", false, false),
    ("::ffff:0:0:0", "::ffff:0:ffff:ffff", false, false),
    ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", false, false),
    ("100::", "100::ffff:ffff:ffff:ffff", false, false),
    ("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", false, false),
    ("200::", "3ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false, false),
    ("1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false, true),
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", true, true),
    ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", true, false),
    ("2001:1::1", "2001:1::1", false, false),
    ("2001:1::2", "2001:1::2", false, false),
    ("2001:1::3", "2001:1::3", false, false),
    ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", false, false),
    ("2001:3::", "2001:3:ffff:ffff:ffff:ffff:ffff:ffff", false, false),
    ("2001:4:112::", "2001:4:112:ffff:ffff:ffff:ffff:ffff", false, false),
    ("2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", false, false),
    ("2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", false, false),
    ("2001:30::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff", false, false),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true, true),
    ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", true, true),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", true, true),
    ("4000::", "4000::", true, false),
    ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false, false),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false, false),
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false, false),
    ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false, false),
    ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false, false),
];

/// Of clouds' metadata services, and the like.
const NAMED: &[&str] = &[
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "fd00:ec2::254",
    "fd20:ce::254",
];

fn v4((first, last, ..): &Range) -> (u32, u32) {
    let bits = |text: &str| text.parse::<Ipv4Addr>().unwrap().to_bits();
    (bits(first), bits(last))
}

#[test]
fn special_addresses_of_ipv4_are_refused_and_their_neighbours_are_not() {
    for range @ (.., before, after) in V4 {
        let (first, last) = v4(range);
        for bits in [first, first + (last - first) / 2, last] {
            let address = Ipv4Addr::from_bits(bits);
            assert!(!is_public(address.into()), "{address}");
        }
        for (bits, expected) in [(first.checked_sub(1), before), (last.checked_add(1), after)] {
            let Some(address) = bits.map(Ipv4Addr::from_bits) else { continue };
            assert_eq!(is_public(address.into()), *expected, "{address}");
        }
    }
}

#[test]
fn special_addresses_of_ipv6_are_refused_and_their_neighbours_are_not() {
    let bits = |text: &str| text.parse::<Ipv6Addr>().unwrap().to_bits();
    for (first, last, before, after) in V6 {
        let (first, last) = (bits(first), bits(last));
        for bits in [first, first + (last - first) / 2, last] {
            let address = Ipv6Addr::from_bits(bits);
            assert!(!is_public(address.into()), "{address}");
        }
        for (bits, expected) in [(first.checked_sub(1), before), (last.checked_add(1), after)] {
            let Some(address) = bits.map(Ipv6Addr::from_bits) else { continue };
            assert_eq!(is_public(address.into()), *expected, "{address}");
        }
    }
    for address in NAMED {
        assert!(!is_public(address.parse().unwrap()), "{address}");
    }
}

/// All that a table of ranges says of all networks of 65,536 addresses, and nothing else.
#[test]
fn nothing_else_of_ipv4_is_refused() {
    let ranges: Vec<_> = V4.iter().map(v4).collect();
    for network in 0..=u16::MAX {
        for third in [0, 1, 2, 48, 99, 100, 113, 129, 193, 196, 255] {
            for fourth in [0, 1, 16, 255] {
                let bits = u32::from(network) << 16 | third << 8 | fourth;
                let is_special = ranges.iter().any(|(first, last)| (*first..=*last).contains(&bits));
                let address = Ipv4Addr::from_bits(bits);
                assert_eq!(is_public(address.into()), !is_special, "{address}");
            }
        }
    }
}

#[test]
fn ipv6_that_stands_for_ipv4_is_judged_as_what_it_stands_for() {
    let forms = |bits: u32| {
        let (high, low) = (bits >> 16, bits & 0xffff);
        [
            format!("::ffff:{high:x}:{low:x}"),
            format!("64:ff9b::{high:x}:{low:x}"),
            format!("2002:{high:x}:{low:x}::1"),
            format!("2002:{high:x}:{low:x}:ffff:ffff:ffff:ffff:ffff"),
        ]
    };
    let near = |address: &str| !is_public(address.parse().unwrap());
    for range in V4 {
        let (first, last) = v4(range);
        for address in forms(first).iter().chain(&forms(last)) {
            assert!(near(address), "{address}");
        }
    }
    for address in forms(u32::from_be_bytes([8, 8, 8, 8])) {
        assert!(!near(&address), "{address}");
    }
    // A prefix of its own each: nothing that is near these stands for IPv4.
    for address in
        ["::8.8.8.8", "::ffff:0:808:808", "::fffe:808:808", "64:ff9b:0:0:0:1:808:808", "2001::808:808"]
    {
        assert!(near(address), "{address}");
    }
    assert!(!near("2003:7f00:1::1") && !near("2001:ffff:7f00:1::1"), "6to4 is 2002::/16");
}

#[test]
fn addresses_of_others_are_public() {
    for address in
        ["1.1.1.1", "8.8.8.8", "192.0.1.1", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1"]
    {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
}
