//! Live events as subscriptions, from the hub that serves the sockets.
//!
//! A subscription is pulled: the next event is looked for when the last one was written, from its place in the order.
//! Who reads slowly costs nothing, and resumes with `after` like everybody else.

mod notifications;

use std::{pin::Pin, sync::Arc};

use async_graphql::{Context, Error, Object, Result, Subscription};
use futures_util::{Stream, stream};
use trellis_authn::User as SignedIn;
use trellis_proto::{
    event::v1::Position,
    project::v1::{ProjectEvent as Payload, project_event::Object as About},
};
use trellis_rpc::{Code, Problem};

use self::notifications::NotificationEvent;
use super::{
    Refusal, Viewer,
    loaders::Loaders,
    scalars::DateTime,
    types::{FieldChange, Org, Project, Task, TaskComment, User},
};
use crate::{
    cursor::Cursor,
    live::{Entry, Happened, Heard, Hub, Listening, Topic},
};

/// What comes of a subscription: an event, or a word about its place alone.
struct Frame {
    /// Empty, of what is one's own.
    org: Org,
    at: Cursor,
    recovered: Option<bool>,
    entry: Option<Arc<Entry>>,
}

impl Frame {
    fn happened(&self) -> Option<&Happened> {
        self.entry.as_ref()?.happened()
    }

    fn payload(&self) -> Option<&Payload> {
        self.happened().map(|happened| &happened.payload)
    }

    fn kind(&self) -> Option<&str> {
        self.happened().map(|happened| &*happened.kind)
    }

    fn actor(&self) -> Option<User> {
        self.happened()?.actor.clone().map(User::from)
    }

    fn occurred_at(&self) -> Option<DateTime> {
        DateTime::of(self.happened()?.occurred_at.as_ref())
    }

    fn position(&self) -> Position {
        let Cursor { epoch, scope, seq } = self.at;
        Position { epoch: epoch.to_string(), scope: scope.to_string(), seq }
    }

    fn project(&self) -> Option<Project> {
        let Some(About::Project(project)) = &self.payload()?.object else { return None };
        Some(Project { org: Org::clone(&self.org), project: project.clone(), position: Some(self.position()) })
    }

    fn task(&self) -> Option<Task> {
        let Some(About::Task(task)) = &self.payload()?.object else { return None };
        Some(Task { org: Org::clone(&self.org), task: task.clone(), position: Some(self.position()) })
    }

    fn comment(&self) -> Option<TaskComment> {
        let Some(About::Comment(comment)) = &self.payload()?.object else { return None };
        let task = self.entry.as_ref().and_then(|entry| entry.subject()).map(|id| id.to_string());
        Some(TaskComment { org: Org::clone(&self.org), comment: comment.clone(), task })
    }
}

/// What happens to the comments of a task.
pub struct TaskCommentEvent(Frame);

/// What happens to the comments of a task.
#[Object]
impl TaskCommentEvent {
    /// The place after this event: a subscription with it as `after` goes on from here.
    async fn cursor(&self) -> String {
        self.0.at.to_string()
    }

    /// `comment.created`, `comment.updated`, `comment.deleted`; at the end of the task `task.deleted` or
    /// `project.deleted`. Null where nothing happened: at the beginning, and now and then while it is quiet.
    async fn kind(&self) -> Option<&str> {
        self.0.kind()
    }

    /// At the beginning: whether everything that was asked for follows. Again, with false, where what was missed cannot
    /// be had any more: read the comments anew, and go on from this cursor.
    async fn recovered(&self) -> Option<bool> {
        self.0.recovered
    }

    /// Who did it.
    async fn actor(&self) -> Option<User> {
        self.0.actor()
    }

    /// When it happened.
    async fn occurred_at(&self) -> Option<DateTime> {
        self.0.occurred_at()
    }

    /// The comment as of the event.
    async fn comment(&self) -> Option<TaskComment> {
        self.0.comment()
    }
}

/// What happens to a project, its tasks and their comments.
pub struct ProjectEvent(Frame);

/// What happens to a project, its tasks and their comments.
#[Object]
impl ProjectEvent {
    /// The place after this event: a subscription with it as `after` goes on from here.
    async fn cursor(&self) -> String {
        self.0.at.to_string()
    }

    /// `project.updated`, `task.created`, `comment.deleted`, …; null where nothing happened: at the beginning, and now
    /// and then while it is quiet.
    async fn kind(&self) -> Option<&str> {
        self.0.kind()
    }

    /// At the beginning: whether everything that was asked for follows. Again, with false, where what was missed cannot
    /// be had any more: read the project anew, and go on from this cursor.
    async fn recovered(&self) -> Option<bool> {
        self.0.recovered
    }

    /// Who did it.
    async fn actor(&self) -> Option<User> {
        self.0.actor()
    }

    /// When it happened.
    async fn occurred_at(&self) -> Option<DateTime> {
        self.0.occurred_at()
    }

