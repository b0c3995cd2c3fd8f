//! One server that plays identity, org and project: gRPC on the wire, answers by the test.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, extract::State, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use prost::Message;
use tokio::net::TcpListener;
use tonic::Status;
use trellis_rpc::IdempotencyKey;
use uuid::Uuid;

/// What came with a call.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    pub message: Bytes,
    /// The user whose token was forwarded; `None` for a service token.
    pub user: Option<Uuid>,
    pub idempotency: Option<IdempotencyKey>,
    pub headers: HeaderMap,
}

impl Call {
    pub fn message<M: Message + Default>(&self) -> M {
        M::decode(self.message.clone()).unwrap()
    }
}

/// A message, and metadata that goes with it.
pub struct Answer {
    message: Vec<u8>,
    replayed: bool,
}

type Handler = Arc<dyn Fn(&Call) -> Result<Answer, Status> + Send + Sync>;

/// The fake, cheap to clone.
#[derive(Clone, Default)]
pub struct Fake {
    handlers: Arc<Mutex<HashMap<String, Handler>>>,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Fake {
    /// Says how a method (`ProjectService/GetTask`) answers from now on.
    pub fn on<Q, A>(&self, method: &str, answer: impl Fn(Q, &Call) -> Result<A, Status> + Send + Sync + 'static)
    where
        Q: Message + Default,
        A: Message,
    {
        self.handle(method, move |call| {
            let message = answer(call.message(), call)?.encode_to_vec();
            Ok(Answer { message, replayed: false })
        });
    }

    /// As `on`, with an answer that is marked as kept.
    pub fn on_replayed<A: Message>(&self, method: &str, answer: &A) {
        let message = answer.encode_to_vec();
        self.handle(method, move |_| Ok(Answer { message: message.clone(), replayed: true }));
    }

    fn handle(&self, method: &str, handler: impl Fn(&Call) -> Result<Answer, Status> + Send + Sync + 'static) {
        self.handlers.lock().unwrap().insert(method.to_owned(), Arc::new(handler));
    }

    /// The calls of a method so far.
    pub fn calls(&self, method: &str) -> Vec<Call> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|call| call.method == method).cloned().collect()
    }

    /// The last message of a method.
    pub fn asked<M: Message + Default>(&self, method: &str) -> M {
        self.calls(method).last().unwrap_or_else(|| panic!("{method} was not called")).message()
    }

    /// Listens on a port of its own.
    pub async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = TowerToHyperService::new(Router::new().fallback(serve).with_state(self.clone()));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        address
    }

    fn answer(&self, call: Call) -> Result<Answer, Status> {
        let handler = self.handlers.lock().unwrap().get(&call.method).cloned();
        let answer = match handler {
            Some(handler) => handler(&call),
            None => Err(Status::unimplemented(call.method.clone())),
        };
        self.calls.lock().unwrap().push(call);
        answer
    }
}

async fn serve(State(fake): State<Fake>, request: Request<Body>) -> Response {
    let path = request.uri().path().to_owned();
    let headers = request.headers().clone();
    let framed = request.into_body().collect().await.unwrap().to_bytes();
    let method = path.rsplit_once('.').map_or(path.as_str(), |(_, method)| method).to_owned();
    let call = Call {
        user: user(&headers),
        idempotency: IdempotencyKey::of(&tonic_request(&headers)),
        message: framed.slice(5..),
        method,
        headers,
    };
    match fake.answer(call) {
        Ok(answer) => {
            let mut frame = BytesMut::new();
            frame.put_u8(0);
            frame.put_u32(u32::try_from(answer.message.len()).unwrap());
            frame.put_slice(&answer.message);
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            let body = Full::new(frame.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
            let mut response = Response::new(Body::new(body));
            if answer.replayed {
                let mut marked = tonic::Response::new(());
                trellis_rpc::mark_replayed(&mut marked);
                *response.headers_mut() = marked.metadata().clone().into_headers();
            }
            response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
            response
        }
        Err(status) => status.into_http(),
    }
}

fn tonic_request(headers: &HeaderMap) -> tonic::Request<()> {
    let mut request = tonic::Request::new(());
    *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(headers.clone());
    request
}

/// Whose token it is, unverified.
fn user(headers: &HeaderMap) -> Option<Uuid> {
    let token = headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?;
    let claims = token.split('.').nth(1)?.replace('-', "+").replace('_', "/");
    let claims: serde_json::Value = serde_json::from_slice(&STANDARD_NO_PAD.decode(claims).ok()?).ok()?;
    claims["sub"].as_str()?.parse().ok()
}
