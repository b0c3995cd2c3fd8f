//! What is refused before anything is run: against the real schema, without a viewer, so that whatever is run fails.

use async_graphql::{Request, Variables};
use serde_json::{Value, json};

use super::*;
use crate::graphql::schema;

fn executor(introspection: bool) -> Executor {
    Executor::new(schema::built().finish(), introspection)
}

fn request(query: &str, variables: Value) -> Request {
    Request::new(query).variables(Variables::from_json(variables))
}

/// Why an operation is not run.
async fn why(executor: &Executor, request: Request) -> Vec<String> {
    let response = match executor.prepare(request) {
        Err(response) => *response,
        Ok(prepared) => {
            let ran = Ran::default();
            let response = executor.schema.execute(prepared.request.data(ran.clone())).await;
            assert!(!ran.get(), "was run: {response:?}");
            coded(response)
        }
    };
    assert_eq!(response.data, async_graphql::Value::Null);
    for error in &response.errors {
        let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
        assert_eq!(code, Some(&async_graphql::Value::from("invalid_request")), "{}", error.message);
    }
    response.errors.into_iter().map(|error| error.message).collect()
}

async fn refused(query: &str) -> String {
    why(&executor(true), request(query, json!({}))).await.join("\n")
}

#[tokio::test]
async fn depth() {
    let nested = |levels: usize| {
        let around = "organization { projects { nodes { ".repeat(levels / 3);
        format!("{{ project(orgSlug: \"a\", projectSlug: \"b\") {{ {around} id {} }} }}", "}".repeat(levels / 3 * 3))
    };
    assert!(executor(true).prepare(nested(9).into()).is_ok());
    let told = refused(&nested(12)).await;
    assert!(told.starts_with("The query is 13 fields deep; at most 12 are taken. Begin further down"), "{told}");
    let hidden = format!("{{ ...F }} fragment F on Query {nested}", nested = nested(12));
    assert_eq!(refused(&hidden).await, told, "however it is written");
}

#[tokio::test]
async fn bombs() {
    let fragments = |count: usize, spreads: usize| {
        let one = |i| format!("fragment F{i} on Query {{ {} }}", format!("...F{} ", i + 1).repeat(spreads));
        (0..count).map(one).collect::<Vec<_>>().join(" ")
    };
    let doubling = fragments(30, 2);
    for (bomb, about) in [
        (format!("{{ {} }}", "a: me { id } ".repeat(1000)), "1000 aliases; at most 30"),
        (format!("{}id{}", "{ me ".repeat(1000), "}".repeat(1000)), "1000 brackets deep; at most 50"),
        (format!("{{ me {} {{ id }} }}", "@skip(if: false) ".repeat(1000)), "1000 directives; at most 20"),
        ("{ me { ...A } } fragment A on User { ...B } fragment B on User { id ...A }".into(), "\"A\" is spread within"),
        (format!("{{ ...F0 }} {doubling} fragment F30 on Query {{ me {{ id }} }}"), "2001 fields or more"),
        (format!("{{ {} }}", "me { id } ".repeat(1001)), "2001 fields or more"),
        (format!("{{ me {{ {} }} }}", "id ".repeat(5000)), "5005 names and signs; at most 5000"),
        (" ".repeat(65_537), "65537 bytes; at most 65536"),
    ] {
        let told = refused(&bomb).await;
        assert!(told.contains(about), "{about}: {told}");
    }
    let chain = fragments(60, 1);
    let told = refused(&format!("{{ ...F0 }} {chain} fragment F60 on Query {{ me {{ id }} }}")).await;
    assert!(told.contains("51 brackets deep"), "{told}");
    let nests = |i| format!("fragment G{i} on Query {{ {} ...G{} {} }}", "... { ".repeat(20), i + 1, " }".repeat(20));
    let nested = (0..5).map(nests).collect::<Vec<_>>().join(" ");
    let told = refused(&format!("{{ ...G0 }} {nested} fragment G5 on Query {{ me {{ id }} }}")).await;
    assert!(told.contains("51 brackets deep"), "{told}");
}

