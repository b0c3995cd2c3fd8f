//! `createOrganization`, `organizations`, `myOrganizations`, `organizationMembers`.

use serde_json::{Value, json};
use trellis_tests::{Api, unique};

use super::{CREATE_ORGANIZATION, LOGIN, NO_ACCESS, NO_PERMISSION, REGISTER, instant, join, organization, world};

const DIRECTORY: &str = "{ organizations { id name slug contactEmail createdAt } }";

#[tokio::test]
async fn an_organization_is_created_signed_out_and_the_first_who_registers_is_its_admin() {
    let api = Api::shared();
    let slug = unique("org");
    let input = json!({"name": format!("{slug} Ltd"), "slug": slug, "contactEmail": format!("{slug}@example.test")});
    let payload = api.graph().done(CREATE_ORGANIZATION, json!({"input": input})).await;
    let made = &payload["organization"];
    assert_eq!(made["name"], format!("{slug} Ltd"));
    assert_eq!((&made["slug"], &made["contactEmail"]), (&input["slug"], &input["contactEmail"]));
    instant(&made["createdAt"]);

    // It stands in the directory, for everybody.
    let listed = api.graph().field(DIRECTORY, json!({})).await;
    assert!(listed.as_array().unwrap().contains(made), "{made} is not listed");

    let roles = "query($orgSlug: String!) { organizationMembers(orgSlug: $orgSlug) { role name } }";
    let ada = join(&api, &slug, "Ada").await;
    join(&api, &slug, "Ben").await;
    let members = ada.graph().field(roles, json!({"orgSlug": slug})).await;
    assert_eq!(members, json!([{"role": "ADMIN", "name": "Ada"}, {"role": "MEMBER", "name": "Ben"}]));
}

#[tokio::test]
async fn what_is_taken_is_told_slug_first_then_name_then_e_mail() {
    let api = Api::shared();
    let slug = organization(&api).await;
    let (other, email) = (unique("org"), format!("{slug}@example.test"));
    let create = async |input: Value| api.graph().failed(CREATE_ORGANIZATION, json!({"input": input})).await;
    for (input, sentence) in [
        (json!({"name": slug, "slug": slug, "contactEmail": email}), "Organization with this slug already exists"),
        (json!({"name": slug, "slug": other, "contactEmail": email}), "Organization with this name already exists"),
        (json!({"name": other, "slug": other, "contactEmail": email}), "Organization with this email already exists"),
        (
            json!({"name": other, "slug": other, "contactEmail": email.to_uppercase()}),
            "Organization with this email already exists",
        ),
    ] {
        let errors = create(input.clone()).await;
        assert_eq!(errors.first().map(String::as_str), Some(sentence), "{input}");
    }

    // Bad values: a sentence for each field, by the name that the client sent.
    let errors = create(json!({"name": " ", "slug": "Not A Slug", "contactEmail": "nobody"})).await;
    assert_eq!(errors.len(), 3, "{errors:?}");
    for (error, field) in errors.iter().zip(["name", "slug", "contactEmail"]) {
        assert!(error.starts_with(field), "{errors:?}");
    }
}

#[tokio::test]
async fn who_creates_an_organization_signed_in_is_its_admin_and_it_is_in_nobody_elses_directory() {
    let w = world().await;
    let slug = unique("org");
    let input = json!({"name": slug, "slug": slug, "contactEmail": format!("{slug}@example.test")});
    w.ada.graph().done(CREATE_ORGANIZATION, json!({"input": input})).await;

    let slugs = |list: Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|org| org["slug"].as_str().unwrap().to_owned()).collect()
    };
    let mine = slugs(w.ada.graph().field("{ myOrganizations { slug } }", json!({})).await);
    assert_eq!(mine, [w.org.clone(), slug.clone()], "oldest first");
    assert!(slugs(w.ada.graph().field(DIRECTORY, json!({})).await).contains(&slug));
    for stranger in [w.api.graph(), w.ben.graph(), w.api.graph().jwt("nonsense")] {
        let list = slugs(stranger.field(DIRECTORY, json!({})).await);
        assert!(list.contains(&w.org) && !list.contains(&slug), "{list:?}");
    }

    // Nobody joins it by registering: it answers like one that does not exist, and no user comes to be.
    let email = format!("{}@example.test", unique("eve"));
    for org in [slug.as_str(), "there-is-no-such-organization"] {
        let input =
            json!({"email": email, "password": "a-quite-long-passphrase", "name": "Eve", "organizationSlug": org});
        assert_eq!(w.api.graph().failed(REGISTER, json!({"input": input})).await, ["Organization not found"]);
    }
    let input = json!({"email": email, "password": "a-quite-long-passphrase"});
    assert_eq!(w.api.graph().failed(LOGIN, json!({"input": input})).await, ["Invalid credentials"]);
}

#[tokio::test]
async fn members_are_listed_to_members_with_their_people_and_their_organization() {
    let w = world().await;
    let query = "query Members($orgSlug: String!) { organizationMembers(orgSlug: $orgSlug) {
      id role name email user { id email name } organization { id slug name } __typename } }";
    let members = w.ben.graph().field(query, json!({"orgSlug": w.org})).await;
    let members = members.as_array().unwrap();
    for (member, (person, role)) in members.iter().zip([(&w.ada, "ADMIN"), (&w.ben, "MEMBER")]) {
        assert_eq!((&member["role"], &member["__typename"]), (&json!(role), &json!("OrganizationMember")));
        assert_eq!((&member["name"], &member["email"]), (&person.user["name"], &person.user["email"]));
        assert_eq!(member["user"], person.user);
        assert_eq!(member["organization"]["slug"], w.org);
    }
    assert_eq!(members.len(), 2);
    assert_ne!(members[0]["id"], members[1]["id"]);

    let eve = join(&w.api, &organization(&w.api).await, "Eve").await;
    for (graph, org, code, sentence) in [
        (w.api.graph(), w.org.as_str(), "unauthenticated", NO_PERMISSION),
        (eve.graph(), &w.org, "not_found", NO_ACCESS),
        (eve.graph(), "there-is-no-such-organization", "not_found", NO_ACCESS),
    ] {
        let refusal = graph.refused(query, json!({"orgSlug": org})).await;
        assert_eq!(refusal, (code.to_owned(), sentence.to_owned()));
    }
}
