//! Comments.

use serde::Serialize;
use trellis_proto::project::v1 as project;
use utoipa::ToSchema;

use super::{Person, Time};
use crate::people::Found;

#[derive(Debug, Serialize, ToSchema)]
pub struct Comment {
    #[schema(format = Uuid)]
    pub id: String,
    #[schema(example = "WEB-1")]
    pub task_id: String,
    pub content: String,
    pub author: Person,
    pub created_at: Time,
    #[schema(required)]
    pub edited_at: Option<Time>,
}

impl Comment {
    pub fn new(comment: project::Comment, people: &Found) -> Self {
        Self {
            author: people.person(&comment.author_id),
            created_at: Time::always(comment.created_at.as_ref()),
            edited_at: Time::of(comment.edited_at.as_ref()),
            id: comment.id,
            task_id: comment.task_id,
            content: comment.content,
        }
    }

    /// The id of the person to look up before encoding.
    pub fn people(comment: &project::Comment) -> [&str; 1] {
        [&comment.author_id]
    }
}
