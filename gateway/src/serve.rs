//! Connections: accepted, served over HTTP/1.1 and HTTP/2, and let go of in peace.

mod refusals;

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use futures_util::TryFutureExt;
use http::{Request, StatusCode, Version, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::net::{TcpListener, TcpStream};
use tower::Service;

use crate::app::Shutdown;
use refusals::Refusals;

/// The edge refuses addresses and headers beyond 32 KiB each with a problem; beyond this hyper refuses the
/// connection (see [`refusals`]).
const LARGEST_HEAD: usize = 72 * 1024;
/// Far more than anyone sends; hyper makes room for so many at every request.
const MOST_HEADERS: usize = 1024;
/// For the head of a request, and between two requests of a connection.
const IDLE: Duration = Duration::from_secs(75);
/// For the first byte of a connection.
const FIRST: Duration = Duration::from_secs(30);
/// How often an idle HTTP/2 connection is looked after.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// After the system refused a connection (too many files open, mostly).
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts until `shutdown.closing`; connections go on as tasks of `shutdown`.
pub async fn serve(listener: TcpListener, router: Router, shutdown: Shutdown) {
    let builder = builder();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.closing.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(builder.clone(), stream, peer, router.clone(), shutdown.clone());
                shutdown.tasks.spawn(connection);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // What counts is their size, not how many they are.
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        // Sockets over HTTP/2.
        .enable_connect_protocol()
        .max_header_list_size(u32::try_from(LARGEST_HEAD).unwrap_or(u32::MAX));
    builder
}

/// Marks a request that does not say whom it is for, or says it twice: whoever stands in front may have read it
/// otherwise than we do.
#[derive(Clone, Copy)]
pub struct Unaddressed;

/// RFC 9112, 3.2: exactly one `Host`, since HTTP/1.1.
fn names_its_host(request: &Request<Body>) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    match request.version() {
        Version::HTTP_11 => hosts == 1,
        _ => hosts <= 1,
    }
}

async fn connection(
    builder: Builder<TokioExecutor>,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    shutdown: Shutdown,
) {
    metrics::gauge!("http_server_connections").increment(1.0);
    // Answers are written whole; waiting for more only delays them.
    let _ = stream.set_nodelay(true);
    let spoke = tokio::select! {
        readable = tokio::time::timeout(FIRST, stream.readable()) => readable.is_ok(),
        () = shutdown.closing.cancelled() => false,
    };
    if spoke {
        let upgraded = Arc::new(AtomicBool::new(false));
        let stream = Refusals::new(stream, Arc::clone(&upgraded));
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            if !names_its_host(&request) {
                request.extensions_mut().insert(Unaddressed);
            }
            let upgraded = Arc::clone(&upgraded);
            router.clone().call(request).inspect_ok(move |response| {
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    upgraded.store(true, Ordering::Relaxed);
                }
            })
        });
        let mut serving = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
        let served = tokio::select! {
            served = serving.as_mut() => served,
            () = shutdown.closing.cancelled() => {
                serving.as_mut().graceful_shutdown();
                tokio::select! {
                    served = serving.as_mut() => served,
                    () = shutdown.ended.cancelled() => Ok(()),
                }
            }
        };
        if let Err(error) = served {
            // Clients that hang up, mostly.
            tracing::debug!(%error, "a connection ended");
        }
    }
    metrics::gauge!("http_server_connections").decrement(1.0);
}
