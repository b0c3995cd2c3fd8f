//! Org and identity as far as the project service asks them, answered from memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use tonic::{Request, Response, Status};
use trellis_proto::{
    identity::v1::{self as identity, identity_service_server::IdentityService},
    org::v1::{self as org, MembershipChange, Role, membership_change::Kind, org_service_server::OrgService},
};
use trellis_rpc::Problem;
use uuid::Uuid;

/// What both know. Cheap to clone.
#[derive(Clone)]
pub struct World(Arc<Mutex<Known>>);

struct Known {
    epoch: Uuid,
    organizations: BTreeMap<String, Organization>,
    changes: Vec<MembershipChange>,
    users: Vec<identity::User>,
    kid: String,
    key: Vec<u8>,
    /// Org and identity do not answer what the service itself asks.
    away: bool,
    /// Happens after the next list of all members was given.
    after_roster: Option<Then>,
}

type Then = Box<dyn FnOnce(&World) + Send>;

struct Organization {
    id: Uuid,
    members: BTreeMap<Uuid, Role>,
}

impl World {
    /// `key`: the public key of access tokens.
    pub fn new(kid: &str, key: [u8; 32]) -> Self {
        Self(Arc::new(Mutex::new(Known {
            epoch: Uuid::now_v7(),
            organizations: BTreeMap::new(),
            changes: Vec::new(),
            users: Vec::new(),
            kid: kid.to_owned(),
            key: key.to_vec(),
            away: false,
            after_roster: None,
        })))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap()
    }

    /// Named as the address is up to the `@`.
    pub fn add_user(&self, id: Uuid, email: &str) {
        self.add_named(id, email, email.split('@').next().unwrap());
    }

    pub fn add_named(&self, id: Uuid, email: &str, name: &str) {
        self.known().users.push(identity::User {
            id: id.to_string(),
            email: email.to_owned(),
            name: name.to_owned(),
            ..Default::default()
        });
    }

    pub fn add_organization(&self, slug: &str, members: &[(Uuid, Role)]) -> Uuid {
        let id = Uuid::now_v7();
        let members = members.iter().copied().collect();
        self.known().organizations.insert(slug.to_owned(), Organization { id, members });
        id
    }

    /// `by`: who invited.
    pub fn add_member(&self, slug: &str, user: Uuid, role: Role, by: Option<Uuid>) {
        self.change(slug, user, role, Kind::Joined, by);
    }

    pub fn set_role(&self, slug: &str, user: Uuid, role: Role, by: Option<Uuid>) {
        self.change(slug, user, role, Kind::RoleChanged, by);
    }

    fn change(&self, slug: &str, user: Uuid, role: Role, kind: Kind, by: Option<Uuid>) {
        let mut known = self.known();
        let organization = known.organizations.get_mut(slug).unwrap();
        organization.members.insert(user, role);
        let org_id = organization.id;
        known.tell(kind, org_id, Some(user));
        let change = known.changes.last_mut().unwrap();
        change.role = role.into();
        change.actor_id = by.map(|by| by.to_string()).unwrap_or_default();
    }

    pub fn set_away(&self, away: bool) {
        self.known().away = away;
    }

    pub fn after_next_roster(&self, then: impl FnOnce(&Self) + Send + 'static) {
        self.known().after_roster = Some(Box::new(then));
    }

    /// Another life of org: it cannot tell what happened before.
    pub fn forget_changes(&self) {
        let mut known = self.known();
        known.epoch = Uuid::now_v7();
        known.changes.clear();
    }

    pub fn remove_member(&self, slug: &str, user: Uuid) {
        let mut known = self.known();
        let organization = known.organizations.get_mut(slug).unwrap();
        organization.members.remove(&user);
        let org_id = organization.id;
        known.tell(Kind::Removed, org_id, Some(user));
    }

    pub fn delete_organization(&self, slug: &str) {
        let mut known = self.known();
        let organization = known.organizations.remove(slug).unwrap();
        known.tell(Kind::OrganizationDeleted, organization.id, None);
    }
}

impl Known {
    #[allow(clippy::result_large_err)]
    fn answers(&self) -> Result<(), Status> {
        if self.away { Err(Status::unavailable("away")) } else { Ok(()) }
    }

    fn tell(&mut self, kind: Kind, org_id: Uuid, user: Option<Uuid>) {
        let seq = self.changes.len() as u64 + 1;
        self.changes.push(MembershipChange {
            kind: kind.into(),
            org_id: org_id.to_string(),
            user_id: user.map(|id| id.to_string()).unwrap_or_default(),
            role: 0,
            seq,
            actor_id: String::new(),
        });
    }
}

/// Implements what is asked, and refuses the rest.
macro_rules! neighbour {
    ($Service:ident { $($own:tt)* } $($name:ident($Request:ty) -> $Response:ty;)*) => {
        #[tonic::async_trait]
        impl $Service for World {
            $($own)*
            $(async fn $name(&self, _: Request<$Request>) -> Result<Response<$Response>, Status> {
                Err(Status::unimplemented("nobody asks this here"))
            })*
        }
    };
}

