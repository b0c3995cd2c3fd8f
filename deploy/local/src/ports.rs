//! Free TCP ports on loopback.

use std::{
    collections::HashSet,
    net::{Ipv4Addr, TcpListener},
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;

/// Below those that systems give to outgoing connections, one of which would else take the port before its process has
/// it, or while that is being started again.
const RANGE: std::ops::Range<u16> = 15_000..32_000;
const TRIES: usize = 1000;

/// Those that this process was given, and may not listen on yet.
static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A port that nobody listens on at this moment, and a different one each time.
pub fn free() -> anyhow::Result<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    (0..TRIES)
        .map(|_| rand::random_range(RANGE))
        .find(|port| !is_taken(*port) && given.insert(*port))
        .context("no free TCP port on 127.0.0.1")
}

/// Whether somebody listens on the port.
pub fn is_taken(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}

/// The preferred port, or any free one where it is taken.
pub fn prefer(port: u16) -> anyhow::Result<u16> {
    if is_taken(port) { free() } else { Ok(port) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let ports: HashSet<u16> = (0..200).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 200);
    }
}
