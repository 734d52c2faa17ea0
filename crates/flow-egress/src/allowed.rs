use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

/// Hosts that may be called although they are near: the operator's list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedHosts(Vec<AllowedHost>);

/// A host by name (`crm.internal`), by address, or a network (`10.1.0.0/16`), at one port
/// (`crm.internal:8080`, `[fd00::1]:8080`, `10.1.0.0/16:8080`) or at any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    place: Place,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Wherever it leads.
    Name(String),
    /// By whatever name.
    Network { address: IpAddr, length: u32 },
}

#[derive(Debug, thiserror::Error)]
#[error("{text:?} {why}")]
pub struct AllowedHostError {
    text: String,
    why: &'static str,
}

impl AllowedHosts {
    /// Everything, by any name.
    #[must_use]
    pub fn everything() -> Self {
        ["0.0.0.0/0", "::/0"].iter().map(|all| all.parse().expect("these are networks")).collect()
    }

    /// Whether this address may be called, to which this name has led, if it was a name.
    #[must_use]
    pub fn allow(&self, name: Option<&str>, address: IpAddr, port: u16) -> bool {
        self.0.iter().filter(|host| host.port.is_none_or(|only| only == port)).any(|host| match &host.place {
            Place::Name(allowed) => name.is_some_and(|name| undotted(name) == allowed),
            Place::Network { .. } => host.place.has(address),
        })
    }

    /// Whether an address that somebody else has chosen names one of these hosts itself, wherever
    /// that leads: by https, or at the very port that is listed. So what is only for these hosts
    /// is sent to no other, and not in clear text unless that was asked for.
    #[must_use]
    pub fn are_meant_by(&self, url: &str) -> bool {
        let Ok(url) = Url::parse(url) else { return false };
        let (Some(named), Some(port)) = (url.host(), url.port_or_known_default()) else { return false };
        let is_https = url.scheme() == "https";
        self.0.iter().filter(|host| host.port.map_or(is_https, |only| only == port)).any(|host| {
            match (&host.place, &named) {
                (Place::Name(allowed), Host::Domain(name)) => undotted(name) == allowed,
                (Place::Network { .. }, Host::Ipv4(address)) => host.place.has((*address).into()),
                (Place::Network { .. }, Host::Ipv6(address)) => host.place.has((*address).into()),
                _ => false,
            }
        })
    }
}

impl Place {
    fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match self {
            Self::Name(_) => false,
            Self::Network { address: network, length } => {
                network.is_ipv4() == address.is_ipv4()
                    && prefix(*network, *length) == prefix(address, *length)
            }
        }
    }
}

impl FromIterator<AllowedHost> for AllowedHosts {
    fn from_iter<I: IntoIterator<Item = AllowedHost>>(hosts: I) -> Self {
        Self(hosts.into_iter().collect())
    }
}

impl FromStr for AllowedHost {
    type Err = AllowedHostError;

    fn from_str(text: &str) -> Result<Self, AllowedHostError> {
        let wrong = |why| AllowedHostError { text: text.to_owned(), why };
        let (host, length, port) = match text.split_once('/') {
            Some((host, rest)) => match rest.split_once(':') {
                Some((length, port)) => (host, Some(length), Some(port)),
                None => (host, Some(rest), None),
            },
            // The colons of an address alone.
            None if text.parse::<IpAddr>().is_ok() || text.ends_with(']') => (text, None, None),
            None => match text.rsplit_once(':') {
                Some((host, port)) => (host, None, Some(port)),
                None => (text, None, None),
            },
        };
        let port = match port {
            None => None,
            Some(port) => match port.parse() {
                Ok(0) | Err(_) => return Err(wrong("has a port that is none")),
                Ok(port) => Some(port),
            },
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let place = match (bare.parse::<IpAddr>(), length) {
            (Ok(address), length) => network(address, length).map_err(wrong)?,
            (Err(_), Some(_)) => return Err(wrong("is no network")),
            (Err(_), None) => match Host::parse(host) {
                Ok(Host::Domain(name)) if !name.contains('*') && !undotted(&name).is_empty() => {
                    Place::Name(undotted(&name).to_owned())
                }
                _ => return Err(wrong("is neither a host's name nor an address")),
            },
        };
        Ok(Self { place, port })
    }
}

fn network(address: IpAddr, length: Option<&str>) -> Result<Place, &'static str> {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => bits,
        Some(length) => match length.parse() {
            Ok(length) if length <= bits => length,
            _ => return Err("has a length that is none"),
        },
    };
    if length < bits && prefix(address, bits) != prefix(address, length) {
        return Err("has bits beyond its length");
    }
    Ok(Place::Network { address, length })
}

/// The first bits of an address, and nothing else of it.
fn prefix(address: IpAddr, length: u32) -> u128 {
    let bits = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    };
    bits & u128::MAX.checked_shl(128 - length).unwrap_or(0)
}

