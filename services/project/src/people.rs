//! What other services know of people: whose e-mail address it is, and who is a member. Asked by this service itself,
//! with its own key.

use std::{collections::HashSet, time::Duration};

use prost::Name;
use tonic::{Request, Status};
use trellis_authn::ServiceKey;
use trellis_proto::{
    identity::v1::{BatchGetUsersRequest, User, identity_service_client::IdentityServiceClient},
    org::v1::{
        CheckMembersRequest, FollowMembershipsRequest, FollowMembershipsResponse, org_service_client::OrgServiceClient,
    },
};
use trellis_rpc::Channel;
use uuid::Uuid;

use crate::error::Error;

/// The most users of one question.
const MOST: usize = 500;
/// The largest answer: all members of an organization are more than a message has by default.
const LARGEST_ANSWER: usize = 32 << 20;
/// What nobody waits for is asked again rather than waited for.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Clone)]
pub struct People {
    org: OrgServiceClient<Channel>,
    identity: IdentityServiceClient<Channel>,
    key: ServiceKey,
}

/// Who of an organization is a member, and what it is called, as of one moment.
#[derive(Debug, Clone)]
pub struct Roster {
    pub members: HashSet<Uuid>,
    pub slug: String,
    pub name: String,
}

impl People {
    pub fn new(org: OrgServiceClient<Channel>, identity: IdentityServiceClient<Channel>, key: ServiceKey) -> Self {
        Self { org: org.max_decoding_message_size(LARGEST_ANSWER), identity, key }
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

    /// All members. `None`: there is no such organization.
    pub async fn roster(&self, org_id: Uuid) -> Result<Option<Roster>, Error> {
        self.check(CheckMembersRequest { org_id: org_id.to_string(), user_ids: Vec::new(), all: true }).await
    }

    /// The members among these users. `None`: there is no such organization.
    pub async fn among(&self, org_id: Uuid, users: &[Uuid]) -> Result<Option<Roster>, Error> {
        let ask = |users: &[Uuid]| {
            let user_ids = users.iter().map(ToString::to_string).collect();
            self.check(CheckMembersRequest { org_id: org_id.to_string(), user_ids, all: false })
        };
        let mut chunks = users.chunks(MOST);
        let Some(mut roster) = ask(chunks.next().unwrap_or_default()).await? else {
            return Ok(None);
        };
        for chunk in chunks {
            let Some(more) = ask(chunk).await? else {
                return Ok(None);
            };
            roster.members.extend(more.members);
        }
        Ok(Some(roster))
    }

    async fn check(&self, request: CheckMembersRequest) -> Result<Option<Roster>, Error> {
        let answer = self.org.clone().check_members(self.patient(request)).await.map_err(Error::Peer)?.into_inner();
        if answer.slug.is_empty() {
            return Ok(None);
        }
        let members = answer.member_ids.iter().map(|id| parse(id)).collect::<Result<_, _>>()?;
        Ok(Some(Roster { members, slug: answer.slug, name: answer.name }))
    }

    /// Those of these users that there are.
    pub async fn users(&self, ids: impl IntoIterator<Item = Uuid>) -> Result<Vec<(Uuid, User)>, Error> {
        let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
        let mut users = Vec::with_capacity(ids.len());
        for ids in ids.chunks(MOST) {
            let request = self.patient(BatchGetUsersRequest { ids: ids.to_vec(), emails: Vec::new() });
            let found = self.identity.clone().batch_get_users(request).await.map_err(Error::Peer)?.into_inner().users;
            for user in found {
                users.push((parse(&user.id)?, user));
            }
        }
        Ok(users)
    }

    /// What happened to memberships after a number.
    pub async fn memberships_since(&self, epoch: &str, after: u64) -> Result<FollowMembershipsResponse, Error> {
        let request = self.patient(FollowMembershipsRequest { epoch: epoch.to_owned(), after });
        Ok(self.org.clone().follow_memberships(request).await.map_err(Error::Peer)?.into_inner())
    }

    /// A request that nobody waits for.
    fn patient<T: Name>(&self, message: T) -> Request<T> {
        let mut request = self.key.request(message);
        request.set_timeout(PATIENCE);
        request
    }
}

fn parse(id: &str) -> Result<Uuid, Error> {
    Uuid::try_parse(id).map_err(|_| Error::Peer(Status::data_loss("the id of a user is no UUID")))
}
