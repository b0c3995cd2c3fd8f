//! The enumerations of the graph, and the words that services take for them.

use async_graphql::Enum;
use trellis_proto::{org::v1 as org, project::v1 as project};

/// What a member may do in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Enum)]
pub enum Role {
    /// Everything, settings, members and deleting included.
    Admin,
    /// Reads everything; works on projects, tasks and comments.
    Member,
}

impl Role {
    /// `None` where there is none.
    pub fn of(role: org::Role) -> Option<Self> {
        match role {
            org::Role::Unspecified => None,
            org::Role::Admin => Some(Self::Admin),
            org::Role::Member => Some(Self::Member),
        }
    }

    /// By its word; `None` where there is none.
    pub fn named(word: &str) -> Option<Self> {
        [Self::Admin, Self::Member].into_iter().find(|role| role.as_str() == word)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::Member => "MEMBER",
        }
    }
}

/// Who may join an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Enum)]
pub enum JoinPolicy {
    /// Everyone who registers with its slug.
    Open,
    /// Whoever is invited.
    InviteOnly,
}

impl JoinPolicy {
    /// `None` where it is not told.
    pub fn of(policy: org::JoinPolicy) -> Option<Self> {
        match policy {
            org::JoinPolicy::Unspecified => None,
            org::JoinPolicy::Open => Some(Self::Open),
            org::JoinPolicy::InviteOnly => Some(Self::InviteOnly),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::InviteOnly => "INVITE_ONLY",
        }
    }
}

/// How a project stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Enum)]
pub enum ProjectStatus {
    /// It is worked on.
    Active,
    /// It is done.
    Completed,
    /// It waits.
    OnHold,
}

impl From<project::ProjectStatus> for ProjectStatus {
    fn from(status: project::ProjectStatus) -> Self {
        match status {
            project::ProjectStatus::Unspecified | project::ProjectStatus::Active => Self::Active,
            project::ProjectStatus::Completed => Self::Completed,
            project::ProjectStatus::OnHold => Self::OnHold,
        }
    }
}

/// How a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Enum)]
pub enum TaskStatus {
    /// Nobody has begun.
    Todo,
    /// Someone works on it.
    InProgress,
    /// It is done.
    Done,
}

impl TaskStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Todo => "TODO",
            Self::InProgress => "IN_PROGRESS",
            Self::Done => "DONE",
        }
    }
}

impl From<project::TaskStatus> for TaskStatus {
    fn from(status: project::TaskStatus) -> Self {
        match status {
            project::TaskStatus::Unspecified | project::TaskStatus::Todo => Self::Todo,
            project::TaskStatus::InProgress => Self::InProgress,
            project::TaskStatus::Done => Self::Done,
        }
    }
}
