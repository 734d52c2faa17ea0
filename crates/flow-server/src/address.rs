//! From where a request comes.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::Deserialize;

use crate::app::App;
use crate::error::ApiError;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// An address, or all that begin with the same bits: `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address and no network, such as 192.0.2.1 or 10.0.0.0/8")]
pub struct NetworkError(String);

impl Network {
    pub(crate) fn contains(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let rest = 32 - u32::from(self.bits);
                u32::from(own).checked_shr(rest) == u32::from(other).checked_shr(rest)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let rest = 128 - u32::from(self.bits);
                u128::from(own).checked_shr(rest) == u128::from(other).checked_shr(rest)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let wrong = || NetworkError(text.chars().take(64).collect());
        let (address, bits) = text.split_once('/').map_or((text, None), |(of, bits)| (of, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits > most { Err(wrong()) } else { Ok(Self { address, bits }) }
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, NetworkError> {
        text.parse()
    }
}

/// The address of who makes a request: that of the connection, or, where a trusted proxy
/// has made it, the one that the proxy names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl FromRequestParts<App> for ClientAddress {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let connected = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let ConnectInfo(from) = connected.ok_or_else(|| ApiError::internal(NoAddress))?;
        Ok(Self(client(from.ip(), &parts.headers, app.trusted_proxies())))
    }
}

/// The server was started without `into_make_service_with_connect_info`.
#[derive(Debug, thiserror::Error)]
#[error("the server does not know where a connection comes from")]
struct NoAddress;

/// Each proxy adds who connected to it at the end. So the list is read from there, as
/// long as it was written by those who are trusted; what is before may be made up.
fn client(connected: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address| trusted.iter().any(|network| network.contains(address));
    let mut client = connected.to_canonical();
    let values = headers.get_all(FORWARDED_FOR).iter().collect::<Vec<_>>();
    let listed = values.iter().rev().flat_map(|value| {
        let text = value.to_str().unwrap_or_default();
        text.rsplit(',').map(|entry| parse(entry.trim()))
    });
    for address in listed {
        match address {
            Some(address) if is_trusted(client) => client = address,
            _ => break,
        }
    }
    client
}

/// Some proxies name the port as well.
fn parse(entry: &str) -> Option<IpAddr> {
    let address = entry.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    fn check(connected: &str, forwarded: &[&str], expected: &str) {
        let trusted = [network("10.0.0.0/8"), network("192.0.2.7"), network("fd00::/8")];
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let found = client(connected.parse().unwrap(), &headers, &trusted);
        assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{connected} {forwarded:?}");
    }

    #[test]
    fn who_is_not_trusted_is_not_believed() {
        check("198.51.100.1", &[], "198.51.100.1");
        check("198.51.100.1", &["203.0.113.5"], "198.51.100.1");
        check("192.0.2.8", &["203.0.113.5"], "192.0.2.8");
    }

    #[test]
    fn a_trusted_proxy_names_its_client_and_nobody_before_it_does() {
        check("10.1.2.3", &["203.0.113.5"], "203.0.113.5");
        check("::ffff:192.0.2.7", &["203.0.113.5"], "203.0.113.5");
        check("fd00::1", &["2001:db8::1"], "2001:db8::1");
        check("10.1.2.3", &["1.1.1.1, 203.0.113.5"], "203.0.113.5");
        check("10.1.2.3", &["1.1.1.1", "203.0.113.5"], "203.0.113.5");
        check("10.1.2.3", &["1.1.1.1, 203.0.113.5, 10.9.9.9"], "203.0.113.5");
        check("10.1.2.3", &["203.0.113.5:4711"], "203.0.113.5");
        check("10.1.2.3", &["[2001:db8::1]:4711"], "2001:db8::1");
    }

    #[test]
    fn what_cannot_be_read_ends_the_list() {
        check("10.1.2.3", &[], "10.1.2.3");
        check("10.1.2.3", &["unknown"], "10.1.2.3");
        check("10.1.2.3", &["203.0.113.5, unknown"], "10.1.2.3");
        check("10.1.2.3", &["10.5.5.5"], "10.5.5.5");
    }

    #[test]
    fn a_network_is_its_first_bits() {
        assert!(network("10.0.0.0/8").contains("10.255.0.1".parse().unwrap()));
        assert!(!network("10.0.0.0/8").contains("11.0.0.1".parse().unwrap()));
        assert!(network("0.0.0.0/0").contains("198.51.100.1".parse().unwrap()));
        assert!(!network("0.0.0.0/0").contains("::1".parse().unwrap()));
        assert!(network("::/0").contains("2001:db8::1".parse().unwrap()));
        assert!(!network("2001:db8::1").contains("2001:db8::2".parse().unwrap()));
        for wrong in ["", "localhost", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/x", "10.0.0/8"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