#[tokio::test]
async fn passwords_are_tried_three_times_at_most() {
    let attempts = |fields: &[&str]| {
        let one = |field| format!("{field}(input: {{email: \"a\", password: \"b\"}}) {{ success }}");
        format!("mutation {{ {} }}", fields.iter().map(one).collect::<Vec<_>>().join(" "))
    };
    assert!(executor(true).prepare(attempts(&["loginUser", "login", "loginUser"]).into()).is_ok());
    let told = refused(&attempts(&["loginUser", "login", "registerUser", "register"])).await;
    assert!(told.contains("4 fields that log in, register or change a password; at most 3"), "{told}");
    let token = "tokenAuth(email: \"a\", password: \"b\") { token }";
    let hidden = format!(
        "mutation {{ a: {token} ... on Mutation {{ b: {token} ...F }} }} fragment F on Mutation {{ c: {token} d: {token} }}"
    );
    assert!(refused(&hidden).await.contains("4 fields that log in"));
}

#[tokio::test]
async fn complexity_counts_lists_as_often_as_they_are_long_and_fragments_once() {
    let lists = |first: u32, inner: u32| {
        format!(
            "query {{ organization(slug: \"a\") {{ ...P }} }} fragment P on Organization {{ projects(first: {first}) \
             {{ nodes {{ tasks(first: {inner}) {{ nodes {{ id title }} }} }} }} }}"
        )
    };
    // 1 + 1 + 10 × (1 + 1 + 10 × (1 + 2)) = 322; twice that would still pass, a hundredfold would not.
    let ran = executor(true);
    let prepared = ran.prepare(lists(10, 10).into()).ok().map(|prepared| prepared.request);
    assert!(prepared.is_some());
    let told = refused(&lists(50, 50)).await;
    assert!(told.starts_with("The query has a complexity of 7"), "{told}");
    assert!(told.contains("at most 2000 is taken"), "{told}");
    let told = refused(&lists(4_000_000_000, 4_000_000_000)).await;
    assert!(!told.is_empty(), "no overflow");
}

#[tokio::test]
async fn variables_that_do_not_fit() {
    let executor = executor(false);
    let create = "mutation($input: TaskInput!) { createTask(input: $input) { success } }";
    let page = "query($first: Int, $filter: TaskFilter, $by: TaskOrder) { organization(slug: \"a\") { \
        tasks(first: $first, filter: $filter, orderBy: $by) { nodes { id } } } }";
    for (query, variables, about) in [
        ("query($id: ID!) { __typename }", json!({"id": null}), "\"$id\" of type \"ID!\" must not be null"),
        ("query($id: ID!) { __typename }", json!({}), "\"$id\" of type \"ID!\" must be given"),
        ("query($a: Foo = 1) { __typename }", json!({}), "of a type that there is not"),
        ("query($a: [Foo] = [1]) { __typename }", json!({}), "of a type that there is not"),
        ("query($a: User) { __typename }", json!({}), "of a type that is not for input"),
        (create, json!({"input": "x"}), "must be an object of type \"TaskInput\""),
        (create, json!({"input": {}}), "is not right at \"input"),
        (
            create,
            json!({"input": {"organizationSlug": "a", "projectSlug": "b", "title": "c", "x": 1}}),
            "is not right at \"x\": there is no such field",
        ),
        (
            create,
            json!({"input": {"organizationSlug": "a", "projectSlug": "b", "title": 1}}),
            "is not right at \"title\": must be a value of type \"String\"",
        ),
        (page, json!({"first": "1"}), "must be a value of type \"Int\""),
        (page, json!({"first": 1.5}), "must be a value of type \"Int\""),
        (page, json!({"filter": {"status": "LATER"}}), "is not right at \"status\": must be one of TODO"),
        (page, json!({"filter": {"assignee": {"me": true, "none": true}}}), "exactly one field"),
        (page, json!({"by": {"direction": "ASC"}}), "is not right at \"field\": must be given"),
    ] {
        let told = why(&executor, request(query, variables.clone())).await.join("\n");
        let about = about.replace("at \"input", "at \"");
        assert!(told.contains(&about), "{variables}: {told}");
    }
    let heavy = format!("mutation($v: String!) {{ {} }}", "createTaskComment(orgSlug: $v) { success } ".repeat(11));
    let told = why(&executor, request(&heavy, json!({"v": "x".repeat(100_000)}))).await.join("\n");
    assert!(told.contains("The arguments have 1100088 bytes or more"), "{told}");
}

