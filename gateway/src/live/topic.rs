//! What can be subscribed to: `task:{org}/{task_id}`, `project:{org}/{slug or key}`, `notifications`.

use trellis_proto::project::v1::{OpenTopicRequest, open_topic_request};

/// Organization slug, slash, project slug or task id, with room to spare.
const LONGEST: usize = 256;

/// A topic as the client wrote it, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    Task { org: String, task_id: String },
    Project { org: String, project: String },
    Notifications,
}

/// The text names no topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("A topic is \"task:{{org}}/{{task_id}}\", \"project:{{org}}/{{project}}\" or \"notifications\".")]
pub struct BadTopic;

impl Topic {
    /// Two spellings of one topic give equal topics: the id of a task is matched in any case.
    pub fn parse(text: &str) -> Result<Self, BadTopic> {
        if text.len() > LONGEST {
            return Err(BadTopic);
        }
        if text == "notifications" {
            return Ok(Self::Notifications);
        }
        let (kind, path) = text.split_once(':').ok_or(BadTopic)?;
        let (org, name) = path.split_once('/').ok_or(BadTopic)?;
        let plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c == '/' || c.is_control());
        if !plain(org) || !plain(name) {
            return Err(BadTopic);
        }
        match kind {
            "task" => Ok(Self::Task { org: org.to_owned(), task_id: name.to_ascii_uppercase() }),
            "project" => Ok(Self::Project { org: org.to_owned(), project: name.to_owned() }),
            _ => Err(BadTopic),
        }
    }

    /// The organization whose members may listen; `None` of what is the user's own.
    pub fn org(&self) -> Option<&str> {
        match self {
            Self::Task { org, .. } | Self::Project { org, .. } => Some(org),
            Self::Notifications => None,
        }
    }

    /// The call that authorizes the topic and says where its order stands.
    pub fn open(&self) -> OpenTopicRequest {
        let (org, topic) = match self {
            Self::Task { org, task_id } => (org.as_str(), open_topic_request::Topic::TaskId(task_id.clone())),
            Self::Project { org, project } => (org.as_str(), open_topic_request::Topic::Project(project.clone())),
            Self::Notifications => ("", open_topic_request::Topic::Notifications(true)),
        };
        OpenTopicRequest { org: org.to_owned(), topic: Some(topic) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn topics_are_taken_apart() {
        let task = Topic::Task { org: "acme".into(), task_id: "WEB-1".into() };
        assert_eq!(Topic::parse("task:acme/WEB-1"), Ok(task.clone()));
        assert_eq!(Topic::parse("task:acme/web-1"), Ok(task));
        let project = Topic::Project { org: "acme".into(), project: "web-site".into() };
        assert_eq!(Topic::parse("project:acme/web-site"), Ok(project));
        assert_eq!(Topic::parse("notifications"), Ok(Topic::Notifications));
    }

    #[test]
    fn anything_else_is_no_topic() {
        let long = format!("task:acme/{}", "x".repeat(300));
        for bad in [
            "",
            ":",
            "task",
            "task:",
            "task:acme",
            "task:/WEB-1",
            "task:acme/",
            "task:a/b/c",
            "user:a/b",
            "Task:a/B-1",
            "notifications:x",
            "task:acme/WEB\u{0}1",
            &long,
        ] {
            assert_eq!(Topic::parse(bad), Err(BadTopic), "{bad}");
        }
    }
}
