//! Writing and reading back: numbers without a hole.

use std::collections::HashSet;
use std::time::Duration;

use tokio::task::JoinSet;
use trellis_eventlog::{LogError, NewEvent};
use uuid::Uuid;

use crate::fixture::{Fixture, PATIENCE, event, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_writers_number_without_a_hole() {
    let fixture = Fixture::new().await;
    let scope = fixture.new_scope().await;
    let mut writers = JoinSet::new();
    for _ in 0..200 {
        let log = fixture.log.clone();
        writers.spawn(async move { log.begin(scope).await.unwrap().commit(event()).await.unwrap().seq });
    }
    let seqs: HashSet<u64> = writers.join_all().await.into_iter().collect();
    assert_eq!(seqs, (1..=200).collect());

    let page = fixture.log.read(scope, 0, 500).await.unwrap();
    assert_eq!(page.events.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=200).collect::<Vec<_>>());
    assert_eq!((page.head, page.oldest), (200, 0));
    // Times are in the order of numbers.
    let times = page.events.iter().map(|event| event.occurred_at.unwrap());
    assert!(times.clone().zip(times.skip(1)).all(|(a, b)| (a.seconds, a.nanos) <= (b.seconds, b.nanos)));
    let kept: HashSet<_> = page.events.iter().map(|event| event.id.clone()).collect();
    assert_eq!(kept.len(), 200);
}

