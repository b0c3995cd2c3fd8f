//! Where one is logged in, and ending that.

use http::Method;
use prost_types::Timestamp;
use serde_json::json;
use trellis_proto::identity::v1::{
    ListSessionsRequest, ListSessionsResponse, RevokeOtherSessionsRequest, RevokeOtherSessionsResponse,
    RevokeSessionRequest, RevokeSessionResponse, Session,
};
use trellis_rpc::Problem;

use crate::gateway::{ANN, Harness, ask};

const SESSIONS: &str = "/api/v1/me/sessions";

#[tokio::test]
async fn they_are_listed_as_the_service_orders_them() {
    let gateway = Harness::start().await;
    gateway.fake.on("IdentityService/ListSessions", |_: ListSessionsRequest, call| {
        assert_eq!(call.user, Some(ANN));
        let at = |seconds: i64| Some(Timestamp { seconds: 1_769_851_800 + seconds, nanos: 0 });
        let session = |id: &str, current| Session {
            id: id.into(),
            user_agent: "Firefox".into(),
            ip: "192.0.2.1".into(),
            created_at: at(0),
            last_used_at: at(1),
            expires_at: at(2),
            current,
        };
        Ok(ListSessionsResponse { sessions: vec![session("b", true), session("a", false)] })
    });
    let answer = gateway.get(SESSIONS).await;
    let session = |id: &str, current: bool| {
        json!({
            "id": id, "user_agent": "Firefox", "ip": "192.0.2.1", "created_at": "2026-01-31T09:30:00.000Z",
            "last_used_at": "2026-01-31T09:30:01.000Z", "expires_at": "2026-01-31T09:30:02.000Z", "current": current,
        })
    };
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), json!({"items": [session("b", true), session("a", false)], "next_cursor": null}));
    gateway.get(&format!("{SESSIONS}?limit=1")).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn one_is_ended_or_all_others() {
    let gateway = Harness::start().await;
    gateway.fake.on("IdentityService/RevokeSession", |request: RevokeSessionRequest, call| {
        assert_eq!(call.user, Some(ANN));
        if request.id == "mine" { Ok(RevokeSessionResponse {}) } else { Err(Problem::not_found("session").into()) }
    });
    gateway.fake.on("IdentityService/RevokeOtherSessions", |_: RevokeOtherSessionsRequest, call| {
        assert_eq!(call.user, Some(ANN));
        Ok(RevokeOtherSessionsResponse { ended: 3 })
    });
    for path in [&format!("{SESSIONS}/mine"), SESSIONS] {
        let answer = gateway.delete(path).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0), "{path}");
    }
    gateway.delete(&format!("{SESSIONS}/another")).await.problem(404, "not_found");
    gateway.delete(&format!("{SESSIONS}/%ff")).await.problem(400, "invalid_request");
    assert_eq!(gateway.fake.calls("IdentityService/RevokeSession").len(), 2);
}

#[tokio::test]
async fn signed_out_there_are_none() {
    let gateway = Harness::start().await;
    for (method, path) in [(Method::GET, ""), (Method::DELETE, ""), (Method::DELETE, "/mine")] {
        let answer = gateway.send(ask(method, &format!("{SESSIONS}{path}")).without_body()).await;
        answer.problem(401, "unauthenticated");
    }
    assert!(gateway.fake.calls("IdentityService/RevokeOtherSessions").is_empty());
}
