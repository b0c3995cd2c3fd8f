//! Following identity and org over real channels, woken by a real NATS server (`TRELLIS_TEST_NATS_URL`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, service::Routes};
use trellis_authn::{
    AccessError, AuthnLayer, Caller, IdentityFeed, MembershipChange, Memberships, ServiceName, Sessions, TokenError,
};
use trellis_proto::{
    identity::v1::{
        self as identity, FollowSessionsRequest, FollowSessionsResponse, RevokedSession,
        identity_service_client::IdentityServiceClient,
        identity_service_server::{IdentityService, IdentityServiceServer},
    },
    org::v1::{
        self as org, CheckAccessRequest, CheckAccessResponse, FollowMembershipsRequest, FollowMembershipsResponse,
        Role,
        membership_change::Kind,
        org_service_client::OrgServiceClient,
        org_service_server::{OrgService, OrgServiceServer},
    },
    subject,
};
use trellis_rpc::{Channel, Endpoints, Problem};
use uuid::Uuid;

use stub::{claims, gateway, sessions, token};

mod stub;

/// Within which it is heard by pulling, on a busy machine too. The second that users are promised is held by the tests of
/// the whole cluster.
const LIMIT: Duration = Duration::from_secs(10);

/// Identity with its list of ended sessions.
#[derive(Clone, Default)]
struct Identity {
    ended: Arc<Mutex<Vec<Uuid>>>,
    pulls: Arc<AtomicUsize>,
}

stub::service!(IdentityService, for Identity, {
    async fn follow_sessions(
        &self,
        request: Request<FollowSessionsRequest>,
    ) -> Result<Response<FollowSessionsResponse>, Status> {
        Caller::of(&request)?.service(&[ServiceName::Gateway])?;
        self.pulls.fetch_add(1, Ordering::SeqCst);
        let request = request.into_inner();
        let ended = self.ended.lock().unwrap();
        let revoked = (1_u64..).zip(ended.iter()).filter(|(seq, _)| *seq > request.after);
        let wire = |(seq, id): (u64, &Uuid)| RevokedSession { session_id: id.to_string(), seq, forget_at: None };
        Ok(Response::new(FollowSessionsResponse {
            epoch: "e1".to_owned(),
            head: ended.len() as u64,
            full: request.epoch.is_empty(),
            revoked: revoked.map(wire).collect(),
            keys: vec![identity::PublicKey { kid: stub::KID.to_owned(), key: stub::public_key().to_vec() }],
        }))
    }
}, without {
    register: identity::RegisterRequest => identity::RegisterResponse,
    login: identity::LoginRequest => identity::LoginResponse,
    refresh: identity::RefreshRequest => identity::RefreshResponse,
    logout: identity::LogoutRequest => identity::LogoutResponse,
    get_me: identity::GetMeRequest => identity::GetMeResponse,
    update_me: identity::UpdateMeRequest => identity::UpdateMeResponse,
    change_password: identity::ChangePasswordRequest => identity::ChangePasswordResponse,
    renew_token: identity::RenewTokenRequest => identity::RenewTokenResponse,
    get_session: identity::GetSessionRequest => identity::GetSessionResponse,
    list_sessions: identity::ListSessionsRequest => identity::ListSessionsResponse,
    revoke_session: identity::RevokeSessionRequest => identity::RevokeSessionResponse,
    revoke_other_sessions: identity::RevokeOtherSessionsRequest => identity::RevokeOtherSessionsResponse,
    batch_get_users: identity::BatchGetUsersRequest => identity::BatchGetUsersResponse,
});

const ORG: Uuid = Uuid::from_u128(0x100);

/// Org, where everyone is a member of "acme" who was not removed.
#[derive(Clone)]
struct Org {
    epoch: Uuid,
    removed: Arc<Mutex<Vec<Uuid>>>,
    checks: Arc<AtomicUsize>,
}

stub::service!(OrgService, for Org, {
    async fn check_access(
        &self,
        request: Request<CheckAccessRequest>,
    ) -> Result<Response<CheckAccessResponse>, Status> {
        self.checks.fetch_add(1, Ordering::SeqCst);
        let caller = Caller::of(&request)?;
        let removed = self.removed.lock().unwrap();
        if request.get_ref().org != "acme" || removed.contains(&caller.user()?.id) {
            return Err(Problem::not_found("organization").into());
        }
        Ok(Response::new(CheckAccessResponse {
            org_id: ORG.to_string(),
            role: Role::Member.into(),
            epoch: self.epoch.to_string(),
            seq: removed.len() as u64,
        }))
    }

    async fn follow_memberships(
        &self,
        request: Request<FollowMembershipsRequest>,
    ) -> Result<Response<FollowMembershipsResponse>, Status> {
        Caller::of(&request)?.service(&[ServiceName::Gateway])?;
        let request = request.into_inner();
        let removed = self.removed.lock().unwrap();
        let changes = (1_u64..).zip(removed.iter()).filter(|(seq, _)| !request.epoch.is_empty() && *seq > request.after);
        let wire = |(seq, user): (u64, &Uuid)| org::MembershipChange {
            kind: Kind::Removed.into(),
            org_id: ORG.to_string(),
            user_id: user.to_string(),
            role: Role::Unspecified.into(),
            seq,
            actor_id: String::new(),
        };
        Ok(Response::new(FollowMembershipsResponse {
            epoch: self.epoch.to_string(),
            head: removed.len() as u64,
            reset: false,
            changes: changes.map(wire).collect(),
        }))
    }
}, without {
    create_organization: org::CreateOrganizationRequest => org::CreateOrganizationResponse,
    get_organization: org::GetOrganizationRequest => org::GetOrganizationResponse,
    list_organizations: org::ListOrganizationsRequest => org::ListOrganizationsResponse,
    update_organization: org::UpdateOrganizationRequest => org::UpdateOrganizationResponse,
    delete_organization: org::DeleteOrganizationRequest => org::DeleteOrganizationResponse,
    list_members: org::ListMembersRequest => org::ListMembersResponse,
    update_member: org::UpdateMemberRequest => org::UpdateMemberResponse,
    remove_member: org::RemoveMemberRequest => org::RemoveMemberResponse,
    create_invitation: org::CreateInvitationRequest => org::CreateInvitationResponse,
    list_invitations: org::ListInvitationsRequest => org::ListInvitationsResponse,
    revoke_invitation: org::RevokeInvitationRequest => org::RevokeInvitationResponse,
    accept_invitation: org::AcceptInvitationRequest => org::AcceptInvitationResponse,
    check_members: org::CheckMembersRequest => org::CheckMembersResponse,
    join: org::JoinRequest => org::JoinResponse,
    has_membership: org::HasMembershipRequest => org::HasMembershipResponse,
    list_audit: org::ListAuditRequest => org::ListAuditResponse,
});