#[tokio::test]
async fn documents_that_are_not_right() {
    for (query, about) in [
        ("{", "Syntax error: expected selection."),
        ("", "Syntax error: expected executable_definition."),
        ("{ nothing }", "Unknown field \"nothing\""),
        ("query A { me { id } } query B { me { id } }", "name one in `operationName`"),
        ("{ me { ...F } }", "Unknown fragment \"F\""),
        ("{ me { id } } fragment F on User { id }", "\"F\" is never used"),
        ("{ me { ...F } } fragment F on User @skip(if: true) { id }", "may not stand on a fragment's definition"),
        ("{ me { ...F } } fragment F on Nothing { id }", "Unknown type \"Nothing\""),
        ("{ me { ...F } } fragment F on Task { id }", "can never be"),
        ("subscription { __typename }", "Unknown field"),
        (
            "subscription { a: taskComments(orgSlug: \"a\", taskId: \"b\") { cursor } ...F } \
             fragment F on Subscription { taskComments(orgSlug: \"a\", taskId: \"b\") { cursor } }",
            "exactly one field",
        ),
    ] {
        let told = refused(query).await;
        assert!(told.contains(about), "{query}: {told}");
    }
    let mut named = request("query A { me { id } }", json!({}));
    named.operation_name = Some("B".into());
    assert_eq!(why(&executor(true), named).await, ["Unknown operation named \"B\"."]);
    let unknown = |count| {
        let fields: Vec<String> = (0..count).map(|n| format!("nothing{n}")).collect();
        format!("{{ {} }}", fields.join(" "))
    };
    assert_eq!(why(&executor(true), request(&unknown(20), json!({}))).await.len(), 20);
    let told = refused(&unknown(21)).await;
    assert!(told.starts_with("Unknown field \"nothing20\" on type \"Query\"; more than 20"), "{told}");
    let arguments = format!("{{ me({}) {{ id }} }}", "a: 1 ".repeat(100));
    assert_eq!(why(&executor(true), request(&arguments, json!({}))).await.len(), MOST_ERRORS);
}

#[tokio::test]
async fn introspection() {
    let off = executor(false);
    for query in ["{ __schema { types { name } } }", "{ ...F } fragment F on Query { __type(name: \"User\") { name } }"]
    {
        let told = why(&off, request(query, json!({}))).await.join("\n");
        assert!(told.starts_with("Introspection is switched off here"), "{told}");
        assert!(executor(true).prepare(query.into()).is_ok());
    }
    let told = refused("{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }").await;
    assert!(told.contains("nests 3 lists of members; at most 2"), "{told}");
    // What GraphiQL asks for is deeper than queries may be.
    let of_type = format!("{{ __schema {{ types {{ fields {{ type {{ {} }} }} }} }} }}", nested_of_type(9));
    assert!(executor(true).schema.execute(of_type).await.errors.is_empty());
}

fn nested_of_type(levels: usize) -> String {
    format!("{}name{}", "kind ofType { ".repeat(levels), " }".repeat(levels))
}

/// What the page opens with.
#[tokio::test]
async fn the_example_is_valid() {
    let example = include_str!("graphiql/example.graphql");
    for operation in ["LogIn", "Overview", "Live"] {
        let mut request = Request::new(example);
        request.operation_name = Some(operation.into());
        let prepared = executor(true).prepare(request).map_err(|response| response.errors).unwrap();
        // What is valid is run, and nothing but introspection has a result then.
        let ran = Ran::default();
        let request = prepared.request.data(ran.clone()).only_introspection();
        let errors = executor(true).schema.execute(request).await.errors;
        assert!(ran.get(), "{operation}: {errors:?}");
    }
}

#[tokio::test]
async fn what_is_not_valid_is_not_run() {
    for (query, about) in [
        ("query($o: String) { projects(orgSlug: $o) { id } }", "$o"),
        ("mutation($i: ProjectInput) { createProject(input: $i) { success } }", "$i"),
        ("query($n: String) { a: me { id } b: project(orgSlug: \"a\", projectSlug: $n) { id } }", "$n"),
        ("mutation($n: String) { createProject(input: { organizationSlug: \"a\", name: $n }) { success } }", "$n"),
        ("{ a: me { id } ... on Query { a: myOrganizations { id } } }", "conflict"),
        ("{ projects(orgSlug: \"a\") { ... on Project { x: name } x: slug } }", "conflict"),
        ("{ ...F a: me { id } } fragment F on Query { a: myOrganizations { id } }", "conflict"),
        ("{ me { x: id } me { x: name } }", "conflict"),
        ("query($x: Boolean) { me { id @include(if: $x) } }", "$x"),
        ("query($o: String = null) { projects(orgSlug: $o) { id } }", "$o"),
        ("{ me { ... on Task { id } } }", "Task"),
        ("{ me { ... on Nope { id } } }", "Nope"),
    ] {
        let told = refused(query).await;
        assert!(told.contains(about), "{query}: {told}");
    }
}
