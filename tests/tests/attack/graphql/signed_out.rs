//! A bad token never fails an operation that needs none: whoever shows one is answered as if he had shown nothing.

use serde_json::{Value, json};

use trellis_tests::unique;

use super::{directory::open_organization, judge, operations, schema::Schema};
use crate::{
    matrix::{Needs, Outcome, Row},
    world,
};

#[test]
fn a_bad_token_is_none_where_none_is_needed() {
    world::run(|world| async move {
        let schema = Schema::read(&world.api).await;
        let row = Row::new("any", Needs::User, |_| async { unreachable!() });
        let victim = world.victim(Needs::User).await;
        let nobodys = operations(&schema).into_iter().filter(|(_, needs, _)| matches!(needs, Needs::Nobody(_)));
        let mut tried = 0;
        for (name, _, operation) in nobodys {
            for (attack, _) in row.attacks() {
                let token = world.credentials(attack, &victim, &row).token;
                let authorization = token.map(|token| format!("JWT {token}"));
                // What can be done once is done with other names each time.
                let spare = world.session(&victim.admin).await;
                let names = victim.names.with("fresh", unique("fresh")).with("refresh_token", spare.refresh_token);
                let mut request = operation.request();
                if let Some(body) = &mut request.body {
                    if body.contains("{open_org}") {
                        *body = body.replace("{open_org}", &open_organization(&world.api).await);
                    }
                    *body = body.replace("{access_token}", &victim.member.token);
                }
                let answer = request.fill(&names).send(&world.api, authorization.as_deref(), &[]).await;
                let outcome = judge(answer.status.as_u16(), &answer.body, true);
                assert_eq!(outcome, Outcome::Success, "{name} × {attack:?}: {}", answer.text);
                tried += 1;
            }
        }
        assert!(tried >= 100, "{tried}");

        // What was made with a bad token is nobody's, as if it was made without: a token that proves nothing must not
        // make its victim an ADMIN.
        for (attack, _) in row.attacks() {
            let token = world.credentials(attack, &victim, &row).token.unwrap_or_default();
            let create = "mutation($input: OrganizationInput!) { createOrganization(input: $input) { success errors organization { joinPolicy role slug } } }";
            let slug = unique("made");
            let input = json!({"name": slug, "slug": slug, "contactEmail": format!("{slug}@example.test")});
            let made = world.api.graph().jwt(&token).done(create, json!({"input": input})).await;
            assert_eq!(made["organization"]["role"], Value::Null, "{attack:?}: {made}");
        }
        let mine = world.client(&victim.admin).get("/me/organizations").await.expect(200);
        assert_eq!(mine["items"].as_array().map(Vec::len), Some(1), "{mine}");
    });
}
