//! `/graphql` over HTTP, by the rules of GraphQL over HTTP; upgrades go on to the socket.
//!
//! A refusal by HTTP itself (405, 413, 415, …) has the shape of GraphQL, too: the edge gives it, as it gives every
//! other refusal the shape of a problem.

use async_graphql::{ServerError, Value, parser::types::OperationType};
use axum::{
    Router,
    extract::{FromRequestParts, Request, State, WebSocketUpgrade},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use serde::Serialize;
use serde_json::json;
use trellis_rpc::Code;

use super::{
    Viewer,
    accept::{self, Media},
    asked,
    execute::{Executed, Executor},
    graphiql, socket,
    viewer::Idempotency,
};
use crate::{app::App, auth, body, client_address::Client, idempotency, live::Hub, problem::Problem};

/// The addresses.
pub const PATHS: [&str; 2] = ["/graphql", "/graphql/"];

/// What serves them.
#[derive(Clone)]
pub struct Served {
    pub app: App,
    pub hub: Hub,
    pub executor: Executor,
}

const VARY: HeaderValue = HeaderValue::from_static("Accept");

/// Marks an answer that is told already, whatever its status; with the code of its error, if it has one.
#[derive(Clone)]
pub struct Told(pub Option<String>);

pub fn router(served: Served) -> Router {
    let [path, with_slash] = PATHS;
    // Any method: over HTTP/2 a socket is opened by CONNECT.
    let router = Router::new().route(path, any(answer)).route(with_slash, any(answer));
    let router = if served.executor.introspection() {
        router.route("/graphql/assets/{file}", get(graphiql::asset))
    } else {
        router
    };
    router.with_state(served)
}

async fn answer(State(served): State<Served>, request: Request) -> Response {
    let answered = match *request.method() {
        Method::POST => posted(&served, request).await,
        Method::GET | Method::CONNECT => got(&served, request.into_parts().0).await,
        _ => Ok(not_allowed("GET, POST")),
    };
    answered.unwrap_or_else(IntoResponse::into_response)
}

async fn posted(served: &Served, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let body = body::json(&parts, body).await?;
    let asked = asked::from_body(&body)?;
    let idempotency = parts.headers.remove(idempotency::HEADER).map(|key| Idempotency { key, body });
    let media = Media::of(&parts.headers);
    let viewer = viewer(served, &mut parts, idempotency).await;
    Ok(written(media, served.executor.execute(viewer, asked).await))
}

async fn got(served: &Served, mut parts: Parts) -> Result<Response, Problem> {
    if upgrades(&parts) {
        let client = client(served, &mut parts).await;
        let request = WebSocketUpgrade::from_request_parts(&mut parts, served)
            .await
            .map_err(|_| Problem::invalid_request("The upgrade is not one to a WebSocket."))?;
        return Ok(socket::upgrade(State(served.clone()), parts.headers, client, request).await);
    }
    if accept::wants_page(&parts.headers) {
        if served.executor.introspection() {
            return Ok(graphiql::page());
        }
        if parts.uri.query().is_none() {
            return Err(Problem::status(StatusCode::NOT_FOUND));
        }
    }
    let asked = asked::from_query(parts.uri.query().unwrap_or_default())?;
    let media = Media::of(&parts.headers);
    let executed = match served.executor.prepare(asked) {
        // Whoever can make a browser follow a link must not be able to change anything by it.
        Ok(prepared) if prepared.kind == OperationType::Mutation => return Ok(not_allowed("POST")),
        Ok(prepared) => {
            let viewer = viewer(served, &mut parts, None).await;
            served.executor.run(viewer, prepared).await
        }
        Err(response) => Executed { response: *response, refused: true },
    };
    Ok(written(media, executed))
}

/// CONNECT is the GET of a socket over HTTP/2 (RFC 8441).
fn upgrades(parts: &Parts) -> bool {
    let upgrade = parts.headers.get(header::UPGRADE);
    parts.method == Method::CONNECT || upgrade.is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

fn not_allowed(allow: &'static str) -> Response {
    let allow = [(header::ALLOW, HeaderValue::from_static(allow))];
    (allow, Problem::status(StatusCode::METHOD_NOT_ALLOWED)).into_response()
}

async fn client(served: &Served, parts: &mut Parts) -> Client {
    let Ok(client) = Client::from_request_parts(parts, &served.app).await;
    client
}

/// A header that is not understood is a token that is not good; neither fails anything by itself.
async fn viewer(served: &Served, parts: &mut Parts, idempotency: Option<Idempotency>) -> Viewer {
    let Client(client) = client(served, parts).await;
    let token = auth::presented(&parts.headers).unwrap_or(Some(""));
    Viewer::new(served.app.clone(), token, client, idempotency)
}

/// The body of an answer; `data` is there where something was run.
#[derive(Serialize)]
struct Body<'a, E: Serialize> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [E],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
}

fn written(media: Media, executed: Executed) -> Response {
    let Executed { response, refused } = executed;
    let status = match refused {
        true if internal(&response.errors) => StatusCode::INTERNAL_SERVER_ERROR,
        true => media.refused(),
        false => StatusCode::OK,
    };
    let body = Body { errors: &response.errors, data: (!refused).then_some(&response.data) };
    let mut answer = (status, serde_json::to_vec(&body).unwrap_or_default()).into_response();
    let headers = answer.headers_mut();
    headers.extend(response.http_headers);
    headers.insert(header::CONTENT_TYPE, media.content_type());
    headers.append(header::VARY, VARY);
    answer.extensions_mut().insert(Told(response.errors.first().and_then(code)));
    answer
}

fn code(error: &ServerError) -> Option<String> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code.clone()),
        _ => None,
    }
}

fn internal(errors: &[ServerError]) -> bool {
    errors.iter().any(|error| code(error).as_deref() == Some(Code::Internal.as_str()))
}

/// What answers to this request are told in; `None` where it is not one of ours.
pub fn media(path: &str, headers: &HeaderMap) -> Option<Media> {
    PATHS.contains(&path).then(|| Media::of(headers))
}

/// A refusal of HTTP in the shape of GraphQL.
pub fn refusal(problem: &Problem) -> Vec<u8> {
    let error = json!({"message": problem.detail(), "extensions": {"code": problem.code()}});
    serde_json::to_vec(&Body { errors: &[error], data: None }).unwrap_or_default()
}
