//! docs/graphql.md, run from top to bottom as it is written.
//!
//! A block of `graphql` is sent, with the block of `json` right after it as variables, and must not err. `Keep PATH as
//! {{name}}.` keeps a value of the last answer; `Signed in with {{name}}:` and `Signed out:` say who sends what follows.
//! Blocks of `sh` are run by the shell.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use serde_json::{Value, json};
use trellis_local::root;
use trellis_tests::{Api, GraphSocket};

#[derive(Debug)]
enum Step {
    Send { line: usize, document: String, variables: String },
    Shell { line: usize, script: String },
    Keep { path: String, name: String },
    SignedIn(String),
    SignedOut,
}

/// What is to be done, in order.
fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = text.lines().enumerate();
    // Whether nothing but blank lines lies between the last block and here.
    let mut after_block = false;
    while let Some((line, text)) = lines.next() {
        if let Some(kind) = text.strip_prefix("```") {
            let block: Vec<_> = lines.by_ref().map(|(_, text)| text).take_while(|text| *text != "```").collect();
            let block = block.join("\n");
            match (kind, steps.last_mut()) {
                ("graphql", _) => {
                    steps.push(Step::Send { line: line + 1, document: block, variables: "{}".to_owned() });
                }
                ("json", Some(Step::Send { variables, .. })) if after_block => *variables = block,
                ("sh", _) => steps.push(Step::Shell { line: line + 1, script: block }),
                _ => {}
            }
            after_block = kind == "graphql";
            continue;
        }
        after_block &= text.is_empty();
        let mut quoted = text.split('`').skip(1).step_by(2).map(str::to_owned);
        let mut name = || quoted.next().unwrap_or_default().replace(['{', '}'], "");
        if text.starts_with("Keep `") {
            steps.push(Step::Keep { path: name(), name: name() });
        } else if text.starts_with("Signed in with `") {
            steps.push(Step::SignedIn(name()));
        } else if text.starts_with("Signed out:") {
            steps.push(Step::SignedOut);
        }
    }
    steps
}

/// The text with the values that were kept.
fn filled(text: &str, kept: &BTreeMap<String, String>) -> String {
    let text = kept.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value));
    assert!(!text.contains("{{"), "it names a value that nothing before it keeps: {text}");
    text
}

/// The root fields by the kind of their operation.
fn root_fields(schema: &Value) -> BTreeSet<(String, String)> {
    let mut fields = BTreeSet::new();
    for (kind, root) in [("query", "queryType"), ("mutation", "mutationType"), ("subscription", "subscriptionType")] {
        for field in schema[root]["fields"].as_array().unwrap() {
            fields.insert((kind.to_owned(), field["name"].as_str().unwrap().to_owned()));
        }
    }
    fields
}

#[tokio::test]
async fn every_example_of_the_documentation_works_and_every_operation_has_one() {
    let api = Api::shared();
    let text = fs::read_to_string(root().join("docs/graphql.md")).unwrap();
    let (mut kept, mut token, mut last) = (BTreeMap::new(), None::<String>, Value::Null);
    let mut shown = BTreeSet::new();
    for step in steps(&text) {
        match step {
            Step::SignedOut => token = None,
            Step::SignedIn(name) => token = Some(filled(&format!("{{{{{name}}}}}"), &kept)),
            Step::Keep { path, name } => {
                let pointer = format!("/{}", path.replace('.', "/"));
                let value = last.pointer(&pointer).unwrap_or_else(|| panic!("no {path}: {last}"));
                kept.insert(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            }
            Step::Shell { line, script } => {
                let script = filled(&script, &kept).replace("http://127.0.0.1:8000", &api.base);
                let output = tokio::task::spawn_blocking(move || {
                    Command::new("sh").arg("-euc").arg(script).current_dir(root()).output().unwrap()
                })
                .await
                .unwrap();
                let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
                assert!(output.status.success() && !out.contains("\"errors\":[{"), "line {line}: {out}\n{error}");
            }
            Step::Send { line, document, variables } => {
                let variables = serde_json::from_str(&filled(&variables, &kept))
                    .unwrap_or_else(|error| panic!("line {line}: the variables are not JSON: {error}"));
                let kind = ["mutation", "subscription"].into_iter().find(|kind| document.starts_with(kind));
                let kind = kind.unwrap_or("query");
                last = if kind == "subscription" {
                    subscribed(&api, token.as_deref(), &document, variables).await
                } else {
                    let graph = api.graph();
                    let graph = token.iter().fold(graph, |graph, token| graph.with(&format!("Bearer {token}")));
                    graph.post(&document, variables).await.body
                };
                assert!(last.get("errors").is_none(), "line {line}: {last}\n{document}");
                for (name, value) in last["data"].as_object().unwrap_or_else(|| panic!("line {line}: {last}")) {
                    assert!(!value.is_null(), "line {line}: {name} is null");
                    let success = value.get("success").is_none_or(|success| success == true);
                    assert!(success, "line {line}: {last}\n{document}");
                    shown.insert((kind.to_owned(), name.clone()));
                }
            }
        }
    }
    let query = "{ __schema { queryType { fields { name } } mutationType { fields { name } } subscriptionType { fields { name } } } }";
    let schema = api.graph().data(query, json!({})).await["__schema"].clone();
    let missing: Vec<_> = root_fields(&schema).difference(&shown).cloned().collect();
    assert!(missing.is_empty(), "docs/graphql.md has no example of {missing:?}");
}

/// The first response of a subscription, which then ends.
async fn subscribed(api: &Api, token: Option<&str>, document: &str, variables: Value) -> Value {
    let mut socket = GraphSocket::open(&api.base, token.expect("subscriptions are made signed in")).await;
    let after = variables.get("after").is_some();
    let id = socket.start(document, variables).await;
    let frame = socket.next().await;
    assert_eq!(frame["type"], "next", "{frame}");
    let first = frame["payload"].clone();
    if after {
        // It continues from where the example's cursor was taken, and something has happened since.
        let field = first["data"].as_object().unwrap().values().next().unwrap();
        assert_eq!(field["recovered"], true, "{frame}");
        assert!(socket.value(&id).await["kind"].is_string());
    }
    first
}

#[test]
fn steps_are_read_as_they_are_written() {
    let text = "Signed out:\n\n```graphql\n{ me }\n```\n\n```json\n{\"a\": 1}\n```\n\nKeep `data.me.id` as `{{id}}`.\n\nIt answers\n\n```json\n{}\n```\n\n```sh\nls\n```\n\nSigned in with `{{id}}`:\n";
    let steps = steps(text);
    let [
        Step::SignedOut,
        Step::Send { line: 3, document, variables },
        Step::Keep { path, name },
        Step::Shell { script, .. },
        Step::SignedIn(who),
    ] = steps.as_slice()
    else {
        panic!("{steps:?}")
    };
    assert_eq!((document.as_str(), variables.as_str()), ("{ me }", "{\"a\": 1}"));
    assert_eq!((path.as_str(), name.as_str(), script.as_str(), who.as_str()), ("data.me.id", "id", "ls", "id"));
}
