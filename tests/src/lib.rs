//! Black-box tests: HTTP and WebSocket against a running cluster, as a client of the public contract sees it.
//!
//! This library is the clients, and what counts their cost; the tests are in `tests/`. `make test` starts the servers
//! that the clusters need.

mod api;
mod cluster;
mod connection;
mod cost;
mod graph;
mod graph_socket;
mod socket;

pub use api::{Answer, Api, PASSWORD, Session, patiently, unique};
pub use cluster::{Gateway, base, metrics_base};
pub use connection::Connection;
pub use cost::{Cost, Meter};
pub use graph::Graph;
pub use graph_socket::{GraphSocket, PROTOCOL};
pub use socket::{OriginalSocket, Socket};
