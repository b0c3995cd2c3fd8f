//! A project.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::{Fault, ProjectKey, Slug, invalid};

/// Whether a word of a path can be the slug or the key of a project. One cannot be mistaken for the other.
pub fn names_project(word: &str) -> bool {
    Slug::parse(word).is_ok() || ProjectKey::parse(word).is_ok()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    pub id: Uuid,
    pub name: String,
    pub slug: String,
    pub key: String,
    pub description: String,
    pub status: ProjectStatus,
    pub due_date: Option<NaiveDate>,
    pub task_count: i64,
    pub completed_task_count: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Counts the changes of the fields above; tasks and their counts are no change of the project.
    pub version: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectStatus {
    Active,
    Completed,
    OnHold,
}

impl ProjectStatus {
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "ACTIVE" => Ok(Self::Active),
            "COMPLETED" => Ok(Self::Completed),
            "ON_HOLD" => Ok(Self::OnHold),
            _ => Err(invalid("must be one of ACTIVE, COMPLETED, ON_HOLD")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Completed => "COMPLETED",
            Self::OnHold => "ON_HOLD",
        }
    }
}
