//! The layer in front of a real tonic server: who gets through, as whom, and how the others are refused.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use tonic::{Request, Response, Status, metadata::MetadataValue, service::Routes};
use trellis_authn::{AuthnLayer, Caller, ClientAddress, PeerKeys, ServiceKey, ServiceName, SessionSource, Sessions};
use trellis_proto::identity::v1::{
    self as wire, BatchGetUsersRequest, BatchGetUsersResponse, FollowSessionsRequest, FollowSessionsResponse,
    GetMeRequest, GetMeResponse, User,
    identity_service_client::IdentityServiceClient,
    identity_service_server::{IdentityService, IdentityServiceServer},
};
use trellis_rpc::{Code, Problem};

use stub::{claims, gateway, sessions, token};

mod stub;

const ADDRESS: &str = "trellis-client-address";

/// `GetMe` tells the user (and by its name from where), `BatchGetUsers` the service, that called.
struct Identity;

stub::service!(IdentityService, for Identity, {
    async fn get_me(&self, request: Request<GetMeRequest>) -> Result<Response<GetMeResponse>, Status> {
        let caller = Caller::of(&request)?;
        assert!(request.metadata().get("authorization").is_none(), "nobody needs it behind the layer");
        assert!(request.metadata().get(ADDRESS).is_none(), "nor this");
        let user = caller.user()?;
        let address = user.address.map(|address| address.to_string()).unwrap_or_default();
        let user = User { id: user.id.to_string(), name: address, ..User::default() };
        Ok(Response::new(GetMeResponse { user: Some(user) }))
    }

    async fn batch_get_users(
        &self,
        request: Request<BatchGetUsersRequest>,
    ) -> Result<Response<BatchGetUsersResponse>, Status> {
        let service = Caller::of(&request)?.service(&[ServiceName::Gateway])?;
        let address = ClientAddress::of(&request).0.map(|address| address.to_string()).unwrap_or_default();
        let user = User { name: service.to_string(), email: address, ..User::default() };
        Ok(Response::new(BatchGetUsersResponse { users: vec![user] }))
    }
}, without {
    register: wire::RegisterRequest => wire::RegisterResponse,
    login: wire::LoginRequest => wire::LoginResponse,
    refresh: wire::RefreshRequest => wire::RefreshResponse,
    logout: wire::LogoutRequest => wire::LogoutResponse,
    update_me: wire::UpdateMeRequest => wire::UpdateMeResponse,
    change_password: wire::ChangePasswordRequest => wire::ChangePasswordResponse,
    follow_sessions: FollowSessionsRequest => FollowSessionsResponse,
    renew_token: wire::RenewTokenRequest => wire::RenewTokenResponse,
    get_session: wire::GetSessionRequest => wire::GetSessionResponse,
    list_sessions: wire::ListSessionsRequest => wire::ListSessionsResponse,
    revoke_session: wire::RevokeSessionRequest => wire::RevokeSessionResponse,
    revoke_other_sessions: wire::RevokeOtherSessionsRequest => wire::RevokeOtherSessionsResponse,
});

type Client = IdentityServiceClient<tonic::transport::Channel>;

async fn serve(sessions: Arc<Sessions>, peers: PeerKeys) -> Client {
    let authn = AuthnLayer::new(sessions, peers);
    let url = stub::serve(Routes::new(authn.layer(IdentityServiceServer::new(Identity)))).await;
    Client::connect(url).await.unwrap()
}

fn with(authorization: &[&str]) -> Request<GetMeRequest> {
    let mut request = Request::new(GetMeRequest {});
    for value in authorization {
        request.metadata_mut().append("authorization", MetadataValue::try_from(*value).unwrap());
    }
    request
}

fn code(status: &Status) -> (tonic::Code, Code) {
    (status.code(), Problem::from(status).code)
}

#[tokio::test]
async fn a_user_gets_through_as_that_user() {
    let sessions = sessions();
    let mut client = serve(Arc::clone(&sessions), gateway().1).await;
    let claims = claims(900);
    let token = token(&claims);
    for scheme in ["Bearer", "bearer", "JWT", "jwt", "Jwt"] {
        let answer = client.get_me(with(&[&format!("{scheme} {token}")])).await.unwrap();
        assert_eq!(answer.into_inner().user.unwrap().id, claims.sub.to_string(), "{scheme}");
    }
    // Handed on as a service does it.
    let user = sessions.verify(&token).unwrap();
    assert!(client.get_me(user.request(GetMeRequest {})).await.is_ok());
    let refused = client.batch_get_users(user.request(BatchGetUsersRequest::default())).await.unwrap_err();
    assert_eq!(code(&refused), (tonic::Code::PermissionDenied, Code::Forbidden));
}

