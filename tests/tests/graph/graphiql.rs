//! GraphiQL: a page that needs no other host, and the introspection that it asks for.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use trellis_tests::{Answer, Api, GraphSocket};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

/// As `getIntrospectionQuery()` of graphql-js writes it with every option that GraphiQL sets.
const INTROSPECTION: &str = "query IntrospectionQuery { __schema { description
  queryType { name kind } mutationType { name kind } subscriptionType { name kind }
  types { ...FullType } directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } } } }
fragment FullType on __Type { kind name description specifiedByURL isOneOf
  fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
  inputFields(includeDeprecated: true) { ...InputValue } interfaces { ...TypeRef }
  enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated deprecationReason }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
  ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }";

async fn get(path: &str, accept: &str) -> Answer {
    Api::shared().send(Method::GET, path, &[("accept", accept)], None).await
}

/// What a page or a style sheet loads.
fn loaded(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for mark in ["src=\"", "href=\"", "src='", "href='", "url(", "@import \"", "from \"", "import(\""] {
        for rest in text.split(mark).skip(1) {
            let end = rest.find(['"', '\'', ')']).unwrap_or(rest.len());
            found.insert(rest[..end].trim_matches(['"', '\'']).to_owned());
        }
    }
    found
}

#[tokio::test]
async fn a_browser_gets_a_page_whose_every_asset_is_here() {
    for path in ["//graphql", "//graphql/"] {
        let page = get(path, BROWSER).await;
        assert_eq!(page.status.as_u16(), 200);
        assert!(page.header("content-type").starts_with("text/html"));
        // The browser itself sees to it that no other host is asked.
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src") && policy.contains("connect-src 'self'"), "{policy}");
        assert!(!policy.contains("http") && !policy.contains('*') && !policy.contains("unsafe-eval"), "{policy}");

        let (mut scripts, mut styles) = (0, 0);
        for asset in loaded(&page.text) {
            assert!(asset.starts_with('/') && !asset.starts_with("//"), "{asset} is elsewhere");
            let answer = get(&format!("/{asset}"), "*/*").await;
            assert_eq!(answer.status.as_u16(), 200, "{asset}");
            let kind = answer.header("content-type").to_owned();
            scripts += usize::from(kind.starts_with("text/javascript"));
            styles += usize::from(kind.starts_with("text/css"));
            if kind.starts_with("text/css") {
                for inner in loaded(&answer.text) {
                    assert!(inner.starts_with("data:") || !inner.contains("//"), "{asset} loads {inner}");
                }
            }
        }
        assert!(scripts > 0 && styles > 0, "{}", page.text);
    }
    assert_eq!(get("//graphql/assets/nothing.js", "*/*").await.status.as_u16(), 404);
    // Who wants data is given data, or told how to ask.
    for accept in ["*/*", "application/json", "application/graphql-response+json"] {
        let answer = get("//graphql?query=%7B__typename%7D", accept).await;
        assert_eq!(answer.data(), json!({"__typename": "Query"}), "{accept}");
        get("//graphql", accept).await.not_run(400);
    }
}

#[tokio::test]
async fn its_introspection_is_within_the_limits_and_everything_is_described() {
    let schema = Api::shared().graph().data(INTROSPECTION, json!({})).await["__schema"].clone();
    let names = ["queryType", "mutationType", "subscriptionType"].map(|root| schema[root]["name"].clone());
    assert_eq!(names, [json!("Query"), json!("Mutation"), json!("Subscription")]);
    let mut bare = Vec::new();
    let described = |value: &Value| value["description"].as_str().is_some_and(|text| !text.trim().is_empty());
    for kind in schema["types"].as_array().unwrap() {
        let name = kind["name"].as_str().unwrap();
        let built_in = ["String", "Int", "Float", "Boolean", "ID"].contains(&name);
        if built_in || name.starts_with("__") {
            continue;
        }
        if !described(kind) && !["Query", "Mutation", "Subscription"].contains(&name) {
            bare.push(name.to_owned());
        }
        for list in ["fields", "inputFields", "enumValues"] {
            for member in kind[list].as_array().into_iter().flatten() {
                let at = format!("{name}.{}", member["name"].as_str().unwrap());
                if !described(member) {
                    bare.push(at.clone());
                }
                for argument in member["args"].as_array().into_iter().flatten().filter(|argument| !described(argument))
                {
                    bare.push(format!("{at}({})", argument["name"].as_str().unwrap()));
                }
            }
        }
    }
    assert!(bare.is_empty(), "without a description: {}", bare.join(", "));
}

#[tokio::test]
async fn it_opens_with_operations_that_work() {
    let example = get("//graphql/assets/example.graphql", "*/*").await;
    assert_eq!(example.status.as_u16(), 200);
    let (document, live) = example.text.split_once("subscription ").expect("it shows a subscription");
    let graph = Api::shared().graph();
    for line in document.lines().filter(|line| line.starts_with("query ") || line.starts_with("mutation ")) {
        let name = line.split([' ', '(']).nth(1).unwrap();
        let body = json!({"query": example.text, "operationName": name}).to_string();
        // Nobody is signed in, and the demo is not there; but it is understood.
        let answer = graph.post_with(&[], body).await;
        assert_eq!(answer.status.as_u16(), 200, "{name}: {}", answer.text);
    }
    let mut socket = GraphSocket::open_with(&graph.api.base, Value::Null).await;
    let id = socket.start(&format!("subscription {live}"), json!({})).await;
    assert_eq!(socket.end(&id).await.map(|(code, _)| code).as_deref(), Some("unauthenticated"));
}
