//! A topic that is pulled, without a socket around it.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::timeout;
use trellis_gateway::live::{Heard, Listening, Topic};
use trellis_proto::project::v1::{OpenTopicRequest, open_topic_request, project_event::Object};
use trellis_rpc::Code;

use crate::{
    store::{ACME, ANN},
    world::{World, session, token},
};

const PATIENCE: Duration = Duration::from_secs(10);

fn topic() -> Topic {
    Topic::Task { org: "acme".into(), task_id: "WEB-1".into() }
}

async fn listen(world: &World) -> Listening {
    let ann = world.gateway.sessions.verify(&token(ANN, session(1), 600)).unwrap();
    world.hub.listen(&ann, topic(), None).await.unwrap_or_else(|problem| panic!("{problem:?}"))
}

fn content(heard: Heard) -> String {
    let Heard::Event(entry) = heard else { panic!("no event") };
    match &entry.happened().unwrap().payload.object {
        Some(Object::Comment(comment)) => comment.content.clone(),
        _ => panic!("no comment"),
    }
}

#[tokio::test]
async fn asking_and_giving_up_loses_nothing() {
    let world = World::start().await;
    let mut listening = listen(&world).await;
    assert!(matches!(listening.next().await, Heard::Begun { recovered: true, .. }));
    // More than is kept in memory, so that pages are read as well.
    for number in 0..400 {
        world.comment("WEB-1", &number.to_string()).await;
    }
    let mut heard = Vec::new();
    let hearing = async {
        while heard.len() < 400 {
            match listening.next().now_or_never() {
                Some(next) => heard.push(content(next)),
                None => tokio::task::yield_now().await,
            }
        }
    };
    timeout(PATIENCE, hearing).await.unwrap();
    let expected: Vec<String> = (0..400).map(|number: u32| number.to_string()).collect();
    assert_eq!(heard, expected);
    assert!(listening.next().now_or_never().is_none());
}

#[tokio::test]
async fn what_was_there_is_not_given_after_the_end_of_a_membership() {
    let world = World::start().await;
    let mut listening = listen(&world).await;
    listening.next().await;
    world.comment("WEB-1", "one").await;
    assert_eq!(content(listening.next().await), "one");
    let mut other = world.ann_at("task:acme/WEB-1").await;
    world.comment("WEB-1", "two").await;
    other.event().await;
    world.store.remove(ACME, ANN, true);
    assert_eq!(other.next().await["type"], "revoked");
    for _ in 0..2 {
        assert!(matches!(timeout(PATIENCE, listening.next()).await.unwrap(), Heard::Lost));
    }
}

#[tokio::test]
async fn a_yes_that_was_overtaken_by_a_removal_does_not_count() {
    let world = World::start().await;
    let mut listening = listen(&world).await;
    let topic_id = open_topic_request::Topic::TaskId("WEB-1".into());
    let request = OpenTopicRequest { org: "acme".into(), topic: Some(topic_id) };
    let yes = world.store.lock().open(&request, Some(ANN)).unwrap();
    world.store.remove(ACME, ANN, true);
    while !matches!(listening.next().await, Heard::Lost) {}
    // The project service has not heard of it yet.
    world.fake.on("ProjectService/OpenTopic", move |_: OpenTopicRequest, _| Ok(yes.clone()));
    let ann = world.gateway.sessions.verify(&token(ANN, session(1), 600)).unwrap();
    let refused = world.hub.listen(&ann, topic(), None).await.err().unwrap();
    assert_eq!((refused.code, refused.resource.as_str()), (Code::NotFound, "organization"));
}
