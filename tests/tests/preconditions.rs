//! ETags, idempotency keys, CORS, documents: what stands in headers.

use reqwest::Method;
use serde_json::json;
use trellis_tests::Api;

#[tokio::test]
async fn an_outdated_etag_changes_nothing() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ada.task(&org, "WEB", "One").await;
    for (path, change) in [
        (format!("/organizations/{org}/tasks/WEB-1"), json!({"title": "Two"})),
        (format!("/organizations/{org}/projects/WEB"), json!({"name": "Two"})),
        (format!("/organizations/{org}"), json!({"join_policy": "OPEN"})),
    ] {
        let read = ada.get(&path).await;
        let etag = read.header("etag").to_owned();
        assert!(etag.starts_with('"') && etag.ends_with('"'), "{path}: {etag}");
        let changed = ada.send(Method::PATCH, &path, &[("if-match", &etag)], Some(change.clone())).await;
        assert_ne!(changed.header("etag"), etag);
        changed.expect(200);
        let stale = [("if-match", etag.as_str())];
        ada.send(Method::PATCH, &path, &stale, Some(change)).await.problem(412, "version_mismatch");
        ada.send(Method::DELETE, &path, &stale, None).await.problem(412, "version_mismatch");
        ada.get(&path).await.expect(200);
    }
}

#[tokio::test]
async fn a_post_with_an_idempotency_key_does_its_work_once() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    let projects = format!("/organizations/{org}/projects");
    let tasks = format!("{projects}/WEB/tasks");
    let comments = format!("/organizations/{org}/tasks/WEB-1/comments");
    let invitations = format!("/organizations/{org}/invitations");
    for (path, body, other) in [
        (&projects, json!({"name": "Website", "key": "WEB"}), json!({"name": "Other"})),
        (&tasks, json!({"title": "One"}), json!({"title": "Two"})),
        (&comments, json!({"content": "One"}), json!({"content": "Two"})),
        (&invitations, json!({"email": "x@example.test", "role": "MEMBER"}), json!({"email": "y@example.test"})),
    ] {
        // One key for several paths: it counts per path.
        let key = [("idempotency-key", "the-same-key")];
        let first = ada.send(Method::POST, path, &key, Some(body.clone())).await;
        assert_eq!(first.header("idempotent-replayed"), "");
        let second = ada.send(Method::POST, path, &key, Some(body)).await;
        assert_eq!(second.header("idempotent-replayed"), "true", "{path}");
        assert_eq!(second.header("location"), first.header("location"), "{path}");
        assert_eq!(second.expect(201), first.expect(201), "{path}");
        ada.send(Method::POST, path, &key, Some(other)).await.problem(422, "idempotency_key_reused");
    }
    assert_eq!(ada.get(&tasks).await.expect(200)["items"].as_array().unwrap().len(), 1);
    let long = "k".repeat(65);
    for bad in [long.as_str(), "with space", ""] {
        ada.send(Method::POST, &tasks, &[("idempotency-key", bad)], Some(json!({"title": "x"})))
            .await
            .problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn one_key_from_many_at_once_makes_one_task() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    let tasks = format!("/organizations/{org}/projects/WEB/tasks");
    let key = [("idempotency-key", "one-key")];
    let all = futures_util::future::join_all(
        (0..20).map(|_| ada.send(Method::POST, &tasks, &key, Some(json!({"title": "Once"})))),
    )
    .await;
    assert!(all.iter().all(|answer| answer.status == 201 || answer.status == 409), "{all:?}");
    assert!(all.iter().any(|answer| answer.status == 201));
    assert_eq!(ada.get(&tasks).await.expect(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn allowed_origins_get_cors_headers_and_others_do_not() {
    let api = Api::shared();
    let allowed = [("origin", "http://localhost:5173")];
    let preflight = [
        ("origin", "http://localhost:5173"),
        ("access-control-request-method", "PATCH"),
        ("access-control-request-headers", "authorization,content-type,if-match,idempotency-key"),
    ];
    let answer = api.send(Method::OPTIONS, "/organizations/acme", &preflight, None).await;
    assert!(answer.status.is_success(), "{}", answer.status);
    assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:5173");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!(answer.header("access-control-max-age"), "86400");
    assert!(answer.header("access-control-allow-methods").contains("PATCH"));

    // Errors too.
    for path in ["/me", "/no/such/path"] {
        let answer = api.send(Method::GET, path, &allowed, None).await;
        assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:5173", "{path}");
        let exposed = answer.header("access-control-expose-headers").to_lowercase();
        for header in ["etag", "location", "trellis-cursor", "retry-after", "idempotent-replayed", "x-request-id"] {
            assert!(exposed.contains(header), "{header} is not in {exposed}");
        }
    }
    let foreign = api.send(Method::GET, "/me", &[("origin", "https://evil.example")], None).await;
    assert_eq!(foreign.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn the_documents_and_probes_are_served() {
    let api = Api::shared();
    let document = api.get("/openapi.json").await.expect(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let page = api.get("//docs").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    for host in ["https://", "http://", "//cdn"] {
        assert!(!page.text.contains(&format!("src=\"{host}")), "the page loads from another host");
    }
    api.get("//healthz").await.expect(200);
    api.get("//readyz").await.expect(200);
    api.get("//metrics").await.problem(404, "not_found");
    let metrics = Api::new(trellis_tests::metrics_base()).get("//metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.text.contains("# TYPE"), "{}", metrics.text);
}
