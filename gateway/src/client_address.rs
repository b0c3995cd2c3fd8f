//! Where a client is, behind trusted proxies: read from the right, as far as it is believed.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::{Extensions, HeaderMap, HeaderName, header, request::Parts};
use trellis_proto::identity::v1::ClientInfo;

use crate::app::{App, Gateway};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Nobody has more proxies in a row; a longer list is not read to its end.
const MOST_HOPS: usize = 64;
/// As much of a user agent as says who it is.
const LONGEST_USER_AGENT: usize = 300;

/// Networks whose word about a client's address is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<(IpAddr, u8)>);

impl FromStr for Networks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let networks: Result<_, _> = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| {
                network(part).ok_or_else(|| format!("\"{part}\" is not an address or a network such as 10.0.0.0/8"))
            })
            .collect();
        networks.map(Self)
    }
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        Some(length) => length.parse().ok().filter(|&length| length <= longest)?,
        None => longest,
    };
    Some((address, length))
}

impl Networks {
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|&(network, length)| covers(network, length, address.to_canonical()))
    }
}

fn covers(network: IpAddr, length: u8, address: IpAddr) -> bool {
    // The widest networks of both kinds are 2^width addresses; a shift by the whole width is no shift at all.
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (network.to_bits() ^ address.to_bits()).checked_shr(32 - u32::from(length)).unwrap_or(0) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            (network.to_bits() ^ address.to_bits()).checked_shr(128 - u32::from(length)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// The client's address: the peer, or, where the peer is a trusted proxy, what it says, and so on from the right.
pub fn client_address(peer: SocketAddr, headers: &HeaderMap, trusted: &Networks) -> IpAddr {
    let mut client = peer.ip().to_canonical();
    // Nobody else's words are even read.
    if !trusted.contains(client) {
        return client;
    }
    for hop in hops(headers) {
        // Whoever is hidden from us stands behind the last one who is not.
        let Some(address) = hop else { break };
        client = address.to_canonical();
        if !trusted.contains(client) {
            break;
        }
    }
    client
}

/// The addresses that proxies noted, the nearest first, each read when it is asked for. `X-Forwarded-For` is what
/// nearly every proxy appends to, so that a forged `Forwarded` beside it has no say.
fn hops(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let plain = headers.contains_key(X_FORWARDED_FOR);
    let name = if plain { X_FORWARDED_FOR } else { header::FORWARDED };
    let values = headers.get_all(name).iter().rev();
    let elements = values.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    elements.take(MOST_HOPS).map(move |element| if plain { address(element) } else { forwarded_for(element) })
}

/// `for=192.0.2.1;proto=https`
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    element.split(|byte| *byte == b';').find_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (pair.get(..equals)?, pair.get(equals + 1..)?);
        name.trim_ascii().eq_ignore_ascii_case(b"for").then(|| address(value)).flatten()
    })
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `"[2001:db8::1]:4711"`
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim().trim_matches('"');
    text.parse()
        .ok()
        .or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

/// The address of who sent a request; `None` where it did not come over a connection of ours.
pub fn of_request(gateway: &Gateway, extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(client_address(*peer, headers, &gateway.config.trusted_proxies))
}

/// Whether the client came by TLS, as far as a trusted proxy says so: the one next to us, which is the last to speak.
pub fn by_tls(gateway: &Gateway, extensions: &Extensions, headers: &HeaderMap) -> bool {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    let trusted = peer.is_some_and(|ConnectInfo(peer)| gateway.config.trusted_proxies.contains(peer.ip()));
    trusted && last_scheme(headers).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

fn last_scheme(headers: &HeaderMap) -> Option<&str> {
    let last = |name: &str| headers.get_all(name).iter().next_back()?.to_str().ok()?.rsplit(',').next();
    match last("x-forwarded-proto") {
        Some(scheme) => Some(scheme.trim()),
        None => last("forwarded")?.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("proto").then(|| value.trim().trim_matches('"'))
        }),
    }
}

/// From where a session is opened or used.
pub struct Client(pub ClientInfo);

