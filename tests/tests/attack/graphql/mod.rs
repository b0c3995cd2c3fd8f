//! The GraphQL surface: every root field, and every field below.

pub mod below;
mod directory;
pub mod roots;
pub mod schema;
mod signed_out;

use std::{collections::BTreeSet, sync::Arc};

use reqwest::Method;
use serde_json::{Value, json};

use self::{
    below::{ARGUMENTS, FOR_ADMINS, WAYS, WHOLE},
    roots::ROOTS,
    schema::{Field, Schema},
};
use crate::{
    matrix::{Answer, Call, Needs, Outcome, Row},
    rest::request::{Request, filled, seen},
    world::{self, World},
};

/// A document, and its variables as a template.
#[derive(Debug, Clone)]
pub struct Operation {
    pub document: String,
    pub variables: String,
}

impl Operation {
    /// As it is posted; its names are still to be filled in.
    pub fn request(&self) -> Request {
        let variables: Value = serde_json::from_str(&self.variables).expect("variables are JSON");
        let body = json!({"query": self.document, "variables": variables}).to_string();
        Request { method: Method::POST, path: "/graphql".to_owned(), body: Some(body) }
    }
}

/// The operations of queries and mutations, and what each is called.
pub fn operations(schema: &Schema) -> Vec<(String, Needs, Operation)> {
    let mut operations = Vec::new();
    for (kind, name, needs, variables) in ROOTS.iter().filter(|(kind, ..)| *kind != "subscription") {
        let Some(field) = schema.root_field(kind, name) else { panic!("there is no {kind} {name}") };
        operations.push((row_name(kind, name, variables), *needs, root(schema, kind, field, variables)));
    }
    let variables = r#"{"org": "{org}", "project": "{project_slug}", "task": "{task_id}"}"#;
    let mut seen = BTreeSet::new();
    for (of, needs, way) in WAYS {
        let mut ask = |asked: &str, needs, selection: &str| {
            let selection = way.replace('#', selection);
            let declared: Vec<_> = ["org", "project", "task"]
                .into_iter()
                .filter(|name| selection.contains(&format!("${name}")))
                .map(|name| format!("${name}: String!"))
                .collect();
            let declared = if declared.is_empty() { String::new() } else { format!("({})", declared.join(", ")) };
            let document = format!("query{declared} {{ {selection} }}");
            let root = way.split(['(', ' ']).next().unwrap_or_default();
            let operation = Operation { document, variables: variables.to_owned() };
            operations.push((format!("query.{root}: {of}.{asked}"), needs, operation));
        };
        if below::is_part(of) {
            ask("*", *needs, schema.selection(of, 1).trim_matches(['{', '}']));
            continue;
        }
        let (plain, others): (Vec<_>, Vec<_>) = schema.fields(of).iter().partition(|field| field.is_plain());
        let plain: Vec<_> = plain.iter().map(|field| field.name.as_str()).collect();
        ask(&format!("{{{}}}", plain.join(" ")), *needs, &plain.join(" "));
        // By another way one comes to the same object.
        if !seen.insert(*of) {
            continue;
        }
        for field in others {
            let for_admins = FOR_ADMINS.contains(&(*of, &*field.name));
            let needs = if for_admins { Needs::Admin } else { *needs };
            let selection = if field.is_value { String::new() } else { schema.selection(&field.of, 0) };
            ask(&field.name, needs, &format!("{}{} {selection}", field.name, arguments(of, field)));
        }
    }
    operations
}

fn row_name(kind: &str, name: &str, variables: &str) -> String {
    let by_argument = name.ends_with("Token") && variables.contains("token");
    format!("{kind}.{name}{}", if by_argument { "(token)" } else { "" })
}

pub fn root(schema: &Schema, kind: &str, field: &Field, variables: &str) -> Operation {
    let given = serde_json::from_str(variables).expect("variables are JSON");
    // Of what is changed or told, the objects too.
    let whole = kind == "subscription" || field.of.ends_with("Payload");
    let selection = schema.selection(&field.of, usize::from(whole));
    Operation { document: field.document(kind, &given, &selection), variables: variables.to_owned() }
}

fn arguments(of: &str, field: &Field) -> String {
    if !field.arguments.iter().any(|argument| argument.required) {
        return String::new();
    }
    let known = ARGUMENTS.iter().find(|(owner, name, _)| *owner == of && *name == field.name);
    let (.., given) = known.unwrap_or_else(|| panic!("{of}.{} has no arguments in graphql/below.rs", field.name));
    format!("({given})")
}

/// A row per root field that is no subscription, and per field of each type.
pub async fn rows(world: &World) -> Vec<Row> {
    let schema = Schema::read(&world.api).await;
    operations(&schema)
        .into_iter()
        .map(|(name, needs, operation)| {
            let operation = Arc::new(operation);
            Row::new(name, needs, move |call| attempt(Arc::clone(&operation), needs, call))
        })
        .collect()
}

