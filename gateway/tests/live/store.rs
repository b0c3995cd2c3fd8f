//! What the fake services know: an event log in memory, topics, members.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
};

use chrono::Utc;
use prost::Message;
use tonic::Status;
use trellis_proto::{
    event::v1::{Event, Position},
    identity::v1::{BatchGetUsersRequest, BatchGetUsersResponse, FollowSessionsResponse, PublicKey, User},
    org::v1::{
        CheckAccessRequest, CheckAccessResponse, FollowMembershipsRequest, FollowMembershipsResponse, MembershipChange,
        Role, membership_change::Kind,
    },
    project::v1::{
        Comment, OpenTopicRequest, OpenTopicResponse, ProjectEvent, ReadEventsRequest, ReadEventsResponse,
        ReadHeadsRequest, ReadHeadsResponse, open_topic_request::Topic, project_event::Object,
    },
};
use trellis_rpc::{Problem, convert::timestamp};
use uuid::Uuid;

use crate::fake::Fake;

pub const ANN: Uuid = Uuid::from_u128(0xa);
pub const BOB: Uuid = Uuid::from_u128(0xb);
pub const ACME: Uuid = Uuid::from_u128(0xac);
pub const OTHER: Uuid = Uuid::from_u128(0x0e);

/// Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Mutex<Known>>);

pub struct Known {
    pub epoch: Uuid,
    pub scopes: HashMap<Uuid, Scope>,
    /// Scope and task of each topic, by organization and name.
    topics: HashMap<(String, String), (Uuid, Option<Uuid>)>,
    members: HashSet<(Uuid, Uuid)>,
    feed_epoch: Uuid,
    changes: Vec<MembershipChange>,
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
        fake.on("ProjectService/ReadEvents", move |request, _| store.lock().read(&request));
        let store = self.clone();
        fake.on("ProjectService/ReadHeads", move |request, _| Ok(store.lock().heads(&request)));
    }

    /// Someone comments on a task; nobody is told.
    pub fn comment(&self, org: &str, task: &str, text: &str) -> Event {
        let mut known = self.lock();
        let (scope, subject) = known.topics[&(org.to_owned(), task.to_owned())];
        let epoch = known.epoch.to_string();
        let events = &mut known.scopes.get_mut(&scope).unwrap().events;
        let comment = Comment {
            id: Uuid::now_v7().to_string(),
            task_id: task.into(),
            content: text.into(),
            author_id: BOB.to_string(),
            created_at: Some(timestamp(Utc::now())),
            edited_at: None,
        };
        let payload = ProjectEvent { object: Some(Object::Comment(comment)), changes: Vec::new() };
        let event = Event {
            epoch,
            scope: scope.to_string(),
            seq: events.len() as u64 + 1,
            id: Uuid::now_v7().to_string(),
            kind: "comment.created".into(),
            actor_id: BOB.to_string(),
            subject_id: subject.unwrap().to_string(),
            occurred_at: Some(timestamp(Utc::now())),
            payload: payload.encode_to_vec(),
            traceparent: String::new(),
        };
        events.push(event.clone());
        event
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
        self.changes.push(MembershipChange { kind: kind.into(), org_id, user_id, role: 0, seq });
    }

    fn memberships(&self, request: &FollowMembershipsRequest) -> FollowMembershipsResponse {
        let epoch = self.feed_epoch.to_string();
        let head = self.changes.len() as u64;
        let reset = request.epoch != epoch;
        let changes = self.changes.iter().filter(|change| !reset && change.seq > request.after).cloned().collect();
        FollowMembershipsResponse { epoch, head, reset, changes }
    }

    fn member(&self, user: Option<Uuid>, org: &str) -> Result<Uuid, Status> {
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

    pub fn open(&self, request: &OpenTopicRequest, user: Option<Uuid>) -> Result<OpenTopicResponse, Status> {
        let org_id = self.member(user, &request.org)?;
        let name = match request.topic.clone().unwrap() {
            Topic::TaskId(name) | Topic::Project(name) => name,
        };
        let Some((scope, subject)) = self.topics.get(&(request.org.clone(), name)) else {
            return Err(Problem::not_found("task").into());
        };
        let log = &self.scopes[scope];
        let head = Position { epoch: self.epoch.to_string(), scope: scope.to_string(), seq: log.events.len() as u64 };
        Ok(OpenTopicResponse {
            org_id: org_id.to_string(),
            head: Some(head),
            oldest: log.oldest,
            subject_id: subject.map(|subject| subject.to_string()).unwrap_or_default(),
            access_epoch: self.feed_epoch.to_string(),
            access_seq: self.changes.len() as u64,
        })
    }

    fn read(&mut self, request: &ReadEventsRequest) -> Result<ReadEventsResponse, Status> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(Problem::unavailable("Try again.").into());
        }
        let log = &self.scopes[&request.scope.parse::<Uuid>().unwrap()];
        let after = request.after.max(log.oldest);
        let events = log.events.iter().filter(|event| event.seq > after).take(request.limit as usize);
        Ok(ReadEventsResponse {
            events: events.cloned().collect(),
            epoch: self.epoch.to_string(),
            head: log.events.len() as u64,
            oldest: log.oldest,
        })
    }

    fn heads(&self, request: &ReadHeadsRequest) -> ReadHeadsResponse {
        let heads = request.scopes.iter().filter_map(|scope| {
            let log = self.scopes.get(&scope.parse::<Uuid>().unwrap())?;
            Some((scope.clone(), log.events.len() as u64))
        });
        ReadHeadsResponse { epoch: self.epoch.to_string(), heads: heads.collect() }
    }
}
