//! The org service, as far as identity calls it: it takes or refuses whom the test says, and knows its members.

use std::{
    collections::HashSet,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{
    Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService},
    service::Routes,
};
use tonic_prost::ProstCodec;
use trellis_authn::{AuthnLayer, PeerKeys, Sessions};
use trellis_proto::org::v1::{HasMembershipRequest, HasMembershipResponse, JoinRequest, JoinResponse, Role};
use trellis_rpc::{Code, Problem, Server};

/// What it does when it is asked to take a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Behaviour {
    #[default]
    Takes,
    Refuses,
    /// Takes the user, and the answer is lost.
    TakesSilently,
    /// Neither takes nor answers, to nothing.
    Away,
}

#[derive(Default)]
struct State {
    behaviour: Behaviour,
    joins: Vec<JoinRequest>,
    members: HashSet<String>,
}

/// A running fake; ends when it is dropped.
pub struct FakeOrg {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    _stop: DropGuard,
}

impl FakeOrg {
    /// Believes service tokens of these only, as the real one does.
    pub async fn start(peers: PeerKeys) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), &[Fake::NAME]).await.unwrap();
        let address = server.address();
        let stop = CancellationToken::new();
        let authn = AuthnLayer::new(Sessions::fixed([]), peers);
        let routes = Routes::new(authn.layer(Fake { state: Arc::clone(&state) }));
        tokio::spawn(server.serve(routes, stop.clone()));
        Self { address, state, _stop: stop.drop_guard() }
    }

    pub fn behaves(&self, behaviour: Behaviour) {
        self.state.lock().unwrap().behaviour = behaviour;
    }

    pub fn joins(&self) -> Vec<JoinRequest> {
        self.state.lock().unwrap().joins.clone()
    }
}

#[derive(Clone)]
struct Fake {
    state: Arc<Mutex<State>>,
}

impl Fake {
    fn join(&self, request: JoinRequest) -> Result<JoinResponse, Status> {
        let mut state = self.state.lock().unwrap();
        state.joins.push(request.clone());
        match state.behaviour {
            Behaviour::Refuses => Err(Problem::new(Code::InvitationRequired, "No.").into()),
            Behaviour::Away => Err(Status::unavailable("away")),
            Behaviour::Takes | Behaviour::TakesSilently => {
                state.members.insert(request.user_id);
                if state.behaviour == Behaviour::TakesSilently {
                    return Err(Status::unavailable("the answer was lost"));
                }
                let org_id = uuid::Uuid::now_v7().to_string();
                Ok(JoinResponse { org_id, role: Role::Member.into() })
            }
        }
    }

    fn has_membership(&self, request: &HasMembershipRequest) -> Result<HasMembershipResponse, Status> {
        let state = self.state.lock().unwrap();
        if state.behaviour == Behaviour::Away {
            return Err(Status::unavailable("away"));
        }
        Ok(HasMembershipResponse { member: state.members.contains(&request.user_id) })
    }
}

impl NamedService for Fake {
    const NAME: &'static str = "trellis.org.v1.OrgService";
}

impl tower::Service<http::Request<Body>> for Fake {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let fake = self.clone();
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            Ok(match path.rsplit('/').next() {
                Some("Join") => {
                    let join = tower::service_fn(|request: Request<JoinRequest>| {
                        let answer = fake.join(request.into_inner()).map(Response::new);
                        async { answer }
                    });
                    Grpc::new(ProstCodec::default()).unary(join, request).await
                }
                Some("HasMembership") => {
                    let has_membership = tower::service_fn(|request: Request<HasMembershipRequest>| {
                        let answer = fake.has_membership(request.get_ref()).map(Response::new);
                        async { answer }
                    });
                    Grpc::new(ProstCodec::default()).unary(has_membership, request).await
                }
                _ => Status::unimplemented("the fake cannot do that").into_http(),
            })
        })
    }
}
