//! This process follows ended sessions as every other does, only without a wire between.

use tonic::Status;
use trellis_authn::SessionSource;
use trellis_proto::identity::v1::{FollowSessionsRequest, FollowSessionsResponse};

use super::wire;
use crate::ops::SessionFeed;

impl SessionSource for SessionFeed {
    async fn follow(&self, request: FollowSessionsRequest) -> Result<FollowSessionsResponse, Status> {
        Ok(wire::feed(self.read(&request.epoch, request.after).await?))
    }
}
