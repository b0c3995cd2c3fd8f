//! The REST surface: every operation of the OpenAPI document that the gateway serves.

mod operations;
pub mod request;

use std::collections::BTreeSet;

use trellis_tests::{Api, unique};

use self::{
    operations::OPERATIONS,
    request::{Request, seen},
};
use crate::{
    attackers::Attack,
    matrix::{Answer, Call, Needs, Outcome, Row},
    world,
};

/// Below it, everything is hidden from whoever is no member.
const ORGANIZATION: &str = "/api/v1/organizations/{org}";

/// A row per operation.
pub fn rows() -> Vec<Row> {
    requests()
        .into_iter()
        .map(|(name, needs, request)| Row::new(name, needs, move |call| attempt(request.clone(), call)))
        .collect()
}

/// The operations as requests that name what they are about.
pub fn requests() -> Vec<(&'static str, Needs, Request)> {
    // What the document calls by one name for all.
    let named = [
        ("/comments/{id}", "{comment}"),
        ("/invitations/{id}", "{invitation}"),
        ("/sessions/{id}", "{session}"),
        ("/notifications/{id}", "{notification}"),
    ];
    let request = |operation: &str, body| {
        let path = named
            .iter()
            .fold(operation.to_owned(), |path, (place, name)| path.replace(place, &place.replace("{id}", name)));
        let path = path.replace("{file}", "swagger-ui.css");
        // Another member than the one who tries it, since oneself one may remove.
        let other = if path.starts_with("DELETE ") { "{other_member_id}" } else { "{user_id}" };
        Request::template(&path.replace("{user_id}", other), body)
    };
    OPERATIONS.iter().map(|(operation, needs, body)| (*operation, *needs, request(operation, body))).collect()
}

/// Sends it; where that is refused, nothing else about the request may matter.
async fn attempt(template: Request, call: Call) -> Answer {
    let authorization = call.authorization();
    let (api, authorization) = (&call.world.api, authorization.as_deref());
    let request = template.fill(&call.names);
    let answer = request.send(api, authorization, &[]).await;
    let (outcome, shown) = (judge(&answer), seen(&answer));
    let hidden = match outcome {
        Outcome::Unauthenticated => true,
        Outcome::NotFound => template.path.starts_with(ORGANIZATION),
        _ => false,
    };
    if hidden {
        for (what, headers, other) in variants(&request) {
            let answer = other.send(api, authorization, &headers).await;
            let other = seen(&answer);
            if other != shown {
                let complaint = format!("refused in another way with {what}: {other}");
                return Answer { outcome: Outcome::Other(complaint), seen: shown };
            }
        }
    }
    Answer { outcome, seen: shown }
}

type Headers = Vec<(&'static str, &'static str)>;

/// The same request, but for one thing that would be wrong, and be told, had one been let in.
fn variants(request: &Request) -> Vec<(&'static str, Headers, Request)> {
    let query = Request { path: format!("{}?nonsense=%ff", request.path), ..request.clone() };
    let mut variants =
        vec![("a strange query", vec![], query), ("a condition", vec![("if-match", "\"9\"")], request.clone())];
    if request.body.is_some() {
        variants.extend([
            ("no body", vec![], request.with_body(None)),
            ("an empty object", vec![], request.with_body(Some("{}"))),
            ("an unknown field", vec![], request.with_body(Some("{\"nonsense\": 1}"))),
            ("nonsense", vec![], request.with_body(Some("nonsense"))),
            ("another type", vec![("content-type", "text/plain")], request.clone()),
        ]);
    }
    variants
}

/// What came of it, where it is told in the one shape.
pub fn judge(answer: &trellis_tests::Answer) -> Outcome {
    let status = answer.status.as_u16();
    if answer.status.is_success() {
        return Outcome::Success;
    }
    let code = answer.body["code"].as_str().unwrap_or_default();
    let in_shape = answer.header("content-type").starts_with("application/problem+json")
        && answer.body["status"] == status
        && answer.body["request_id"] == answer.header("x-request-id");
    match (status, code) {
        (401, "unauthenticated" | "token_expired") if in_shape && !answer.header("www-authenticate").is_empty() => {
            Outcome::Unauthenticated
        }
        (403, "forbidden") if in_shape => Outcome::Forbidden,
        (404, "not_found") if in_shape => Outcome::NotFound,
        _ => Outcome::Other(format!("{status} {code}")),
    }
}

/// What the document lists: "GET /api/v1/me".
async fn documented(api: &Api) -> BTreeSet<String> {
    let document = api.get("/openapi.json").await.expect(200);
    let methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
    let paths = document["paths"].as_object().expect("paths").iter();
    paths
        .flat_map(|(path, item)| {
            let members = item.as_object().expect("an object").keys();
            members
                .filter(|name| methods.contains(&name.as_str()))
                .map(move |name| format!("{} {path}", name.to_uppercase()))
        })
        .collect()
}

#[test]
fn every_operation_has_a_row() {
    world::run(|world| async move {
        let rows: BTreeSet<_> = OPERATIONS.iter().map(|(operation, ..)| (*operation).to_owned()).collect();
        let documented = documented(&world.api).await;
        let missing: Vec<_> = documented.difference(&rows).collect();
        assert!(missing.is_empty(), "no row in tests/tests/attack/rest/operations.rs attacks {missing:?}");
        let gone: Vec<_> = rows.difference(&documented).collect();
        assert!(gone.is_empty(), "rows of what is not there: {gone:?}");
    });
}

#[test]
fn rest() {
    world::run(|world| async move {
        let tried = crate::matrix::run(&world, &rows()).await;
        println!("REST: {tried:?}");
    });
}

/// A route that needs no token either does not look at one, or takes no bad one.
#[test]
fn a_bad_token_is_refused_where_one_is_looked_at() {
    world::run(|world| async move {
        let row = Row::new("any", Needs::User, |_| async { unreachable!() });
        let victim = world.victim(Needs::User).await;
        let bad = row.attacks().into_iter().map(|(attack, _)| attack).filter(|attack| *attack != Attack::NoToken);
        for attack in bad {
            for (name, _, request) in requests().into_iter().filter(|(_, needs, _)| matches!(needs, Needs::Nobody(_))) {
                let authorization = world.credentials(attack, &victim, &row).header();
                // What can be done once is done with other names each time.
                let spare = world.session(&victim.admin).await;
                let names = victim.names.with("fresh", unique("fresh")).with("refresh_token", spare.refresh_token);
                let answer = request.fill(&names).send(&world.api, authorization.as_deref(), &[]).await;
                let looks = name == "GET /api/v1/organizations";
                let wanted = if looks { Outcome::Unauthenticated } else { Outcome::Success };
                assert_eq!(judge(&answer), wanted, "{name} × {attack:?}: {}", answer.text);
            }
        }
    });
}
