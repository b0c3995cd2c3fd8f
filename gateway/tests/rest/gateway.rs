//! A gateway with its fake services, and a client of it.

use std::net::SocketAddr;

use axum::{Router, body::Body, extract::ConnectInfo};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::Utc;
use ed25519_dalek::SigningKey;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use secrecy::ExposeSecret;
use serde_json::Value;
use tower::ServiceExt;
use trellis_authn::{AUDIENCE, AccessClaims, ISSUER};
use trellis_gateway::{
    app::{App, Gateway},
    config::Config,
};
use trellis_proto::{
    identity::v1::{
        BatchGetUsersRequest, BatchGetUsersResponse, FollowSessionsRequest, FollowSessionsResponse, PublicKey, User,
    },
    org::v1::{CheckAccessRequest, CheckAccessResponse, FollowMembershipsRequest, FollowMembershipsResponse, Role},
};
use trellis_rpc::Problem;
use trellis_settings::Settings;
use uuid::Uuid;

use crate::fake::Fake;

const SEED: [u8; 32] = [7; 32];

/// A member of the organization `acme`, and someone who is member of nothing.
pub const ANN: Uuid = Uuid::from_u128(0xa);
pub const EVE: Uuid = Uuid::from_u128(0xe);

pub struct Harness {
    pub fake: Fake,
    pub gateway: App,
    router: Router,
}

impl Harness {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With variables of its own.
    pub async fn with(variables: &[(&str, &str)]) -> Self {
        let fake = Fake::default();
        feeds(&fake);
        let address = fake.start().await;
        let gateway = Gateway::new(config(address, variables), None).unwrap();
        gateway.sessions.loaded().await;
        gateway.memberships.loaded().await;
        let router = gateway.router();
        Self { fake, gateway, router }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let mut request = request;
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 7], 4711))));
        Self::answer(self.router.clone(), request).await
    }

    pub async fn answer(router: Router, request: Request<Body>) -> Answer {
        let response = router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body: body.to_vec() }
    }

    /// As Ann, or as nobody.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(ask(Method::GET, path).signed_in_as(ANN).without_body()).await
    }

    pub async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(ask(Method::POST, path).signed_in_as(ANN).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &str) -> Answer {
        self.send(ask(Method::PATCH, path).signed_in_as(ANN).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(ask(Method::DELETE, path).signed_in_as(ANN).without_body()).await
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.gateway.shutdown.ended.cancel();
    }
}

pub fn config(services: SocketAddr, variables: &[(&str, &str)]) -> Config {
    let mut variables: std::collections::HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    for name in ["TRELLIS_IDENTITY_URL", "TRELLIS_ORG_URL", "TRELLIS_PROJECT_URL"] {
        variables.insert(name.to_owned(), format!("http://{services}"));
    }
    variables.insert("TRELLIS_SERVICE_KEY".to_owned(), STANDARD.encode([9; 32]));
    let mut settings = Settings::from_source(Box::new(move |name| variables.get(name).cloned()));
    let config = Config::read(&mut settings);
    settings.finish().unwrap();
    config
}

/// What every gateway asks at its start.
pub fn feeds(fake: &Fake) {
    let epoch = Uuid::from_u128(1).to_string();
    let key = SigningKey::from_bytes(&SEED).verifying_key().to_bytes().to_vec();
    let sessions = FollowSessionsResponse {
        epoch: epoch.clone(),
        head: 1,
        full: true,
        revoked: Vec::new(),
        keys: vec![PublicKey { kid: "k1".into(), key }],
    };
    fake.on("IdentityService/FollowSessions", move |_: FollowSessionsRequest, _| Ok(sessions.clone()));
    let memberships = FollowMembershipsResponse { epoch: epoch.clone(), head: 1, reset: false, changes: Vec::new() };
    fake.on("OrgService/FollowMemberships", move |_: FollowMembershipsRequest, _| Ok(memberships.clone()));
    fake.on("OrgService/CheckAccess", move |request: CheckAccessRequest, call| {
        if request.org != "acme" || call.user != Some(ANN) {
            return Err(Problem::not_found("organization").into());
        }
        let (epoch, org_id) = (epoch.clone(), Uuid::from_u128(2).to_string());
        Ok(CheckAccessResponse { org_id, role: Role::Admin.into(), epoch, seq: 1 })
    });
    fake.on("IdentityService/BatchGetUsers", |request: BatchGetUsersRequest, _| {
        let ann = User { id: ANN.to_string(), email: "ann@example.org".into(), name: "Ann".into(), created_at: None };
        Ok(BatchGetUsersResponse {
            users: request.ids.iter().filter(|id| **id == ann.id).map(|_| ann.clone()).collect(),
        })
    });
}

/// An access token of the user, good for `seconds`.
pub fn token(user: Uuid, seconds: i64) -> String {
    let now = Utc::now().timestamp();
    let claims = AccessClaims {
        iss: ISSUER.into(),
        aud: AUDIENCE.into(),
        sub: user,
        sid: Uuid::from_u128(5),
        jti: Uuid::now_v7(),
        iat: now - 3600,
        exp: now + seconds,
    };
    claims.sign("k1", &SEED).unwrap().expose_secret().to_owned()
}

/// A request in the making.
pub struct Ask(http::request::Builder);

pub fn ask(method: Method, path: &str) -> Ask {
    Ask(Request::builder().method(method).uri(path))
}

impl Ask {
    pub fn signed_in_as(self, user: Uuid) -> Self {
        self.header("authorization", &format!("Bearer {}", token(user, 600)))
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub fn json(self, body: &str) -> Request<Body> {
        self.header("content-type", "application/json").body(body.to_owned())
    }

    pub fn body(self, body: impl Into<Body>) -> Request<Body> {
        self.0.body(body.into()).unwrap()
    }

    pub fn without_body(self) -> Request<Body> {
        self.body(Body::empty())
    }
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }

    /// That this is a problem of this status and code, in the one shape; gives back the blamed fields and codes.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Vec<(String, String)> {
        let shown = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{shown}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["code"], code, "{shown}");
        assert_eq!(problem["status"], status, "{shown}");
        assert_eq!(problem["type"], format!("urn:trellis:problem:{code}"));
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{shown}");
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        let known = ["type", "title", "status", "detail", "code", "errors", "request_id"];
        assert!(problem.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{shown}");
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        assert!(errors.iter().all(|error| error["message"].is_string()), "{shown}");
        errors.iter().map(|error| (text(&error["field"]), text(&error["code"]))).collect()
    }
}

/// A field and its code, as [`Answer::problem`] gives them.
pub fn blame(field: &str, code: &str) -> (String, String) {
    (field.to_owned(), code.to_owned())
}
