//! Watching a task: its comments are told to whoever does.

use trellis_authn::Caller;
use trellis_proto::project::v1::{
    GetWatchRequest, GetWatchResponse, UnwatchTaskRequest, UnwatchTaskResponse, WatchTaskRequest, WatchTaskResponse,
};

use super::Ops;
use crate::error::{Error, Resource};

impl Ops {
    pub async fn watch_task(&self, caller: &Caller, request: WatchTaskRequest) -> Result<WatchTaskResponse, Error> {
        self.authorize(caller, &request.org).await?;
        Err(Error::NotFound(Resource::Task))
    }

    pub async fn unwatch_task(
        &self,
        caller: &Caller,
        request: UnwatchTaskRequest,
    ) -> Result<UnwatchTaskResponse, Error> {
        self.authorize(caller, &request.org).await?;
        Err(Error::NotFound(Resource::Task))
    }

    pub async fn get_watch(&self, caller: &Caller, request: GetWatchRequest) -> Result<GetWatchResponse, Error> {
        self.authorize(caller, &request.org).await?;
        Err(Error::NotFound(Resource::Task))
    }
}
