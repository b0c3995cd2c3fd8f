//! GraphiQL, and what is told of the schema.

use http::Method;

use crate::{
    ON,
    gateway::{Answer, Harness, ask},
    post,
};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn visit(gateway: &Harness, path: &str) -> Answer {
    gateway.send(ask(Method::GET, path).header("accept", BROWSER).without_body()).await
}

#[tokio::test]
async fn a_browser_gets_a_page_with_nothing_of_another_host() {
    let gateway = Harness::with(ON).await;
    for path in ["/graphql", "/graphql/", "/graphql?query=%7Bme%7Bid%7D%7D"] {
        let page = visit(&gateway, path).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
        assert!(!policy.contains("http") && !policy.contains('*') && !policy.contains("eval"), "{policy}");
        let html = String::from_utf8(page.body).unwrap();
        assert!(html.contains("<meta charset=\"utf-8\">"), "{html}");
        let assets: Vec<_> =
            html.split(['"', '\'']).filter(|text| text.contains("//") || text.starts_with('/')).collect();
        assert!(assets.len() >= 6 && assets.iter().all(|path| path.starts_with("/graphql/assets/")), "{assets:?}");
        for path in assets.into_iter().chain(["/graphql/assets/example.graphql", "/graphql/assets/LICENSES.txt"]) {
            let asset = gateway.send(ask(Method::GET, path).without_body()).await;
            assert_eq!(asset.status, 200, "{path}");
            let kept = asset.header("cache-control").unwrap();
            assert_eq!(kept.contains("immutable"), path.contains(".min."), "{path}: {kept}");
            assert_eq!(asset.header("x-content-type-options"), Some("nosniff"));
        }
    }
    assert_eq!(visit(&gateway, "/graphql/assets/nothing.js").await.problem(404, "not_found"), []);
    let data = gateway.get("/graphql?query=%7B__typename%7D").await;
    assert_eq!(data.header("content-type"), Some("application/json; charset=utf-8"));
}

#[tokio::test]
async fn off_there_is_no_page_and_no_word_about_the_schema() {
    let gateway = Harness::start().await;
    for path in ["/graphql", "/graphql/"] {
        visit(&gateway, path).await.refused(404, "not_found");
    }
    assert_eq!(visit(&gateway, "/graphql/assets/page.js").await.problem(404, "not_found"), []);
    assert_eq!(visit(&gateway, "/graphql?query=%7B__typename%7D").await.status, 200, "an operation is one");
    for query in ["{ __schema { types { name } } }", "{ __type(name: \"User\") { name } }"] {
        let told = post(&gateway, &[], query).await.refused(400, "invalid_request");
        assert!(told.starts_with("Introspection is switched off here"), "{told}");
    }
    for query in ["{ m }", "{ me { nam } }", "{ task(orgSlug: \"a\", taskI: \"b\") { id } }"] {
        let told = post(&gateway, &[], query).await.refused(400, "invalid_request");
        assert!(!told.contains("Did you mean"), "{told}");
    }
    assert_eq!(post(&gateway, &[], "{ __typename }").await.json()["data"]["__typename"], "Query");
}

#[tokio::test]
async fn on_the_schema_is_told() {
    let gateway = Harness::with(ON).await;
    let answer = post(&gateway, &[], "{ __schema { queryType { name } types { name } } }").await;
    assert_eq!(answer.json()["data"]["__schema"]["queryType"]["name"], "Query");
    let told = post(&gateway, &[], "{ me { nam } }").await.refused(400, "invalid_request");
    assert!(told.contains("Did you mean \"name\""), "{told}");
}

#[test]
fn the_committed_schema_is_the_one_that_the_code_makes() {
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql")).unwrap();
    assert!(
        committed == trellis_gateway::graphql::schema::sdl(),
        "run: cargo run -p trellis-gateway -- --graphql > gateway/schema.graphql"
    );
}
