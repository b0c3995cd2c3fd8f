//! An organization that anyone may join is in the directory, and anyone gets an object of it: what is below it is for
//! its members all the same.

use serde_json::{Value, json};
use trellis_tests::{Api, unique};

use super::{ARGUMENTS, FOR_ADMINS, judge, schema::Schema};
use crate::{
    attackers::Attack,
    matrix::{Needs, Outcome},
    world,
};

/// What the directory tells of an organization.
const TOLD: [&str; 5] = ["id", "name", "slug", "contactEmail", "createdAt"];

/// Made by nobody; gives its slug.
pub async fn open_organization(api: &Api) -> String {
    let slug = unique("open");
    let create = "mutation($input: OrganizationInput!) { createOrganization(input: $input) { success errors } }";
    let input = json!({"name": slug, "slug": slug, "contactEmail": format!("{slug}@example.test")});
    api.graph().done(create, json!({"input": input})).await;
    slug
}

#[test]
fn the_directory_opens_nothing() {
    world::run(|world| async move {
        let schema = Schema::read(&world.api).await;
        let victim = world.victim(Needs::Member).await;
        let slug = victim.names.get("org");
        let client = world.client(&victim.admin);
        client.patch(&format!("/organizations/{slug}"), json!({"join_policy": "OPEN"})).await.expect(200);
        let row = crate::matrix::Row::new("the directory", Needs::Member, |_| async { unreachable!() });
        let strangers = row.attacks().into_iter().map(|(attack, _)| attack);
        for attack in strangers.filter(|attack| *attack != Attack::MemberForAdmin) {
            let token = world.credentials(attack, &victim, &row).token;
            let graph = token.iter().fold(world.api.graph(), |graph, token| graph.jwt(token));
            for field in schema.fields("Organization") {
                let given = ARGUMENTS.iter().find(|(of, name, _)| *of == "Organization" && *name == field.name);
                let given = given.map(|(.., given)| format!("({given})")).unwrap_or_default();
                let given = given.replace("$project", "\"website\"").replace("$task", "\"WEB-1\"");
                let selection = if field.is_value { String::new() } else { schema.selection(&field.of, 0) };
                let document = format!("{{ organizations {{ slug {}{given} {selection} }} }}", field.name);
                let mut answer = graph.post(&document, json!({})).await;
                let listed = answer.body["data"]["organizations"].as_array().cloned().unwrap_or_default();
                let mut shown = listed.into_iter().filter(|organization| organization["slug"] == slug);
                let mut organization = shown.next().unwrap_or_else(|| panic!("it is not listed: {}", answer.text));
                let value = organization[&field.name].take();
                if TOLD.contains(&&*field.name) {
                    assert!(value.is_string() || field.name == "slug", "{attack:?} {}: {organization}", field.name);
                    continue;
                }
                assert_eq!(value, Value::Null, "{attack:?} is told of {}", field.name);
                if !field.is_plain() {
                    answer.body["data"] = json!({"organizations": null});
                    assert_eq!(judge(200, &answer.body, true), Outcome::NotFound, "{attack:?} {}", field.name);
                }
            }
        }
        // Members go this way, too, and find what is theirs; and what is for ADMINs they do not.
        let graph = world.client(&victim.member).graph();
        for field in ["projects", "members", "tasks", "audit", "invitations"] {
            let document = format!("{{ organizations {{ slug {field} {{ nodes {{ id }} }} }} }}");
            let listed = graph.post(&document, json!({})).await.body["data"]["organizations"].clone();
            let own = listed.as_array().unwrap().iter().find(|organization| organization["slug"] == slug).unwrap();
            let for_admins = FOR_ADMINS.contains(&("Organization", field));
            assert_eq!(own[field].is_null(), for_admins, "{field}: {own}");
        }
    });
}
