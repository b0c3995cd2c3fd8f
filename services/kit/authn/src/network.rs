//! What counts as one address, where something is counted by address.

use std::net::{IpAddr, Ipv6Addr};

use trellis_proto::identity::v1::ClientInfo;

/// A host of IPv4, or a network of IPv6: a client there has 2^64 addresses to choose from. All that come from nowhere
/// are one.
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

impl From<Option<IpAddr>> for Network {
    fn from(address: Option<IpAddr>) -> Self {
        address.map(Self::from).unwrap_or_default()
    }
}

impl From<&ClientInfo> for Network {
    fn from(client: &ClientInfo) -> Self {
        client.ip.parse().ok().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ip: &str) -> Network {
        Network::from(&ClientInfo { ip: ip.to_owned(), ..ClientInfo::default() })
    }

    #[test]
    fn hosts_of_ipv4_and_networks_of_ipv6() {
        let same = |a, b| of(a) == of(b);
        assert!(same("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"), "the same host, seen through a socket of IPv6");
        assert!(!same("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
        assert!(same("", "nonsense"));
    }
}
