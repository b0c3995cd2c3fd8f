//! What rows name, asked for all rows at once: one call for each kind of thing, however many rows an answer has.
//!
//! In a query whatever was loaded once is not asked for again. A mutation changes what it shows from one field to the
//! next, and a subscription goes on for long: they keep nothing.

mod batch;
mod driver;
mod organization;
mod pages;
mod sources;

use std::{convert::Infallible, hash::Hash, sync::Arc, time::Duration};

use async_graphql::{
    Context,
    dataloader::{DataLoader, HashMapCache, Loader},
    parser::types::OperationType,
};
use futures_util::future::BoxFuture;
use tokio::sync::mpsc::unbounded_channel;
use trellis_rpc::{Code, Problem};

use self::{
    batch::LARGEST,
    organization::{Question, Within},
    pages::{ActivityPage, CommentsPage, TasksPage},
    sources::{OwnCreatedAt, PersonId, ProjectId, Sources, TaskId, Watch},
};
pub use self::{
    driver::Loads,
    organization::{Audit, Invitations, Members, ProjectNamed, Projects, TaskNamed, Tasks},
};
use super::{
    Refusal, Viewer,
    connection::{Connection, Window},
    scalars::DateTime,
    types::{Activity, Org, Organization, Project, Task, TaskComment, TaskList, User},
};
use crate::{json::Person, people::Found};

/// A call that changes nothing, on behalf of the user: `call!(viewer, project.get_task(message))`.
macro_rules! call {
    ($viewer:expr, $service:ident.$method:ident($message:expr)) => {
        async {
            let clients = $viewer.clients();
            let user = $viewer.user().map_err(|refusal| tonic::Status::from(refusal.0))?;
            let answer = clients.read(&clients.$service, user, $message, |mut client, request| async move {
                client.$method(request).await
            });
            Ok::<_, tonic::Status>(answer.await?.into_inner())
        }
        .await
    };
}
pub(super) use call;

/// As `call!`, for resolvers.
macro_rules! read {
    ($viewer:expr, $service:ident.$method:ident($message:expr)) => {
        $crate::graphql::loaders::call!($viewer, $service.$method($message)).map_err($crate::graphql::Refusal::from)
    };
}
pub(super) use read;

/// Null, where `resource` is what was not found.
pub fn missing<T>(resource: &str, answer: Result<T, Refusal>) -> Result<Option<T>, Refusal> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(refusal) if refusal.is_missing(resource) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// One key's value. One that is refused spoils no other.
type Loaded<T> = Result<T, Refusal>;

/// The loaders of one operation, in its context.
pub struct Loaders(DataLoader<Sources, HashMapCache>);

impl Loaders {
    /// Whose loads run together with the operation, see [`Loads`].
    pub fn driven(viewer: &Viewer, kind: OperationType) -> (Self, Loads) {
        let (queue, begun) = unbounded_channel();
        let run = move |load: BoxFuture<'static, ()>| {
            // Nobody waits for it where the operation has ended.
            let _ = queue.send(load);
        };
        let loader = DataLoader::with_cache(Sources(viewer.clone()), run, HashMapCache::default());
        loader.enable_all_cache(kind == OperationType::Query);
        (Self(loader.delay(Duration::ZERO).max_batch_size(LARGEST)), Loads::new(begun))
    }

    pub fn of<'a>(ctx: &Context<'a>) -> &'a Self {
        ctx.data_unchecked()
    }

    /// Someone; where the name is not known, with the id alone.
    pub async fn person(&self, id: &str) -> User {
        let person = self.load(PersonId(id.to_owned())).await.ok();
        person.unwrap_or_else(|| Person::unknown(id)).into()
    }

    /// When the viewer's account was made.
    pub async fn own_created_at(&self) -> Loaded<Option<DateTime>> {
        self.load(OwnCreatedAt).await
    }

    /// Several people at once.
    pub async fn people(&self, ids: Vec<String>) -> Found {
        let Ok(people) = self.0.load_many(ids.into_iter().map(PersonId)).await;
        let mut found = Found::default();
        for person in people.into_values().flatten() {
            found.insert(person);
        }
        found
    }

    pub async fn organization(&self, slug: &Org) -> Loaded<Arc<Organization>> {
        self.load(Org::clone(slug)).await
    }

    /// Takes note of what another answer told.
    pub async fn remember(&self, slug: &Org, organization: &Organization) {
        self.0.feed_one(Org::clone(slug), Ok(Arc::new(organization.clone()))).await;
    }

    /// What an organization has.
    pub(super) async fn within<Q: Question>(&self, org: &Org, question: Q) -> Loaded<Q::Answer> {
        self.load(Within { org: Org::clone(org), question }).await
    }

    /// By UUID.
    pub async fn project(&self, org: &Org, id: &str) -> Loaded<Arc<Project>> {
        self.load(ProjectId { org: Org::clone(org), id: id.to_owned() }).await
    }

    /// By an id such as `WEB-1`, as the services write it.
    pub async fn task(&self, org: &Org, task_id: &str) -> Loaded<Arc<Task>> {
        self.load(TaskId { org: Org::clone(org), task_id: task_id.to_owned() }).await
    }

    /// Whether the viewer watches the task with this UUID.
    pub async fn watching(&self, org: &Org, id: &str) -> Loaded<bool> {
        self.load(Watch { org: Org::clone(org), id: id.to_owned() }).await
    }

    /// Tasks of the project with this UUID.
    pub async fn tasks(
        &self,
        org: &Org,
        project_id: &str,
        window: Window,
        list: TaskList,
    ) -> Loaded<Arc<Connection<Task>>> {
        self.load(TasksPage { org: Org::clone(org), window, list, project_id: project_id.to_owned() }).await
    }

    /// Comments of the task with this UUID.
    pub async fn comments(&self, org: &Org, id: &str, window: Window) -> Loaded<Arc<Connection<TaskComment>>> {
        self.load(CommentsPage { org: Org::clone(org), window, id: id.to_owned() }).await
    }

    /// Activity of the task with this UUID.
    pub async fn activity(&self, org: &Org, id: &str, window: Window) -> Loaded<Arc<Connection<Activity>>> {
        self.load(ActivityPage { org: Org::clone(org), window, id: id.to_owned() }).await
    }

    async fn load<K, T>(&self, key: K) -> Loaded<T>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        T: Clone + Send + Sync + 'static,
        Sources: Loader<K, Value = Loaded<T>, Error = Infallible>,
    {
        let Ok(value) = self.0.load_one(key).await;
        value.unwrap_or_else(|| Err(Problem::new(Code::Internal, "Something went wrong on our side.").into()))
    }
}