impl FromRequestParts<App> for Client {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, gateway: &App) -> Result<Self, Self::Rejection> {
        let ip = of_request(gateway, &parts.extensions, &parts.headers);
        let user_agent = parts.headers.get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        Ok(Self(ClientInfo {
            user_agent: user_agent.map(|text| text.chars().take(LONGEST_USER_AGENT).collect()).unwrap_or_default(),
            ip: ip.map(|ip| ip.to_string()).unwrap_or_default(),
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn seen(peer: &str, trusted: &str, headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        client_address(peer.parse().unwrap(), &map, &trusted.parse().unwrap()).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let forged = [("x-forwarded-for", "1.2.3.4")];
        assert_eq!(seen("192.0.2.7:1", "", &forged), "192.0.2.7");
        assert_eq!(seen("10.0.0.1:1", "10.0.0.0/8", &forged), "1.2.3.4");
        assert_eq!(seen("[::ffff:10.0.0.1]:1", "10.0.0.0/8", &forged), "1.2.3.4");
    }

    #[test]
    fn the_rightmost_untrusted_hop_is_the_client() {
        let headers = [("x-forwarded-for", "6.6.6.6, 192.0.2.9"), ("x-forwarded-for", "10.1.1.1")];
        assert_eq!(seen("10.0.0.1:1", "10.0.0.0/8", &headers), "192.0.2.9");
        assert_eq!(seen("10.0.0.1:1", "10.0.0.0/8", &[("x-forwarded-for", "6.6.6.6, unknown")]), "10.0.0.1");
    }

    #[test]
    fn of_a_long_list_only_the_end_is_read() {
        let ones = vec!["1"; 16_384].join(",");
        let proxies = format!("6.6.6.6{}", ",10.1.1.1".repeat(3_640));
        let elements = format!("for=6.6.6.6{}", ",for=10.1.1.1".repeat(2_520));
        for (name, long, client) in [
            ("x-forwarded-for", &ones, "10.0.0.1"),
            ("x-forwarded-for", &proxies, "10.1.1.1"),
            ("forwarded", &ones, "10.0.0.1"),
            ("forwarded", &elements, "10.1.1.1"),
        ] {
            assert!(long.len() >= 32_750, "{name}");
            let headers: HeaderMap = [(name.parse().unwrap(), long.parse().unwrap())].into_iter().collect();
            assert_eq!(hops(&headers).count(), MOST_HOPS, "{name}");
            assert_eq!(seen("10.0.0.1:1", "10.0.0.0/8", &[(name, long)]), client, "{name}");
            assert_eq!(seen("192.0.2.7:1", "10.0.0.0/8", &[(name, long)]), "192.0.2.7", "{name}");
            let appended = format!("{long}, {}192.0.2.9", if name == "forwarded" { "for=" } else { "" });
            assert_eq!(seen("10.0.0.1:1", "10.0.0.0/8", &[(name, &appended)]), "192.0.2.9", "{name}");
        }
    }

    #[test]
    fn forwarded_where_no_proxy_wrote_the_other_one() {
        let headers = [("forwarded", "for=6.6.6.6, for=\"[2001:db8::1]:4711\";proto=https")];
        assert_eq!(seen("10.0.0.1:1", "10.0.0.1", &headers), "2001:db8::1");
        let both = [("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "192.0.2.9")];
        assert_eq!(seen("10.0.0.1:1", "10.0.0.1", &both), "192.0.2.9");
    }

    #[test]
    fn the_proxy_next_to_us_says_how_a_client_came() {
        for (name, value, scheme) in [
            ("x-forwarded-proto", "https", Some("https")),
            ("x-forwarded-proto", "https, http", Some("http")),
            ("forwarded", "for=1.2.3.4;proto=http, for=10.0.0.1;Proto=\"https\"", Some("https")),
            ("forwarded", "for=1.2.3.4", None),
            ("x-forwarded-host", "https", None),
        ] {
            let headers: HeaderMap = [(name.parse().unwrap(), value.parse().unwrap())].into_iter().collect();
            assert_eq!(last_scheme(&headers), scheme, "{name}: {value}");
        }
    }

    #[test]
    fn networks() {
        for bad in ["10.0.0.0/33", "x", "::1/129", "10.0.0.0/"] {
            assert!(bad.parse::<Networks>().is_err(), "{bad}");
        }
        let all: Networks = "0.0.0.0/0, ::/0".parse().unwrap();
        assert!(all.contains("8.8.8.8".parse().unwrap()) && all.contains("2001:db8::1".parse().unwrap()));
    }
}