async fn attempt(operation: Arc<Operation>, needs: Needs, call: Call) -> Answer {
    let mut request = operation.request();
    if let Some(body) = &mut request.body {
        // What no victim has: an organization that anyone may join, and a token that is presented as an argument.
        if body.contains("{open_org}") {
            *body = body.replace("{open_org}", &directory::open_organization(&call.world.api).await);
        }
        *body = body.replace("{access_token}", &call.world.outsider.token);
    }
    // As clients of the original present it.
    let authorization = call.token.as_ref().map(|token| format!("JWT {token}"));
    let answer = request.fill(&call.names).send(&call.world.api, authorization.as_deref(), &[]).await;
    let nobody = matches!(needs, Needs::Nobody(_));
    Answer { outcome: judge(answer.status.as_u16(), &answer.body, nobody), seen: seen(&answer) }
}

/// What came of an operation with one root field. Something of the data beside a refusal is no refusal.
pub fn judge(status: u16, body: &Value, may_be_empty: bool) -> Outcome {
    let Some(data) = body["data"].as_object() else {
        return Outcome::Other(format!("{status}, and nothing was run"));
    };
    let root = data.values().next().unwrap_or(&Value::Null);
    let refused = |code: &Value| match code.as_str() {
        Some("unauthenticated" | "token_expired") => Outcome::Unauthenticated,
        Some("forbidden") => Outcome::Forbidden,
        Some("not_found") => Outcome::NotFound,
        other => Outcome::Other(format!("{status} {other:?}")),
    };
    let outcome = if let Some(error) = body["errors"].get(0) {
        refused(&error["extensions"]["code"])
    } else if root["success"] == false {
        refused(&root["userErrors"][0]["code"])
    } else if root.is_null() || (root.as_array().is_some_and(Vec::is_empty) && !may_be_empty) {
        // How a query tells a member that there is no such thing.
        Outcome::NotFound
    } else {
        Outcome::Success
    };
    match outcome {
        Outcome::Success => Outcome::Success,
        _ if status != 200 => Outcome::Other(format!("{status} beside data")),
        _ if shows_anything(root) => Outcome::Other(format!("{outcome:?}, and yet there is data: {root}")),
        refused => refused,
    }
}

/// Whether there is a value, but for those that tell of a refusal.
fn shows_anything(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(fields) => {
            let telling = ["success", "errors", "userErrors"];
            fields.iter().any(|(name, value)| !telling.contains(&name.as_str()) && shows_anything(value))
        }
        Value::Array(items) => items.iter().any(shows_anything),
        _ => true,
    }
}

#[test]
fn every_root_field_has_a_row_and_every_type_a_way() {
    world::run(|world| async move {
        let schema = Schema::read(&world.api).await;
        let rows: BTreeSet<_> = ROOTS.iter().map(|(kind, name, ..)| ((*kind).to_owned(), (*name).to_owned())).collect();
        let served: BTreeSet<_> =
            schema.root_fields().map(|(kind, field)| (kind.to_owned(), field.name.clone())).collect();
        let missing: Vec<_> = served.difference(&rows).collect();
        assert!(missing.is_empty(), "no row in tests/tests/attack/graphql/roots.rs attacks {missing:?}");
        let gone: Vec<_> = rows.difference(&served).collect();
        assert!(gone.is_empty(), "rows of what is not there: {gone:?}");

        let ways = WAYS.iter().map(|(of, ..)| *of).chain(WHOLE.iter().copied());
        let payloads = schema.root_fields().map(|(_, field)| field.of.as_str()).filter(|of| of.ends_with("Payload"));
        let known: BTreeSet<_> = ways.chain(payloads).collect();
        let unknown: Vec<_> = schema.objects().difference(&known).copied().collect::<Vec<_>>();
        assert!(unknown.is_empty(), "no way in tests/tests/attack/graphql/below.rs leads to {unknown:?}");
        // Rows are made of the fields that the schema has.
        let names: BTreeSet<_> = operations(&schema).into_iter().map(|(name, ..)| name).collect();
        for (of, ..) in WAYS.iter().filter(|(of, ..)| !below::is_part(of)) {
            for field in schema.fields(of).iter().filter(|field| !field.is_plain()) {
                let name = format!(": {of}.{}", field.name);
                assert!(names.iter().any(|row| row.ends_with(&name)), "{of}.{}", field.name);
            }
        }
    });
}

#[test]
fn graphql() {
    world::run(|world| async move {
        let tried = crate::matrix::run(&world, &rows(&world).await).await;
        println!("GraphQL: {tried:?}");
    });
}

/// The operation of this row with these names, as a socket takes it.
pub fn payload(operation: &Operation, names: &world::Names) -> Value {
    let variables: Value = serde_json::from_str(&filled(&operation.variables, names)).expect("variables are JSON");
    json!({"query": operation.document, "variables": variables})
}
