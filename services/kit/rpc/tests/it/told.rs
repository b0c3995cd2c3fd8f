//! A service that does what it is told: `UpdateMe` of identity, whose `name` is the order. `BatchGetUsers`, which
//! changes nothing, has the order in place of an e-mail.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::observed;
use axum::{Router, routing::post_service};
use http::Request as HttpRequest;
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, body::Body, service::Routes};
use tonic_prost::ProstCodec;
use trellis_proto::identity::v1::{
    BatchGetUsersRequest, BatchGetUsersResponse, UpdateMeRequest, UpdateMeResponse, User,
    identity_service_client::IdentityServiceClient,
};
use trellis_rpc::{Channel, Code, IdempotencyKey, Problem, Readiness, Server, ServerError, deadline_left};

pub(crate) const NAMES: &[&str] = &["trellis.identity.v1.IdentityService"];
pub(crate) const METHOD: &str = "trellis.identity.v1.IdentityService/UpdateMe";
const READ: &str = "trellis.identity.v1.IdentityService/BatchGetUsers";

/// Handlers of the order `wait` tell that they began, wait for `release`, and tell that they ended.
#[derive(Clone)]
pub(crate) struct Gates {
    pub(crate) began: Arc<Semaphore>,
    pub(crate) release: Arc<Semaphore>,
    pub(crate) ended: Arc<Semaphore>,
    /// So many of them are refused first, as being worked on already.
    pub(crate) in_flight: Arc<AtomicUsize>,
}

pub(crate) struct Told {
    pub(crate) address: SocketAddr,
    pub(crate) gates: Gates,
    pub(crate) readiness: Readiness,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: JoinHandle<Result<(), ServerError>>,
}

impl Told {
    pub(crate) async fn start() -> Self {
        let server = Server::bind(([127, 0, 0, 1], 0).into(), NAMES).await.unwrap();
        Self::serve(server)
    }

    pub(crate) fn serve(server: Server) -> Self {
        observed::traced();
        let closed = || Arc::new(Semaphore::new(0));
        let gates = Gates { began: closed(), release: closed(), ended: closed(), in_flight: Arc::default() };
        let shutdown = CancellationToken::new();
        Self {
            address: server.address(),
            readiness: server.readiness(),
            serving: tokio::spawn(server.serve(routes(gates.clone()), shutdown.clone())),
            shutdown,
            gates,
        }
    }

    pub(crate) fn client(&self) -> IdentityServiceClient<Channel> {
        client(&url(self.address))
    }
}

pub(crate) fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

pub(crate) fn client(endpoints: &str) -> IdentityServiceClient<Channel> {
    IdentityServiceClient::new(Channel::new(&endpoints.parse().unwrap()))
}

/// Gives an order and waits for what is said to it.
pub(crate) async fn tell(client: &IdentityServiceClient<Channel>, order: &str) -> Result<String, Status> {
    let request = UpdateMeRequest { name: Some(order.to_owned()) };
    let response = client.clone().update_me(request).await?;
    Ok(response.into_inner().user.unwrap_or_default().name)
}

/// The same with an idempotency key.
pub(crate) async fn tell_once(client: &IdentityServiceClient<Channel>, order: &str) -> Result<String, Status> {
    let mut request = Request::new(UpdateMeRequest { name: Some(order.to_owned()) });
    IdempotencyKey { key: "once".into(), operation: "POST /x".into(), fingerprint: [0; 32] }.attach(&mut request);
    let response = client.clone().update_me(request).await?;
    Ok(response.into_inner().user.unwrap_or_default().name)
}

/// The same with a call that changes nothing.
pub(crate) async fn ask(client: &IdentityServiceClient<Channel>, order: &str) -> Result<String, Status> {
    let request = BatchGetUsersRequest { ids: Vec::new(), emails: vec![order.to_owned()] };
    let users = client.clone().batch_get_users(request).await?.into_inner().users;
    Ok(users.into_iter().next().unwrap_or_default().name)
}

pub(crate) async fn pass(gate: &Semaphore) {
    gate.acquire().await.unwrap().forget();
}

fn routes(gates: Gates) -> Routes {
    let read_gates = gates.clone();
    let read = move |request: HttpRequest<axum::body::Body>| {
        let gates = read_gates.clone();
        let method = tower::service_fn(move |request: Request<BatchGetUsersRequest>| {
            let gates = gates.clone();
            async move {
                let order = request.into_inner().emails.pop().unwrap_or_default();
                let user = User { name: obey(&order, &gates).await?, ..User::default() };
                Ok(Response::new(BatchGetUsersResponse { users: vec![user] }))
            }
        });
        async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
            Ok::<http::Response<Body>, Infallible>(grpc.unary(method, request).await)
        }
    };
    let update_me = move |request: HttpRequest<axum::body::Body>| {
        let gates = gates.clone();
        let method = tower::service_fn(move |request: Request<UpdateMeRequest>| {
            let gates = gates.clone();
            async move {
                let name = obey(request.into_inner().name(), &gates).await?;
                let user = User { name, ..User::default() };
                Ok(Response::new(UpdateMeResponse { user: Some(user) }))
            }
        });
        async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
            Ok::<http::Response<Body>, Infallible>(grpc.unary(method, request).await)
        }
    };
    let router = Router::new()
        .route(&format!("/{METHOD}"), post_service(tower::service_fn(update_me)))
        .route(&format!("/{READ}"), post_service(tower::service_fn(read)));
    Routes::from(router)
}

async fn obey(order: &str, gates: &Gates) -> Result<String, Status> {
    match order {
        // Past the panic hook, whose backtrace would take longer than all the rest.
        "panic" => std::panic::resume_unwind(Box::new("told to")),
        "refuse" => Err(Problem::new(Code::ValidationFailed, "No.")
            .with_field("name", "too_long", "must be at most 100 characters")
            .into()),
        "wait"
            if gates.in_flight.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() =>
        {
            Err(Problem::new(Code::IdempotencyInFlight, "The same request is being worked on.").into())
        }
        "wait" => {
            gates.began.add_permits(1);
            pass(&gates.release).await;
            gates.ended.add_permits(1);
            Ok(String::new())
        }
        "deadline" => Ok(deadline_left().map_or(String::new(), |left| left.as_millis().to_string())),
        "trace" => Ok(trellis_telemetry::traceparent()),
        echo => Ok(echo.to_owned()),
    }
}
