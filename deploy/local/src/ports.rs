//! Free TCP ports on loopback.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Context as _;

/// A port that nobody listens on at this moment.
pub fn free() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free TCP port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// Whether somebody listens on the port.
pub fn is_taken(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}

/// The preferred port, or any free one where it is taken.
pub fn prefer(port: u16) -> anyhow::Result<u16> {
    if is_taken(port) { free() } else { Ok(port) }
}
