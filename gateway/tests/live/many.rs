//! Many scopes on one socket, many frames in one write.

use std::collections::BTreeSet;

use trellis_gateway::live;
use uuid::Uuid;

use crate::{
    client::Client,
    counted,
    store::ANN,
    world::{World, session, token},
};

/// As many as one socket may listen to.
const SCOPES: usize = 500;

#[tokio::test]
async fn one_socket_listens_to_many_scopes() {
    let world = World::start().await;
    let names: Vec<String> = (0..SCOPES).map(|number| format!("project-{number}")).collect();
    {
        let mut known = world.store.lock();
        for name in &names {
            let scope = Uuid::now_v7();
            known.scopes.entry(scope).or_default();
            known.topics.insert(("acme".to_owned(), name.clone()), (scope, None));
        }
    }
    let mut ann = world.ann().await;
    for name in &names {
        ann.subscribe(&format!("project:acme/{name}"), None).await;
    }
    // Each has its own; half of them are lost on their way, and found by one question for all.
    for (number, name) in names.iter().enumerate() {
        let event = world.store.comment("acme", name, name);
        if number.is_multiple_of(2) {
            world.publish(&event).await;
        }
    }
    let heard: BTreeSet<String> = ann.texts(SCOPES).await.into_iter().collect();
    assert_eq!(heard, names.into_iter().collect());
    ann.hears_nothing().await;
}

#[tokio::test]
async fn what_is_there_together_is_written_together() {
    let world = World::start().await;
    let (address, writes) = counted::serve(live::router(world.hub.clone())).await;
    let start = {
        let mut ann = world.ann().await;
        ann.subscribe("project:acme/web", None).await["cursor"].as_str().unwrap().to_owned()
    };
    for number in 0..200 {
        world.store.comment("acme", "WEB-1", &number.to_string());
    }
    let mut ann = Client::with_token(address, &token(ANN, session(1), 600)).await;
    let before = writes.so_far();
    ann.subscribe("project:acme/web", Some(&start)).await;
    let expected: Vec<String> = (0..200).map(|number: u32| number.to_string()).collect();
    assert_eq!(ann.texts(200).await, expected);
    // About 80 KiB, by a buffer of 16 KiB.
    let writes = writes.so_far() - before;
    assert!(writes <= 20, "{writes} writes for 200 frames");
}
