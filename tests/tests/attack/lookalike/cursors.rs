//! Cursors of the other organization: a place in a list or in an order of events is no key to it.

use serde_json::{Value, json};
use trellis_tests::Socket;

use super::IDS;
use crate::{
    graphql::schema::Schema,
    matrix::Needs,
    victim::{notifications, until},
    world::{self, Victim, World},
};

/// One more of everything, so that there is a page after the first one.
async fn grow(world: &World, victim: &Victim) {
    let (client, at) = (world.client(&victim.admin), format!("/organizations/{}", victim.names.get("org")));
    let post = async |path: &str, body| client.post(&format!("{at}{path}"), body).await.expect(201);
    post("/projects", json!({"name": "Another", "key": "OTH"})).await;
    post("/projects/WEB/tasks", json!({"title": "The second task"})).await;
    post("/tasks/WEB-1/comments", json!({"content": "The second word"})).await;
    let again = json!({"content": "What the ADMIN is notified of, too"});
    world.client(&victim.member).post(&format!("{at}/tasks/WEB-1/comments"), again).await.expect(201);
    until("the ADMIN is notified twice", async || notifications(&client).await.len() == 2).await;
    post("/invitations", json!({"email": format!("{}@example.test", trellis_tests::unique("more"))})).await;
}

/// All ids that an organization's ADMIN is shown.
async fn ids(world: &World, victim: &Victim) -> Vec<String> {
    let client = world.client(&victim.admin);
    let mut ids: Vec<_> = IDS.iter().map(|id| victim.names.get(id).to_owned()).collect();
    for path in ["projects", "tasks", "members", "invitations", "audit", "tasks/WEB-1/comments", "tasks/WEB-1/activity"]
    {
        let list = client.get(&format!("/organizations/{}/{path}", victim.names.get("org"))).await.expect(200);
        for item in list["items"].as_array().unwrap() {
            ids.extend(item["id"].as_str().map(str::to_owned));
        }
    }
    ids
}

#[test]
fn cursors_of_another_organization_show_nothing() {
    world::run(|world| async move {
        let (north, south) = (world.victim(Needs::Member).await, world.victim(Needs::Member).await);
        grow(&world, &north).await;
        grow(&world, &south).await;
        let foreign = ids(&world, &south).await;
        assert!(foreign.len() > 30, "{foreign:?}");
        let (client, theirs) = (world.client(&north.admin), world.client(&south.admin));
        let check = |what: &str, text: &str| {
            let told = foreign.iter().find(|id| text.contains(id.as_str()));
            assert!(told.is_none(), "{what} tells of another organization: {text}");
        };

        let document = world.api.get("/openapi.json").await.expect(200);
        let mut tried = 0;
        for (template, item) in document["paths"].as_object().unwrap() {
            let parameters = item["get"]["parameters"].as_array().into_iter().flatten();
            let paged = parameters.into_iter().any(|parameter| parameter["name"] == "cursor");
            let Some(path) = template.strip_prefix("/api/v1").filter(|path| paged && path.contains("{org}")) else {
                continue;
            };
            let first = theirs.get(&format!("{}?limit=1", south.names.fill(path))).await.expect(200);
            let cursor = first["next_cursor"].as_str().unwrap_or_else(|| panic!("{path} has one page: {first}"));
            let answer = client.get(&format!("{}?limit=100&cursor={cursor}", north.names.fill(path))).await;
            assert!([200, 400].contains(&answer.status.as_u16()), "{path}: {}", answer.text);
            check(path, &answer.text);
            tried += 1;
        }
        assert!(tried >= 8, "{tried}");

        // One's own list: a place in another's is none in it.
        let first = theirs.get("/me/notifications?limit=1").await.expect(200);
        let cursor = first["next_cursor"].as_str().unwrap_or_else(|| panic!("one page: {first}"));
        let answer = client.get(&format!("/me/notifications?limit=100&cursor={cursor}")).await;
        assert!([200, 400].contains(&answer.status.as_u16()), "{}", answer.text);
        check("/me/notifications", &answer.text);

        // By GraphQL: every connection of every object that an organization leads to.
        let schema = Schema::read(&world.api).await;
        let ways = [
            ("Organization", "organization(slug: $org) { # }"),
            ("Project", "project(orgSlug: $org, projectSlug: \"website\") { # }"),
            ("Task", "task(orgSlug: $org, taskId: \"WEB-1\") { # }"),
        ];
        let mut tried = 0;
        for (of, way) in ways {
            for field in schema.fields(of).iter().filter(|field| field.of.ends_with("Connection")) {
                let asked = |declared: &str, after: &str| {
                    let list = format!("{}(first: 50 {after}) {{ edges {{ cursor node {{ id }} }} }}", field.name);
                    format!("query($org: String! {declared}) {{ {} }}", way.replace('#', &list))
                };
                let data = theirs.graph().data(&asked("", ""), json!({"org": south.names.get("org")})).await;
                let edges = &data.as_object().unwrap().values().next().unwrap()[&field.name]["edges"];
                let cursor = &edges.as_array().unwrap()[0]["cursor"];
                let variables = json!({"org": north.names.get("org"), "after": cursor});
                let answer = client.graph().post(&asked("$after: String", "after: $after"), variables).await;
                check(&format!("{of}.{}", field.name), &answer.text);
                assert!(answer.body["data"].is_object(), "{}", answer.text);
                tried += 1;
            }
        }
        assert!(tried >= 8, "{tried}");
    });
}

#[test]
fn positions_of_another_organization_replay_nothing() {
    world::run(|world| async move {
        let (north, south) = (world.victim(Needs::Member).await, world.victim(Needs::Member).await);
        let topics = ["task:{org}/{task_id}", "project:{org}/{project}", "notifications"];
        let mut theirs = Socket::open(&world.api.base, &south.admin.token).await;
        let mut cursors = Vec::new();
        for topic in topics {
            cursors.push(theirs.subscribe(&south.names.fill(topic), None).await["cursor"].as_str().unwrap().to_owned());
        }
        // What comes after those positions.
        grow(&world, &south).await;
        let mut own = Socket::open(&world.api.base, &north.admin.token).await;
        for topic in topics {
            for cursor in &cursors {
                let answer = own.subscribe(&north.names.fill(topic), Some(cursor)).await;
                assert_eq!(answer["recovered"], Value::Bool(false), "{topic}: {answer}");
                own.expect_nothing_pending().await;
            }
        }
    });
}
