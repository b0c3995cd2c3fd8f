//! What the caller wants to be notified of.

use trellis_authn::Caller;
use trellis_proto::project::v1::{
    GetNotificationPreferencesRequest, GetNotificationPreferencesResponse, UpdateNotificationPreferencesRequest,
    UpdateNotificationPreferencesResponse,
};

use super::Ops;
use crate::{error::Error, store::preferences, wire};

impl Ops {
    pub async fn get_notification_preferences(
        &self,
        caller: &Caller,
        _: GetNotificationPreferencesRequest,
    ) -> Result<GetNotificationPreferencesResponse, Error> {
        let user = caller.user().map_err(Error::Caller)?.id;
        let mut found = preferences::of(&mut *self.connection().await?, &[user]).await?;
        let preferences = found.remove(&user).unwrap_or_default();
        Ok(GetNotificationPreferencesResponse { preferences: Some(wire::preferences(preferences)) })
    }

    /// Touches only what is sent.
    pub async fn update_notification_preferences(
        &self,
        caller: &Caller,
        request: UpdateNotificationPreferencesRequest,
    ) -> Result<UpdateNotificationPreferencesResponse, Error> {
        let user = caller.user().map_err(Error::Caller)?.id;
        let edit = preferences::Edit {
            assigned: request.assigned,
            mentioned: request.mentioned,
            commented: request.commented,
            added: request.added,
            role_changed: request.role_changed,
        };
        let mut write = self.log.begin_unlogged().await?;
        let preferences = preferences::update(write.conn(), user, edit).await?;
        write.commit().await?;
        Ok(UpdateNotificationPreferencesResponse { preferences: Some(wire::preferences(preferences)) })
    }
}
