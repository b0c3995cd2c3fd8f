//! What is answered in which type, and what the status says there.

use crate::{ON, gateway::Harness, post};

const JSON: &str = "application/json; charset=utf-8";
const GRAPHQL: &str = "application/graphql-response+json; charset=utf-8";

#[tokio::test]
async fn the_type_and_the_status_by_what_the_client_accepts() {
    let gateway = Harness::with(ON).await;
    for (accept, kind, refused) in [
        (None, JSON, 400),
        (Some("*/*"), JSON, 400),
        (Some("application/json"), JSON, 200),
        (Some("application/json, text/plain, */*"), JSON, 200),
        (Some("application/graphql-response+json"), GRAPHQL, 400),
        (Some("application/graphql-response+json,application/json;q=0.9"), GRAPHQL, 400),
    ] {
        let headers: Vec<_> = accept.map(|accept| ("accept", accept)).into_iter().collect();
        let ran = post(&gateway, &headers, "{ __typename }").await;
        assert_eq!((ran.status.as_u16(), ran.header("content-type")), (200, Some(kind)), "{accept:?}");
        assert_eq!(ran.json(), serde_json::json!({"data": {"__typename": "Query"}}));
        assert!(ran.headers.get_all("vary").iter().any(|vary| vary == "Accept"));
        for (query, about) in [
            ("{", "expected"),
            ("{ nothing }", "Unknown field"),
            ("query($id: ID!) { __typename }", "must be given"),
            ("subscription { nothing }", "graphql-transport-ws"),
        ] {
            let answer = post(&gateway, &headers, query).await;
            let told = answer.refused(refused, "invalid_request");
            assert!(told.contains(about), "{query}: {told}");
            assert_eq!(answer.header("content-type"), Some(kind));
        }
        // A field that fails was run: its data is null, and that is an answer.
        let failed = post(&gateway, &headers, "{ me { id } }").await;
        assert_eq!((failed.status.as_u16(), failed.header("content-type")), (200, Some(kind)));
        let body = failed.json();
        assert_eq!(body["data"], serde_json::json!({"me": null}));
        assert_eq!(body["errors"][0]["message"], "You do not have permission to perform this action");
        assert_eq!(body["errors"][0]["extensions"]["code"], "unauthenticated");
    }
}
