//! Watching a task: its comments are told to whoever does.

use trellis_authn::Caller;
use trellis_proto::project::v1::{
    BatchGetWatchesRequest, BatchGetWatchesResponse, GetWatchRequest, GetWatchResponse, UnwatchTaskRequest,
    UnwatchTaskResponse, WatchTaskRequest, WatchTaskResponse,
};
use uuid::Uuid;

use super::{Ops, batches::ids};
use crate::{error::Error, store::watchers};

impl Ops {
    pub async fn watch_task(&self, caller: &Caller, request: WatchTaskRequest) -> Result<WatchTaskResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let (task, _) = self.find_task(&member, &request.task_id).await?;
        let mut write = self.log.of(member.org_id()).begin_unlogged().await?;
        watchers::add(write.conn(), member.org_id(), task.id, member.id()).await?;
        write.commit().await?;
        Ok(WatchTaskResponse {})
    }

    pub async fn unwatch_task(
        &self,
        caller: &Caller,
        request: UnwatchTaskRequest,
    ) -> Result<UnwatchTaskResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let (task, _) = self.find_task(&member, &request.task_id).await?;
        let mut write = self.log.of(member.org_id()).begin_unlogged().await?;
        watchers::remove(write.conn(), member.org_id(), task.id, member.id()).await?;
        write.commit().await?;
        Ok(UnwatchTaskResponse {})
    }

    pub async fn get_watch(&self, caller: &Caller, request: GetWatchRequest) -> Result<GetWatchResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let (task, _) = self.find_task(&member, &request.task_id).await?;
        let mut conn = self.reader(&member).await?;
        let watching = watchers::find(&mut conn, member.org_id(), task.id, member.id()).await?;
        Ok(GetWatchResponse { watching })
    }

    pub async fn batch_get_watches(
        &self,
        caller: &Caller,
        request: BatchGetWatchesRequest,
    ) -> Result<BatchGetWatchesResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let ids = ids("ids", &request.ids)?;
        let mut conn = self.reader(&member).await?;
        let watched = watchers::batch(&mut conn, member.org_id(), &ids, member.id()).await?;
        Ok(BatchGetWatchesResponse { ids: watched.iter().map(Uuid::to_string).collect() })
    }
}
