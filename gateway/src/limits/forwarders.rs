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
/// More than so many are no proxies of ours; nobody is warned of the others, until the hour of some is over.
const MOST: u64 = 1000;

/// Who was warned of within the hour.
pub struct Forwarders {
    warned: Cache<Network, ()>,
    most: u64,
}

impl Default for Forwarders {
    fn default() -> Self {
        Self::bounded(MOST, AN_HOUR)
    }
}

impl Forwarders {
    fn bounded(most: u64, time: Duration) -> Self {
        // The cache counts late: with twice the room it has nobody to put out, who would then be news again.
        Self { warned: Cache::builder().max_capacity(2 * most).time_to_live(time).build(), most }
    }

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
        if !says || trusted.contains(peer) {
            return false;
        }
        let peer = Network::from(peer);
        // To ask is also what lets the cache forget those whose time is over.
        self.warned.get(&peer).is_none()
            && self.warned.entry_count() < self.most
            && self.warned.entry(peer).or_insert(()).is_fresh()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{net::Ipv4Addr, time::Instant};

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

    #[test]
    fn a_crowd_of_peers_fills_no_log() {
        let trusted = Networks::default();
        let headers: HeaderMap = [(header::FORWARDED, "for=192.0.2.1".parse().unwrap())].into_iter().collect();
        let news = |forwarders: &Forwarders, peer: u32| {
            forwarders.is_news(Ipv4Addr::from_bits(peer).into(), &headers, &trusted)
        };
        let forwarders = Forwarders::bounded(100, AN_HOUR);
        let told = (0..100).filter(|peer| news(&forwarders, *peer)).count();
        forwarders.warned.run_pending_tasks();
        assert_eq!(told, 100);
        assert!((0..10_000).all(|peer| !news(&forwarders, peer)));

        // However late the cache counts.
        let forwarders = Forwarders::default();
        let told = (0..100_000).filter(|peer| news(&forwarders, *peer)).count();
        assert!((1000..1200).contains(&told), "{told}");

        let forwarders = Forwarders::bounded(1, Duration::from_millis(1));
        assert!(news(&forwarders, 1));
        let patience = Instant::now() + Duration::from_secs(10);
        while !news(&forwarders, 2) {
            assert!(Instant::now() < patience, "their time is over, and there is no room");
        }
    }
}
