//! What is refused before any work, and with what words.

use std::fmt::Write as _;

use serde_json::json;
use trellis_tests::{Answer, Api, Gateway};

use super::world;

async fn post(document: &str) -> Answer {
    Api::shared().graph().post(document, json!({})).await
}

/// Refused with 400, and a message that has each of these words.
#[track_caller]
fn refused(answer: Answer, words: &[&str]) {
    let message = answer.not_run(400);
    for word in words {
        assert!(message.to_lowercase().contains(word), "no {word:?} in: {message}");
    }
    assert!(message.len() < 1000, "{message}");
}

/// `count` times `part`, with `#` for the number.
fn times(count: usize, part: &str) -> String {
    (0..count).map(|n| part.replace('#', &n.to_string())).collect::<Vec<_>>().join(" ")
}

/// `levels` fields one in the other, the last one a leaf.
fn deep(levels: usize) -> String {
    let mut parts = vec!["organization(slug: \"x\")", "project(slug: \"x\")"];
    while parts.len() < levels - 1 {
        parts.push(if parts.len() % 2 == 0 { "organization" } else { "project(slug: \"x\")" });
    }
    format!("{{ {} {{ id {}", parts.join(" { "), "}".repeat(levels))
}

#[tokio::test]
async fn each_limit_is_told_with_what_was_found_and_what_is_taken() {
    post(&deep(12)).await.refused();
    refused(post(&deep(13)).await, &["13", "12", "deep"]);
    post(&format!("{{ {} }}", times(30, "a#: __typename"))).await.data();
    refused(post(&format!("{{ {} }}", times(31, "a#: __typename"))).await, &["31", "30", "alias"]);
    post(&format!("{{ {} }}", times(20, "__typename @skip(if: false)"))).await.data();
    refused(post(&format!("{{ {} }}", times(21, "__typename @skip(if: false)"))).await, &["21", "20", "directive"]);
    refused(post(&format!("{{ __typename }} #{}", "x".repeat(64 * 1024))).await, &["65536", "bytes"]);

    // 100 projects with 20 tasks each; a page that is asked for counts whether it is full or not.
    let wide = "{ organization(slug: \"x\") { projects(first: 100) { nodes { tasks { nodes { id } } } } } }";
    refused(post(wide).await, &["2000", "complexity"]);
    let narrow = "{ organization(slug: \"x\") { projects(first: 10) { nodes { tasks { nodes { id } } } } } }";
    post(narrow).await.refused();
    let by_variable = "query($n: Int = 100) { organization(slug: \"x\") { projects(first: $n) { nodes { tasks { nodes { id } } } } } }";
    let graph = Api::shared().graph();
    refused(graph.post(by_variable, json!({})).await, &["complexity"]);
    refused(graph.post(by_variable, json!({"n": 100})).await, &["complexity"]);
    graph.post(by_variable, json!({"n": 10})).await.refused();
    // A list without paging counts as ten.
    let lists = times(
        20,
        "a#: projects(orgSlug: \"x\") { id name slug key status version taskCount completedTasks dueDate createdAt }",
    );
    refused(post(&format!("{{ {lists} }}")).await, &["complexity"]);
}

#[tokio::test]
async fn at_most_three_log_in_or_register_per_request() {
    let login = "loginUser(input: {email: \"nobody@example.test\", password: \"guess\"}) { success }";
    let answer = post(&format!("mutation {{ {} }}", times(3, &format!("a#: {login}")))).await.data();
    assert_eq!(answer, json!({"a0": {"success": false}, "a1": {"success": false}, "a2": {"success": false}}));
    let others = [
        login.to_owned(),
        "registerUser(input: {email: \"x\", password: \"x\", name: \"x\", organizationSlug: \"x\"}) { success }"
            .to_owned(),
        "login(input: {email: \"nobody@example.test\", password: \"guess\"}) { success }".to_owned(),
        "register(input: {email: \"x\", password: \"x\", name: \"x\"}) { success }".to_owned(),
        "tokenAuth(email: \"nobody@example.test\", password: \"guess\") { token }".to_owned(),
    ];
    for other in &others {
        let document = format!("mutation {{ {} b: {other} }}", times(3, &format!("a#: {login}")));
        refused(post(&document).await, &["4", "3"]);
    }
    // Neither do fragments hide them.
    let fragment = format!("fragment F on Mutation {{ {} }}", times(2, &format!("f#: {login}")));
    refused(
        post(&format!("mutation {{ ...F ... on Mutation {{ {} }} }} {fragment}", times(2, &format!("a#: {login}"))))
            .await,
        &["4", "3"],
    );
}

