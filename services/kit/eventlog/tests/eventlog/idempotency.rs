//! First answers, kept with their effect.

use trellis_eventlog::{IdempotentRequest, Kept};
use uuid::Uuid;

use crate::fixture::Fixture;

fn request() -> IdempotentRequest {
    IdempotentRequest {
        user: Uuid::now_v7(),
        operation: "project.create".to_owned(),
        key: "a-key".to_owned(),
        fingerprint: [1; 32],
    }
}

#[tokio::test]
async fn the_first_answer_is_given_again() {
    let fixture = Fixture::new().await;
    let request = request();
    let mut first = fixture.log.begin_unlogged().await.unwrap();
    assert_eq!(request.find(first.conn()).await.unwrap(), Kept::New);

    let mut meanwhile = fixture.log.begin_unlogged().await.unwrap();
    assert_eq!(request.look(meanwhile.conn()).await.unwrap(), Kept::New);
    let other_operation = IdempotentRequest { operation: "task.create".to_owned(), ..request.clone() };
    assert_eq!(other_operation.find(meanwhile.conn()).await.unwrap(), Kept::New);
    let other_user = IdempotentRequest { user: Uuid::now_v7(), ..request.clone() };
    assert_eq!(other_user.find(meanwhile.conn()).await.unwrap(), Kept::New);
    meanwhile.rollback().await.unwrap();

    request.keep(first.conn(), b"answer").await.unwrap();
    first.commit().await.unwrap();

    let mut again = fixture.log.begin_unlogged().await.unwrap();
    assert_eq!(request.find(again.conn()).await.unwrap(), Kept::Answer(b"answer".to_vec()));
    let other_body = IdempotentRequest { fingerprint: [2; 32], ..request.clone() };
    assert_eq!(other_body.find(again.conn()).await.unwrap(), Kept::Reused);
}

#[tokio::test]
async fn what_is_rolled_back_keeps_no_answer() {
    let fixture = Fixture::new().await;
    let scope = fixture.new_scope().await;
    let request = request();
    let mut failed = fixture.log.begin(scope).await.unwrap();
    assert_eq!(request.find(failed.conn()).await.unwrap(), Kept::New);
    request.keep(failed.conn(), b"answer").await.unwrap();
    failed.unchanged().await.unwrap();
    let mut again = fixture.log.begin(scope).await.unwrap();
    assert_eq!(request.find(again.conn()).await.unwrap(), Kept::New);
}

#[tokio::test]
async fn who_is_second_waits_for_the_first_answer() {
    let fixture = Fixture::new().await;
    let request = request();
    let mut first = fixture.log.begin_unlogged().await.unwrap();
    assert_eq!(request.find(first.conn()).await.unwrap(), Kept::New);

    let mut second = fixture.log.begin_unlogged().await.unwrap();
    sqlx::query("SET LOCAL lock_timeout = '50ms'").execute(second.conn()).await.unwrap();
    assert_eq!(request.find(second.conn()).await.unwrap(), Kept::InFlight, "not for ever");
    second.rollback().await.unwrap();

    let mut second = fixture.log.begin_unlogged().await.unwrap();
    let answered = async {
        request.keep(first.conn(), b"answer").await.unwrap();
        first.commit().await.unwrap();
    };
    let (found, ()) = tokio::join!(request.find(second.conn()), answered);
    assert_eq!(found.unwrap(), Kept::Answer(b"answer".to_vec()));
}

/// What is dropped is rolled back a little later.
#[tokio::test]
async fn whoever_was_refused_may_come_again_at_once() {
    let fixture = Fixture::new().await;
    let request = request();
    for _ in 0..50 {
        let mut refused = fixture.log.begin_unlogged().await.unwrap();
        let mut again = fixture.log.begin_unlogged().await.unwrap();
        assert_eq!(request.find(refused.conn()).await.unwrap(), Kept::New);
        drop(refused);
        assert_eq!(request.find(again.conn()).await.unwrap(), Kept::New);
    }
}
