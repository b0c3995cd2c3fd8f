//! What other services know of people: whose e-mail address it is, and who is a member. Asked by this service itself,
//! with its own key.

use tonic::Status;
use trellis_authn::ServiceKey;
use trellis_proto::{
    identity::v1::{BatchGetUsersRequest, identity_service_client::IdentityServiceClient},
    org::v1::{CheckMembersRequest, org_service_client::OrgServiceClient},
};
use trellis_rpc::Channel;
use uuid::Uuid;

use crate::error::Error;

#[derive(Clone)]
pub struct People {
    org: OrgServiceClient<Channel>,
    identity: IdentityServiceClient<Channel>,
    key: ServiceKey,
}

impl People {
    pub fn new(org: OrgServiceClient<Channel>, identity: IdentityServiceClient<Channel>, key: ServiceKey) -> Self {
        Self { org, identity, key }
    }

    /// The user with that e-mail address, in any case.
    pub async fn with_email(&self, email: &str) -> Result<Option<Uuid>, Error> {
        let request = self.key.request(BatchGetUsersRequest { ids: Vec::new(), emails: vec![email.to_owned()] });
        let users = self.identity.clone().batch_get_users(request).await.map_err(Error::Peer)?.into_inner().users;
        users.first().map(|user| parse(&user.id)).transpose()
    }

    pub async fn is_member(&self, org_id: Uuid, user: Uuid) -> Result<bool, Error> {
        let request = self.key.request(CheckMembersRequest {
            org_id: org_id.to_string(),
            user_ids: vec![user.to_string()],
            all: false,
        });
        let members = self.org.clone().check_members(request).await.map_err(Error::Peer)?.into_inner().member_ids;
        Ok(members.contains(&user.to_string()))
    }
}

fn parse(id: &str) -> Result<Uuid, Error> {
    Uuid::try_parse(id).map_err(|_| Error::Peer(Status::data_loss("the id of a user is no UUID")))
}
