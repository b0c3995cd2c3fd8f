//! What the fake services know: topics, members, and a log of events, which is in `log`.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
};

use tonic::Status;
use trellis_proto::{
    event::v1::Event,
    identity::v1::{BatchGetUsersRequest, BatchGetUsersResponse, FollowSessionsResponse, PublicKey, User},
    org::v1::{
        CheckAccessRequest, CheckAccessResponse, FollowMembershipsRequest, FollowMembershipsResponse, MembershipChange,
        Role, membership_change::Kind,
    },
    project::v1::{CreateCommentRequest, CreateCommentResponse, GetTaskRequest},
};
use trellis_rpc::{Code, Problem};
use uuid::Uuid;

use crate::fake::Fake;

pub const ANN: Uuid = Uuid::from_u128(0xa);
pub const BOB: Uuid = Uuid::from_u128(0xb);
pub const ACME: Uuid = Uuid::from_u128(0xac);
pub const OTHER: Uuid = Uuid::from_u128(0x0e);

/// Is told of a comment.
pub type Made = Arc<dyn Fn(&Event) + Send + Sync>;

/// Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Mutex<Known>>);

pub struct Known {
    pub epoch: Uuid,
    pub scopes: HashMap<Uuid, Scope>,
    /// Scope and task of each topic, by organization and name.
    pub topics: HashMap<(String, String), (Uuid, Option<Uuid>)>,
    /// Tasks that are gone; their topics are not.
    pub deleted: HashSet<(String, String)>,
    /// What is done with a comment that was just made.
    pub made: Option<Made>,
    members: HashSet<(Uuid, Uuid)>,
    pub feed_epoch: Uuid,
    pub changes: Vec<MembershipChange>,
    /// How many reads fail before one does not.
    pub failures: u32,
}

#[derive(Default)]
pub struct Scope {
    pub oldest: u64,
    pub events: Vec<Event>,
}

impl Store {
    /// Ann and Bob are members of `acme` with the project WEB (tasks 1 and 2), and of `other` with OPS.
    pub fn new() -> Self {
        let (web, ops) = (Uuid::now_v7(), Uuid::now_v7());
        let key = |org: &str, name: &str| (org.to_owned(), name.to_owned());
        let topics = HashMap::from([
            (key("acme", "WEB-1"), (web, Some(Uuid::from_u128(1)))),
            (key("acme", "WEB-2"), (web, Some(Uuid::from_u128(2)))),
            (key("acme", "web"), (web, None)),
            (key("acme", "WEB"), (web, None)),
            (key("other", "OPS-1"), (ops, Some(Uuid::from_u128(1)))),
        ]);
        Self(Arc::new(Mutex::new(Known {
            epoch: Uuid::now_v7(),
            scopes: [web, ops].map(|scope| (scope, Scope::default())).into(),
            topics,
            deleted: HashSet::new(),
            made: None,
            members: [ANN, BOB].into_iter().flat_map(|user| [(user, ACME), (user, OTHER)]).collect(),
            feed_epoch: Uuid::now_v7(),
            changes: Vec::new(),
            failures: 0,
        })))
    }

