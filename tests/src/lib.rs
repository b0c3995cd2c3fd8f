//! Black-box tests: HTTP and WebSocket against a running cluster.
