//! Writes of one project: in one order, numbered without a hole, each whole or not at all.

use std::{collections::BTreeSet, time::Duration};

use trellis_proto::project::v1::{DeleteTaskRequest, UpdateTaskRequest, project_service_client::ProjectServiceClient};
use trellis_rpc::Code;

use crate::{
    harness::{Harness, Refused},
    tasks::{counts, new, patch},
};

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_at_once_are_numbered_without_a_hole() {
    let it = Harness::start().await;
    let project = it.project("Web").await;
    // A channel without the deadline of our own ones: other tests may slow this one down.
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", it.address)).unwrap();
    let client = ProjectServiceClient::new(channel.connect().await.unwrap());
    let makers: Vec<_> = (0..500)
        .map(|number| {
            let (mut client, ada) = (client.clone(), it.ada.clone());
            tokio::spawn(async move {
                loop {
                    let mut request = ada.ask(new(&format!("Task {number}")));
                    request.set_timeout(Duration::from_secs(30));
                    match client.create_task(request).await {
                        Ok(answer) => return answer.into_inner().task.unwrap().task_id,
                        // The queue of writers may be full on a slow machine: then nothing was done.
                        Err(status) => {
                            assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
                        }
                    }
                }
            })
        })
        .collect();
    let mut ids = BTreeSet::new();
    for maker in makers {
        ids.insert(maker.await.unwrap());
    }
    assert_eq!(ids, (1..=500).map(|number| format!("WEB-{number}")).collect());
    assert_eq!(counts(&it).await, (500, 0));
    // One event each, beside the project's own.
    assert_eq!(it.count("SELECT count(*) FROM event_log").await, 501);
    assert_eq!(it.count("SELECT max(seq) FROM event_log").await, 501);
    assert_eq!(it.count("SELECT last_number FROM projects").await, 500);
    assert_eq!(project.task_count, 0);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_number_is_not_used_again() {
    let it = Harness::start().await;
    it.project("Web").await;
    for title in ["One", "Two", "Three"] {
        it.task("web", title).await;
    }
    for task_id in ["WEB-3", "web-2"] {
        let delete = DeleteTaskRequest { org: "acme".into(), task_id: task_id.into(), expected_version: Some(1) };
        it.client().delete_task(it.bob.ask(delete.clone())).await.unwrap();
        assert_eq!(it.client().delete_task(it.bob.ask(delete)).await.problem().resource, "task");
    }
    assert_eq!(it.task("web", "Four").await.task_id, "WEB-4");
    assert_eq!(counts(&it).await, (2, 0));
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_with_one_version_one_wins() {
    let it = Harness::start().await;
    let project = it.project("Web").await;
    it.task("web", "One").await;
    let tries: Vec<_> = (0..20)
        .map(|number| {
            let change = UpdateTaskRequest {
                title: Some(format!("Title {number}")),
                status: Some("DONE".into()),
                expected_version: Some(1),
                ..patch("WEB-1")
            };
            let (mut client, request) = (it.client(), it.bob.ask(change));
            tokio::spawn(async move { client.update_task(request).await })
        })
        .collect();
    let mut won = 0;
    for attempt in tries {
        match attempt.await.unwrap() {
            Ok(answer) => {
                won += 1;
                assert_eq!(answer.into_inner().task.unwrap().version, 2);
            }
            refused => assert_eq!(refused.code(), Code::VersionMismatch),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(counts(&it).await, (1, 1));
    assert_eq!(it.events(&project.id).await.len(), 3);
    let stale = DeleteTaskRequest { org: "acme".into(), task_id: "WEB-1".into(), expected_version: Some(1) };
    assert_eq!(it.client().delete_task(it.bob.ask(stale)).await.code(), Code::VersionMismatch);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_in_the_middle_never_happened() {
    let it = Harness::start().await;
    let project = it.project("Web").await;
    it.task("web", "One").await;
    // The event is the last that is written: everything else is there already when this strikes.
    let trap = "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a trap'; END $$;
                CREATE TRIGGER trap BEFORE INSERT ON event_log FOR EACH ROW EXECUTE FUNCTION trap()";
    sqlx::raw_sql(trap).execute(&it.db).await.unwrap();
    assert_eq!(it.client().create_task(it.ada.ask(new("Two"))).await.code(), Code::Internal);
    let change = UpdateTaskRequest { status: Some("DONE".into()), ..patch("WEB-1") };
    let refused = it.client().update_task(it.ada.ask(change)).await.problem();
    assert_eq!((refused.code, refused.detail.contains("trap")), (Code::Internal, false));
    let delete = DeleteTaskRequest { org: "acme".into(), task_id: "WEB-1".into(), expected_version: None };
    assert_eq!(it.client().delete_task(it.ada.ask(delete)).await.code(), Code::Internal);
    sqlx::raw_sql("DROP TRIGGER trap ON event_log").execute(&it.db).await.unwrap();

    assert_eq!(counts(&it).await, (1, 0));
    assert_eq!(it.count("SELECT count(*) FROM deleted_tasks").await, 0);
    assert_eq!(it.count("SELECT count(*) FROM activity").await, 2);
    assert_eq!(it.task("web", "Two").await.task_id, "WEB-2");
    assert_eq!(it.events(&project.id).await.len(), 3);
    it.end().await;
}
