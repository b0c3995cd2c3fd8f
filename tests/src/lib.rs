//! Black-box tests: HTTP and WebSocket against a running cluster, as a client of the public contract sees it.
//!
//! This library is the client; the tests are in `tests/`. `make test` starts the servers that the clusters need.

mod api;
mod cluster;
mod socket;

pub use api::{Answer, Api, Session, unique};
pub use cluster::{base, metrics_base};
pub use socket::Socket;
