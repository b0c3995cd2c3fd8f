//! Makes a project, with a slug and key of its own.

use chrono::DateTime;
use sqlx::PgConnection;
use trellis_authn::Caller;
use trellis_proto::project::v1::{CreateProjectRequest, CreateProjectResponse};
use trellis_rpc::{IdempotencyKey, Violations};
use trellis_service::{Answer, Once};
use uuid::Uuid;

use super::{
    Ops, event, seq,
    values::{all_valid, given, sent},
};
use crate::{
    domain::{self, Kind, Project, ProjectKey, ProjectStatus, Slug},
    error::{Error, Resource},
    store::{activity, projects, tenants},
    wire,
};

/// How many derived names are looked up at once.
const BATCH: usize = 100;

impl Ops {
    pub async fn create_project(
        &self,
        caller: &Caller,
        request: CreateProjectRequest,
        key: Option<IdempotencyKey>,
    ) -> Result<Answer<CreateProjectResponse>, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let once = Once::new(member.id(), key);
        if let Some(message) = once.look(&self.log).await? {
            return Ok(Answer::again(message));
        }
        let (mut project, names) = judge(&request)?;

        let mut write = self.log.of(member.org_id()).begin_new(project.id).await?;
        if let Some(message) = once.find(write.conn()).await? {
            write.unchanged().await?;
            return Ok(Answer::again(message));
        }
        if !tenants::lock(write.conn(), member.org_id()).await? {
            return Err(Error::NotFound(Resource::Organization));
        }
        names.choose(write.conn(), member.org_id(), &mut project).await?;
        projects::insert(write.conn(), member.org_id(), &mut project).await?;
        let about = activity::About { org_id: member.org_id(), project: project.id, task: None, comment: None };
        let number = seq(&write);
        activity::add(write.conn(), about, number, Kind::ProjectCreated, member.id(), &[]).await?;
        let response =
            CreateProjectResponse { project: Some(wire::project(&project)), position: Some(write.position()) };
        once.keep(write.conn(), &response).await?;
        write.commit(event(Kind::ProjectCreated, &member, None, wire::project_event(&project, &[]))).await?;
        Ok(Answer::first(response))
    }
}

/// The names that a client chose; the others are derived.
struct Names {
    slug: Option<Slug>,
    key: Option<ProjectKey>,
}

fn judge(request: &CreateProjectRequest) -> Result<(Project, Names), Error> {
    let mut violations = Violations::new();
    let name = violations.check("name", domain::line(&request.name));
    let slug = sent(&mut violations, "slug", given(request.slug.as_deref()), Slug::parse);
    let key = sent(&mut violations, "key", given(request.key.as_deref()), ProjectKey::parse);
    let description = violations.check("description", domain::body(&request.description));
    let status = match request.status.as_deref() {
        None => Some(ProjectStatus::Active),
        Some(status) => violations.check("status", ProjectStatus::parse(status)),
    };
    let due_date = sent(&mut violations, "due_date", given(request.due_date.as_deref()), domain::date);
    all_valid(violations)?;
    let project = Project {
        id: Uuid::now_v7(),
        name: name.unwrap_or_default(),
        slug: String::new(),
        key: String::new(),
        description: description.unwrap_or_default(),
        status: status.unwrap_or(ProjectStatus::Active),
        due_date,
        task_count: 0,
        completed_task_count: 0,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
        version: 0,
    };
    Ok((project, Names { slug, key }))
}

impl Names {
    /// Gives the project its slug and key. Under the tenant's lock, so that what is free stays free.
    async fn choose(self, conn: &mut PgConnection, org_id: Uuid, project: &mut Project) -> Result<(), Error> {
        let slug_taken = match &self.slug {
            Some(slug) => projects::free_slug(conn, org_id, &[slug.to_string()]).await?.is_none(),
            None => false,
        };
        let key_taken = match &self.key {
            Some(key) => projects::free_key(conn, org_id, &[key.to_string()]).await?.is_none(),
            None => false,
        };
        if slug_taken || key_taken {
            return Err(Error::Taken { slug: slug_taken, key: key_taken });
        }
        project.slug = match self.slug {
            Some(slug) => slug.into(),
            None => free_slug(conn, org_id, &Slug::of_name(&project.name)).await?,
        };
        project.key = match self.key {
            Some(key) => key.into(),
            None => free_key(conn, org_id, &project.slug).await?,
        };
        Ok(())
    }
}

async fn free_slug(conn: &mut PgConnection, org_id: Uuid, slug: &Slug) -> Result<String, Error> {
    let mut candidates = slug.candidates().map(String::from);
    loop {
        let batch: Vec<_> = candidates.by_ref().take(BATCH).collect();
        if let Some(free) = projects::free_slug(conn, org_id, &batch).await? {
            return Ok(free);
        }
    }
}

async fn free_key(conn: &mut PgConnection, org_id: Uuid, slug: &str) -> Result<String, Error> {
    let key = ProjectKey::of_slug(slug);
    let mut candidates = key.candidates().map(String::from);
    loop {
        let batch: Vec<_> = candidates.by_ref().take(BATCH).collect();
        if let Some(free) = projects::free_key(conn, org_id, &batch).await? {
            return Ok(free);
        }
    }
}
