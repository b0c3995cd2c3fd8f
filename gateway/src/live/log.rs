//! The project service's event log, asked over gRPC: what follows a number, where scopes stand, who may listen.

use std::{collections::HashMap, time::Duration};

use trellis_authn::{ServiceKey, User};
use trellis_proto::{
    event::v1::Event,
    project::v1::{OpenTopicRequest, ReadEventsRequest, ReadHeadsRequest, open_topic_request::Topic},
};
use trellis_rpc::{Problem, with_deadline};
use uuid::Uuid;

use super::sequencer::Bounds;
use crate::{clients::Clients, cursor::Cursor};

/// Events of one page.
const PAGE: u32 = 200;
/// What one `ReadHeads` takes.
pub const MOST_SCOPES: usize = 1000;
/// A read that takes longer is tried again; the client waits in any case.
const READ_WITHIN: Duration = Duration::from_secs(3);
const OPEN_WITHIN: Duration = Duration::from_secs(5);

/// Asks the project service.
#[derive(Clone)]
pub struct Log {
    clients: Clients,
    key: ServiceKey,
}

/// Why there is no answer. The text is for our own log.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the service refuses: {0:?}")]
    Refused(tonic::Code),
    #[error("the answer makes no sense: {0}")]
    Nonsense(&'static str),
}

impl From<tonic::Status> for ReadError {
    fn from(status: tonic::Status) -> Self {
        Self::Refused(status.code())
    }
}

/// A topic that may be listened to.
#[derive(Debug, Clone, Copy)]
pub struct Opened {
    /// Whose members may listen; `None` where the topic is the user's own.
    pub org_id: Option<Uuid>,
    pub head: Cursor,
    pub oldest: u64,
    /// Only events about this belong to the topic.
    pub subject: Option<Uuid>,
    /// The number of the membership feed that the authorization reflects.
    pub access_seq: u64,
}

impl Log {
    pub fn new(clients: Clients, key: ServiceKey) -> Self {
        Self { clients, key }
    }

    /// Some events that follow `after`, in order, and how far the log reaches.
    pub async fn read(&self, scope: Uuid, after: u64) -> Result<(Bounds, Vec<Event>), ReadError> {
        let request = self.key.request(ReadEventsRequest { scope: scope.to_string(), after, limit: PAGE });
        let mut project = self.clients.project.clone();
        let answer = with_deadline(READ_WITHIN, project.read_events(request)).await?.into_inner();
        let epoch = answer.epoch.parse().map_err(|_| ReadError::Nonsense("the epoch is not an id"))?;
        Ok((Bounds { epoch, head: answer.head, oldest: answer.oldest }, answer.events))
    }

    /// The epoch, and the heads of those scopes that exist.
    pub async fn heads(&self, scopes: &[Uuid]) -> Result<(Uuid, HashMap<Uuid, u64>), ReadError> {
        let scopes = scopes.iter().map(Uuid::to_string).collect();
        let request = self.key.request(ReadHeadsRequest { scopes });
        let mut project = self.clients.project.clone();
        let answer = with_deadline(READ_WITHIN, project.read_heads(request)).await?.into_inner();
        let epoch = answer.epoch.parse().map_err(|_| ReadError::Nonsense("the epoch is not an id"))?;
        let heads = answer.heads.into_iter().filter_map(|(scope, head)| Some((scope.parse().ok()?, head)));
        Ok((epoch, heads.collect()))
    }

    /// Asks as the user whether the topic may be listened to, and where its order stands. What was deleted is there only
    /// for who `resumes`: nothing of it is to come.
    pub async fn open(&self, user: &User, topic: &OpenTopicRequest, resumes: bool) -> Result<Opened, Problem> {
        let clients = &self.clients;
        let call = clients.read(&clients.project, user, topic.clone(), |mut project, request| async move {
            project.open_topic(request).await
        });
        let answer = with_deadline(OPEN_WITHIN, call).await.map_err(|status| Problem::from(&status))?.into_inner();
        if answer.deleted && !resumes {
            return Err(Problem::not_found(match topic.topic {
                Some(Topic::TaskId(_)) => "task",
                _ => "project",
            }));
        }
        let own = matches!(topic.topic, Some(Topic::Notifications(_)));
        let opened = (|| {
            let given = |id: &str| if id.is_empty() { Some(None) } else { id.parse().ok().map(Some) };
            let (org_id, head) = (given(&answer.org_id)?, Cursor::try_from(answer.head.as_ref()?).ok()?);
            // What is one's own has no organization, and is one's own.
            let right = if own { org_id.is_none() && head.scope == user.id } else { org_id.is_some() };
            let subject = given(&answer.subject_id)?;
            right.then_some(Opened { org_id, head, oldest: answer.oldest, subject, access_seq: answer.access_seq })
        })();
        opened.ok_or_else(|| {
            tracing::error!("the project service's answer to OpenTopic makes no sense");
            Problem::new(trellis_rpc::Code::Internal, "Something went wrong on our side.")
        })
    }
}
