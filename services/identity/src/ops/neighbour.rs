//! Org, as registration needs it: joining an organization, and asking later whether that came about.

use trellis_authn::{ClientAddress, ServiceKey};
use trellis_proto::org::v1::{HasMembershipRequest, JoinRequest, org_service_client::OrgServiceClient};
use trellis_rpc::{Channel, Code, Problem};
use uuid::Uuid;

use super::register::Target;
use crate::{
    domain::{Client, Email},
    error::Error,
};

/// Calls org with this process's own token: a user who registers has none yet.
#[derive(Clone)]
pub struct Org {
    client: OrgServiceClient<Channel>,
    key: ServiceKey,
}

impl Org {
    pub fn new(channel: Channel, key: ServiceKey) -> Self {
        Self { client: OrgServiceClient::new(channel), key }
    }

    /// Makes a new user a member; asked again it answers the same. `InvitationRequired` is a definite no, everything
    /// else leaves open what happened.
    pub(super) async fn join(&self, user: Uuid, email: &Email, target: &Target, client: &Client) -> Result<(), Error> {
        let mut request = self.key.request(JoinRequest {
            user_id: user.to_string(),
            email: email.as_str().to_owned(),
            organization_slug: target.slug.clone(),
            invitation_token: target.invitation.clone(),
        });
        // For org's audit log.
        ClientAddress(client.ip.parse().ok()).attach(&mut request);
        let Err(status) = self.client.clone().join(request).await else {
            return Ok(());
        };
        let problem = Problem::from(&status);
        match problem.code {
            // What org cannot make sense of, it did not act on either.
            Code::InvitationRequired | Code::NotFound | Code::ValidationFailed | Code::InvalidRequest => {
                Err(Error::InvitationRequired)
            }
            _ => {
                tracing::warn!(%user, code = problem.code.as_str(), "it is not known whether a new user joined");
                Err(Error::OrgUnavailable)
            }
        }
    }

    /// Whether a user is a member anywhere.
    pub(super) async fn has_membership(&self, user: Uuid) -> Result<bool, Problem> {
        let request = self.key.request(HasMembershipRequest { user_id: user.to_string() });
        Ok(self.client.clone().has_membership(request).await?.into_inner().member)
    }
}
