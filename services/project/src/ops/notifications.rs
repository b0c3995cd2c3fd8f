//! The caller's own notifications.

use trellis_authn::Caller;
use trellis_proto::project::v1::{
    GetNotificationPreferencesRequest, GetNotificationPreferencesResponse, ListNotificationsRequest,
    ListNotificationsResponse, ReadAllNotificationsRequest, ReadAllNotificationsResponse, ReadNotificationRequest,
    ReadNotificationResponse, UpdateNotificationPreferencesRequest, UpdateNotificationPreferencesResponse,
};

use super::Ops;
use crate::error::{Error, Resource};

impl Ops {
    pub async fn list_notifications(
        &self,
        caller: &Caller,
        _: ListNotificationsRequest,
    ) -> Result<ListNotificationsResponse, Error> {
        caller.user().map_err(Error::Caller)?;
        Err(Error::NotFound(Resource::Task))
    }

    pub async fn read_notification(
        &self,
        caller: &Caller,
        _: ReadNotificationRequest,
    ) -> Result<ReadNotificationResponse, Error> {
        caller.user().map_err(Error::Caller)?;
        Err(Error::NotFound(Resource::Task))
    }

    pub async fn read_all_notifications(
        &self,
        caller: &Caller,
        _: ReadAllNotificationsRequest,
    ) -> Result<ReadAllNotificationsResponse, Error> {
        caller.user().map_err(Error::Caller)?;
        Err(Error::NotFound(Resource::Task))
    }

    pub async fn get_notification_preferences(
        &self,
        caller: &Caller,
        _: GetNotificationPreferencesRequest,
    ) -> Result<GetNotificationPreferencesResponse, Error> {
        caller.user().map_err(Error::Caller)?;
        Err(Error::NotFound(Resource::Task))
    }

    pub async fn update_notification_preferences(
        &self,
        caller: &Caller,
        _: UpdateNotificationPreferencesRequest,
    ) -> Result<UpdateNotificationPreferencesResponse, Error> {
        caller.user().map_err(Error::Caller)?;
        Err(Error::NotFound(Resource::Task))
    }
}
