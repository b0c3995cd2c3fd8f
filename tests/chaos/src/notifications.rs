//! Which notifications there should be, told from the event log by the rules alone, and which there are.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use trellis_proto::project::v1::{Notification, project_event::Object};
use uuid::Uuid;

use crate::{
    findings::{Class, Findings},
    truth::{Event, Truth},
    world::World,
};

/// The most that are kept of one user.
const KEPT: usize = 1000;

/// Who knows of a task.
struct Task {
    creator: Option<Uuid>,
    assignee: Option<Uuid>,
    commenters: BTreeSet<Uuid>,
}

/// By event and user.
#[derive(Default)]
struct Expected {
    must: BTreeMap<(Uuid, Uuid), &'static str>,
    /// What it is about was deleted, perhaps before the worker came to it.
    may: HashSet<(Uuid, Uuid)>,
    /// By event: the comment or task that it tells of.
    about: HashMap<Uuid, String>,
}

pub fn check(truth: &Truth, world: &World, findings: &mut Findings) {
    let Some(there) = &truth.notifications else { return };
    let mut expected = Expected::default();
    for organization in &world.organizations {
        let people: HashMap<String, Uuid> =
            organization.people.iter().map(|person| (person.email.clone(), person.id)).collect();
        for project in &organization.projects {
            expected.of_project(truth.events.get(&project.id).map_or(&[], Vec::as_slice), &people);
        }
    }
    let mut found = HashMap::new();
    for one in there.iter().filter(|one| !["added", "role_changed"].contains(&one.kind.to_lowercase().as_str())) {
        let of = (one.event, one.user);
        *found.entry(of).or_insert(0) += 1;
        match expected.must.get(&of) {
            Some(kind) if !kind.eq_ignore_ascii_case(&one.kind) => {
                findings.add(Class::Notification, format!("{of:?} is {} and not {kind}", one.kind));
            }
            None if !expected.may.contains(&of) => {
                findings.add(Class::Notification, format!("{of:?} is there, which nobody needs ({})", one.kind));
            }
            _ => {}
        }
    }
    for (of, times) in found.iter().filter(|(_, times)| **times > 1) {
        findings.add(Class::Notification, format!("{of:?} is there {times} times"));
    }
    let mut kept: HashMap<Uuid, usize> = HashMap::new();
    for one in there {
        *kept.entry(one.user).or_default() += 1;
    }
    let told = events(truth, there.len(), findings);
    for ((event, user), kind) in expected.must.iter().filter(|(of, _)| !found.contains_key(of)) {
        // Where there are too many the oldest go; that they were told stays in the log.
        let made_room = kept.get(user).is_some_and(|kept| *kept >= KEPT);
        let about = expected.about.get(event).map(String::as_str).unwrap_or_default();
        if !(made_room && told.contains(&(*user, about))) {
            findings.add(Class::Notification, format!("{event} is not told to {user} ({kind})"));
        }
    }
}

/// Each notification was told of once. Gives who was told of which comment or task.
fn events<'a>(truth: &'a Truth, there: usize, findings: &mut Findings) -> HashSet<(Uuid, &'a str)> {
    let mut told: HashMap<&str, usize> = HashMap::new();
    let mut users = HashSet::new();
    for (user, events) in &truth.events {
        for event in events.iter().filter(|event| event.kind == "notification.created") {
            if let Some(Object::Notification(notification)) = &event.object {
                *told.entry(&notification.id).or_default() += 1;
                users.insert((*user, about(notification)));
            }
        }
    }
    for (id, times) in told.iter().filter(|(_, times)| **times > 1) {
        findings.add(Class::Notification, format!("{id} was told of {times} times"));
    }
    if told.len() < there {
        findings.add(Class::Notification, format!("{there} are there, {} were told of", told.len()));
    }
    users
}

/// The comment's id, or else the task's.
fn about(notification: &Notification) -> &str {
    match (&notification.task, notification.comment_id.as_str()) {
        (Some(task), "") => &task.id,
        (_, comment) => comment,
    }
}

impl Expected {
    fn of_project(&mut self, events: &[Event], people: &HashMap<String, Uuid>) {
        let deleted: HashSet<Uuid> =
            events.iter().filter(|event| event.kind == "task.deleted").filter_map(|event| event.subject).collect();
        let deleted_comments: HashSet<&str> = events
            .iter()
            .filter(|event| event.kind == "comment.deleted")
            .filter_map(|event| match &event.object {
                Some(Object::Comment(comment)) => Some(comment.id.as_str()),
                _ => None,
            })
            .collect();
        let mut tasks: HashMap<Uuid, Task> = HashMap::new();
        for event in events {
            let Some(subject) = event.subject else { continue };
            let gone = deleted.contains(&subject);
            match &event.object {
                Some(Object::Task(task)) => self.about.insert(event.id, task.id.clone()),
                Some(Object::Comment(comment)) => self.about.insert(event.id, comment.id.clone()),
                _ => None,
            };
            match (event.kind.as_str(), &event.object) {
                ("task.created", Some(Object::Task(task))) => {
                    let assignee = task.assignee_id.parse().ok();
                    for user in mentioned(&task.description, people) {
                        self.expect(event, user, "mentioned", gone);
                    }
                    if let Some(user) = assignee {
                        self.expect(event, user, "assigned", gone);
                    }
                    let commenters = BTreeSet::new();
                    tasks.insert(subject, Task { creator: event.actor, assignee, commenters });
                }
                ("comment.created", Some(Object::Comment(comment))) => {
                    let Some(task) = tasks.get_mut(&subject) else { continue };
                    let gone = gone || deleted_comments.contains(comment.id.as_str());
                    for user in &task.commenters {
                        // Whose comment was deleted meanwhile may count or not.
                        self.may.insert((event.id, *user));
                    }
                    for user in task.creator.iter().chain(&task.assignee) {
                        self.expect(event, *user, "commented", gone);
                    }
                    for user in mentioned(&comment.content, people) {
                        self.expect(event, user, "mentioned", gone);
                    }
                    task.commenters.extend(event.actor);
                }
                _ => {}
            }
        }
        self.commenters(events, &deleted, &deleted_comments);
    }

    /// Those whose earlier comment is there still.
    fn commenters(&mut self, events: &[Event], deleted: &HashSet<Uuid>, deleted_comments: &HashSet<&str>) {
        let mut stay: HashMap<Uuid, BTreeSet<Uuid>> = HashMap::new();
        for event in events.iter().filter(|event| event.kind == "comment.created") {
            let (Some(subject), Some(Object::Comment(comment))) = (event.subject, &event.object) else { continue };
            if deleted.contains(&subject) || deleted_comments.contains(comment.id.as_str()) {
                continue;
            }
            let before = stay.entry(subject).or_default();
            for user in before.iter().filter(|user| event.actor != Some(**user)) {
                self.must.entry((event.id, *user)).or_insert("commented");
            }
            before.extend(event.actor);
        }
    }

    /// The last word counts: kinds are offered from the weakest on.
    fn expect(&mut self, event: &Event, user: Uuid, kind: &'static str, gone: bool) {
        if event.actor == Some(user) {
            return;
        }
        if gone {
            self.may.insert((event.id, user));
        } else {
            self.must.insert((event.id, user), kind);
        }
    }
}

/// Members whose e-mail stands behind an `@`.
fn mentioned(text: &str, people: &HashMap<String, Uuid>) -> BTreeSet<Uuid> {
    let words = text.split_whitespace().filter_map(|word| word.strip_prefix('@'));
    words.filter_map(|email| people.get(email).copied()).collect()
}
