//! Peers that say for whom they speak, and are not believed.
//!
//! A proxy that `TRELLIS_TRUSTED_PROXIES` does not name makes everybody behind it one address, which shares one limit.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use http::{HeaderMap, header};
use moka::sync::Cache;

use super::Network;
use crate::client_address::Networks;

const AN_HOUR: Duration = Duration::from_hours(1);
/// More than so many are no proxies of ours.
const MOST: u64 = 1000;

/// Who was warned of within the hour.
pub struct Forwarders(Cache<Network, ()>);

impl Default for Forwarders {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MOST).time_to_live(AN_HOUR).build())
    }
}

impl Forwarders {
    /// Warns where a peer is new that says so.
    pub fn look(&self, peer: SocketAddr, headers: &HeaderMap, trusted: &Networks) {
        if self.is_news(peer.ip().to_canonical(), headers, trusted) {
            tracing::warn!(
                peer = %peer.ip(),
                "a peer says for whom it speaks (X-Forwarded-For) and is not in TRELLIS_TRUSTED_PROXIES: \
                 it is taken for one client, and whoever is behind it shares its rate limits"
            );
        }
    }

    fn is_news(&self, peer: IpAddr, headers: &HeaderMap, trusted: &Networks) -> bool {
        let says = headers.contains_key("x-forwarded-for") || headers.contains_key(header::FORWARDED);
        says && !trusted.contains(peer) && self.0.entry(peer.into()).or_insert(()).is_fresh()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn each_peer_is_news_once() {
        let (forwarders, trusted) = (Forwarders::default(), "10.0.0.0/8".parse().unwrap());
        let mut headers = HeaderMap::new();
        let mut news = |name: Option<&'static str>, peer: &str| {
            headers.clear();
            if let Some(name) = name {
                headers.insert(name, "192.0.2.1".parse().unwrap());
            }
            forwarders.is_news(peer.parse().unwrap(), &headers, &trusted)
        };
        assert!(!news(None, "172.17.0.1"));
        assert!(news(Some("x-forwarded-for"), "172.17.0.1"));
        assert!(!news(Some("forwarded"), "172.17.0.1"));
        assert!(news(Some("forwarded"), "172.17.0.2"));
        assert!(!news(Some("x-forwarded-for"), "10.1.2.3"), "a trusted one");
    }
}
