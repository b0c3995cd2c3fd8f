//! Paths, headers, status codes and CORS, as the original's clients meet them.

use reqwest::Method;
use serde_json::{Value, json};
use trellis_tests::{Api, PASSWORD, unique};

use super::{CREATE_ORGANIZATION, LOGIN, NO_PERMISSION, REGISTER, ended, session, world};

const ME: &str = "{ me { id } }";

fn body(query: &str) -> String {
    json!({"query": query}).to_string()
}

#[tokio::test]
async fn the_path_is_the_same_with_and_without_a_slash() {
    let api = Api::shared();
    for path in ["//graphql", "//graphql/"] {
        let answer = api.send(Method::POST, path, &[], Some(body("{ __typename }"))).await;
        assert_eq!(answer.header("content-type").split(';').next(), Some("application/json"), "{path}");
        assert_eq!(answer.data(), json!({"__typename": "Query"}));
    }
}

#[tokio::test]
async fn a_token_is_taken_by_either_scheme_in_any_case_and_an_empty_header_is_signed_out() {
    let w = world().await;
    for scheme in ["JWT", "jwt", "Jwt", "Bearer", "bearer", "BEARER"] {
        let graph = w.api.graph().with(&format!("{scheme} {}", w.ada.token));
        assert_eq!(graph.field(ME, json!({})).await["id"], w.ada.id(), "{scheme}");
    }
    for header in ["", "JWT", "JWT ", "Bearer", "Bearer null", "JWT undefined", "Basic YTpi", w.ada.token.as_str()] {
        let refusal = w.api.graph().with(header).refused(ME, json!({})).await;
        assert_eq!(refusal, ("unauthenticated".to_owned(), NO_PERMISSION.to_owned()), "{header:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_no_longer_good_breaks_nothing_that_needs_none() {
    let w = world().await;
    let input = json!({"email": w.ada.email(), "password": PASSWORD});
    let old = session(&w.api, &w.api.graph().done(LOGIN, json!({"input": input})).await);
    old.post("/auth/logout", json!({})).await.expect(204);
    ended(&old).await;
    for graph in [
        w.api.graph().jwt(&old.token),
        w.api.graph().jwt("nonsense"),
        w.api.graph().with("Bearer stale.stale.stale"),
        w.api.graph().with(""),
    ] {
        assert_eq!(graph.done(LOGIN, json!({"input": input})).await["user"], w.ada.user);
        let slug = unique("org");
        let org = json!({"name": slug, "slug": slug, "contactEmail": format!("{slug}@example.test")});
        graph.done(CREATE_ORGANIZATION, json!({"input": org})).await;
        let email = format!("{slug}@example.test");
        let person = json!({"email": email, "password": PASSWORD, "name": "Carla", "organizationSlug": slug});
        graph.done(REGISTER, json!({"input": person})).await;
        let listed = graph.field("{ organizations { slug } }", json!({})).await;
        assert!(listed.as_array().unwrap().contains(&json!({"slug": slug})));
        let both =
            "mutation($email: String!, $password: String!) { tokenAuth(email: $email, password: $password) { token } }";
        graph.data(both, json!({"email": email, "password": PASSWORD})).await;
    }
}

#[tokio::test]
async fn clients_send_names_of_operations_typenames_and_nulls_beside_the_query() {
    let w = world().await;
    let query = "query Me { me { id __typename } } query Orgs { myOrganizations { slug __typename } }";
    let body = json!({"operationName": "Orgs", "variables": {}, "query": query, "extensions": {}});
    let answer = w.ada.graph().post_with(&[], body.to_string()).await.data();
    assert_eq!(answer, json!({"myOrganizations": [{"slug": w.org, "__typename": "Organization"}]}));
    for extra in [json!({"operationName": null, "variables": null}), json!({"operationName": "Me"}), json!({})] {
        let mut body = extra;
        body["query"] = json!("query Me { me { id } }");
        assert_eq!(w.ada.graph().post_with(&[], body.to_string()).await.data()["me"]["id"], w.ada.id());
    }
}

#[tokio::test]
async fn what_does_not_parse_validate_or_fit_its_variables_is_400_without_data() {
    let w = world().await;
    let task = "mutation($input: TaskInput!) { createTask(input: $input) { success } }";
    let long = "query($org: String!) { projects(orgSlug: $org) { slug } }";
    let documents = [
        json!({"query": "{ me { id }"}),
        json!({"query": ""}),
        json!({"query": "{ me }"}),
        json!({"query": "{ me { shoeSize } }"}),
        json!({"query": "{ nothingOfTheKind }"}),
        json!({"query": "query($x: NoSuchType) { me { id } }"}),
        json!({"query": "{ projects { slug } }"}),
        json!({"query": "{ projects(orgSlug: 7) { slug } }"}),
        json!({"query": "{ me { ...Missing } }"}),
        json!({"query": "query A { me { id } } query B { me { id } }"}),
        json!({"query": "query A { me { id } }", "operationName": "B"}),
        json!({"query": long}),
        json!({"query": long, "variables": {"org": null}}),
        json!({"query": long, "variables": {"org": 7}}),
        json!({"query": long, "variables": {"org": ["a"]}}),
        json!({"query": task, "variables": {"input": {"title": "x"}}}),
        json!({"query": task, "variables": {"input": {"title": "x", "organizationSlug": "a", "projectSlug": "b", "colour": "red"}}}),
        json!({"query": task, "variables": {"input": {"title": "x", "organizationSlug": "a", "projectSlug": "b", "dueDate": "soon"}}}),
    ];
    for document in &documents {
        for accept in
            ["*/*", "application/graphql-response+json", "application/graphql-response+json, application/json;q=0.9"]
        {
            let answer = w.ada.graph().post_with(&[("accept", accept)], document.to_string()).await;
            assert!(answer.header("content-type").contains("json"), "{document}");
            answer.not_run(400);
        }
        // Who asks for application/json alone gets 200, as GraphQL over HTTP wants.
        let answer = w.ada.graph().post_with(&[("accept", "application/json")], document.to_string()).await;
        answer.not_run(200);
    }
    for body in
        ["", "nonsense", "7", "\"x\"", "null", "{}", "{\"query\": 7}", "{\"query\": null}", "{\"variables\": {}}"]
    {
        for accept in ["*/*", "application/graphql-response+json", "application/json"] {
            let answer = w.ada.graph().post_with(&[("accept", accept)], body.to_owned()).await;
            assert_eq!(answer.status.as_u16(), 400, "{body:?} {accept}: {}", answer.text);
            answer.not_run(400);
        }
    }
}

#[tokio::test]
async fn what_executed_is_200_whatever_it_says() {
    let w = world().await;
    for accept in ["*/*", "application/json", "application/graphql-response+json"] {
        let answer = w.api.graph().post_with(&[("accept", accept)], json!({"query": ME}).to_string()).await;
        let kind = if accept.contains("graphql") { accept } else { "application/json" };
        assert_eq!(answer.header("content-type").split(';').next(), Some(kind), "{accept}");
        assert_eq!(answer.refused(), ("unauthenticated".to_owned(), NO_PERMISSION.to_owned()));
    }
}

#[tokio::test]
async fn pages_of_the_allowed_origins_may_call_and_read_every_answer() {
    let w = world().await;
    let bearer = format!("JWT {}", w.ada.token);
    for origin in ["http://localhost:5173", "http://localhost:3000"] {
        for path in ["//graphql", "//graphql/"] {
            let preflight = [
                ("origin", origin),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "authorization,content-type"),
            ];
            let answer = w.api.send(Method::OPTIONS, path, &preflight, None).await;
            assert!(answer.status.is_success(), "{path}: {}", answer.status);
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            assert_eq!(answer.header("access-control-allow-credentials"), "true");
            assert_eq!(answer.header("access-control-max-age"), "86400");
            assert!(answer.header("access-control-allow-methods").contains("POST"));
            let allowed = answer.header("access-control-allow-headers").to_ascii_lowercase();
            assert!(allowed.contains("authorization") && allowed.contains("content-type"), "{allowed}");

            let own = [("origin", origin), ("authorization", bearer.as_str())];
            let text = [("origin", origin), ("content-type", "text/plain")];
            let large = json!({"query": "x".repeat(300 * 1024)}).to_string();
            for (method, headers, body, status) in [
                (Method::POST, &own[..], Some(body(ME)), 200),
                (Method::POST, &own[..1], Some(body(ME)), 200),
                (Method::POST, &own, Some(body("{")), 400),
                (Method::POST, &own, Some("nonsense".to_owned()), 400),
                (Method::PUT, &own, Some(body(ME)), 405),
                (Method::POST, &text, Some(body(ME)), 415),
                (Method::POST, &own, Some(large), 413),
            ] {
                let answer = w.api.send(method.clone(), path, headers, body).await;
                assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.text);
                assert_eq!(answer.header("access-control-allow-origin"), origin, "{method} {path} {status}");
                assert_eq!(answer.header("access-control-allow-credentials"), "true", "{method} {path} {status}");
                assert!(status == 200 || answer.body["errors"][0]["message"].is_string(), "{}", answer.text);
            }
        }
    }
    let stranger = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
    for method in [Method::OPTIONS, Method::POST] {
        let answer = w.api.send(method, "//graphql", &stranger, Some(body("{ __typename }"))).await;
        assert_eq!(answer.headers.get("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn refused_transports_answer_in_graphqls_shape() {
    let api = Api::shared();
    for (method, headers, status) in [
        (Method::PUT, vec![], 405),
        (Method::PATCH, vec![], 405),
        (Method::DELETE, vec![], 405),
        (Method::POST, vec![("content-type", "text/plain")], 415),
        (Method::POST, vec![("content-type", "application/x-www-form-urlencoded")], 415),
        (Method::POST, vec![("content-type", "multipart/form-data; boundary=x")], 415),
    ] {
        let answer = api.send(method.clone(), "//graphql", &headers, Some(body("{ __typename }"))).await;
        assert_eq!(answer.body.get("data"), None::<&Value>, "{method}");
        if status == 405 {
            assert!(answer.header("allow").contains("POST"), "{method}: {:?}", answer.headers);
        }
        answer.not_run(status);
    }
    let json = [("content-type", "application/json; charset=utf-8")];
    api.send(Method::POST, "//graphql", &json, Some(body("{ __typename }"))).await.data();
}
