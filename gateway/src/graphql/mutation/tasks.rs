//! Tasks.

use async_graphql::{Context, ID, InputObject, Object};
use trellis_proto::project::v1::{CreateTaskRequest, DeleteTaskRequest, UpdateTaskRequest};

use super::input::{change, exact_slug, given};
use crate::graphql::{Refusal, Viewer, connection::live_cursor, scalars::Date, types::Task};

/// A new task. An empty text counts as not given.
#[derive(InputObject)]
pub struct TaskInput {
    /// The organization.
    organization_slug: String,
    /// The project, by its slug.
    project_slug: String,
    /// 1 to 200 characters.
    title: String,
    /// At most 20,000 characters.
    description: Option<String>,
    /// `TODO` (where not given), `IN_PROGRESS` or `DONE`.
    status: Option<String>,
    /// A date (00:00 UTC) or a date-time.
    due_date: Option<Date>,
    /// A member of the organization; at most one of `assigneeEmail` and `assigneeId`.
    assignee_email: Option<String>,
    /// The same by the user's id.
    assignee_id: Option<ID>,
}

impl From<TaskInput> for CreateTaskRequest {
    fn from(input: TaskInput) -> Self {
        Self {
            org: input.organization_slug,
            project: exact_slug(input.project_slug),
            title: input.title,
            description: input.description.unwrap_or_default(),
            status: given(input.status),
            assignee_id: given(input.assignee_id),
            assignee_email: given(input.assignee_email),
            due_date: given(input.due_date.map(|date| date.0)),
        }
    }
}

/// Changes of a task: only what is given is changed.
#[derive(InputObject)]
pub struct UpdateTaskInput {
    /// 1 to 200 characters.
    title: Option<String>,
    /// At most 20,000 characters.
    description: Option<String>,
    /// `TODO`, `IN_PROGRESS` or `DONE`.
    status: Option<String>,
    /// A date (00:00 UTC) or a date-time; `""` clears it.
    due_date: Option<String>,
    /// A member of the organization; `""` clears it. At most one of `assigneeEmail` and `assigneeId`.
    assignee_email: Option<String>,
    /// The same by the user's id.
    assignee_id: Option<ID>,
    /// Refuses the change (`version_mismatch`) where the task is not of this version.
    expected_version: Option<u64>,
}

impl UpdateTaskInput {
    fn request(self, org: String, task_id: String) -> UpdateTaskRequest {
        UpdateTaskRequest {
            org,
            task_id,
            title: self.title,
            description: self.description,
            status: self.status,
            assignee_id: change(self.assignee_id),
            assignee_email: change(self.assignee_email),
            due_date: change(self.due_date),
            expected_version: self.expected_version,
        }
    }
}

crate::payload! {
    /// What creating a task gives back.
    pub struct CreateTaskPayload {
        /// The new task.
        task: Option<Task>,
        /// The place in the project's order of events that this write took; what a subscription continues from.
        live_cursor: Option<String>,
    }
}

crate::payload! {
    /// What changing a task gives back.
    pub struct UpdateTaskPayload {
        /// The task as it is now.
        task: Option<Task>,
        /// The place in the project's order of events that this write took; what a subscription continues from.
        live_cursor: Option<String>,
    }
}

crate::payload! {
    /// What deleting a task gives back.
    pub struct DeleteTaskPayload {
        /// The place in the project's order of events that this write took; what a subscription continues from.
        live_cursor: Option<String>,
    }
}

#[derive(Default)]
pub struct TaskMutations;

#[Object]
impl TaskMutations {
    /// Creates a task, with the project's next number.
    async fn create_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task.")] input: TaskInput,
    ) -> Option<CreateTaskPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let org = input.organization_slug.as_str().into();
            let request = viewer.request(ctx, CreateTaskRequest::from(input))?;
            let answer = viewer.clients().project.clone().create_task(request).await?.into_inner();
            let live_cursor = live_cursor(answer.position.as_ref());
            let task = Task { org, task: answer.task.unwrap_or_default(), position: answer.position };
            Ok::<_, Refusal>((Some(task), live_cursor))
        };
        Some(outcome.await.into())
    }

    /// Changes a task.
    async fn update_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Such as `WEB-1`, in any case.")] task_id: String,
        #[graphql(desc = "The organization.")] org_slug: String,
        #[graphql(desc = "What changes.")] input: UpdateTaskInput,
    ) -> Option<UpdateTaskPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let org = org_slug.as_str().into();
            let request = viewer.user()?.request(input.request(org_slug, task_id));
            let answer = viewer.clients().project.clone().update_task(request).await?.into_inner();
            let live_cursor = live_cursor(answer.position.as_ref());
            let task = Task { org, task: answer.task.unwrap_or_default(), position: answer.position };
            Ok::<_, Refusal>((Some(task), live_cursor))
        };
        Some(outcome.await.into())
    }

    /// Deletes a task with its comments.
    async fn delete_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Such as `WEB-1`, in any case.")] task_id: String,
        #[graphql(desc = "The organization.")] org_slug: String,
        #[graphql(desc = "Refuses it (`version_mismatch`) where the task is not of this version.")]
        expected_version: Option<u64>,
    ) -> Option<DeleteTaskPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let message = DeleteTaskRequest { org: org_slug, task_id, expected_version };
            let request = viewer.user()?.request(message);
            let answer = viewer.clients().project.clone().delete_task(request).await?.into_inner();
            Ok::<_, Refusal>((live_cursor(answer.position.as_ref()),))
        };
        Some(outcome.await.into())
    }
}