fn channel(url: &str) -> Channel {
    Channel::new(&url.parse::<Endpoints>().unwrap())
}

#[expect(clippy::disallowed_methods, reason = "where the test's servers are")]
async fn nats() -> async_nats::Client {
    let url = env::var("TRELLIS_TEST_NATS_URL").expect("TRELLIS_TEST_NATS_URL is not set: run `make test`");
    async_nats::connect(url).await.unwrap()
}

async fn follow_identity(nats: Option<async_nats::Client>) -> (Identity, Arc<Sessions>, CancellationToken) {
    let ((key, peers), server) = (gateway(), Identity::default());
    let authn = AuthnLayer::new(sessions(), peers);
    let url = stub::serve(Routes::new(authn.layer(IdentityServiceServer::new(server.clone())))).await;
    let shutdown = CancellationToken::new();
    let source = IdentityFeed::new(IdentityServiceClient::new(channel(&url)), key);
    let sessions = Sessions::follow(source, nats, shutdown.clone());
    sessions.loaded().await;
    (server, sessions, shutdown)
}

async fn follow_org(nats: Option<async_nats::Client>) -> (Org, Arc<Memberships>, CancellationToken) {
    let (key, peers) = gateway();
    let server = Org { epoch: Uuid::now_v7(), removed: Arc::default(), checks: Arc::default() };
    let authn = AuthnLayer::new(sessions(), peers);
    let url = stub::serve(Routes::new(authn.layer(OrgServiceServer::new(server.clone())))).await;
    let shutdown = CancellationToken::new();
    let memberships = Memberships::follow(OrgServiceClient::new(channel(&url)), key, nats, shutdown.clone());
    memberships.loaded().await;
    (server, memberships, shutdown)
}

#[tokio::test]
async fn a_logout_takes_effect_without_nats() {
    let (server, sessions, _shutdown) = follow_identity(None).await;
    let claims = claims(900);
    let token = token(&claims);
    let mut news = sessions.revoked();
    assert!(sessions.verify(&token).is_ok());
    let ended_at = Instant::now();
    server.ended.lock().unwrap().push(claims.sid);
    assert_eq!(news.recv().await, Ok(claims.sid));
    assert!(ended_at.elapsed() < LIMIT, "{:?}", ended_at.elapsed());
    assert_eq!(sessions.verify(&token).err(), Some(TokenError::Revoked));
}

#[tokio::test]
async fn a_push_is_faster_than_the_pull() {
    let nats = nats().await;
    let (server, sessions, shutdown) = follow_identity(Some(nats.clone())).await;
    // Until the subscription stands, then a while in which the pull alone would be heard twice.
    sleep(Duration::from_millis(300)).await;
    let before = server.pulls.load(Ordering::SeqCst);
    for _ in 0..10 {
        nats.publish(subject::of("identity", subject::SESSIONS), "".into()).await.unwrap();
        nats.flush().await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    let pulls = server.pulls.load(Ordering::SeqCst) - before;
    assert!(pulls >= 5, "{pulls} pulls in a second");
    assert!(sessions.fresh());
    shutdown.cancel();
}

#[tokio::test]
async fn a_removal_takes_effect_without_nats() {
    let (server, memberships, _shutdown) = follow_org(None).await;
    let user = sessions().verify(&token(&claims(900))).unwrap();
    let access = memberships.check(&user, "acme").await.unwrap();
    assert_eq!((access.org_id, access.seq), (ORG, 0));
    assert_eq!(memberships.check(&user, "nowhere").await, Err(AccessError::NotFound));
    let mut news = memberships.changes();
    let removed_at = Instant::now();
    server.removed.lock().unwrap().push(user.id);
    assert_eq!(news.recv().await, Ok(MembershipChange::Removed { org_id: ORG, user_id: user.id, seq: 1 }));
    assert!(removed_at.elapsed() < LIMIT, "{:?}", removed_at.elapsed());
    assert!(memberships.overtaken(ORG, user.id, access.seq));
    assert_eq!(memberships.check(&user, "acme").await, Err(AccessError::NotFound));
}

#[tokio::test]
async fn many_checks_are_few_calls() {
    let nats = nats().await;
    let (server, memberships, _shutdown) = follow_org(Some(nats)).await;
    let user = sessions().verify(&token(&claims(900))).unwrap();
    let checks: Vec<_> = (0..100)
        .map(|_| {
            let (memberships, user) = (Arc::clone(&memberships), user.clone());
            tokio::spawn(async move { memberships.check(&user, "acme").await })
        })
        .collect();
    for check in checks {
        check.await.unwrap().unwrap();
    }
    assert_eq!(server.checks.load(Ordering::SeqCst), 1);
}
