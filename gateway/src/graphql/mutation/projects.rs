//! Projects.

use async_graphql::{Context, InputObject, Object};
use trellis_proto::project::v1::{CreateProjectRequest, DeleteProjectRequest, UpdateProjectRequest};

use super::input::{change, exact_slug, given};
use crate::graphql::{Refusal, Viewer, connection::live_cursor, scalars::Date, types::Project};

/// A new project. An empty text counts as not given.
#[derive(InputObject)]
pub struct ProjectInput {
    /// The organization.
    organization_slug: String,
    /// 1 to 200 characters.
    name: String,
    /// Made from the name where not given.
    slug: Option<String>,
    /// What task ids begin with: a capital letter, then at most 9 capital letters and digits. Made from the slug where
    /// not given.
    key: Option<String>,
    /// At most 20,000 characters.
    description: Option<String>,
    /// `ACTIVE` (where not given), `COMPLETED` or `ON_HOLD`.
    status: Option<String>,
    /// `YYYY-MM-DD`
    due_date: Option<Date>,
}

impl From<ProjectInput> for CreateProjectRequest {
    fn from(input: ProjectInput) -> Self {
        Self {
            org: input.organization_slug,
            name: input.name,
            slug: given(input.slug),
            key: given(input.key),
            description: input.description.unwrap_or_default(),
            status: given(input.status),
            due_date: given(input.due_date.map(|date| date.0)),
        }
    }
}

/// Changes of a project: only what is given is changed.
#[derive(InputObject)]
pub struct UpdateProjectInput {
    /// 1 to 200 characters.
    name: Option<String>,
    /// The key, and so the ids of tasks, stay as they are.
    slug: Option<String>,
    /// At most 20,000 characters.
    description: Option<String>,
    /// `ACTIVE`, `COMPLETED` or `ON_HOLD`.
    status: Option<String>,
    /// `YYYY-MM-DD`; `""` clears it.
    due_date: Option<String>,
    /// Refuses the change (`version_mismatch`) where the project is not of this version.
    expected_version: Option<u64>,
}

impl UpdateProjectInput {
    fn request(self, org: String, project: String) -> UpdateProjectRequest {
        UpdateProjectRequest {
            org,
            project: exact_slug(project),
            name: self.name,
            slug: self.slug,
            description: self.description,
            status: self.status,
            due_date: change(self.due_date),
            expected_version: self.expected_version,
        }
    }
}

crate::payload! {
    /// What creating a project gives back.
    pub struct CreateProjectPayload {
        /// The new project.
        project: Option<Project>,
        /// The place in the project's order of events that this write took; what a subscription continues from.
        live_cursor: Option<String>,
    }
}

crate::payload! {
    /// What changing a project gives back.
    pub struct UpdateProjectPayload {
        /// The project as it is now.
        project: Option<Project>,
        /// The place in the project's order of events that this write took; what a subscription continues from.
        live_cursor: Option<String>,
    }
}

crate::payload! {
    /// What deleting a project gives back.
    pub struct DeleteProjectPayload {
        /// The place in the project's order of events that this write took; what a subscription continues from.
        live_cursor: Option<String>,
    }
}

#[derive(Default)]
pub struct ProjectMutations;

#[Object]
impl ProjectMutations {
    /// Creates a project.
    async fn create_project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project.")] input: ProjectInput,
    ) -> Option<CreateProjectPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let org = input.organization_slug.as_str().into();
            let request = viewer.request(ctx, CreateProjectRequest::from(input))?;
            let answer = viewer.clients().project.clone().create_project(request).await?.into_inner();
            let live_cursor = live_cursor(answer.position.as_ref());
            let project = Project { org, project: answer.project.unwrap_or_default(), position: answer.position };
            Ok::<_, Refusal>((Some(project), live_cursor))
        };
        Some(outcome.await.into())
    }

    /// Changes a project.
    async fn update_project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project, by its slug.")] project_slug: String,
        #[graphql(desc = "The organization.")] organization_slug: String,
        #[graphql(desc = "What changes.")] input: UpdateProjectInput,
    ) -> Option<UpdateProjectPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let org = organization_slug.as_str().into();
            let request = viewer.user()?.request(input.request(organization_slug, project_slug));
            let answer = viewer.clients().project.clone().update_project(request).await?.into_inner();
            let live_cursor = live_cursor(answer.position.as_ref());
            let project = Project { org, project: answer.project.unwrap_or_default(), position: answer.position };
            Ok::<_, Refusal>((Some(project), live_cursor))
        };
        Some(outcome.await.into())
    }

    /// Deletes a project with its tasks and their comments; for ADMINs.
    async fn delete_project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project, by its slug.")] project_slug: String,
        #[graphql(desc = "The organization.")] organization_slug: String,
        #[graphql(desc = "Refuses it (`version_mismatch`) where the project is not of this version.")]
        expected_version: Option<u64>,
    ) -> Option<DeleteProjectPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let project = exact_slug(project_slug);
            let request =
                viewer.user()?.request(DeleteProjectRequest { org: organization_slug, project, expected_version });
            let answer = viewer.clients().project.clone().delete_project(request).await?.into_inner();
            Ok::<_, Refusal>((live_cursor(answer.position.as_ref()),))
        };
        Some(outcome.await.into())
    }
}
