//! Forgetting.

use std::time::Duration;

use trellis_eventlog::{IdempotentRequest, Kept, forget_old_events};
use uuid::Uuid;

use crate::fixture::Fixture;

const KEEP: Duration = Duration::from_hours(7 * 24);

impl Fixture {
    async fn age(&self, scope: Uuid, up_to: i64) {
        sqlx::query("UPDATE event_log SET occurred_at = now() - interval '8 days' WHERE scope = $1 AND seq <= $2")
            .bind(scope)
            .bind(up_to)
            .execute(self.log.pool())
            .await
            .unwrap();
    }

    async fn publish_all(&self, scope: Uuid, up_to: i64) {
        sqlx::query("DELETE FROM outbox WHERE scope = $1 AND seq <= $2")
            .bind(scope)
            .bind(up_to)
            .execute(self.log.pool())
            .await
            .unwrap();
    }

    async fn append_at_once(&self, scope: Uuid, events: i32) {
        sqlx::query(
            "WITH raised AS (UPDATE scopes SET last_seq = $2 WHERE id = $1) \
             INSERT INTO event_log (scope, seq, id, kind, payload) \
             SELECT $1, n, gen_random_uuid(), 'thing.happened', '' FROM generate_series(1, $2) n",
        )
        .bind(scope)
        .bind(events)
        .execute(self.log.pool())
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn old_events_go_and_the_low_water_mark_rises() {
    let fixture = Fixture::new().await;
    let (old, young) = (fixture.new_scope().await, fixture.new_scope().await);
    // More than two batches.
    fixture.append_at_once(old, 2_500).await;
    fixture.append_at_once(young, 10).await;
    fixture.age(old, 2_400).await;
    assert_eq!(forget_old_events(&fixture.log, KEEP).await.unwrap(), 2_400);
    let page = fixture.log.read(old, 0, 500).await.unwrap();
    assert_eq!((page.oldest, page.head, page.events.len()), (2_400, 2_500, 100));
    assert_eq!(page.events[0].seq, 2_401);
    let page = fixture.log.read(young, 0, 500).await.unwrap();
    assert_eq!((page.oldest, page.events.len()), (0, 10));
    assert_eq!(forget_old_events(&fixture.log, KEEP).await.unwrap(), 0);
    assert_eq!(fixture.append(old).await.seq, 2_501);
}

#[tokio::test]
async fn what_is_not_yet_published_stays() {
    let fixture = Fixture::new().await;
    let scope = fixture.new_scope().await;
    fixture.append_many(scope, 6).await;
    fixture.publish_all(scope, 4).await;
    fixture.age(scope, 6).await;
    assert_eq!(forget_old_events(&fixture.log, KEEP).await.unwrap(), 4);
    assert_eq!(fixture.log.read(scope, 0, 10).await.unwrap().oldest, 4);
}

#[tokio::test]
async fn old_keys_go() {
    let fixture = Fixture::new().await;
    let request = IdempotentRequest {
        user: Uuid::now_v7(),
        operation: "project.create".to_owned(),
        key: "key".to_owned(),
        fingerprint: [1; 32],
    };
    let young = IdempotentRequest { key: "young".to_owned(), ..request.clone() };
    let mut tx = fixture.log.begin_unlogged().await.unwrap();
    request.keep(tx.conn(), b"answer").await.unwrap();
    sqlx::query("UPDATE idempotency_keys SET created_at = now() - interval '25 h'").execute(tx.conn()).await.unwrap();
    young.keep(tx.conn(), b"answer").await.unwrap();
    tx.commit().await.unwrap();
    forget_old_events(&fixture.log, KEEP).await.unwrap();
    let mut tx = fixture.log.begin_unlogged().await.unwrap();
    assert_eq!(request.find(tx.conn()).await.unwrap(), Kept::New);
    assert_eq!(young.find(tx.conn()).await.unwrap(), Kept::Answer(b"answer".to_vec()));
}
