//! Projects.

use serde::Serialize;
use trellis_proto::project::v1 as project;
use utoipa::ToSchema;

use super::Time;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProjectStatus {
    Active,
    Completed,
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

#[derive(Debug, Serialize, ToSchema)]
pub struct Project {
    #[schema(format = Uuid)]
    pub id: String,
    pub name: String,
    pub slug: String,
    /// What the ids of its tasks begin with.
    #[schema(example = "WEB")]
    pub key: String,
    pub description: String,
    pub status: ProjectStatus,
    #[schema(required, format = Date)]
    pub due_date: Option<String>,
    pub task_count: u64,
    pub completed_task_count: u64,
    pub created_at: Time,
    pub updated_at: Time,
    /// The value of its `ETag`.
    pub version: u64,
}

impl From<project::Project> for Project {
    fn from(project: project::Project) -> Self {
        Self {
            status: project.status().into(),
            created_at: Time::always(project.created_at.as_ref()),
            updated_at: Time::always(project.updated_at.as_ref()),
            due_date: (!project.due_date.is_empty()).then_some(project.due_date),
            id: project.id,
            name: project.name,
            slug: project.slug,
            key: project.key,
            description: project.description,
            task_count: project.task_count,
            completed_task_count: project.completed_task_count,
            version: project.version,
        }
    }
}

/// The project of a task.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectRef {
    #[schema(format = Uuid)]
    pub id: String,
    pub slug: String,
    pub key: String,
    pub name: String,
}

impl From<project::ProjectRef> for ProjectRef {
    fn from(project: project::ProjectRef) -> Self {
        Self { id: project.id, slug: project.slug, key: project.key, name: project.name }
    }
}
