//! What other processes ask: may this user work there, who is a member, what has changed since.

use prost::Message as _;
use trellis_authn::{Caller, ServiceName};
use trellis_proto::{
    org::v1::{
        CheckAccessResponse, CheckMembersRequest, CheckMembersResponse, FollowMembershipsRequest,
        FollowMembershipsResponse, MembershipChange,
    },
    subject,
};
use uuid::Uuid;

use super::{Ops, path};
use crate::{
    error::Error,
    store::{access, members},
    wire,
};

/// Most users of one question.
const MOST_USERS: usize = 500;
/// Events of one read of the log.
const STRETCH: u32 = 500;
/// Who is further behind than this many stretches is told to forget everything, which is cheaper than the tale.
const MOST_STRETCHES: usize = 4;

impl Ops {
    /// On the path of nearly every request: one indexed statement.
    pub async fn check_access(&self, caller: &Caller, org: &str) -> Result<CheckAccessResponse, Error> {
        let user = caller.user()?.id;
        let found = access::numbered(&mut *self.log.connection().await?, path(org)?, user).await?;
        let (access, seq) = found.ok_or(Error::OrganizationNotFound)?;
        Ok(CheckAccessResponse {
            org_id: access.org_id.to_string(),
            role: wire::role(access.role).into(),
            epoch: self.log.epoch().to_string(),
            seq: wire::unsigned(seq),
        })
    }

    /// Which of these users are members, or all members, and what the organization is called. What is no id is nobody.
    pub async fn check_members(
        &self,
        caller: &Caller,
        request: &CheckMembersRequest,
    ) -> Result<CheckMembersResponse, Error> {
        let org_id = wire::id(&request.org_id).ok_or(Error::OrganizationNotFound)?;
        match caller {
            Caller::Service(_) => {
                caller.service(&[ServiceName::Project])?;
            }
            Caller::User(user) => {
                let role = access::by_id(&mut *self.log.connection().await?, org_id, user.id).await?;
                role.ok_or(Error::OrganizationNotFound)?;
                if request.all {
                    return Err(Error::BadParameter("all"));
                }
            }
        }
        if request.user_ids.len() > MOST_USERS {
            return Err(Error::BadParameter("user_ids"));
        }
        let users: Vec<Uuid> = request.user_ids.iter().filter_map(|id| wire::id(id)).collect();
        let found =
            members::among(&mut *self.log.connection().await?, org_id, (!request.all).then_some(&users)).await?;
        // There may be no such organization (any more): a service is told of no member, and of no name.
        Ok(found.map_or_else(CheckMembersResponse::default, |found| CheckMembersResponse {
            member_ids: found.members.iter().map(ToString::to_string).collect(),
            slug: found.slug,
            name: found.name,
        }))
    }

    /// What happened after a number, or that it cannot be told.
    pub async fn follow_memberships(
        &self,
        caller: &Caller,
        request: &FollowMembershipsRequest,
    ) -> Result<FollowMembershipsResponse, Error> {
        caller.service(&[ServiceName::Gateway, ServiceName::Project])?;
        let epoch = self.log.epoch().to_string();
        if request.epoch != epoch {
            // Who starts knows nothing that could be out of date; who knows another life of the log knows too much.
            let head = self.log.read(subject::MEMBERSHIPS, u64::MAX, 1).await?.head;
            let reset = !request.epoch.is_empty();
            return Ok(FollowMembershipsResponse { epoch, head, reset, changes: Vec::new() });
        }

        let mut changes = Vec::new();
        let mut after = request.after;
        let mut head = 0;
        for _ in 0..MOST_STRETCHES {
            let page = self.log.read(subject::MEMBERSHIPS, after, STRETCH).await?;
            head = page.head;
            if !(page.oldest..=page.head).contains(&after) {
                break;
            }
            for event in &page.events {
                let change = MembershipChange::decode(&*event.payload);
                let change = change.map_err(|_| Error::Unexpected("an event of the log cannot be decoded"))?;
                changes.push(MembershipChange { seq: event.seq, ..change });
                after = event.seq;
            }
            if after == page.head {
                return Ok(FollowMembershipsResponse { epoch, head, reset: false, changes });
            }
        }
        // No longer kept, ahead of the head, or too much.
        Ok(FollowMembershipsResponse { epoch, head, reset: true, changes: Vec::new() })
    }
}