    /// The project as of the event, where it is about that.
    async fn project(&self) -> Option<Project> {
        self.0.project()
    }

    /// The task as of the event, where it is about one.
    async fn task(&self) -> Option<Task> {
        self.0.task()
    }

    /// The comment as of the event, where it is about one.
    async fn comment(&self) -> Option<TaskComment> {
        self.0.comment()
    }

    /// Of `project.updated` and `task.updated`: what was changed.
    async fn changes(&self, ctx: &Context<'_>) -> Option<Vec<FieldChange>> {
        let happened = self.0.happened().filter(|happened| happened.kind.ends_with(".updated"))?;
        if let Some(About::Comment(_)) = happened.payload.object {
            return None;
        }
        Some(FieldChange::load(Loaders::of(ctx), happened.payload.changes.clone()).await)
    }
}

type Events<T> = Pin<Box<dyn Stream<Item = Result<T>> + Send>>;

pub struct Subscription;

/// Live events. The first frame says where the subscription begins; then each event comes once and in order.
#[Subscription]
impl Subscription {
    /// The comments of a task, as they are made, edited and deleted.
    async fn task_comments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization's slug.")] org_slug: String,
        #[graphql(desc = "`WEB-1`, in any case.")] task_id: String,
        #[graphql(desc = "Go on from this place: a `cursor`, a `liveCursor`. Without it from now on.")] after: Option<
            String,
        >,
    ) -> Result<Events<TaskCommentEvent>> {
        let user = Viewer::of(ctx).user()?;
        let topic = Topic::Task { org: org_slug.clone(), task_id: task_id.to_ascii_uppercase() };
        let listening = listen(ctx, user, topic, after, "task").await?;
        Ok(events(listening.only(is_of_comments), &org_slug, TaskCommentEvent))
    }

    /// A project, its tasks and their comments, as they change.
    async fn project_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization's slug.")] org_slug: String,
        #[graphql(desc = "The project's slug.")] project_slug: String,
        #[graphql(desc = "Go on from this place: a `cursor`, a `liveCursor`. Without it from now on.")] after: Option<
            String,
        >,
    ) -> Result<Events<ProjectEvent>> {
        let viewer = Viewer::of(ctx);
        let user = viewer.user()?;
        // A key, which the services would take as well, has a capital; a slug never.
        if project_slug.contains(char::is_uppercase) {
            viewer.gateway().memberships.check(user, &org_slug).await.map_err(Refusal::from)?;
            return Err(missing("project").into());
        }
        let topic = Topic::Project { org: org_slug.clone(), project: project_slug };
        let listening = listen(ctx, user, topic, after, "project").await?;
        Ok(events(listening, &org_slug, ProjectEvent))
    }

    /// One's own notifications, as they are made and read, on whatever device.
    async fn notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Go on from this place: a `cursor`, a `liveCursor`. Without it from now on.")] after: Option<
            String,
        >,
    ) -> Result<Events<NotificationEvent>> {
        let user = Viewer::of(ctx).user()?;
        let listening = listen(ctx, user, Topic::Notifications, after, "user").await?;
        Ok(events(listening, "", NotificationEvent))
    }
}

fn missing(resource: &str) -> Refusal {
    Problem::not_found(resource).into()
}

async fn listen(
    ctx: &Context<'_>,
    user: &SignedIn,
    topic: Topic,
    after: Option<String>,
    resource: &str,
) -> Result<Listening, Refusal> {
    let after: Option<Cursor> = after
        .map(|after| after.parse())
        .transpose()
        .map_err(|_| Refusal::new(Code::InvalidRequest, "`after` is not a cursor."))?;
    let hub: &Hub = ctx.data_unchecked();
    hub.listen(user, topic, after).await.map_err(|problem| match problem.code {
        // What cannot be the name of one is none.
        Code::InvalidRequest | Code::ValidationFailed => missing(resource),
        _ => problem.into(),
    })
}

/// The end of the task is told, too: nothing more can come.
fn is_of_comments(entry: &Entry) -> bool {
    entry.happened().is_some_and(|happened| {
        happened.kind.starts_with("comment.") || matches!(&*happened.kind, "task.deleted" | "project.deleted")
    })
}

fn events<T: 'static>(listening: Listening, org: &str, event: fn(Frame) -> T) -> Events<T> {
    let org: Org = org.into();
    Box::pin(stream::unfold(Some(listening), move |listening| {
        let org = Org::clone(&org);
        async move {
            let mut listening = listening?;
            let (at, recovered, entry) = match listening.next().await {
                Heard::Begun { at, recovered } => (at, Some(recovered), None),
                Heard::Event(entry) => (entry.at, None, Some(entry)),
                Heard::Position(at) => (at, None, None),
                Heard::Lost => return Some((Err(Error::from(missing("organization"))), None)),
            };
            Some((Ok(event(Frame { org, at, recovered, entry })), Some(listening)))
        }
    }))
}
