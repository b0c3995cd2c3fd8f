//! Topics whose task or project is deleted, and a gateway that does not know any more who may listen.

use std::time::{Duration, Instant};

use serde_json::json;
use tonic::Status;
use trellis_gateway::live::Limits;
use trellis_proto::org::v1::{FollowMembershipsRequest, FollowMembershipsResponse};

use crate::world::{Fast, World, limits};

#[tokio::test]
async fn the_end_of_a_task_is_the_last_event_of_its_topic() {
    let world = World::start().await;
    let mut ann = world.ann_live_at("task:acme/WEB-1").await;
    let start = ann.subscribe("task:acme/WEB-1", None).await["cursor"].as_str().unwrap().to_owned();
    world.comment("WEB-1", "one").await;
    world.publish(&world.store.delete_task("acme", "WEB-1")).await;
    world.comment("WEB-2", "of another").await;
    assert_eq!(ann.texts(1).await, ["one"]);
    let deleted = ann.next().await;
    assert_eq!(
        (&deleted["event"]["kind"], &deleted["event"]["data"]["task_id"]),
        (&json!("task.deleted"), &json!("WEB-1"))
    );
    ann.hears_nothing().await;
    // Who was away hears the same.
    let mut late = world.ann().await;
    assert_eq!(late.subscribe("task:acme/WEB-1", Some(&start)).await["recovered"], true);
    assert_eq!(late.texts(1).await, ["one"]);
    assert_eq!(late.next().await["event"]["kind"], "task.deleted");
    late.hears_nothing().await;
    // Nothing is to come for who was never here.
    late.say(json!({"type": "subscribe", "id": 7, "topic": "task:acme/WEB-1"})).await;
    let refused = late.next().await;
    assert_eq!((&refused["type"], &refused["id"], &refused["code"]), (&json!("error"), &json!(7), &json!("not_found")));
}

#[tokio::test]
async fn the_end_of_a_project_reaches_the_topics_of_its_tasks() {
    let world = World::start().await;
    let mut ann = world.ann_live_at("task:acme/WEB-1").await;
    ann.subscribe("project:acme/web", None).await;
    world.publish(&world.store.delete_project("acme", "web")).await;
    let mut topics = Vec::new();
    for _ in 0..2 {
        let frame = ann.next().await;
        assert_eq!(frame["event"]["kind"], "project.deleted");
        topics.push(frame["topic"].as_str().unwrap().to_owned());
    }
    topics.sort();
    assert_eq!(topics, ["project:acme/web", "task:acme/WEB-1"]);
    ann.hears_nothing().await;
}

#[tokio::test]
async fn who_may_listen_is_not_guessed_when_org_is_silent() {
    // Positions come all the time, so that the client has something to read until the end.
    let quick = Duration::from_millis(200);
    let world = World::with(Limits { tick: quick, quiet: quick, ..limits() }, Fast::Path).await;
    let mut ann = world.ann_at("task:acme/WEB-1").await;
    let silence = |_: FollowMembershipsRequest, _: &_| -> Result<FollowMembershipsResponse, Status> {
        Err(Status::unavailable("org is away"))
    };
    world.fake.on("OrgService/FollowMemberships", silence);
    let begun = Instant::now();
    world.comment("WEB-1", "still").await;
    loop {
        let frame = ann.next().await;
        if frame["type"] == "event" {
            break;
        }
    }
    // Never `revoked`: nobody said so. Elsewhere it may be known.
    assert_eq!(ann.closed().await, 1012);
    assert!(begun.elapsed() > Duration::from_secs(9), "{:?}", begun.elapsed());
}