neighbour! {
    OrgService {
        async fn check_access(
            &self,
            request: Request<org::CheckAccessRequest>,
        ) -> Result<Response<org::CheckAccessResponse>, Status> {
            let user = bearer(&request);
            let known = self.known();
            let slug = request.into_inner().org;
            let found = known.organizations.get(&slug).and_then(|it| Some((it.id, *it.members.get(&user)?)));
            let (org_id, role) = found.ok_or_else(|| Problem::not_found("organization"))?;
            Ok(Response::new(org::CheckAccessResponse {
                org_id: org_id.to_string(),
                role: role.into(),
                epoch: known.epoch.to_string(),
                seq: known.changes.len() as u64,
            }))
        }

        async fn check_members(
            &self,
            request: Request<org::CheckMembersRequest>,
        ) -> Result<Response<org::CheckMembersResponse>, Status> {
            let asked = request.into_inner();
            let mut known = self.known();
            known.answers()?;
            let then = known.after_roster.take_if(|_| asked.all);
            let found = known.organizations.iter().find(|(_, it)| it.id.to_string() == asked.org_id);
            let answer = found.map_or_else(org::CheckMembersResponse::default, |(slug, it)| {
                let members = it.members.keys().map(Uuid::to_string);
                org::CheckMembersResponse {
                    member_ids: members.filter(|id| asked.all || asked.user_ids.contains(id)).collect(),
                    slug: slug.clone(),
                    name: format!("The {slug}"),
                }
            });
            drop(known);
            if let Some(then) = then {
                then(self);
            }
            Ok(Response::new(answer))
        }

        async fn follow_memberships(
            &self,
            request: Request<org::FollowMembershipsRequest>,
        ) -> Result<Response<org::FollowMembershipsResponse>, Status> {
            let asked = request.into_inner();
            let known = self.known();
            known.answers()?;
            let continues = asked.epoch == known.epoch.to_string();
            let after = if continues { usize::try_from(asked.after).unwrap() } else { known.changes.len() };
            Ok(Response::new(org::FollowMembershipsResponse {
                epoch: known.epoch.to_string(),
                head: known.changes.len() as u64,
                reset: !continues && !asked.epoch.is_empty(),
                changes: known.changes[after..].to_vec(),
            }))
        }
    }
    create_organization(org::CreateOrganizationRequest) -> org::CreateOrganizationResponse;
    get_organization(org::GetOrganizationRequest) -> org::GetOrganizationResponse;
    list_organizations(org::ListOrganizationsRequest) -> org::ListOrganizationsResponse;
    update_organization(org::UpdateOrganizationRequest) -> org::UpdateOrganizationResponse;
    delete_organization(org::DeleteOrganizationRequest) -> org::DeleteOrganizationResponse;
    list_members(org::ListMembersRequest) -> org::ListMembersResponse;
    update_member(org::UpdateMemberRequest) -> org::UpdateMemberResponse;
    remove_member(org::RemoveMemberRequest) -> org::RemoveMemberResponse;
    create_invitation(org::CreateInvitationRequest) -> org::CreateInvitationResponse;
    list_invitations(org::ListInvitationsRequest) -> org::ListInvitationsResponse;
    revoke_invitation(org::RevokeInvitationRequest) -> org::RevokeInvitationResponse;
    accept_invitation(org::AcceptInvitationRequest) -> org::AcceptInvitationResponse;
    join(org::JoinRequest) -> org::JoinResponse;
    has_membership(org::HasMembershipRequest) -> org::HasMembershipResponse;
    list_audit(org::ListAuditRequest) -> org::ListAuditResponse;
}

neighbour! {
    IdentityService {
        async fn batch_get_users(
            &self,
            request: Request<identity::BatchGetUsersRequest>,
        ) -> Result<Response<identity::BatchGetUsersResponse>, Status> {
            let asked = request.into_inner();
            self.known().answers()?;
            let wanted = |user: &&identity::User| {
                asked.ids.contains(&user.id) || asked.emails.iter().any(|it| it.eq_ignore_ascii_case(&user.email))
            };
            let users = self.known().users.iter().filter(wanted).cloned().collect();
            Ok(Response::new(identity::BatchGetUsersResponse { users }))
        }

        async fn follow_sessions(
            &self,
            _: Request<identity::FollowSessionsRequest>,
        ) -> Result<Response<identity::FollowSessionsResponse>, Status> {
            let known = self.known();
            Ok(Response::new(identity::FollowSessionsResponse {
                epoch: known.epoch.to_string(),
                head: 0,
                full: true,
                revoked: Vec::new(),
                keys: vec![identity::PublicKey { kid: known.kid.clone(), key: known.key.clone() }],
            }))
        }
    }
    register(identity::RegisterRequest) -> identity::RegisterResponse;
    login(identity::LoginRequest) -> identity::LoginResponse;
    refresh(identity::RefreshRequest) -> identity::RefreshResponse;
    renew_token(identity::RenewTokenRequest) -> identity::RenewTokenResponse;
    get_session(identity::GetSessionRequest) -> identity::GetSessionResponse;
    list_sessions(identity::ListSessionsRequest) -> identity::ListSessionsResponse;
    revoke_session(identity::RevokeSessionRequest) -> identity::RevokeSessionResponse;
    revoke_other_sessions(identity::RevokeOtherSessionsRequest) -> identity::RevokeOtherSessionsResponse;
    logout(identity::LogoutRequest) -> identity::LogoutResponse;
    get_me(identity::GetMeRequest) -> identity::GetMeResponse;
    update_me(identity::UpdateMeRequest) -> identity::UpdateMeResponse;
    change_password(identity::ChangePasswordRequest) -> identity::ChangePasswordResponse;
}

/// Whose token it is; the service under test has verified it.
fn bearer<T>(request: &Request<T>) -> Uuid {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let token = request.metadata().get("authorization").unwrap().to_str().unwrap();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    claims["sub"].as_str().unwrap().parse().unwrap()
}
