//! `registerUser`, `loginUser`, `me`.

use serde_json::{Value, json};
use trellis_tests::{PASSWORD, unique};

use super::{LOGIN, NO_PERMISSION, REGISTER, join, organization, session, world};

#[tokio::test]
async fn somebody_registers_and_is_signed_in() {
    let w = world().await;
    let email = format!("{}@example.test", unique("carla"));
    let input = json!({"email": email, "password": PASSWORD, "name": "Carla", "organizationSlug": w.org});
    let payload = w.api.graph().done(REGISTER, json!({"input": input})).await;
    assert_eq!((&payload["user"]["email"], &payload["user"]["name"]), (&json!(email), &json!("Carla")));
    let carla = session(&w.api, &payload);
    let me = carla.graph().field("{ me { id email name } }", json!({})).await;
    assert_eq!(me, payload["user"]);
    let orgs = carla.graph().field("query { myOrganizations { slug name contactEmail } }", json!({})).await;
    assert_eq!(orgs[0]["slug"], w.org);

    // The address again, in any case.
    for taken in [email.clone(), email.to_uppercase()] {
        let input = json!({"email": taken, "password": PASSWORD, "name": "Carla", "organizationSlug": w.org});
        let errors = w.api.graph().failed(REGISTER, json!({"input": input})).await;
        assert_eq!(errors, ["User with this email already exists"]);
    }
}

#[tokio::test]
async fn who_registers_badly_is_told_why_and_nobody_comes_to_be() {
    let w = world().await;
    let register = async |input: Value| w.api.graph().failed(REGISTER, json!({"input": input})).await;
    let email = format!("{}@example.test", unique("dora"));
    for org in ["there-is-no-such-organization", ""] {
        let input = json!({"email": email, "password": PASSWORD, "name": "Dora", "organizationSlug": org});
        assert_eq!(register(input).await, ["Organization not found"], "{org:?}");
    }
    let errors = register(json!({"email": "dora", "password": "short", "name": "", "organizationSlug": w.org})).await;
    assert_eq!(errors.len(), 3, "{errors:?}");
    for field in ["email", "password", "name"] {
        assert!(errors.iter().any(|error| error.starts_with(field)), "{field} is not told: {errors:?}");
    }
    let input = json!({"email": email, "password": PASSWORD});
    assert_eq!(w.api.graph().failed(LOGIN, json!({"input": input})).await, ["Invalid credentials"]);
}

#[tokio::test]
async fn somebody_logs_in_and_a_wrong_word_is_one_answer() {
    let w = world().await;
    for email in [w.ben.email().to_owned(), w.ben.email().to_uppercase()] {
        let payload = w.api.graph().done(LOGIN, json!({"input": {"email": email, "password": PASSWORD}})).await;
        assert_eq!(payload["user"], w.ben.user);
        let me = session(&w.api, &payload).graph().field("{ me { id } }", json!({})).await;
        assert_eq!(me["id"], w.ben.id());
    }
    for (email, password) in
        [(w.ben.email(), "not-the-passphrase"), ("nobody@example.test", PASSWORD), (w.ben.email(), ""), ("", "")]
    {
        let input = json!({"email": email, "password": password});
        let errors = w.api.graph().failed(LOGIN, json!({"input": input})).await;
        assert_eq!(errors, ["Invalid credentials"], "{email} {password}");
    }
}

#[tokio::test]
async fn signed_out_one_is_nobody() {
    let w = world().await;
    for query in ["{ me { id email } }", "{ myOrganizations { slug } }"] {
        for graph in [w.api.graph(), w.api.graph().with(""), w.api.graph().jwt("nonsense"), w.api.graph().with("JWT")] {
            let refusal = graph.refused(query, json!({})).await;
            assert_eq!(refusal, ("unauthenticated".to_owned(), NO_PERMISSION.to_owned()), "{query}");
        }
    }
}

#[tokio::test]
async fn people_of_two_organizations_do_not_see_each_other() {
    let w = world().await;
    let other = organization(&w.api).await;
    let eve = join(&w.api, &other, "Eve").await;
    let orgs = eve.graph().field("{ myOrganizations { slug } }", json!({})).await;
    assert_eq!(orgs, json!([{"slug": other}]));
    let orgs = w.ada.graph().field("{ myOrganizations { slug } }", json!({})).await;
    assert_eq!(orgs, json!([{"slug": w.org}]));
}
