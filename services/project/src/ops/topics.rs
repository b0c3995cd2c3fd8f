//! Authorizes a live topic and says where its order stands, of what was deleted too.

use trellis_authn::Caller;
use trellis_proto::project::v1::{OpenTopicRequest, OpenTopicResponse, open_topic_request::Topic};
use trellis_rpc::Violations;

use super::{Ops, projects::project_word, tasks::task_name, values::all_known};
use crate::{
    error::{Error, Resource},
    store::topics,
    wire,
};

impl Ops {
    pub async fn open_topic(&self, caller: &Caller, request: OpenTopicRequest) -> Result<OpenTopicResponse, Error> {
        if let Some(Topic::Notifications(true)) = request.topic {
            return self.open_notifications(caller).await;
        }
        let member = self.authorize(caller, &request.org).await?;
        let mut conn = self.reader(&member).await?;
        let topic = match &request.topic {
            Some(Topic::TaskId(task_id)) => topics::task(&mut conn, member.org_id(), &task_name(task_id)?)
                .await?
                .ok_or(Error::NotFound(Resource::Task))?,
            Some(Topic::Project(project)) => topics::project(&mut conn, member.org_id(), project_word(project)?)
                .await?
                .ok_or(Error::NotFound(Resource::Project))?,
            // False is no topic.
            Some(Topic::Notifications(_)) | None => {
                let mut violations = Violations::new();
                violations.push("topic", "invalid", "must be a task, a project or one's notifications");
                return all_known(violations).map(|()| OpenTopicResponse::default());
            }
        };
        Ok(OpenTopicResponse {
            org_id: member.org_id().to_string(),
            head: Some(self.log.position(topic.scope, topic.last_seq)),
            oldest: wire::count(topic.low_water),
            subject_id: topic.subject.map(|id| id.to_string()).unwrap_or_default(),
            access_epoch: member.access.epoch.to_string(),
            access_seq: member.access.seq,
            deleted: topic.deleted,
        })
    }

    /// Anybody's own: they belong to the user and not to an organization.
    async fn open_notifications(&self, caller: &Caller) -> Result<OpenTopicResponse, Error> {
        let user = caller.user().map_err(Error::Caller)?.id;
        let topic = topics::of_user(&mut *self.connection().await?, user).await?;
        Ok(OpenTopicResponse {
            head: Some(self.log.position(topic.scope, topic.last_seq)),
            oldest: wire::count(topic.low_water),
            ..OpenTopicResponse::default()
        })
    }
}
