//! The gRPC face: decode, call the operation, encode. Nothing is decided here.

mod feed;
mod wire;

use std::sync::Arc;

use tonic::{Request, Response, Status};
use trellis_authn::Caller;
use trellis_proto::identity::v1::{self as proto, identity_service_server::IdentityService};
use trellis_rpc::IdempotencyKey;

use crate::ops::{ChangePassword, Login, Ops, Refresh, Register};

/// Answers `trellis.identity.v1.IdentityService`.
pub struct IdentityGrpc {
    ops: Arc<Ops>,
}

impl IdentityGrpc {
    pub fn new(ops: Arc<Ops>) -> Self {
        Self { ops }
    }
}

#[tonic::async_trait]
impl IdentityService for IdentityGrpc {
    async fn register(
        &self,
        request: Request<proto::RegisterRequest>,
    ) -> Result<Response<proto::RegisterResponse>, Status> {
        let caller = Caller::of(&request)?;
        let message = request.into_inner();
        let register = Register {
            email: message.email,
            password: message.password.into(),
            name: message.name,
            organization_slug: message.organization_slug,
            invitation_token: message.invitation_token,
            client: wire::client(message.client.as_ref()),
            long_lived: message.long_lived,
        };
        let tokens = self.ops.register(&caller, register).await?;
        Ok(Response::new(proto::RegisterResponse { tokens: Some(wire::tokens(tokens)) }))
    }

    async fn login(&self, request: Request<proto::LoginRequest>) -> Result<Response<proto::LoginResponse>, Status> {
        let caller = Caller::of(&request)?;
        let message = request.into_inner();
        let login = Login {
            email: message.email,
            password: message.password.into(),
            client: wire::client(message.client.as_ref()),
            long_lived: message.long_lived,
        };
        let tokens = self.ops.login(&caller, login).await?;
        Ok(Response::new(proto::LoginResponse { tokens: Some(wire::tokens(tokens)) }))
    }

    async fn refresh(
        &self,
        request: Request<proto::RefreshRequest>,
    ) -> Result<Response<proto::RefreshResponse>, Status> {
        let caller = Caller::of(&request)?;
        let message = request.into_inner();
        let client = wire::client(message.client.as_ref());
        let refresh = Refresh { token: message.refresh_token.into(), client };
        let tokens = self.ops.refresh(&caller, refresh).await?;
        Ok(Response::new(proto::RefreshResponse { tokens: Some(wire::tokens(tokens)) }))
    }

    async fn renew_token(
        &self,
        request: Request<proto::RenewTokenRequest>,
    ) -> Result<Response<proto::RenewTokenResponse>, Status> {
        let tokens = self.ops.renew_token(&Caller::of(&request)?).await?;
        Ok(Response::new(proto::RenewTokenResponse { tokens: Some(wire::tokens(tokens)) }))
    }

    async fn get_session(
        &self,
        request: Request<proto::GetSessionRequest>,
    ) -> Result<Response<proto::GetSessionResponse>, Status> {
        Ok(Response::new(wire::session(self.ops.session(&Caller::of(&request)?).await?)))
    }

    async fn list_sessions(
        &self,
        request: Request<proto::ListSessionsRequest>,
    ) -> Result<Response<proto::ListSessionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let open = self.ops.open_sessions(&caller, &wire::page(request.into_inner().page)).await?;
        Ok(Response::new(wire::open_sessions(open)))
    }

    async fn revoke_session(
        &self,
        request: Request<proto::RevokeSessionRequest>,
    ) -> Result<Response<proto::RevokeSessionResponse>, Status> {
        let caller = Caller::of(&request)?;
        self.ops.revoke_session(&caller, &request.into_inner().id).await?;
        Ok(Response::new(proto::RevokeSessionResponse {}))
    }

    async fn revoke_other_sessions(
        &self,
        request: Request<proto::RevokeOtherSessionsRequest>,
    ) -> Result<Response<proto::RevokeOtherSessionsResponse>, Status> {
        let ended = self.ops.revoke_other_sessions(&Caller::of(&request)?).await?;
        let ended = u32::try_from(ended).unwrap_or(u32::MAX);
        Ok(Response::new(proto::RevokeOtherSessionsResponse { ended }))
    }

    async fn logout(&self, request: Request<proto::LogoutRequest>) -> Result<Response<proto::LogoutResponse>, Status> {
        self.ops.logout(&Caller::of(&request)?).await?;
        Ok(Response::new(proto::LogoutResponse {}))
    }

    async fn get_me(&self, request: Request<proto::GetMeRequest>) -> Result<Response<proto::GetMeResponse>, Status> {
        let user = self.ops.me(&Caller::of(&request)?).await?;
        Ok(Response::new(proto::GetMeResponse { user: Some(wire::user(user)) }))
    }

    async fn update_me(
        &self,
        request: Request<proto::UpdateMeRequest>,
    ) -> Result<Response<proto::UpdateMeResponse>, Status> {
        let caller = Caller::of(&request)?;
        let user = self.ops.rename_me(&caller, request.into_inner().name.as_deref()).await?;
        Ok(Response::new(proto::UpdateMeResponse { user: Some(wire::user(user)) }))
    }

    async fn change_password(
        &self,
        request: Request<proto::ChangePasswordRequest>,
    ) -> Result<Response<proto::ChangePasswordResponse>, Status> {
        let caller = Caller::of(&request)?;
        let idempotency = IdempotencyKey::of(&request);
        let message = request.into_inner();
        let change =
            ChangePassword { current: message.current_password.into(), new: message.new_password.into(), idempotency };
        Ok(self.ops.change_password(&caller, change).await?.into_response())
    }

    async fn batch_get_users(
        &self,
        request: Request<proto::BatchGetUsersRequest>,
    ) -> Result<Response<proto::BatchGetUsersResponse>, Status> {
        let caller = Caller::of(&request)?;
        let message = request.into_inner();
        let users = self.ops.find_users(&caller, &message.ids, &message.emails).await?;
        Ok(Response::new(proto::BatchGetUsersResponse { users: users.into_iter().map(wire::user).collect() }))
    }

    async fn follow_sessions(
        &self,
        request: Request<proto::FollowSessionsRequest>,
    ) -> Result<Response<proto::FollowSessionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let message = request.into_inner();
        let feed = self.ops.follow_sessions(&caller, &message.epoch, message.after).await?;
        Ok(Response::new(wire::feed(feed)))
    }
}