#[tokio::test]
async fn a_dropped_write_leaves_no_hole() {
    let fixture = Fixture::new().await;
    let scope = fixture.new_scope().await;
    fixture.append(scope).await;
    let mut dropped = fixture.log.begin(scope).await.unwrap();
    assert_eq!(dropped.seq(), 2);
    sqlx::query("UPDATE scopes SET low_water = 1 WHERE id = $1").bind(scope).execute(dropped.conn()).await.unwrap();
    drop(dropped);
    let unchanged = fixture.log.begin(scope).await.unwrap();
    assert_eq!(unchanged.position().seq, 2);
    assert_eq!(unchanged.unchanged().await.unwrap().seq, 1);
    assert_eq!(fixture.append(scope).await.seq, 2);
    let page = fixture.log.read(scope, 0, 10).await.unwrap();
    assert_eq!((page.events.len(), page.head, page.oldest), (2, 2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_begin_leaves_nothing_behind() {
    let fixture = Fixture::with_writers(4).await;
    let scope = fixture.new_scope().await;
    for turn in 0..200 {
        let log = fixture.log.clone();
        let cancelled = Duration::from_micros(turn * 10);
        drop(
            tokio::time::timeout(cancelled, async move {
                let write = log.begin(scope).await;
                std::future::pending::<()>().await;
                drop(write);
            })
            .await,
        );
    }
    eventually("no transaction is left open", async || {
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'",
        )
        .fetch_one(fixture.log.pool())
        .await
        .unwrap();
        open == 0
    })
    .await;
    assert_eq!(fixture.append(scope).await.seq, 1);
}

#[tokio::test]
async fn a_scope_is_made_by_its_first_event() {
    let fixture = Fixture::new().await;
    let scope = Uuid::now_v7();
    assert!(matches!(fixture.log.begin(scope).await, Err(LogError::NoScope)));
    assert!(matches!(fixture.log.read(scope, 0, 10).await, Err(LogError::NoScope)));
    drop(fixture.log.begin_new(scope).await.unwrap());
    let position = fixture.log.begin_new(scope).await.unwrap().commit(event()).await.unwrap();
    assert_eq!((position.seq, position.scope), (1, scope.to_string()));
    assert_eq!(position.epoch, fixture.log.epoch().to_string());
    assert!(matches!(fixture.log.begin_new(scope).await, Err(LogError::Database(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scope_that_may_not_be_there_is_made_once() {
    let fixture = Fixture::new().await;
    let scope = Uuid::now_v7();
    assert_eq!(fixture.log.begin_or_new(scope).await.unwrap().unchanged().await.unwrap().seq, 0);
    assert!(matches!(fixture.log.read(scope, 0, 10).await, Err(LogError::NoScope)), "nothing happened");
    let mut writers = JoinSet::new();
    for _ in 0..50 {
        let log = fixture.log.clone();
        writers.spawn(async move { log.begin_or_new(scope).await.unwrap().commit(event()).await.unwrap().seq });
    }
    let seqs: HashSet<u64> = writers.join_all().await.into_iter().collect();
    assert_eq!(seqs, (1..=50).collect());
}

#[tokio::test]
async fn what_is_scrubbed_keeps_its_number_and_says_nothing() {
    let fixture = Fixture::new().await;
    let (scope, other) = (fixture.new_scope().await, fixture.new_scope().await);
    let (gone, stays) = (Uuid::now_v7(), Uuid::now_v7());
    for (scope, subject, kind) in [
        (scope, Some(gone), "thing.happened"),
        (scope, Some(stays), "thing.happened"),
        (scope, Some(gone), "thing.kept"),
        (scope, None, "thing.happened"),
        (other, Some(gone), "thing.happened"),
    ] {
        let write = fixture.log.begin(scope).await.unwrap();
        write.commit(NewEvent { kind, subject, ..event() }).await.unwrap();
    }
    let said = async |scope| {
        let events = fixture.log.read(scope, 0, 10).await.unwrap().events;
        events.iter().map(|event| !event.payload.is_empty()).collect::<Vec<_>>()
    };
    let mut dropped = fixture.log.begin(scope).await.unwrap();
    assert_eq!(dropped.scrub(gone, "thing.kept").await.unwrap(), 1);
    dropped.unchanged().await.unwrap();
    assert_eq!(said(scope).await, [true, true, true, true]);
    for expected in [1, 0] {
        let mut write = fixture.log.begin(scope).await.unwrap();
        assert_eq!(write.scrub(gone, "thing.kept").await.unwrap(), expected);
        write.commit(event()).await.unwrap();
    }
    assert_eq!(said(scope).await, [false, true, true, true, true, true]);
    assert_eq!(said(other).await, [true]);
}

#[tokio::test]
async fn what_was_written_is_read_page_by_page() {
    let fixture = Fixture::new().await;
    let (scope, other) = (fixture.new_scope().await, fixture.new_scope().await);
    fixture.append_many(scope, 5).await;
    fixture.append(other).await;
    let page = fixture.log.read(scope, 2, 2).await.unwrap();
    assert_eq!(page.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(page.head, 5);
    let event = &page.events[0];
    assert_eq!((event.kind.as_str(), event.payload.as_slice()), ("thing.happened", b"payload".as_slice()));
    assert_eq!((event.scope.clone(), event.subject_id.as_str()), (scope.to_string(), ""));
    assert!(Uuid::parse_str(&event.actor_id).is_ok());
    assert!(fixture.log.read(scope, u64::MAX, 2).await.unwrap().events.is_empty());

    let mut heads = fixture.log.heads(&[scope, Uuid::now_v7(), other]).await.unwrap();
    heads.sort_by_key(|(_, head)| *head);
    assert_eq!(heads, [(other, 1), (scope, 5)]);
}

#[tokio::test]
async fn writers_wait_for_a_place_and_readers_do_not() {
    let fixture = Fixture::with_writers(1).await;
    let scope = fixture.new_scope().await;
    let mut unlogged = fixture.log.begin_unlogged().await.unwrap();
    sqlx::query("SELECT 1").execute(unlogged.conn()).await.unwrap();
    let log = fixture.log.clone();
    let mut waiting = tokio::spawn(async move { log.begin(scope).await.unwrap().seq() });
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut waiting).await.is_err());
    assert_eq!(fixture.log.read(scope, 0, 1).await.unwrap().head, 0);
    unlogged.commit().await.unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap(), 1);
}
