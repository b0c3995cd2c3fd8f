//! Reads who changed what.

use trellis_authn::Caller;
use trellis_proto::project::v1::{ListActivityRequest, ListActivityResponse};

use super::{Ops, tasks::task_name, values::window};
use crate::{
    domain::{Activity, SeqCursor, Window},
    error::{Error, Resource},
    store::{activity, bounded::Of, tasks::Which},
    wire,
};

impl Ops {
    pub async fn list_activity(
        &self,
        caller: &Caller,
        request: ListActivityRequest,
    ) -> Result<ListActivityResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let window = window(request.page.as_ref(), SeqCursor::parse)?;
        let task = task_name(&request.task_id)?;
        let mut conn = self.reader(&member).await?;
        let mut found = activity::of_tasks(&mut conn, member.org_id(), Which::Named(&task), &window).await?;
        Ok(self.show_activity(found.pop().ok_or(Error::NotFound(Resource::Task))?, &window))
    }

    pub(super) fn show_activity(&self, of: Of<Activity>, window: &Window<SeqCursor>) -> ListActivityResponse {
        let shown = window.show(of.rows, |last| SeqCursor { seq: last.seq }.encode());
        ListActivityResponse {
            activities: shown.items.iter().map(wire::activity).collect(),
            next_cursor: shown.next_cursor,
            cursors: shown.cursors,
            position: Some(self.log.position(of.parent.scope, of.parent.last_seq)),
        }
    }
}
