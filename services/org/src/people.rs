//! Asks identity who people are. This service keeps ids of users only; e-mails matter where somebody is invited.

use tonic::Status;
use trellis_authn::ServiceKey;
use trellis_proto::identity::v1::{BatchGetUsersRequest, User, identity_service_client::IdentityServiceClient};
use trellis_rpc::Channel;
use uuid::Uuid;

/// Identity, asked as this service.
#[derive(Clone)]
pub struct People {
    identity: IdentityServiceClient<Channel>,
    key: ServiceKey,
}

impl People {
    pub fn new(identity: IdentityServiceClient<Channel>, key: ServiceKey) -> Self {
        Self { identity, key }
    }

    /// The e-mail of a user; `None` where there is no such user.
    pub async fn email_of(&self, user: Uuid) -> Result<Option<String>, Status> {
        let request = BatchGetUsersRequest { ids: vec![user.to_string()], emails: Vec::new() };
        Ok(self.ask(request).await?.map(|user| user.email))
    }

    /// The user who has this e-mail.
    pub async fn with_email(&self, email: &str) -> Result<Option<Uuid>, Status> {
        let request = BatchGetUsersRequest { ids: Vec::new(), emails: vec![email.to_owned()] };
        let Some(user) = self.ask(request).await? else {
            return Ok(None);
        };
        let id = user.id.parse().map_err(|_| Status::internal("identity gave an id that is no UUID"))?;
        Ok(Some(id))
    }

    /// One question about one person.
    async fn ask(&self, request: BatchGetUsersRequest) -> Result<Option<User>, Status> {
        let request = self.key.request(request);
        let answer = self.identity.clone().batch_get_users(request).await?;
        Ok(answer.into_inner().users.into_iter().next())
    }
}
