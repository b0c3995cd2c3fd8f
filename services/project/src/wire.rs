//! Domain to protobuf: the same messages for answers, kept answers and the payloads of events.

use chrono::{DateTime, Utc};
use prost::Message;
use trellis_proto::project::v1 as pb;
use trellis_rpc::convert::timestamp;
use uuid::Uuid;

use crate::domain::{
    Activity, Change, Comment, Notification, Preferences, Project, ProjectRef, ProjectStatus, Reason, Task, TaskStatus,
    show_date,
};

pub fn project(project: &Project) -> pb::Project {
    pb::Project {
        id: project.id.to_string(),
        name: project.name.clone(),
        slug: project.slug.clone(),
        key: project.key.clone(),
        description: project.description.clone(),
        status: project_status(project.status).into(),
        due_date: project.due_date.map(show_date).unwrap_or_default(),
        task_count: count(project.task_count),
        completed_task_count: count(project.completed_task_count),
        created_at: Some(timestamp(project.created_at)),
        updated_at: Some(timestamp(project.updated_at)),
        version: count(project.version),
    }
}

pub fn task(task: &Task) -> pb::Task {
    pb::Task {
        id: task.id.to_string(),
        task_id: task.task_id().to_string(),
        project: Some(project_ref(&task.project)),
        title: task.title.clone(),
        description: task.description.clone(),
        status: task_status(task.status).into(),
        assignee_id: optional_id(task.assignee_id),
        due_date: task.due_date.map(timestamp),
        comment_count: count(task.comment_count),
        created_by_id: task.created_by.to_string(),
        created_at: Some(timestamp(task.created_at)),
        updated_at: Some(timestamp(task.updated_at)),
        version: count(task.version),
    }
}

pub fn comment(comment: &Comment) -> pb::Comment {
    pb::Comment {
        id: comment.id.to_string(),
        task_id: comment.task_id.to_string(),
        content: comment.content.clone(),
        author_id: comment.author_id.to_string(),
        created_at: Some(timestamp(comment.created_at)),
        edited_at: comment.edited_at.map(timestamp),
    }
}

pub fn activity(activity: &Activity) -> pb::Activity {
    pb::Activity {
        id: activity.id.to_string(),
        kind: activity.kind.clone(),
        actor_id: activity.actor_id.to_string(),
        changes: activity.changes.iter().map(change).collect(),
        occurred_at: Some(timestamp(activity.occurred_at)),
        comment_id: optional_id(activity.comment_id),
    }
}

pub fn notification(notification: &Notification) -> pb::Notification {
    let news = &notification.news;
    pb::Notification {
        id: notification.id.to_string(),
        kind: reason(notification.reason).into(),
        actor_id: optional_id(news.actor),
        organization: Some(pb::notification::Organization {
            id: news.organization.id.to_string(),
            slug: news.organization.slug.clone(),
            name: news.organization.name.clone(),
        }),
        task: news.task.as_ref().map(|task| pb::notification::Task {
            id: task.id.to_string(),
            task_id: task.task_id.clone(),
            title: task.title.clone(),
        }),
        comment_id: optional_id(news.comment),
        excerpt: news.excerpt.clone(),
        role: news.role.clone().unwrap_or_default(),
        created_at: Some(timestamp(notification.created_at)),
        read_at: notification.read_at.map(timestamp),
    }
}

pub fn preferences(preferences: Preferences) -> pb::NotificationPreferences {
    pb::NotificationPreferences {
        assigned: preferences.assigned,
        mentioned: preferences.mentioned,
        commented: preferences.commented,
        added: preferences.added,
        role_changed: preferences.role_changed,
    }
}

/// The payload of an event about a project.
pub fn project_event(object: &Project, changes: &[Change]) -> Vec<u8> {
    event(pb::project_event::Object::Project(project(object)), changes)
}

/// The payload of an event about a task.
pub fn task_event(object: &Task, changes: &[Change]) -> Vec<u8> {
    event(pb::project_event::Object::Task(task(object)), changes)
}

/// The payload of an event about a comment.
pub fn comment_event(object: &Comment) -> Vec<u8> {
    event(pb::project_event::Object::Comment(comment(object)), &[])
}

/// The payload of an event about one notification.
pub fn notification_event(object: &Notification) -> Vec<u8> {
    event(pb::project_event::Object::Notification(notification(object)), &[])
}

/// The payload of the event that everything was read.
pub fn all_read_event(at: DateTime<Utc>) -> Vec<u8> {
    event(pb::project_event::Object::AllRead(pb::AllRead { read_at: Some(timestamp(at)) }), &[])
}

/// The payload of the event that everything about an organization was forgotten.
pub fn forgotten_event(organization: Uuid) -> Vec<u8> {
    event(pb::project_event::Object::Forgotten(pb::Forgotten { org_id: organization.to_string() }), &[])
}

fn event(object: pb::project_event::Object, changes: &[Change]) -> Vec<u8> {
    pb::ProjectEvent { object: Some(object), changes: changes.iter().map(change).collect() }.encode_to_vec()
}

fn change(change: &Change) -> pb::Change {
    pb::Change { field: change.field.clone(), from_json: change.from.to_string(), to_json: change.to.to_string() }
}

fn project_ref(project: &ProjectRef) -> pb::ProjectRef {
    pb::ProjectRef {
        id: project.id.to_string(),
        slug: project.slug.clone(),
        key: project.key.clone(),
        name: project.name.clone(),
    }
}

fn project_status(status: ProjectStatus) -> pb::ProjectStatus {
    match status {
        ProjectStatus::Active => pb::ProjectStatus::Active,
        ProjectStatus::Completed => pb::ProjectStatus::Completed,
        ProjectStatus::OnHold => pb::ProjectStatus::OnHold,
    }
}

fn task_status(status: TaskStatus) -> pb::TaskStatus {
    match status {
        TaskStatus::Todo => pb::TaskStatus::Todo,
        TaskStatus::InProgress => pb::TaskStatus::InProgress,
        TaskStatus::Done => pb::TaskStatus::Done,
    }
}

fn reason(reason: Reason) -> pb::NotificationKind {
    match reason {
        Reason::Assigned => pb::NotificationKind::Assigned,
        Reason::Mentioned => pb::NotificationKind::Mentioned,
        Reason::Commented => pb::NotificationKind::Commented,
        Reason::Added => pb::NotificationKind::Added,
        Reason::RoleChanged => pb::NotificationKind::RoleChanged,
    }
}

fn optional_id(id: Option<Uuid>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

/// Counts and versions are never negative: the tables say so.
pub fn count(number: i64) -> u64 {
    number.unsigned_abs()
}
