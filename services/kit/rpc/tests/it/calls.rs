//! One call: answers, refusals, panics, deadlines, callers that hang up.

use std::time::Duration;

use tonic::Code as GrpcCode;
use trellis_rpc::{Code, Problem, with_deadline};

use crate::told::{Told, pass, tell};

#[tokio::test]
async fn a_call_is_answered() {
    let told = Told::start().await;
    assert_eq!(tell(&told.client(), "hello").await.unwrap(), "hello");
}

#[tokio::test]
async fn a_refusal_arrives_with_all_it_says() {
    let told = Told::start().await;
    let status = tell(&told.client(), "refuse").await.unwrap_err();
    let expected =
        Problem::new(Code::ValidationFailed, "No.").with_field("name", "too_long", "must be at most 100 characters");
    assert_eq!(Problem::from(&status), expected);
}

#[tokio::test]
async fn a_panic_is_an_internal_fault_of_that_call_alone() {
    let told = Told::start().await;
    let client = told.client();
    let status = tell(&client, "panic").await.unwrap_err();
    assert_eq!(Problem::from(&status), Problem::internal());
    assert!(!status.message().contains("told to"));
    assert_eq!(tell(&client, "hello").await.unwrap(), "hello");
}

#[tokio::test]
async fn a_handler_that_is_late_is_not_waited_for_but_ends() {
    let told = Told::start().await;
    let client = told.client();
    // On a busy machine the deadline can pass before the handler begins.
    loop {
        let limit = Duration::from_millis(100);
        let status = with_deadline(limit, tell(&client, "wait")).await.unwrap_err();
        assert_eq!(status.code(), GrpcCode::DeadlineExceeded);
        assert_eq!(Problem::from(&status).code, Code::Unavailable);
        if told.gates.began.try_acquire().is_ok() {
            break;
        }
    }
    told.gates.release.add_permits(1);
    pass(&told.gates.ended).await;
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_stop_the_handler() {
    let told = Told::start().await;
    let client = told.client();
    let call = tokio::spawn(async move { tell(&client, "wait").await });
    pass(&told.gates.began).await;
    // The client goes away, and its connection with it.
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    told.gates.release.add_permits(1);
    pass(&told.gates.ended).await;
}

#[tokio::test]
async fn a_deadline_is_handed_on_and_never_grows() {
    let told = Told::start().await;
    let client = told.client();
    let left = |text: String| text.parse::<u64>().unwrap();
    // Nobody set one: the channel's own.
    assert!((1..=12_000).contains(&left(tell(&client, "deadline").await.unwrap())));
    let handed_on = with_deadline(Duration::from_secs(2), tell(&client, "deadline")).await;
    assert!((1..=2000).contains(&left(handed_on.unwrap())));
    let capped = with_deadline(Duration::from_mins(1), tell(&client, "deadline")).await;
    assert!((1..=12_000).contains(&left(capped.unwrap())));
    let passed = with_deadline(Duration::ZERO, tell(&client, "deadline")).await;
    assert_eq!(passed.unwrap_err().code(), GrpcCode::DeadlineExceeded);
}

#[tokio::test]
async fn a_method_that_nobody_has_is_refused() {
    let told = Told::start().await;
    let status = told.client().get_me(trellis_proto::identity::v1::GetMeRequest {}).await.unwrap_err();
    assert_eq!(Problem::from(&status).code, Code::Internal);
}
