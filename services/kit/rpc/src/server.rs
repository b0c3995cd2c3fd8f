//! The gRPC server of every service: health, reflection, trace context, deadlines, metrics, detached handlers, shutdown.
//!
//! A handler runs to its end in a task of its own, so that a client that hangs up cannot leave a transaction half way.

use std::net::SocketAddr;

use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// Says when a process is ready; shown by `grpc.health.v1` (service names and ""), unready until told otherwise.
#[derive(Clone)]
pub struct Readiness {}

impl Readiness {
    pub async fn set(&self, _ready: bool) {
        unimplemented!()
    }
}

/// A bound server that is not yet serving calls of the service; health answers NOT_SERVING from the first moment.
pub struct Server {}

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("cannot listen on {address}: {source}")]
    Bind { address: SocketAddr, source: std::io::Error },
    #[error("the gRPC server failed: {0}")]
    Serve(#[from] tonic::transport::Error),
}

impl Server {
    /// Binds the port. `names` are the full gRPC service names for the health service.
    pub async fn bind(_listen: SocketAddr, _names: &'static [&'static str]) -> Result<Self, ServerError> {
        unimplemented!()
    }

    /// The bound address (for port 0).
    pub fn address(&self) -> SocketAddr {
        unimplemented!()
    }

    pub fn readiness(&self) -> Readiness {
        unimplemented!()
    }

    /// Serves until `shutdown`; then finishes calls in flight, at most 10 s.
    pub async fn serve(self, _routes: Routes, _shutdown: CancellationToken) -> Result<(), ServerError> {
        unimplemented!()
    }
}
