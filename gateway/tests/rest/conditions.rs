//! `ETag` and `If-Match`.

use http::Method;
use trellis_proto::project::v1::{
    DeleteTaskRequest, DeleteTaskResponse, GetTaskRequest, GetTaskResponse, Task, UpdateTaskRequest, UpdateTaskResponse,
};
use trellis_rpc::{Code, Problem};

use crate::gateway::{ANN, Harness, ask, blame};

const TASK: &str = "/api/v1/organizations/acme/tasks/WEB-1";

/// A service that has the task at version 7.
async fn with_a_task() -> Harness {
    let gateway = Harness::start().await;
    let task = || Some(Task { task_id: "WEB-1".into(), version: 7, ..Task::default() });
    gateway
        .fake
        .on("ProjectService/GetTask", move |_: GetTaskRequest, _| Ok(GetTaskResponse { task: task(), position: None }));
    let check = |expected: Option<u64>| match expected {
        None | Some(7) => Ok(()),
        Some(_) => Err(tonic::Status::from(Problem::new(Code::VersionMismatch, "Changed meanwhile."))),
    };
    gateway.fake.on("ProjectService/UpdateTask", move |request: UpdateTaskRequest, _| {
        check(request.expected_version)?;
        Ok(UpdateTaskResponse { task: Some(Task { version: 8, ..task().unwrap() }), position: None })
    });
    gateway.fake.on("ProjectService/DeleteTask", move |request: DeleteTaskRequest, _| {
        check(request.expected_version)?;
        Ok(DeleteTaskResponse { position: None })
    });
    gateway
}

#[tokio::test]
async fn a_version_is_an_etag() {
    let gateway = with_a_task().await;
    assert_eq!(gateway.get(TASK).await.header("etag"), Some("\"7\""));
    assert_eq!(gateway.patch(TASK, "{}").await.header("etag"), Some("\"8\""));
}

#[tokio::test]
async fn a_change_under_a_condition() {
    let gateway = with_a_task().await;
    let change = async |method: Method, if_match: &str| {
        let request = ask(method.clone(), TASK).signed_in_as(ANN).header("if-match", if_match);
        let request = if method == Method::PATCH { request.json("{}") } else { request.without_body() };
        gateway.send(request).await
    };
    for (method, done) in [(Method::PATCH, 200), (Method::DELETE, 204)] {
        for good in ["\"7\"", "*", "\"6\", \"7\"", "W/\"1\", \"7\"", "\"7\","] {
            assert_eq!(change(method.clone(), good).await.status, done, "{good}");
        }
        for stale in ["\"6\"", "W/\"7\"", "\"x\"", "\"07\"", "\"5\", \"6\""] {
            change(method.clone(), stale).await.problem(412, "version_mismatch");
        }
        for bad in ["7", "\"7", "", "\"7\" \"8\""] {
            let answer = change(method.clone(), bad).await;
            assert_eq!(answer.problem(400, "invalid_request"), [blame("If-Match", "invalid")], "{bad}");
        }
    }
}
