//! `Trellis-Cursor` is exact: what was read or written at it, and the events from there on, are what a fresh read returns.
//!
//! People write at random while others read at random. Each answer with a position is then held against the state that
//! a client has built from the events up to that position; and clients that begin with one such answer, at any gateway,
//! must end with what everybody reads in the end.

mod rebuilt;
mod scene;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use futures_util::{StreamExt as _, future::join_all, stream};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use trellis_tests::{Gateway, Socket};

use rebuilt::{Rebuilt, Seen};
use scene::Scene;

const WRITERS: u64 = 4;
const WRITES: usize = 40;
const READERS: u64 = 3;
/// Clients that begin somewhere in the middle.
const LATE: usize = 30;

/// `TRELLIS_SEED=… cargo test -p trellis-tests --test blackbox positions` does what that one did, as far as chance goes.
fn seeds() -> Vec<u64> {
    let given = std::env::var("TRELLIS_SEED").ok().and_then(|seed| seed.parse().ok());
    given.map_or_else(|| (1..=4).collect(), |seed| vec![seed])
}

#[tokio::test]
async fn a_snapshot_and_the_events_from_its_position_rebuild_what_a_fresh_read_returns() {
    let second = Gateway::start(&[]).await.unwrap();
    let (mut held, mut resumed) = (0, 0);
    for seed in seeds() {
        println!("seed {seed}");
        let scene = Scene::new(&second.base).await;
        let begun = scene.project().await;
        busy(&scene, seed).await;
        let end = scene.quiet().await;
        held += hold_all(&scene, &begun, &end).await;
        resumed += resume_from_many(&scene, seed, &end).await;
    }
    println!("{held} answers held against their position, {resumed} clients resumed from one");
}

/// Everybody writes and reads at once.
async fn busy(scene: &Scene, seed: u64) {
    let over = AtomicBool::new(false);
    let writers = join_all((0..WRITERS).map(|number| {
        let mut rng = StdRng::seed_from_u64(seed * 1000 + number);
        async move {
            for _ in 0..WRITES {
                scene.write(&mut rng).await;
            }
        }
    }));
    let writing = async {
        writers.await;
        over.store(true, Ordering::Relaxed);
    };
    let reading = join_all((0..READERS).map(|number| {
        let (mut rng, over) = (StdRng::seed_from_u64(seed * 1000 + 100 + number), &over);
        async move {
            while !over.load(Ordering::Relaxed) {
                scene.read(&mut rng).await;
            }
        }
    }));
    tokio::join!(writing, reading);
}

/// Follows the whole story once, and compares every answer with the state at its position.
async fn hold_all(scene: &Scene, begun: &Seen, end: &Seen) -> usize {
    let mut at: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
    let mut count = 0;
    for seen in scene.take_seen(false).into_iter().chain([begun.clone(), end.clone()]) {
        at.entry(seen.cursor.clone()).or_default().push(seen);
        count += 1;
    }
    let mut state = Rebuilt::of(begun);
    let mut socket = Socket::open(scene.base(0), &scene.ada.token).await;
    let subscribed = socket.subscribe(&scene.topic(), Some(&begun.cursor)).await;
    assert_eq!(subscribed["recovered"], true);
    let mut cursor = begun.cursor.clone();
    loop {
        for seen in at.remove(&cursor).unwrap_or_default() {
            state.must_show(&seen);
        }
        if cursor == end.cursor {
            break;
        }
        let frame = socket.next().await;
        assert_eq!(frame["type"], "event", "{frame}");
        state.apply(&frame["event"]);
        frame["cursor"].as_str().unwrap().clone_into(&mut cursor);
    }
    assert!(at.is_empty(), "positions that no event led to: {at:#?}");
    socket.expect_nothing_pending().await;
    state.must_have_counted(end);
    count
}

/// Clients that know nothing but one answer, and follow from its position, end with what all read in the end.
async fn resume_from_many(scene: &Scene, seed: u64, end: &Seen) -> usize {
    let mut rng = StdRng::seed_from_u64(seed * 1000 + 999);
    let mut lists = scene.take_seen(true);
    lists.retain(Seen::is_whole);
    assert!(lists.len() > LATE, "only {} lists were read", lists.len());
    let chosen: Vec<_> = (0..LATE).map(|_| lists.swap_remove(rng.random_range(0..lists.len()))).collect();
    let resuming = chosen.iter().enumerate().map(|(number, seen)| async move {
        let mut state = Rebuilt::of(seen);
        let topic = seen.task.as_ref().map_or_else(|| scene.topic(), |task| scene.task_topic(task));
        let mut socket = Socket::open(scene.base(number), &scene.ben.token).await;
        let subscribed = socket.subscribe(&topic, Some(&seen.cursor)).await;
        assert_eq!((&subscribed["recovered"], &subscribed["cursor"]), (&json!(true), &json!(seen.cursor)));
        let last = seen.task.as_ref().and_then(|task| scene.last_of(task)).unwrap_or_else(|| end.cursor.clone());
        let mut cursor = seen.cursor.clone();
        while cursor != last {
            let frame = socket.next().await;
            assert_eq!(frame["type"], "event", "{frame}");
            state.apply(&frame["event"]);
            frame["cursor"].as_str().unwrap().clone_into(&mut cursor);
        }
        socket.expect_nothing_pending().await;
        state.must_show(&scene.again(seen).await);
    });
    stream::iter(resuming).buffer_unordered(8).count().await
}

/// Where writes say the position of what they wrote, events say the same, and carry what the answer carried.
#[tokio::test]
async fn the_position_of_a_write_is_that_of_its_event() {
    let scene = Scene::new(&trellis_tests::base()).await;
    let mut socket = Socket::open(scene.base(0), &scene.ada.token).await;
    socket.subscribe(&scene.topic(), None).await;
    let at = format!("/organizations/{}", scene.org);
    let ada = &scene.ada;

    let made = ada.post(&format!("{at}/projects/WEB/tasks"), json!({"title": "One", "assignee_id": ada.id()})).await;
    let task = format!("{at}/tasks/{}", made.body["task_id"].as_str().unwrap());
    let comment = ada.post(&format!("{task}/comments"), json!({"content": "Hello"})).await;
    let comments = format!("{at}/comments/{}", comment.body["id"].as_str().unwrap());
    let mut answers = vec![("task.created", made), ("comment.created", comment)];
    answers.push(("task.updated", ada.patch(&task, json!({"status": "DONE", "assignee_id": null})).await));
    answers.push(("comment.updated", ada.patch(&comments, json!({"content": "Bye"})).await));
    answers.push(("project.updated", ada.patch(&format!("{at}/projects/WEB"), json!({"name": "Site"})).await));
    answers.push(("comment.deleted", ada.delete(&comments).await));
    answers.push(("task.deleted", ada.delete(&task).await));
    answers.push(("project.deleted", ada.delete(&format!("{at}/projects/WEB")).await));
    for (kind, answer) in answers {
        assert!(answer.status.is_success(), "{kind}: {}", answer.text);
        let frame = socket.event(kind).await;
        assert_eq!(frame["cursor"], answer.cursor(), "{kind}");
        if answer.body != Value::Null {
            assert_eq!(frame["event"]["data"], answer.body, "{kind}");
        }
    }
    socket.expect_nothing_pending().await;
}
