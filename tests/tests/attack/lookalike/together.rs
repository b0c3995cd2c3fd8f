//! Both organizations in one request: what was loaded for the one must not stand in for what the other one has.

use serde_json::{Value, json};

use super::join;
use crate::{
    graphql::{
        below::{ARGUMENTS, FOR_ADMINS},
        schema::Schema,
    },
    matrix::Needs,
    world,
};

/// What is asked of an organization, by root fields.
const ROOTS: [&str; 6] = [
    "organizationMembers(orgSlug: $#) { user { id } }",
    "projects(orgSlug: $#) { id organization { id } }",
    "project(orgSlug: $#, projectSlug: \"website\") { id tasks { nodes { id } } }",
    "tasks(orgSlug: $#, projectSlug: \"website\") { id project { id } comments { nodes { id } } }",
    "task(orgSlug: $#, taskId: \"WEB-1\") { id project { id organization { id } } activity { nodes { id } } }",
    "taskComments(orgSlug: $#, taskId: \"WEB-1\") { id task { id project { id } } }",
];

/// Each of them, and each field of an organization that leads to objects.
fn questions(schema: &Schema) -> Vec<String> {
    let below = schema.fields("Organization").iter().filter(|field| !field.is_plain()).map(|field| {
        let given = ARGUMENTS.iter().find(|(of, name, _)| *of == "Organization" && *name == field.name);
        let given = given.map(|(.., given)| format!("({given})")).unwrap_or_default();
        let given = given.replace("$project", "\"website\"").replace("$task", "\"WEB-1\"");
        let selection = if field.of.ends_with("Connection") { "{ nodes { id } }" } else { "{ id }" };
        format!("organization(slug: $#) {{ id {}{given} {selection} }}", field.name)
    });
    ROOTS.iter().map(|root| (*root).to_owned()).chain(below).collect()
}

/// The question of both at once, in either order, and of one alone.
fn documents(question: &str) -> [String; 3] {
    let of = |name: &str| format!("{name}: {}", question.replace('#', name));
    let (north, south) = (of("north"), of("south"));
    [
        format!("query($north: String!, $south: String!) {{ {north} {south} }}"),
        format!("query($north: String!, $south: String!) {{ {south} {north} }}"),
        format!("query($north: String!) {{ {north} }}"),
    ]
}

#[test]
fn one_request_for_both_shows_each_its_own() {
    world::run(|world| async move {
        let (north, south) = (world.victim(Needs::Member).await, world.victim(Needs::Member).await);
        let schema = Schema::read(&world.api).await;
        let variables = json!({"north": north.names.get("org"), "south": south.names.get("org")});
        let stranger = world.client(&north.admin).graph();
        let theirs = world.client(&south.admin).graph();
        let alone = json!({"north": south.names.get("org")});
        let mut wanted = Vec::new();
        for question in questions(&schema) {
            let [one, other, single] = documents(&question);
            let own = stranger.data(&single, json!({"north": variables["north"]})).await["north"].clone();
            let foreign = theirs.data(&single, alone.clone()).await["north"].clone();
            assert_ne!(own, foreign, "{question}");
            for document in [&one, &other] {
                let answer = stranger.post(document, variables.clone()).await;
                assert_eq!(answer.body["data"]["north"], own, "{document}");
                assert_eq!(answer.body["data"]["south"], Value::Null, "{document}");
                assert_eq!(answer.body["errors"][0]["extensions"]["code"], "not_found", "{}", answer.text);
            }
            wanted.push((question, own, foreign));
        }
        assert!(wanted.len() > 10);

        // Who is in both sees both, and each as its own people see it; what is for ADMINs only where he is one.
        join(&world, &south, &north.admin).await;
        for (question, own, mut foreign) in wanted {
            let [one, other, single] = documents(&question);
            let for_admins = FOR_ADMINS.iter().find(|(_, field)| question.contains(&format!("id {field} ")));
            match for_admins {
                Some((_, field)) => foreign[*field] = Value::Null,
                // With the one who joined.
                None => foreign = theirs.data(&single, alone.clone()).await["north"].clone(),
            }
            for document in [one, other] {
                let data = stranger.post(&document, variables.clone()).await.body["data"].clone();
                assert_eq!(data["north"], own, "{document}");
                assert_eq!(data["south"], foreign, "{document}");
            }
        }
    });
}
