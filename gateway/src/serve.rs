//! Connections: accepted, served over HTTP/1.1 and HTTP/2, and let go of in peace.
//!
//! The end of a gateway costs no client a request. From `draining` on every answer of HTTP/1.1 says `Connection: close`;
//! from `closing` on nobody new is let in, HTTP/2 says GOAWAY, and a connection on which nothing has been asked for a
//! while is closed. A request that has begun to come is always answered.

mod refusals;
mod traffic;

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use futures_util::TryFutureExt;
use http::{Request, Version, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::net::{TcpListener, TcpStream};
use tower::Service;

use crate::app::Shutdown;
use refusals::Refusals;
use traffic::Traffic;

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
/// At the end a client has so long to use a connection once more and hear that it closes: whoever is quiet for longer
/// sees it close, and hardly ever sends something at that very moment.
const QUIET: Duration = Duration::from_secs(1);
/// Then for the rest of a request's head that has begun to come.
const HEAD: Duration = Duration::from_secs(5);

/// Accepts until `shutdown.closing`; connections go on as tasks of `shutdown`.
pub async fn serve(listener: TcpListener, router: Router, shutdown: Shutdown) {
    let builder = builder();
    let let_in = |stream: TcpStream, peer: SocketAddr| {
        shutdown.tasks.spawn(connection(builder.clone(), stream, peer, router.clone(), shutdown.clone()));
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.closing.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => let_in(stream, peer),
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    // Closing the door would cut off who has come but was not let in yet.
    if let Ok(door) = listener.into_std() {
        while let Ok((stream, peer)) = door.accept() {
            if stream.set_nonblocking(true).is_ok()
                && let Ok(stream) = TcpStream::from_std(stream)
            {
                let_in(stream, peer);
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
        biased;
        readable = tokio::time::timeout(FIRST, stream.readable()) => readable.is_ok(),
        () = quiet(&shutdown) => false,
    };
    if spoke {
        let traffic = Arc::new(Traffic::default());
        let stream = Refusals::new(stream, Arc::clone(&traffic));
        let (seen, draining) = (Arc::clone(&traffic), shutdown.draining.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            if !names_its_host(&request) {
                request.extensions_mut().insert(Unaddressed);
            }
            seen.asked();
            let (seen, draining) = (Arc::clone(&seen), draining.clone());
            router.clone().call(request).map_ok(move |mut response| {
                seen.answers(&mut response, draining.is_cancelled());
                response
            })
        });
        let mut serving = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
        // First what has come, so that nothing is overlooked when it ends.
        let served = tokio::select! {
            biased;
            served = serving.as_mut() => served,
            () = over(&shutdown, &traffic) => {
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

/// Until the gateway has been closing for a while.
async fn quiet(shutdown: &Shutdown) {
    shutdown.closing.cancelled().await;
    tokio::time::sleep(QUIET).await;
}

/// Until a connection may end: what is asked by then is still answered, and nothing after.
async fn over(shutdown: &Shutdown, traffic: &Traffic) {
    shutdown.closing.cancelled().await;
    if traffic.is_multiplexed() {
        return;
    }
    tokio::time::sleep(QUIET).await;
    let head = async {
        while traffic.has_begun() {
            tokio::time::sleep(PAUSE).await;
        }
    };
    let _ = tokio::time::timeout(HEAD, head).await;
}
