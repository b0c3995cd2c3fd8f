//! Two organizations that are alike in all that people choose: names, slugs, keys, task ids. What is asked of the one is
//! asked again with ids of the other one in it, one at a time and all at once, wherever a request has ids: in its path,
//! its query, its body and its variables.

mod cursors;
mod ids;
mod together;

use std::collections::BTreeSet;

use serde_json::json;

use crate::{
    graphql::{self, schema::Schema},
    matrix::{Answer, Needs, Outcome},
    rest::{
        self,
        request::{Request, seen},
    },
    world::{Names, Person, Victim, World},
};

/// What is never alike, and what a request may name.
const IDS: [&str; 14] = [
    "org",
    "org_id",
    "project_id",
    "task_uuid",
    "comment",
    "notification",
    "invitation",
    "invitation_token",
    "user_id",
    "other_member_id",
    "admin_id",
    "member_email",
    "admin_email",
    "session",
];

/// Requests that no row of the matrix makes, with the ids that people do not see in the places of those that they do.
const MORE: &[(&str, &str)] = &[
    ("GET /api/v1/organizations/{org_id}", ""),
    ("GET /api/v1/organizations/{org_id}/projects", ""),
    ("GET /api/v1/organizations/{org}/projects/{project_id}", ""),
    ("PATCH /api/v1/organizations/{org}/projects/{project_id}", r#"{"name": "Changed"}"#),
    ("DELETE /api/v1/organizations/{org}/projects/{project_id}", ""),
    ("GET /api/v1/organizations/{org}/projects/{project_id}/tasks", ""),
    ("POST /api/v1/organizations/{org}/projects/{project_id}/tasks", r#"{"title": "Another"}"#),
    ("GET /api/v1/organizations/{org}/tasks/{task_uuid}", ""),
    ("PATCH /api/v1/organizations/{org}/tasks/{task_uuid}", r#"{"title": "Changed"}"#),
    ("DELETE /api/v1/organizations/{org}/tasks/{task_uuid}", ""),
    ("GET /api/v1/organizations/{org}/tasks/{task_uuid}/comments", ""),
    ("POST /api/v1/organizations/{org}/tasks/{task_uuid}/comments", r#"{"content": "Hello"}"#),
    ("GET /api/v1/organizations/{org}/tasks/{task_uuid}/activity", ""),
    ("GET /api/v1/organizations/{org}/tasks/{task_uuid}/watch", ""),
    ("PUT /api/v1/organizations/{org}/tasks/{task_uuid}/watch", ""),
    ("PATCH /api/v1/organizations/{org}/tasks/WEB-1", r#"{"assignee_id": "{admin_id}"}"#),
    ("PATCH /api/v1/organizations/{org}/tasks/WEB-1", r#"{"assignee_email": "{member_email}"}"#),
    (
        "POST /api/v1/organizations/{org}/projects/WEB/tasks",
        r#"{"title": "Another", "assignee_email": "{member_email}"}"#,
    ),
    ("PATCH /api/v1/organizations/{org}/members/{admin_id}", r#"{"role": "MEMBER"}"#),
    ("DELETE /api/v1/organizations/{org}/members/{admin_id}", ""),
    ("GET /api/v1/organizations/{org}/tasks?assignee={user_id}", ""),
    ("GET /api/v1/organizations/{org}/projects/WEB/tasks?assignee={user_id}", ""),
];

/// A request that names something, whose template has been recorded.
struct Recorded {
    name: String,
    request: Request,
    /// The ids in it.
    ids: Vec<&'static str>,
    /// A filter may name whom it likes: nothing fits.
    is_filter: bool,
}

async fn recorded(world: &World) -> Vec<Recorded> {
    let by_rest = rest::requests().into_iter().map(|(name, needs, request)| (name.to_owned(), needs, request));
    let more = MORE.iter().map(|(name, body)| {
        let what = if body.is_empty() { (*name).to_owned() } else { format!("{name} {body}") };
        (what, Needs::Member, Request::template(name, body))
    });
    let schema = Schema::read(&world.api).await;
    // What is below a root field is reached by the names that the root field has.
    let roots = graphql::operations(&schema).into_iter().filter(|(name, ..)| !name.contains(": "));
    let roots = roots.map(|(name, needs, operation)| (name, needs, operation.request()));
    let all = by_rest.chain(more).chain(roots).filter(|(_, needs, _)| !matches!(needs, Needs::Nobody(_)));
    all.map(|(name, _, request)| {
        let text = format!("{} {}", request.path, request.body.as_deref().unwrap_or_default());
        let ids: Vec<_> = IDS.into_iter().filter(|id| text.contains(&format!("{{{id}}}"))).collect();
        Recorded { is_filter: request.path.contains('?'), name, request, ids }
    })
    .filter(|recorded| !recorded.ids.is_empty())
    .collect()
}

/// The names of one organization, but for these ids, which are the other one's.
fn mixed(names: &Names, other: &Names, swapped: &[&'static str]) -> Names {
    swapped.iter().fold(names.clone(), |names, id| names.with(id, other.get(id)))
}

impl Recorded {
    /// As this person sends it.
    async fn send(&self, world: &World, person: &Person, names: &Names) -> Answer {
        let authorization = format!("Bearer {}", person.token);
        let answer = self.request.fill(names).send(&world.api, Some(&authorization), &[]).await;
        let outcome = if self.request.path == "/graphql" {
            graphql::judge(answer.status.as_u16(), &answer.body, self.is_filter)
        } else {
            rest::judge(&answer)
        };
        Answer { outcome, seen: seen(&answer) }
    }

    /// Sends it with these ids of the other organization, and gives what is wrong with the answer.
    async fn swap(
        &self,
        world: &World,
        person: &Person,
        own: &Victim,
        other: &Victim,
        ids: &[&'static str],
    ) -> Vec<String> {
        let (foreign, absent) = (mixed(&own.names, &other.names, ids), mixed(&own.names, &Names::absent(), ids));
        let answer = self.send(world, person, &foreign).await;
        let nothing = self.send(world, person, &absent).await;
        let mut wrong = Vec::new();
        let mut complain = |what: String| wrong.push(format!("{} with {ids:?} of another: {what}", self.name));
        match &answer.outcome {
            Outcome::NotFound => {}
            // An assignee who is no member.
            Outcome::Other(code) if code == "422 validation_failed" || code == "200 Some(\"not_a_member\")" => {}
            Outcome::Success if self.is_filter && !ids.contains(&"org") => {}
            other => complain(format!("{other:?}: {}", answer.seen)),
        }
        let (shown, blank) = (foreign.hide(&answer.seen), absent.hide(&nothing.seen));
        // The original tells an address that nobody has from one of no member; so does registering.
        let may_differ = ids == ["member_email"];
        if shown != blank && !may_differ {
            complain(format!("what is foreign and what is absent differ:\n    {shown}\n    {blank}"));
        }
        // What the request names itself may come back.
        for id in IDS.into_iter().filter(|id| !ids.contains(id)) {
            let value = other.names.get(id);
            if answer.seen.contains(value) {
                complain(format!("it tells {id} {value}: {}", answer.seen));
            }
        }
        wrong
    }
}

/// This person joins this organization.
async fn join(world: &World, victim: &Victim, person: &Person) {
    let path = format!("/organizations/{}/invitations", victim.names.get("org"));
    let invitation = world.client(&victim.admin).post(&path, json!({"email": person.email})).await.expect(201);
    let accept = json!({"token": invitation["token"]});
    world.client(person).post("/invitations/accept", accept).await.expect(200);
}

/// One at a time, and all at once.
fn choices(ids: &[&'static str]) -> BTreeSet<Vec<&'static str>> {
    ids.iter().map(|id| vec![*id]).chain([ids.to_vec()]).collect()
}
