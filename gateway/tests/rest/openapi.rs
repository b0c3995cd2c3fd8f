//! The document and the router say the same, and the committed document is the code's.

use std::collections::BTreeSet;

use serde_json::Value;
use trellis_gateway::{docs, router};

use crate::gateway::Harness;

fn document() -> Value {
    serde_json::from_str(docs::text()).unwrap()
}

fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

#[test]
fn the_committed_document_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == docs::text(), "run: cargo run -p trellis-gateway -- --openapi > gateway/openapi.json");
}

#[tokio::test]
async fn every_route_is_described_and_nothing_else() {
    let gateway = Harness::start().await;
    let document = document();
    let routes = router::listed(&gateway.gateway);
    let listed: BTreeSet<_> = routes.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let described: BTreeSet<_> = operations(&document).map(|(name, _)| name).collect();
    assert_eq!(listed, described);
    for route in routes {
        let operation = &document["paths"][&route.path][route.method];
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let of_kind = |place: &str| -> BTreeSet<String> {
            let there = parameters.iter().filter(|parameter| parameter["in"] == place);
            there.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
        };
        let taken: BTreeSet<_> = route.query.iter().map(ToString::to_string).collect();
        assert_eq!(of_kind("query"), taken, "{} {}", route.method, route.path);
        let in_path: BTreeSet<_> = route.path.split('/').filter(|part| part.starts_with('{')).collect();
        assert_eq!(of_kind("path").len(), in_path.len(), "{} {}", route.method, route.path);
        let word = |parameter: &Value, key: &str| parameter[key].as_str().unwrap_or_default().to_owned();
        let keys: BTreeSet<_> = parameters.iter().map(|one| ["in", "name", "$ref"].map(|key| word(one, key))).collect();
        assert_eq!(keys.len(), parameters.len(), "a parameter stands twice at {} {}", route.method, route.path);
    }
}

#[test]
fn it_is_openapi_3_1_whose_references_lead_somewhere() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let found = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(found.is_some(), "{reference}");
    }
    let ids: Vec<_> = operations(&document).map(|(_, operation)| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                found.push(reference.clone());
            }
            map.values().for_each(|value| collect_references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, found)),
        _ => {}
    }
}

#[test]
fn what_may_be_left_out_and_what_may_be_null() {
    let document = document();
    let schema = |name: &str| document["components"]["schemas"][name].clone();
    let task = schema("NewTask");
    assert_eq!(task["required"], serde_json::json!(["title"]));
    assert_eq!(task["properties"]["description"]["type"], "string");
    assert_eq!(task["properties"]["due_date"]["type"], serde_json::json!(["string", "null"]));
    let required: BTreeSet<_> =
        schema("Task")["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    assert!(["assignee", "due_date"].iter().all(|name| required.contains(*name)));
}

#[tokio::test]
async fn it_is_served_with_a_page_that_needs_no_other_host() {
    let gateway = Harness::start().await;
    let served = gateway.get("/api/v1/openapi.json").await;
    assert_eq!(served.body, docs::text().as_bytes());
    let page = gateway.get("/docs").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, Some("text/html")));
    let html = String::from_utf8(page.body).unwrap();
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("\"//"), "{html}");
    let files: Vec<_> =
        html.split(['"', '\'']).filter(|part| [".css", ".js", ".png"].iter().any(|end| part.ends_with(end))).collect();
    assert!(files.len() >= 4, "{html}");
    for file in files {
        assert_eq!(gateway.get(file).await.status, 200, "{file}");
    }
    let start = String::from_utf8(gateway.get("/docs/swagger-initializer.js").await.body).unwrap();
    assert!(start.contains("/api/v1/openapi.json") && start.contains("\"validatorUrl\": \"none\""), "{start}");
    assert!(!start.contains("petstore"), "{start}");
}

#[test]
fn every_code_of_a_refusal_is_listed() {
    let document = document();
    let listed = document["components"]["schemas"]["Problem"]["properties"]["code"]["description"].as_str().unwrap();
    for told in
        ["`invalid_request` (400)", "`last_admin` (409)", "`validation_failed` (422)", "`headers_too_large` (431)"]
    {
        assert!(listed.contains(told), "{told}: {listed}");
    }
}
