//! Where one is logged in, and ending that.

use http::Method;
use prost_types::Timestamp;
use serde_json::json;
use trellis_proto::identity::v1::{
    ListSessionsRequest, ListSessionsResponse, Page, RevokeOtherSessionsRequest, RevokeOtherSessionsResponse,
    RevokeSessionRequest, RevokeSessionResponse, Session,
};
use trellis_rpc::{Code, Problem};

use crate::gateway::{ANN, Harness, ask, blame};

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
        let sessions = vec![session("b", true), session("a", false)];
        Ok(ListSessionsResponse { sessions, next_cursor: String::new() })
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
    let asked: ListSessionsRequest = gateway.fake.asked("IdentityService/ListSessions");
    assert_eq!(asked.page, Some(Page::default()));
}

#[tokio::test]
async fn they_are_listed_page_by_page() {
    let gateway = Harness::start().await;
    gateway.fake.on("IdentityService/ListSessions", |request: ListSessionsRequest, _| {
        if request.page.unwrap_or_default().cursor == "nonsense" {
            let problem = Problem::new(Code::InvalidRequest, "Bad.").with_field("cursor", "invalid", "is not valid");
            return Err(problem.into());
        }
        Ok(ListSessionsResponse { sessions: vec![Session::default()], next_cursor: "c2".into() })
    });
    let answer = gateway.get(&format!("{SESSIONS}?limit=100&cursor=c1")).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["next_cursor"]), (200, &json!("c2")));
    let asked: ListSessionsRequest = gateway.fake.asked("IdentityService/ListSessions");
    assert_eq!(asked.page, Some(Page { limit: 100, cursor: "c1".into(), ..Page::default() }));

    let blamed = async |query: &str| gateway.get(&format!("{SESSIONS}?{query}")).await.problem(400, "invalid_request");
    assert_eq!(blamed("cursor=nonsense").await, [blame("cursor", "invalid")]);
    let asked = gateway.fake.calls("IdentityService/ListSessions").len();
    for limit in ["limit=0", "limit=101"] {
        assert_eq!(blamed(limit).await, [blame("limit", "invalid")], "{limit}");
    }
    assert_eq!(blamed("unread=true").await, [blame("unread", "unknown")]);
    assert_eq!(gateway.fake.calls("IdentityService/ListSessions").len(), asked, "they did not get that far");
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
