//! What the edge asks of every request, before it is handled.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use http::{HeaderMap, Method, header};
use trellis_rpc::Code;

use super::Network;
use crate::{app::Gateway, client_address, cors, problem::Problem};

/// Asked for by machines that look whether the gateway lives; never refused.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// Who sent a request, as the edge saw it; among the request's extensions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Visitor(pub Network);

impl From<Option<IpAddr>> for Visitor {
    fn from(address: Option<IpAddr>) -> Self {
        Self(address.into())
    }
}

/// Counts the request, and refuses it where there were too many; a socket also where its page may not open one.
pub fn admit(gateway: &Gateway, request: &mut Request) -> Result<(), Problem> {
    if PROBES.contains(&request.uri().path()) {
        return Ok(());
    }
    let config = &gateway.config;
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        gateway.forwarders.look(*peer, request.headers(), &config.trusted_proxies);
    }
    let visitor: Visitor = client_address::of_request(gateway, request.extensions(), request.headers()).into();
    request.extensions_mut().insert(visitor);
    gateway.limits.request(visitor.0)?;
    if opens_socket(request.method(), request.headers()) {
        if !cors::may_open_socket(request.uri(), request.headers(), &config.cors_origins) {
            return Err(Problem::of(Code::Forbidden, "Pages of this origin may not open sockets here."));
        }
        gateway.limits.socket(visitor.0)?;
    }
    Ok(())
}

/// Whatever any of the sockets may take for an upgrade. CONNECT is the GET of a socket over HTTP/2 (RFC 8441).
fn opens_socket(method: &Method, headers: &HeaderMap) -> bool {
    let asks =
        |value: &[u8]| value.split(|byte| *byte == b',').any(|to| to.trim_ascii().eq_ignore_ascii_case(b"websocket"));
    method == Method::CONNECT || headers.get_all(header::UPGRADE).iter().any(|value| asks(value.as_bytes()))
}