    pub fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap()
    }

    /// Teaches the fake to answer from here. `key` verifies tokens.
    pub fn serve(&self, fake: &Fake, key: Vec<u8>) {
        let sessions = FollowSessionsResponse {
            epoch: Uuid::from_u128(1).to_string(),
            head: 1,
            full: true,
            revoked: Vec::new(),
            keys: vec![PublicKey { kid: "k1".into(), key }],
        };
        fake.on("IdentityService/FollowSessions", move |(), _| Ok(sessions.clone()));
        fake.on("IdentityService/BatchGetUsers", |request: BatchGetUsersRequest, _| Ok(people(&request.ids)));
        let store = self.clone();
        fake.on("OrgService/FollowMemberships", move |request, _| Ok(store.lock().memberships(&request)));
        let store = self.clone();
        fake.on("OrgService/CheckAccess", move |request, call| store.lock().access(&request, call.user));
        let store = self.clone();
        fake.on("ProjectService/OpenTopic", move |request, call| store.lock().open(&request, call.user));
        let store = self.clone();
        fake.on("ProjectService/GetTask", move |request: GetTaskRequest, call| store.lock().task(&request, call.user));
        let store = self.clone();
        fake.on("ProjectService/CreateComment", move |request: CreateCommentRequest, call| {
            let CreateCommentRequest { org, task_id, content } = request;
            let request = GetTaskRequest { org: org.clone(), task_id: task_id.clone() };
            store.lock().task(&request, call.user)?;
            if content.chars().count() > 20_000 {
                let problem = Problem::new(Code::ValidationFailed, "The field \"content\" is not valid.");
                return Err(problem.with_field("content", "too_long", "must be at most 20,000 characters").into());
            }
            let event = store.comment_by(call.user.unwrap(), &org, &task_id, content.trim());
            let made = store.lock().made.clone();
            if let Some(made) = made {
                made(&event);
            }
            Ok(CreateCommentResponse::default())
        });
        let store = self.clone();
        fake.on("ProjectService/ReadEvents", move |request, _| store.lock().read(&request));
        let store = self.clone();
        fake.on("ProjectService/ReadHeads", move |request, _| Ok(store.lock().heads(&request)));
    }

    pub fn scope(&self, org: &str, name: &str) -> Uuid {
        self.lock().topics[&(org.to_owned(), name.to_owned())].0
    }

    /// The user is no member any more; `told`: the feed says so.
    pub fn remove(&self, org_id: Uuid, user: Uuid, told: bool) {
        let mut known = self.lock();
        known.members.remove(&(user, org_id));
        if told {
            known.change(Kind::Removed, org_id, user.to_string());
        }
    }

    pub fn delete_organization(&self, org_id: Uuid) {
        let mut known = self.lock();
        known.members.retain(|(_, org)| *org != org_id);
        known.change(Kind::OrganizationDeleted, org_id, String::new());
    }

    /// What happened to memberships cannot be told any more.
    pub fn forget_memberships(&self) {
        let mut known = self.lock();
        known.feed_epoch = Uuid::now_v7();
        known.changes.clear();
    }
}

fn people(ids: &[String]) -> BatchGetUsersResponse {
    let user = |id: Uuid, name: &str| User {
        id: id.to_string(),
        email: format!("{name}@example.org"),
        name: name.into(),
        created_at: None,
    };
    let users = [user(ANN, "ann"), user(BOB, "bob")];
    BatchGetUsersResponse { users: users.into_iter().filter(|user| ids.contains(&user.id)).collect() }
}

fn organization(slug: &str) -> Option<Uuid> {
    [("acme", ACME), ("other", OTHER)].into_iter().find(|(known, _)| *known == slug).map(|(_, id)| id)
}

impl Known {
    fn change(&mut self, kind: Kind, org_id: Uuid, user_id: String) {
        let seq = self.changes.len() as u64 + 1;
        let org_id = org_id.to_string();
        self.changes.push(MembershipChange {
            kind: kind.into(),
            org_id,
            user_id,
            role: 0,
            seq,
            actor_id: String::new(),
        });
    }

    fn memberships(&self, request: &FollowMembershipsRequest) -> FollowMembershipsResponse {
        let epoch = self.feed_epoch.to_string();
        let head = self.changes.len() as u64;
        let reset = request.epoch != epoch;
        let changes = self.changes.iter().filter(|change| !reset && change.seq > request.after).cloned().collect();
        FollowMembershipsResponse { epoch, head, reset, changes }
    }

    pub fn member(&self, user: Option<Uuid>, org: &str) -> Result<Uuid, Status> {
        let org_id =
            organization(org).filter(|org_id| user.is_some_and(|user| self.members.contains(&(user, *org_id))));
        org_id.ok_or_else(|| Problem::not_found("organization").into())
    }

    fn access(&self, request: &CheckAccessRequest, user: Option<Uuid>) -> Result<CheckAccessResponse, Status> {
        Ok(CheckAccessResponse {
            org_id: self.member(user, &request.org)?.to_string(),
            role: Role::Member.into(),
            epoch: self.feed_epoch.to_string(),
            seq: self.changes.len() as u64,
        })
    }
}
