//! Which notifications there should be, told from the event log by the rules alone, and which there are.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use trellis_proto::project::v1::project_event::Object;
use uuid::Uuid;

use crate::{
    check::{Class, Findings},
    truth::{Event, Truth},
    world::World,
};

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
    for (of, kind) in expected.must.iter().filter(|(of, _)| !found.contains_key(of)) {
        findings.add(Class::Notification, format!("{of:?} is not there ({kind})"));
    }
    events(truth, there.len(), findings);
}

/// Each notification was told of once.
fn events(truth: &Truth, there: usize, findings: &mut Findings) {
    let mut told: HashMap<&str, usize> = HashMap::new();
    for event in truth.events.values().flatten().filter(|event| event.kind == "notification.created") {
        if let Some(Object::Notification(notification)) = &event.object {
            *told.entry(&notification.id).or_default() += 1;
        }
    }
    for (id, times) in told.iter().filter(|(_, times)| **times > 1) {
        findings.add(Class::Notification, format!("{id} was told of {times} times"));
    }
    if told.len() < there {
        findings.add(Class::Notification, format!("{there} are there, {} were told of", told.len()));
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
