//! Reads who changed what.

use trellis_authn::Caller;
use trellis_proto::project::v1::{ListActivityRequest, ListActivityResponse};

use super::{Ops, cut, tasks::task_name, values::page};
use crate::{
    domain::SeqCursor,
    error::{Error, Resource},
    store::activity,
    wire,
};

impl Ops {
    pub async fn list_activity(
        &self,
        caller: &Caller,
        request: ListActivityRequest,
    ) -> Result<ListActivityResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let (limit, before) = page(request.page, SeqCursor::parse)?;
        let task = task_name(&request.task_id)?;
        let mut conn = self.reader().await?;
        let mut found = activity::list(&mut conn, member.org_id(), &task, before.as_ref(), i64::from(limit) + 1)
            .await?
            .ok_or(Error::NotFound(Resource::Task))?;
        let next = cut(&mut found.activities, limit).map(|last| SeqCursor { seq: last.seq }.encode());
        Ok(ListActivityResponse {
            activities: found.activities.iter().map(wire::activity).collect(),
            next_cursor: next.unwrap_or_default(),
            cursors: Vec::new(),
            position: Some(self.log.position(found.project_id, found.last_seq)),
        })
    }
}
