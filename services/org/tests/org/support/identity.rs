//! A fake identity: it knows whom it is told of, and signs access tokens.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use secrecy::ExposeSecret as _;
use tokio::{net::TcpListener, sync::OwnedMutexGuard, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    metadata::{Ascii, MetadataValue},
};
use trellis_authn::{AUDIENCE, AccessClaims, ISSUER};
use trellis_proto::identity::v1::{
    BatchGetUsersRequest, BatchGetUsersResponse, ChangePasswordRequest, ChangePasswordResponse, FollowSessionsRequest,
    FollowSessionsResponse, GetMeRequest, GetMeResponse, LoginRequest, LoginResponse, LogoutRequest, LogoutResponse,
    PublicKey, RefreshRequest, RefreshResponse, RegisterRequest, RegisterResponse, UpdateMeRequest, UpdateMeResponse,
    User,
    identity_service_server::{IdentityService, IdentityServiceServer},
};
use uuid::Uuid;

const KID: &str = "test";
const SEED: [u8; 32] = [7; 32];

/// The fake, and who it knows.
pub struct Identity {
    pub address: SocketAddr,
    known: Arc<Known>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Known {
    users: Mutex<Vec<User>>,
    away: AtomicBool,
    /// Held while it thinks about e-mails.
    thinking: Arc<tokio::sync::Mutex<()>>,
    /// How often it was asked about e-mails.
    asked: AtomicUsize,
}

impl Identity {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let known = Arc::<Known>::default();
        let service = IdentityServiceServer::from_arc(Arc::clone(&known));
        let server = tonic::transport::Server::builder().add_service(service);
        let serving = tokio::spawn(async move {
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { address, known, serving }
    }

    /// A new user.
    pub fn add(&self, email: &str) -> Uuid {
        let id = Uuid::now_v7();
        let user = User { id: id.to_string(), email: email.to_owned(), name: "N".to_owned(), created_at: None };
        self.known.users.lock().unwrap().push(user);
        id
    }

    /// Whether it answers at all from now on.
    pub fn set_away(&self, away: bool) {
        self.known.away.store(away, Ordering::Relaxed);
    }

    /// Who asks for somebody's e-mail has no answer until the guard is dropped.
    pub async fn think(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.known.thinking).lock_owned().await
    }

    /// Waits until it was asked about e-mails so often.
    pub async fn asked(&self, times: usize) {
        while self.known.asked.load(Ordering::SeqCst) < times {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// An access token as it stands in a request.
    pub fn header(user: Uuid) -> MetadataValue<Ascii> {
        let now = chrono::Utc::now().timestamp();
        let claims = AccessClaims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user,
            sid: Uuid::now_v7(),
            jti: Uuid::now_v7(),
            iat: now,
            exp: now + 900,
        };
        let token = claims.sign(KID, &SEED).unwrap();
        format!("Bearer {}", token.expose_secret()).parse().unwrap()
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Known {
    /// Only services may ask, and only while it is there.
    fn admit<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let header = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        assert!(header.is_some_and(|header| header.starts_with("Service ")), "asked as a service");
        if self.away.load(Ordering::Relaxed) { Err(Status::unavailable("away")) } else { Ok(()) }
    }
}

#[tonic::async_trait]
impl IdentityService for Known {
    async fn batch_get_users(
        &self,
        request: Request<BatchGetUsersRequest>,
    ) -> Result<Response<BatchGetUsersResponse>, Status> {
        self.admit(&request)?;
        let asked = request.into_inner();
        if !asked.emails.is_empty() {
            self.asked.fetch_add(1, Ordering::SeqCst);
            drop(self.thinking.lock().await);
        }
        let wanted = |user: &&User| {
            asked.ids.contains(&user.id) || asked.emails.iter().any(|email| email.eq_ignore_ascii_case(&user.email))
        };
        let users = self.users.lock().unwrap().iter().filter(wanted).cloned().collect();
        Ok(Response::new(BatchGetUsersResponse { users }))
    }

    async fn follow_sessions(
        &self,
        request: Request<FollowSessionsRequest>,
    ) -> Result<Response<FollowSessionsResponse>, Status> {
        self.admit(&request)?;
        let key = ed25519_dalek::SigningKey::from_bytes(&SEED).verifying_key().to_bytes().to_vec();
        Ok(Response::new(FollowSessionsResponse {
            epoch: Uuid::nil().to_string(),
            head: 0,
            full: request.get_ref().epoch.is_empty(),
            revoked: Vec::new(),
            keys: vec![PublicKey { kid: KID.to_owned(), key }],
        }))
    }

    async fn register(&self, _: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        Err(Status::unimplemented("fake"))
    }

    async fn login(&self, _: Request<LoginRequest>) -> Result<Response<LoginResponse>, Status> {
        Err(Status::unimplemented("fake"))
    }

    async fn refresh(&self, _: Request<RefreshRequest>) -> Result<Response<RefreshResponse>, Status> {
        Err(Status::unimplemented("fake"))
    }

    async fn renew_token(
        &self,
        _: Request<trellis_proto::identity::v1::RenewTokenRequest>,
    ) -> Result<Response<trellis_proto::identity::v1::RenewTokenResponse>, Status> {
        Err(Status::unimplemented("fake"))
    }

    async fn get_session(
        &self,
        _: Request<trellis_proto::identity::v1::GetSessionRequest>,
    ) -> Result<Response<trellis_proto::identity::v1::GetSessionResponse>, Status> {
        Err(Status::unimplemented("fake"))
    }

    async fn list_sessions(
        &self,
        _: Request<trellis_proto::identity::v1::ListSessionsRequest>,
    ) -> Result<Response<trellis_proto::identity::v1::ListSessionsResponse>, Status> {
        Err(Status::unimplemented("fake"))
    }

    async fn revoke_session(
        &self,
        _: Request<trellis_proto::identity::v1::RevokeSessionRequest>,
    ) -> Result<Response<trellis_proto::identity::v1::RevokeSessionResponse>, Status> {
        Err(Status::unimplemented("fake"))
    }

    async fn revoke_other_sessions(
        &self,
        _: Request<trellis_proto::identity::v1::RevokeOtherSessionsRequest>,
    ) -> Result<Response<trellis_proto::identity::v1::RevokeOtherSessionsResponse>, Status> {
        Err(Status::unimplemented("fake"))
    }

    async fn logout(&self, _: Request<LogoutRequest>) -> Result<Response<LogoutResponse>, Status> {
        Err(Status::unimplemented("fake"))
    }

    async fn get_me(&self, _: Request<GetMeRequest>) -> Result<Response<GetMeResponse>, Status> {
        Err(Status::unimplemented("fake"))
    }

    async fn update_me(&self, _: Request<UpdateMeRequest>) -> Result<Response<UpdateMeResponse>, Status> {
        Err(Status::unimplemented("fake"))
    }

    async fn change_password(
        &self,
        _: Request<ChangePasswordRequest>,
    ) -> Result<Response<ChangePasswordResponse>, Status> {
        Err(Status::unimplemented("fake"))
    }
}
