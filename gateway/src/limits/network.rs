//! What counts as one address.

use std::net::{IpAddr, Ipv6Addr};

use trellis_proto::identity::v1::ClientInfo;

/// A host of IPv4, or a network of IPv6: a client there has 2^64 addresses to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Network(Option<IpAddr>);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(Some(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address @ IpAddr::V4(_) => address,
        }))
    }
}

impl From<&ClientInfo> for Network {
    /// Whoever comes from nowhere shares one bucket.
    fn from(client: &ClientInfo) -> Self {
        client.ip.parse().map(|address: IpAddr| address.into()).unwrap_or_default()
    }
}

/// Who sent a request, as the edge saw it; among the request's extensions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Visitor(pub Network);

impl From<Option<IpAddr>> for Visitor {
    fn from(address: Option<IpAddr>) -> Self {
        Self(address.map(Network::from).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn hosts_of_ipv4_and_networks_of_ipv6() {
        let same = |a: &str, b: &str| {
            let [a, b]: [IpAddr; 2] = [a, b].map(|text| text.parse().unwrap());
            Network::from(a) == Network::from(b)
        };
        assert!(same("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"), "the same host, seen through a socket of IPv6");
        assert!(!same("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
    }
}
