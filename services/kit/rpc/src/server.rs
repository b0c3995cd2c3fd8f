//! The gRPC server of every service: health, reflection, trace context, deadlines, metrics, detached handlers, shutdown.
//!
//! A handler runs to its end in a task of its own, so that a client that hangs up cannot leave a transaction half way.
//! What happens around each call is in `call`; here is what happens around all of them.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tonic::{
    body::Body,
    service::Routes,
    transport::{self, server::TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::{
    Tls,
    call::{self, Calls},
};

/// Between NOT_SERVING and the last accepted call: callers get to know before the port closes.
const LAME_DUCK: Duration = Duration::from_millis(200);

/// How long calls in flight may take to finish.
const DRAIN: Duration = Duration::from_secs(10);

/// Says when a process is ready; shown by `grpc.health.v1` (service names and ""), unready until told otherwise.
#[derive(Clone)]
pub struct Readiness {
    reporter: HealthReporter,
    names: &'static [&'static str],
}

impl Readiness {
    pub async fn set(&self, ready: bool) {
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in self.names.iter().chain(&[""]) {
            self.reporter.set_service_status(name, status).await;
        }
    }

    /// Ends the health watches of clients, which would else keep their connections open for ever.
    async fn end_watches(mut self) {
        for name in self.names.iter().chain(&[""]) {
            self.reporter.clear_service_status(name).await;
        }
    }
}

/// A bound server that is not yet serving calls of the service; health answers NOT_SERVING from the first moment.
pub struct Server {
    address: SocketAddr,
    readiness: Readiness,
    routes: Arc<OnceLock<Routes>>,
    handlers: TaskTracker,
    transport: JoinHandle<Result<(), transport::Error>>,
    // Stops the transport, also where the server is dropped without having served.
    stop: DropGuard,
}

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("cannot listen on {address}: {source}")]
    Bind { address: SocketAddr, source: std::io::Error },
    #[error("the gRPC server failed: {0}")]
    Serve(#[from] transport::Error),
}

impl Server {
    /// Binds the port. `names` are the full gRPC service names for the health service.
    pub async fn bind(listen: SocketAddr, names: &'static [&'static str]) -> Result<Self, ServerError> {
        Self::bind_over(listen, names, &Tls::default()).await
    }

    /// The same for whoever may speak TLS; then nobody is let in without a certificate, to health and reflection
    /// neither.
    pub async fn bind_over(listen: SocketAddr, names: &'static [&'static str], tls: &Tls) -> Result<Self, ServerError> {
        let cannot_bind = |source| ServerError::Bind { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(cannot_bind)?;
        let address = listener.local_addr().map_err(cannot_bind)?;
        let (reporter, health) = tonic_health::server::health_reporter();
        let readiness = Readiness { reporter, names };
        readiness.set(false).await;

        let routes = Arc::new(OnceLock::new());
        let handlers = TaskTracker::new();
        let gate = Gate {
            control: Routes::new(health).add_service(reflection()).prepare(),
            routes: routes.clone(),
            calls: Calls::new(handlers.clone()),
        };
        let stop = CancellationToken::new();
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let mut builder = transport::Server::builder();
        if let Some(tls) = tls.server() {
            builder = builder.tls_config(tls)?;
        }
        let transport = builder
            .http2_keepalive_interval(Some(Duration::from_secs(10)))
            .http2_keepalive_timeout(Some(Duration::from_secs(5)))
            .max_concurrent_streams(1000)
            // Callers give up in bursts when their own callers hang up; h2 takes 20 of that for an attack.
            .http2_max_pending_accept_reset_streams(Some(1000))
            .serve_with_incoming_shutdown(gate, incoming, stop.clone().cancelled_owned());
        Ok(Self { address, readiness, routes, handlers, transport: tokio::spawn(transport), stop: stop.drop_guard() })
    }

    /// The bound address (for port 0).
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Serves until `shutdown`; then finishes calls in flight, at most 10 s.
    pub async fn serve(self, routes: Routes, shutdown: CancellationToken) -> Result<(), ServerError> {
        // `serve` takes the server, so nobody can have set them before.
        let _ = self.routes.set(routes.prepare());
        let mut transport = self.transport;
        tokio::select! {
            ended = &mut transport => return finished(ended),
            () = shutdown.cancelled() => {}
        }

        self.readiness.set(false).await;
        tokio::time::sleep(LAME_DUCK).await;
        self.readiness.end_watches().await;
        drop(self.stop);
        self.handlers.close();
        let drained = tokio::time::timeout(DRAIN, async {
            let ended = transport.await;
            // Also those whose clients have hung up.
            self.handlers.wait().await;
            ended
        });
        let Ok(ended) = drained.await else {
            let left = self.handlers.len();
            tracing::warn!(left, "calls in flight did not finish in time");
            return Ok(());
        };
        finished(ended)
    }
}

fn finished(ended: Result<Result<(), transport::Error>, tokio::task::JoinError>) -> Result<(), ServerError> {
    match ended {
        Ok(result) => Ok(result?),
        // Nothing aborts the task; what it does in a panic, the process should do too.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Ok(()),
        },
    }
}

fn reflection()
-> tonic_reflection::server::v1::ServerReflectionServer<impl tonic_reflection::server::v1::ServerReflection> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(trellis_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .expect("the descriptors are generated together with the code")
}

/// Health and reflection always; the service's own calls once it serves.
#[derive(Clone)]
struct Gate {
    control: Routes,
    routes: Arc<OnceLock<Routes>>,
    calls: Calls,
}

impl tower::Service<Request<Body>> for Gate {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Routers are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.uri().path().starts_with("/grpc.") {
            return Box::pin(self.control.call(request));
        }
        match self.routes.get() {
            Some(routes) => Box::pin(self.calls.serve(routes.clone(), request)),
            None => Box::pin(async { Ok(call::starting()) }),
        }
    }
}
