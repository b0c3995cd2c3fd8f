//! A real server and a real channel on loopback: what a caller and an operator notice.

#![allow(clippy::unwrap_used)]

mod cable;
mod calls;
mod failover;
mod lifecycle;
mod observed;
mod tls;
mod told;