/// A name in full may end with a dot, and is the same.
fn undotted(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(host: &str, name: Option<&str>, address: &str, port: u16) -> bool {
        let hosts: AllowedHosts = [host.parse().unwrap()].into_iter().collect();
        hosts.allow(name, address.parse().unwrap(), port)
    }

    #[test]
    fn a_name_is_allowed_exactly_wherever_it_leads() {
        assert!(allows("crm.internal", Some("crm.internal"), "10.0.0.1", 443));
        assert!(allows("CRM.internal.", Some("crm.internal"), "10.0.0.1", 443));
        assert!(allows("crm.internal", Some("crm.internal."), "10.0.0.1", 443));
        assert!(!allows("crm.internal", Some("a.crm.internal"), "10.0.0.1", 443));
        assert!(!allows("crm.internal", Some("internal"), "10.0.0.1", 443));
        assert!(!allows("crm.internal", None, "10.0.0.1", 443));
        assert!(allows("bücher.internal:80", Some("xn--bcher-kva.internal"), "10.0.0.1", 80));
    }

    #[test]
    fn networks_are_allowed_by_any_name_to_their_last_address() {
        for (address, expected) in
            [("10.1.0.0", true), ("10.1.255.255", true), ("10.0.255.255", false), ("10.2.0.0", false)]
        {
            assert_eq!(allows("10.1.0.0/16", Some("x"), address, 80), expected, "{address}");
        }
        assert!(allows("10.1.0.0/16", None, "::ffff:10.1.2.3", 80), "it is the same address");
        assert!(allows("fd00::/8", None, "fdff::1", 80) && !allows("fd00::/8", None, "fc00::1", 80));
        assert!(allows("::1", None, "::1", 80) && !allows("::1", None, "::2", 80));
        assert!(!allows("::/0", None, "10.0.0.1", 80), "families do not mix");
        assert!(AllowedHosts::everything().allow(None, "10.0.0.1".parse().unwrap(), 80));
        assert!(!AllowedHosts::default().allow(Some("x"), "10.0.0.1".parse().unwrap(), 80));
    }

    #[test]
    fn a_port_is_the_only_one() {
        for host in ["crm.internal:8080", "10.0.0.1:8080", "10.0.0.0/8:8080"] {
            assert!(allows(host, Some("crm.internal"), "10.0.0.1", 8_080), "{host}");
            assert!(!allows(host, Some("crm.internal"), "10.0.0.1", 80), "{host}");
        }
        for host in ["[fd00::1]:8080", "[fd00::]/8:8080", "fd00::/8:8080"] {
            assert!(allows(host, None, "fd00::1", 8_080) && !allows(host, None, "fd00::1", 80), "{host}");
        }
    }

    #[test]
    fn what_is_for_a_host_is_for_addresses_that_name_it() {
        let meant = |host: &str, url: &str| {
            let hosts: AllowedHosts = [host.parse().unwrap()].into_iter().collect();
            hosts.are_meant_by(url)
        };
        for (host, url) in [
            ("crm.example", "https://crm.example/x"),
            ("crm.example", "https://CRM.example.:8443/x"),
            ("crm.example:80", "http://crm.example/x"),
            ("crm.example:443", "https://crm.example/x"),
            ("bücher.example", "https://bücher.example"),
            ("10.0.0.0/8", "https://10.1.2.3/"),
            ("10.0.0.0/8:8080", "http://[::ffff:10.1.2.3]:8080/"),
            ("::1", "https://[::1]/"),
        ] {
            assert!(meant(host, url), "{host} {url}");
        }
        for (host, url) in [
            ("crm.example", "http://crm.example/x"),
            ("crm.example", "https://a.crm.example/"),
            ("crm.example", "https://example/"),
            ("crm.example", "https://crm.example.evil/"),
            ("crm.example", "https://evil/crm.example"),
            ("crm.example", "https://crm.example:x@evil/"),
            ("crm.example", "https://evil\\@crm.example/"),
            ("crm.example:443", "http://crm.example/"),
            ("crm.example:443", "https://crm.example:444/"),
            ("10.0.0.0/8", "http://10.1.2.3/"),
            ("10.0.0.0/8", "https://11.1.2.3/"),
            ("10.0.0.0/8", "https://ten.example/"),
            ("crm.example", "crm.example"),
            ("crm.example", "data:,crm.example"),
        ] {
            assert!(!meant(host, url), "{host} {url}");
        }
    }

    #[test]
    fn what_is_no_host_is_said_to_be_none() {
        for text in [
            "",
            ".",
            "*.internal",
            "a b",
            "x/8",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "fd00::/129",
            "crm:0",
            "crm:70000",
            "http://crm",
            "[crm]",
        ] {
            assert!(text.parse::<AllowedHost>().is_err(), "{text}");
        }
        let error = "10.0.0.1/8".parse::<AllowedHost>().unwrap_err();
        assert_eq!(error.to_string(), "\"10.0.0.1/8\" has bits beyond its length");
    }
}