#[tokio::test]
async fn the_address_of_a_user_is_handed_on() {
    let sessions = sessions();
    let mut client = serve(Arc::clone(&sessions), gateway().1).await;
    let token = token(&claims(900));
    let user = sessions.verify(&token).unwrap();
    let mut heard = async |request| client.get_me(request).await.unwrap().into_inner().user.unwrap().name;
    assert_eq!(heard(user.request(GetMeRequest {})).await, "");
    for address in ["192.0.2.1", "2001:db8::1"] {
        let user = user.clone().at(Some(address.parse().unwrap()));
        assert_eq!(heard(user.request(GetMeRequest {})).await, address);
    }
    // The verified user of a token is remembered, without what somebody's call said.
    assert_eq!(heard(user.request(GetMeRequest {})).await, "");
    let long = "1".repeat(5000);
    for bad in [&[""][..], &["x"], &["192.0.2.1:80"], &["192.0.2.1, 192.0.2.2"], &["192.0.2.1"; 2], &[&long]] {
        let mut request = with(&[&format!("Bearer {token}")]);
        for value in bad {
            request.metadata_mut().append(ADDRESS, MetadataValue::try_from(*value).unwrap());
        }
        assert_eq!(heard(request).await, "", "{bad:?}");
    }
}

#[tokio::test]
async fn a_service_gets_through_as_that_service() {
    let (key, peers) = gateway();
    let mut client = serve(sessions(), peers).await;
    let answer = client.batch_get_users(key.request(BatchGetUsersRequest::default())).await.unwrap();
    assert_eq!(answer.into_inner().users[0].name, "gateway");
    for address in [None, Some("2001:db8::1")] {
        let mut request = key.request(BatchGetUsersRequest::default());
        ClientAddress(address.map(|address| address.parse().unwrap())).attach(&mut request);
        let heard = client.batch_get_users(request).await.unwrap().into_inner().users.remove(0).email;
        assert_eq!(heard, address.unwrap_or_default(), "of whom it calls for");
    }
    let refused = client.get_me(key.request(GetMeRequest {})).await.unwrap_err();
    assert_eq!(code(&refused), (tonic::Code::Unauthenticated, Code::Unauthenticated));
    // One that is no peer here.
    let stranger = ServiceKey::new(ServiceName::Gateway, &ServiceKey::generate_seed()).unwrap();
    let refused = client.batch_get_users(stranger.request(BatchGetUsersRequest::default())).await.unwrap_err();
    assert_eq!(code(&refused), (tonic::Code::Unauthenticated, Code::Unauthenticated));
}

#[tokio::test]
async fn everyone_else_is_refused() {
    let (key, peers) = gateway();
    let mut client = serve(sessions(), peers).await;
    let user = token(&claims(900));
    let request = key.request(GetMeRequest {});
    let service = request.metadata().get("authorization").unwrap().to_str().unwrap();
    let service = service.strip_prefix("Service ").unwrap();
    for values in [
        &[][..],
        &[""],
        &["Bearer"],
        &["Bearer "],
        &["Bearer garbage"],
        &[&user],
        &[&format!("Basic {user}")],
        // The one kind is never taken for the other.
        &[&format!("Service {user}")],
        &[&format!("Bearer {service}")],
        // Two headers: whoever read the other one would believe another caller.
        &[&format!("Bearer {user}"), &format!("Service {service}")],
        &[&format!("Bearer {user}"), &format!("Bearer {user}")],
        &[&format!("Bearer {}", "x".repeat(5000))],
    ] {
        let refused = client.get_me(with(values)).await.unwrap_err();
        assert_eq!(code(&refused), (tonic::Code::Unauthenticated, Code::Unauthenticated), "{values:?}");
    }
    let refused = client.get_me(with(&[&format!("Bearer {}", token(&claims(-60)))])).await.unwrap_err();
    assert_eq!(code(&refused), (tonic::Code::Unauthenticated, Code::TokenExpired));
}

#[tokio::test]
async fn an_ended_session_is_refused() {
    let sessions = sessions();
    let mut client = serve(Arc::clone(&sessions), PeerKeys::default()).await;
    let claims = claims(900);
    let authorization = format!("Bearer {}", token(&claims));
    assert!(client.get_me(with(&[&authorization])).await.is_ok());
    sessions.revoke(claims.sid, chrono::Utc::now());
    let refused = client.get_me(with(&[&authorization])).await.unwrap_err();
    assert_eq!(code(&refused), (tonic::Code::Unauthenticated, Code::Unauthenticated));
}

/// Identity that never answers.
struct Silence;

impl SessionSource for Silence {
    async fn follow(&self, _: FollowSessionsRequest) -> Result<FollowSessionsResponse, Status> {
        Err(Status::unavailable("not there"))
    }
}

#[tokio::test]
async fn where_ended_sessions_are_not_known_nobody_is_signed_out() {
    let (key, peers) = gateway();
    let shutdown = tokio_util::sync::CancellationToken::new();
    let mut client = serve(Sessions::follow(Silence, None, shutdown.clone()), peers).await;
    let refused = client.get_me(with(&[&format!("Bearer {}", token(&claims(900)))])).await.unwrap_err();
    assert_eq!(code(&refused), (tonic::Code::Unavailable, Code::Unavailable));
    // Services know each other without identity.
    assert!(client.batch_get_users(key.request(BatchGetUsersRequest::default())).await.is_ok());
    shutdown.cancel();
}
