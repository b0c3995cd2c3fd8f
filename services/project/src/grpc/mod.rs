//! `trellis.project.v1.ProjectService`: takes calls apart and hands them to the use cases.

use tonic::{Request, Response, Status};
use trellis_authn::Caller;
use trellis_proto::project::v1::{
    BatchGetProjectsRequest, BatchGetProjectsResponse, BatchGetTasksRequest, BatchGetTasksResponse,
    BatchGetWatchesRequest, BatchGetWatchesResponse, CreateCommentRequest, CreateCommentResponse, CreateProjectRequest,
    CreateProjectResponse, CreateTaskRequest, CreateTaskResponse, DeleteCommentRequest, DeleteCommentResponse,
    DeleteProjectRequest, DeleteProjectResponse, DeleteTaskRequest, DeleteTaskResponse,
    GetNotificationPreferencesRequest, GetNotificationPreferencesResponse, GetProjectRequest, GetProjectResponse,
    GetTaskRequest, GetTaskResponse, GetWatchRequest, GetWatchResponse, ListActivityOfTasksRequest,
    ListActivityOfTasksResponse, ListActivityRequest, ListActivityResponse, ListCommentsOfTasksRequest,
    ListCommentsOfTasksResponse, ListCommentsRequest, ListCommentsResponse, ListNotificationsRequest,
    ListNotificationsResponse, ListProjectsRequest, ListProjectsResponse, ListTasksOfProjectsRequest,
    ListTasksOfProjectsResponse, ListTasksRequest, ListTasksResponse, OpenTopicRequest, OpenTopicResponse,
    ReadAllNotificationsRequest, ReadAllNotificationsResponse, ReadEventsRequest, ReadEventsResponse, ReadHeadsRequest,
    ReadHeadsResponse, ReadNotificationRequest, ReadNotificationResponse, UnwatchTaskRequest, UnwatchTaskResponse,
    UpdateCommentRequest, UpdateCommentResponse, UpdateNotificationPreferencesRequest,
    UpdateNotificationPreferencesResponse, UpdateProjectRequest, UpdateProjectResponse, UpdateTaskRequest,
    UpdateTaskResponse, WatchTaskRequest, WatchTaskResponse, project_service_server::ProjectService,
};
use trellis_rpc::IdempotencyKey;

use crate::ops::Ops;

/// The handlers.
pub struct ProjectGrpc {
    ops: Ops,
}

impl ProjectGrpc {
    pub fn new(ops: Ops) -> Self {
        Self { ops }
    }
}

/// Handlers of one shape: who calls, what is asked, the use case of the same name.
macro_rules! handlers {
    (
        plain { $($plain:ident($PlainRequest:ty) -> $PlainResponse:ty;)* }
        once { $($once:ident($OnceRequest:ty) -> $OnceResponse:ty;)* }
    ) => {
        #[tonic::async_trait]
        impl ProjectService for ProjectGrpc {
            $(
                async fn $plain(&self, request: Request<$PlainRequest>) -> Result<Response<$PlainResponse>, Status> {
                    let caller = Caller::of(&request)?;
                    Ok(Response::new(self.ops.$plain(&caller, request.into_inner()).await?))
                }
            )*
            $(
                async fn $once(&self, request: Request<$OnceRequest>) -> Result<Response<$OnceResponse>, Status> {
                    let caller = Caller::of(&request)?;
                    let key = IdempotencyKey::of(&request);
                    Ok(self.ops.$once(&caller, request.into_inner(), key).await?.into_response())
                }
            )*
        }
    };
}

handlers! {
    plain {
        get_project(GetProjectRequest) -> GetProjectResponse;
        list_projects(ListProjectsRequest) -> ListProjectsResponse;
        update_project(UpdateProjectRequest) -> UpdateProjectResponse;
        delete_project(DeleteProjectRequest) -> DeleteProjectResponse;
        get_task(GetTaskRequest) -> GetTaskResponse;
        list_tasks(ListTasksRequest) -> ListTasksResponse;
        update_task(UpdateTaskRequest) -> UpdateTaskResponse;
        delete_task(DeleteTaskRequest) -> DeleteTaskResponse;
        list_comments(ListCommentsRequest) -> ListCommentsResponse;
        update_comment(UpdateCommentRequest) -> UpdateCommentResponse;
        delete_comment(DeleteCommentRequest) -> DeleteCommentResponse;
        list_activity(ListActivityRequest) -> ListActivityResponse;
        batch_get_projects(BatchGetProjectsRequest) -> BatchGetProjectsResponse;
        batch_get_tasks(BatchGetTasksRequest) -> BatchGetTasksResponse;
        list_tasks_of_projects(ListTasksOfProjectsRequest) -> ListTasksOfProjectsResponse;
        list_comments_of_tasks(ListCommentsOfTasksRequest) -> ListCommentsOfTasksResponse;
        list_activity_of_tasks(ListActivityOfTasksRequest) -> ListActivityOfTasksResponse;
        list_notifications(ListNotificationsRequest) -> ListNotificationsResponse;
        get_notification_preferences(GetNotificationPreferencesRequest) -> GetNotificationPreferencesResponse;
        update_notification_preferences(UpdateNotificationPreferencesRequest) -> UpdateNotificationPreferencesResponse;
        watch_task(WatchTaskRequest) -> WatchTaskResponse;
        unwatch_task(UnwatchTaskRequest) -> UnwatchTaskResponse;
        get_watch(GetWatchRequest) -> GetWatchResponse;
        batch_get_watches(BatchGetWatchesRequest) -> BatchGetWatchesResponse;
        open_topic(OpenTopicRequest) -> OpenTopicResponse;
        read_events(ReadEventsRequest) -> ReadEventsResponse;
        read_heads(ReadHeadsRequest) -> ReadHeadsResponse;
    }
    once {
        create_project(CreateProjectRequest) -> CreateProjectResponse;
        create_task(CreateTaskRequest) -> CreateTaskResponse;
        create_comment(CreateCommentRequest) -> CreateCommentResponse;
        read_notification(ReadNotificationRequest) -> ReadNotificationResponse;
        read_all_notifications(ReadAllNotificationsRequest) -> ReadAllNotificationsResponse;
    }
}
