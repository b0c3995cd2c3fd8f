//! What machines ask: the keys that verify access tokens, whether the process lives, whether it is ready.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::header;
use serde::Serialize;
use trellis_rpc::Code;
use utoipa::ToSchema;

use crate::{
    app::{App, Gateway},
    problem::Problem,
};

/// Public keys as RFC 7517 and RFC 8037 have them.
#[derive(Serialize, ToSchema)]
pub struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Serialize, ToSchema)]
pub struct Jwk {
    #[schema(example = "OKP")]
    kty: &'static str,
    #[schema(example = "Ed25519")]
    crv: &'static str,
    #[schema(example = "EdDSA")]
    alg: &'static str,
    #[schema(example = "sig")]
    r#use: &'static str,
    kid: String,
    /// The raw key, base64url.
    x: String,
}

/// Public keys
///
/// The keys that verify access tokens, including one that is published ahead of its use.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "service", operation_id = "getKeys",
    responses((status = 200, body = Jwks)), security(()))]
pub async fn jwks(State(gateway): State<App>) -> Result<Response, Problem> {
    let keys: Vec<Jwk> = gateway
        .sessions
        .keys()
        .into_iter()
        .map(|(kid, key)| Jwk {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            r#use: "sig",
            kid,
            x: URL_SAFE_NO_PAD.encode(key),
        })
        .collect();
    if keys.is_empty() {
        return Err(Problem::of(Code::Unavailable, "The keys are not known yet; try again soon."));
    }
    // A new key is published a minute before its use.
    Ok(([(header::CACHE_CONTROL, "public, max-age=30")], Json(Jwks { keys })).into_response())
}

#[derive(Serialize, ToSchema)]
pub struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

const OK: Json<Health> = Json(Health { status: "ok" });

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "service", operation_id = "getHealth",
    responses((status = 200, body = Health)), security(()))]
pub async fn health() -> Json<Health> {
    OK
}

/// Whether the process is ready
///
/// Not ready: 503, and `errors` names what is missing.
#[utoipa::path(get, path = "/readyz", tag = "service", operation_id = "getReadiness",
    responses((status = 200, body = Health)), security(()))]
pub async fn ready(State(gateway): State<App>) -> Result<Json<Health>, Problem> {
    let missing = missing(&gateway);
    if missing.is_empty() {
        return Ok(OK);
    }
    let problem = Problem::of(Code::Unavailable, "Not ready.");
    Err(missing.into_iter().fold(problem, |problem, (what, why)| problem.field(what, "missing", why)))
}

/// What stands in the way of serving.
fn missing(gateway: &Gateway) -> Vec<(&'static str, &'static str)> {
    let mut missing = Vec::new();
    if gateway.shutdown.draining.is_cancelled() {
        missing.push(("process", "is stopping"));
    }
    if !gateway.sessions.fresh() {
        missing.push(("identity", "keys and ended sessions are not known"));
    }
    if !gateway.memberships.fresh() {
        missing.push(("org", "changes of memberships are not known"));
    }
    missing
}