#[tokio::test]
async fn bombs_are_refused() {
    let levels = format!("{}{}", "{ organization ".repeat(1000), "}".repeat(1000));
    let cycle = "{ me { ...A } } fragment A on User { ...B } fragment B on User { ...A }";
    let mut doubling = String::from("{ ...F0 } ");
    for n in 0..30 {
        write!(doubling, "fragment F{n} on Query {{ ...F{0} ...F{0} }} ", n + 1).unwrap();
    }
    doubling.push_str("fragment F30 on Query { __typename }");
    for document in [
        format!("{{ {} }}", times(10_000, "a#: __typename")),
        levels,
        cycle.to_owned(),
        "{ me { ...A } } fragment A on User { ...A }".to_owned(),
        doubling,
        format!("{{ __typename {} }}", "@a ".repeat(7000)),
        format!("query({}) {{ __typename }}", times(5000, "$v#: Int")),
        format!("{{ me(a: {}1{}) {{ id }} }}", "[".repeat(5000), "]".repeat(5000)),
        "{".repeat(30_000),
        "{ a: me { id } ".repeat(3000),
    ] {
        let start: String = document.chars().take(60).collect();
        assert!(document.len() <= 256 * 1024);
        let answer = post(&document).await;
        assert_eq!(answer.status.as_u16(), 400, "{start}: {}", answer.text);
        answer.not_run(400);
    }
    let directives = format!("{{ __typename {} }}", "@skip(if: false) ".repeat(60_000));
    post(&directives).await.not_run(413);
}

#[tokio::test]
async fn requests_come_one_by_one_and_mutations_never_by_get() {
    let w = world().await;
    let graph = w.ada.graph();
    for batch in
        ["[]", "[{\"query\": \"{ __typename }\"}]", "[{\"query\": \"{ me { id } }\"}, {\"query\": \"{ me { id } }\"}]"]
    {
        graph.post_with(&[], batch.to_owned()).await.not_run(400);
    }
    let bearer = format!("Bearer {}", w.ada.token);
    let get = async |query: &str, accept: &str| {
        let path = format!("//graphql?query={}", query.replace(' ', "%20").replace('"', "%22"));
        let headers = [("authorization", bearer.as_str()), ("accept", accept)];
        w.api.send(reqwest::Method::GET, &path, &headers, None).await
    };
    let answer = get("{ me { id } }", "application/graphql-response+json").await;
    assert_eq!(answer.data()["me"]["id"], w.ada.id());
    let mutation = "mutation { updateMe(input: {name: \"Mallory\"}) { success } }";
    for accept in ["application/json", "application/graphql-response+json", "*/*"] {
        let answer = get(mutation, accept).await;
        assert_eq!(answer.header("allow"), "POST", "{accept}");
        answer.not_run(405);
    }
    // Nor where a query stands beside it.
    let both = format!("query A {{ __typename }} {}", mutation.replace("mutation", "mutation B"));
    get(&format!("{both}&operationName=B"), "*/*").await.not_run(405);
    assert_eq!(graph.field("{ me { name } }", json!({})).await["name"], "Ada");
    let subscription = "subscription { taskComments(orgSlug: \"x\", taskId: \"X-1\") { cursor } }";
    graph.post(subscription, json!({})).await.not_run(400);
}

#[tokio::test]
async fn where_introspection_is_off_nothing_is_told_of_the_schema() {
    let quiet = Gateway::start(&[("TRELLIS_GRAPHQL_INTROSPECTION", "off")]).await.unwrap();
    let api = Api::new(&*quiet.base);
    for document in [
        "{ __schema { types { name } } }",
        "{ __type(name: \"User\") { name } }",
        "{ me { ...A } } fragment A on Query { __schema { queryType { name } } }",
    ] {
        api.graph().post(document, json!({})).await.not_run(400);
    }
    assert_eq!(api.graph().data("{ __typename }", json!({})).await, json!({"__typename": "Query"}));
    // No suggestion of names that are near.
    for (document, hidden) in [
        ("{ organisations { slug } }", vec!["organizations"]),
        ("{ me { emial } }", vec!["email"]),
        ("mutation { loginUsr { success } }", vec!["loginUser"]),
        ("mutation { updateMe(input: {nam: \"x\"}) { success } }", vec!["name"]),
        ("{ organization(slug: \"x\") { tasks(frist: 1) { nodes { id } } } }", vec!["first"]),
        ("query($input: LoginUserInpt!) { me { id } }", vec!["LoginUserInput"]),
        ("{ me { ... on Usr { id } } }", vec!["User"]),
        ("{ organization(slug: \"x\") { tasks(filter: {status: DON}) { nodes { id } } } }", vec!["DONE", "TODO"]),
    ] {
        let message = api.graph().post(document, json!({})).await.not_run(400);
        for name in hidden {
            assert!(!document.contains(name) && !message.contains(name), "{document}: {message}");
        }
        assert!(!message.to_lowercase().contains("did you mean"), "{message}");
    }
    let page = api.send(reqwest::Method::GET, "//graphql", &[("accept", "text/html")], None).await;
    assert!(page.status.is_client_error() && !page.text.contains("<html"), "{}", page.text);
    let variables = json!({"slug": "x"});
    let answer = api.graph().post("query($slug: String!) { organization(slug: $slug) { slug } }", variables).await;
    assert_eq!(answer.refused().0, "unauthenticated");
}
