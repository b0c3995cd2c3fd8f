//! The log of the fake services: what happens, and how it is asked for.

use std::sync::Arc;

use chrono::Utc;
use prost::Message;
use tonic::Status;
use trellis_proto::{
    event::v1::{Event, Position},
    project::v1::{
        Change, Comment, GetTaskRequest, GetTaskResponse, OpenTopicRequest, OpenTopicResponse, Project, ProjectEvent,
        ReadEventsRequest, ReadEventsResponse, ReadHeadsRequest, ReadHeadsResponse, Task, open_topic_request::Topic,
        project_event::Object,
    },
};
use trellis_rpc::{Problem, convert::timestamp};
use uuid::Uuid;

use crate::store::{BOB, Known, Store};

impl Store {
    /// What is done with each comment that is made by a call from now on.
    pub fn when_made(&self, done: impl Fn(&Event) + Send + Sync + 'static) {
        self.lock().made = Some(Arc::new(done));
    }

    /// Bob comments on a task; nobody is told.
    pub fn comment(&self, org: &str, task: &str, text: &str) -> Event {
        self.comment_by(BOB, org, task, text)
    }

    pub fn comment_by(&self, author: Uuid, org: &str, task: &str, text: &str) -> Event {
        let comment = Comment {
            id: Uuid::now_v7().to_string(),
            task_id: task.into(),
            content: text.into(),
            author_id: author.to_string(),
            created_at: Some(timestamp(Utc::now())),
            edited_at: None,
        };
        self.lock().happen(org, task, "comment.created", author, Object::Comment(comment), Vec::new())
    }

    /// Bob changes the status of a task; nobody is told.
    pub fn update_task(&self, org: &str, task: &str) -> Event {
        let change = Change { field: "status".into(), from_json: "\"TODO\"".into(), to_json: "\"DONE\"".into() };
        let object = Object::Task(Task { id: Uuid::nil().to_string(), task_id: task.into(), ..Task::default() });
        self.lock().happen(org, task, "task.updated", BOB, object, vec![change])
    }

    /// Bob deletes a task; nobody is told.
    pub fn delete_task(&self, org: &str, task: &str) -> Event {
        let mut known = self.lock();
        known.deleted.insert((org.to_owned(), task.to_owned()));
        let object = Object::Task(Task { id: Uuid::nil().to_string(), task_id: task.into(), ..Task::default() });
        known.happen(org, task, "task.deleted", BOB, object, Vec::new())
    }

    /// Bob deletes the project of a task; nobody is told.
    pub fn delete_project(&self, org: &str, project: &str) -> Event {
        let mut known = self.lock();
        known.deleted.insert((org.to_owned(), project.to_owned()));
        let object = Object::Project(Project { slug: project.into(), ..Project::default() });
        known.happen(org, project, "project.deleted", BOB, object, Vec::new())
    }
}

impl Known {
    fn happen(
        &mut self,
        org: &str,
        name: &str,
        kind: &str,
        actor: Uuid,
        object: Object,
        changes: Vec<Change>,
    ) -> Event {
        let (scope, subject) = self.topics[&(org.to_owned(), name.to_owned())];
        let payload = ProjectEvent { object: Some(object), changes };
        self.append(scope, kind, actor, subject.unwrap_or(scope), &payload)
    }

    /// The next event of a scope.
    pub fn append(&mut self, scope: Uuid, kind: &str, actor: Uuid, subject: Uuid, payload: &ProjectEvent) -> Event {
        let events = &mut self.scopes.entry(scope).or_default().events;
        let event = Event {
            epoch: self.epoch.to_string(),
            scope: scope.to_string(),
            seq: events.len() as u64 + 1,
            id: Uuid::now_v7().to_string(),
            kind: kind.into(),
            actor_id: actor.to_string(),
            subject_id: subject.to_string(),
            occurred_at: Some(timestamp(Utc::now())),
            payload: payload.encode_to_vec(),
            traceparent: String::new(),
        };
        events.push(event.clone());
        event
    }

    pub fn task(&self, request: &GetTaskRequest, user: Option<Uuid>) -> Result<GetTaskResponse, Status> {
        self.member(user, &request.org)?;
        let key = (request.org.clone(), request.task_id.clone());
        let there = self.topics.get(&key).is_some_and(|(_, task)| task.is_some()) && !self.deleted.contains(&key);
        if there { Ok(GetTaskResponse::default()) } else { Err(Problem::not_found("task").into()) }
    }

    pub fn open(&mut self, request: &OpenTopicRequest, user: Option<Uuid>) -> Result<OpenTopicResponse, Status> {
        let (name, resource) = match request.topic.clone().unwrap() {
            Topic::Notifications(_) => return Ok(self.open_own(user.unwrap())),
            Topic::TaskId(name) => (name, "task"),
            Topic::Project(name) => (name, "project"),
        };
        let org_id = self.member(user, &request.org)?;
        let key = (request.org.clone(), name);
        let Some((scope, subject)) = self.topics.get(&key) else {
            return Err(Problem::not_found(resource).into());
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
            deleted: self.deleted.contains(&key),
        })
    }

    fn open_own(&mut self, user: Uuid) -> OpenTopicResponse {
        let log = self.scopes.entry(user).or_default();
        let (oldest, seq) = (log.oldest, log.events.len() as u64);
        let head = Position { epoch: self.epoch.to_string(), scope: user.to_string(), seq };
        OpenTopicResponse { head: Some(head), oldest, ..OpenTopicResponse::default() }
    }

    pub fn read(&mut self, request: &ReadEventsRequest) -> Result<ReadEventsResponse, Status> {
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

    pub fn heads(&self, request: &ReadHeadsRequest) -> ReadHeadsResponse {
        let heads = request.scopes.iter().filter_map(|scope| {
            let log = self.scopes.get(&scope.parse::<Uuid>().unwrap())?;
            Some((scope.clone(), log.events.len() as u64))
        });
        ReadHeadsResponse { epoch: self.epoch.to_string(), heads: heads.collect() }
    }
}
