//! Changes a project. What is not sent, or is as it was, is no change; without any there is no event.

use chrono::NaiveDate;
use serde_json::Value;
use trellis_authn::Caller;
use trellis_proto::project::v1::{UpdateProjectRequest, UpdateProjectResponse};
use trellis_rpc::Violations;

use super::{
    Ops, event, seq,
    values::{Cleared, all_valid, clearable, same_version, sent, sent_clearable, show_day},
};
use crate::{
    domain::{self, ChangeSet, Kind, Project, ProjectStatus, Slug},
    error::{Error, Resource},
    store::{activity, projects, tenants},
    wire,
};

impl Ops {
    pub async fn update_project(
        &self,
        caller: &Caller,
        request: UpdateProjectRequest,
    ) -> Result<UpdateProjectResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let org_id = member.org_id();
        let (found, _) = self.find_project(&member, &request.project).await?;
        let patch = Patch::judge(&request)?;

        let mut write = self.write(&member, found.id).await?;
        let mut project =
            projects::current(write.conn(), org_id, found.id).await?.ok_or(Error::NotFound(Resource::Project))?;
        same_version(request.expected_version, project.version, Resource::Project)?;
        let slug_before = project.slug.clone();
        let changes = patch.apply(&mut project);
        if changes.is_empty() {
            let position = write.unchanged().await?;
            return Ok(UpdateProjectResponse { project: Some(wire::project(&project)), position: Some(position) });
        }
        if project.slug != slug_before {
            tenants::lock(write.conn(), org_id).await?;
            let wanted = [project.slug.clone()];
            if projects::free_slug(write.conn(), org_id, &wanted).await?.is_none() {
                return Err(Error::Taken { slug: true, key: false });
            }
        }
        projects::update(write.conn(), org_id, &mut project).await?;
        let changes = changes.into_vec();
        let about = activity::About { org_id, project: project.id, task: None, comment: None };
        let number = seq(&write);
        activity::add(write.conn(), about, number, Kind::ProjectUpdated, member.id(), &changes).await?;
        let payload = wire::project_event(&project, &changes);
        let position = write.commit(event(Kind::ProjectUpdated, &member, None, payload)).await?;
        Ok(UpdateProjectResponse { project: Some(wire::project(&project)), position: Some(position) })
    }
}

/// What was sent, judged.
struct Patch {
    name: Option<String>,
    slug: Option<Slug>,
    description: Option<String>,
    status: Option<ProjectStatus>,
    due_date: Cleared<NaiveDate>,
}

impl Patch {
    fn judge(request: &UpdateProjectRequest) -> Result<Self, Error> {
        let mut bad = Violations::new();
        let patch = Self {
            name: sent(&mut bad, "name", request.name.as_deref(), domain::line),
            slug: sent(&mut bad, "slug", request.slug.as_deref(), Slug::parse),
            description: sent(&mut bad, "description", request.description.as_deref(), domain::body),
            status: sent(&mut bad, "status", request.status.as_deref(), ProjectStatus::parse),
            due_date: sent_clearable(&mut bad, "due_date", clearable(request.due_date.as_ref()), domain::date),
        };
        all_valid(bad)?;
        Ok(patch)
    }

    fn apply(self, project: &mut Project) -> ChangeSet {
        let mut changes = ChangeSet::default();
        changes.set("name", &mut project.name, self.name, Value::from);
        let slug = self.slug.map(String::from);
        changes.set("slug", &mut project.slug, slug, Value::from);
        let description = self.description;
        changes.set("description", &mut project.description, description, Value::from);
        changes.set("status", &mut project.status, self.status, |status| status.as_str().into());
        changes.set("due_date", &mut project.due_date, self.due_date, show_day);
        changes
    }
}
