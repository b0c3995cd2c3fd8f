//! Joining an organization: by its slug, by an invitation, in every way that must fail, and many at once.

use futures_util::future::join_all;
use serde_json::{Value, json};
use trellis_local::testing::TestCluster;
use trellis_tests::{Answer, Api, PASSWORD, Session, unique};

const CREATE: &str = "mutation($input: OrganizationInput!) { createOrganization(input: $input) { success errors } }";
const REGISTER: &str = "mutation($input: RegisterUserInput!) { registerUser(input: $input) {
  success errors token user { id email } } }";
const ACCEPT: &str = "mutation($token: String!) { acceptInvitation(token: $token) {
  success errors userErrors { code } organization { slug } } }";

fn email() -> String {
    format!("{}@example.test", unique("user"))
}

/// Made signed out: OPEN, without a member.
async fn unclaimed(api: &Api) -> String {
    let slug = unique("org");
    let input = json!({"name": slug, "slug": slug, "contactEmail": format!("{slug}@example.test")});
    api.graph().done(CREATE, json!({"input": input})).await;
    slug
}

async fn register(api: &Api, email: &str, slug: Option<&str>, token: Option<&Value>) -> Answer {
    let mut body = json!({"email": email, "name": "Someone", "password": PASSWORD});
    if let Some(slug) = slug {
        body["organization_slug"] = slug.into();
    }
    if let Some(token) = token {
        body["invitation_token"] = token.clone();
    }
    api.post("/auth/register", body).await
}

async fn invite(admin: &Session, org: &str, email: &str) -> Value {
    admin
        .post(&format!("/organizations/{org}/invitations"), json!({"email": email, "role": "MEMBER"}))
        .await
        .expect(201)
}

async fn accept(person: &Session, invitation: &Value) -> Answer {
    person.post("/invitations/accept", json!({"token": invitation["token"]})).await
}

async fn members(admin: &Session, org: &str) -> Vec<Value> {
    let page = admin.get(&format!("/organizations/{org}/members?limit=100")).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

/// A problem without what is another one in each answer.
fn bare(answer: Answer, status: u16, code: &str) -> Value {
    let mut problem = answer.problem(status, code);
    problem["request_id"].take();
    problem
}

#[tokio::test]
async fn of_fifty_who_register_at_once_one_becomes_admin() {
    // Of its own: so many passwords would keep everybody else's waiting.
    let cluster = TestCluster::start().unwrap();
    let api = Api::new(cluster.cluster.url());
    let org = unclaimed(&api).await;
    let registering = (0..50).map(|n| {
        let (api, org, email) = (&api, &org, email());
        async move {
            let mut sent_away = false;
            loop {
                let answer = if n % 2 == 0 {
                    register(api, &email, Some(org), None).await
                } else {
                    let input = json!({"email": email, "name": "N", "password": PASSWORD, "organizationSlug": org});
                    api.graph().post(REGISTER, json!({"input": input})).await
                };
                // Passwords take their time to hash: who is sent away may come again, and may have been made already.
                if answer.status == 503 || answer.text.contains("at the moment") {
                    sent_away = true;
                } else if sent_away && answer.text.contains("already") {
                    return None;
                } else {
                    return Some(answer);
                }
            }
        }
    });
    let made: Vec<_> = join_all(registering).await.into_iter().flatten().collect();
    let count = made.len();
    let mut token = String::new();
    for answer in made {
        let told = if answer.status == 200 { answer.done() } else { answer.expect(201) };
        let of_either = [&told["token"], &told["access_token"]];
        token = of_either.into_iter().find_map(Value::as_str).unwrap().to_owned();
    }
    let reader = Session { api: api.clone(), token, refresh_token: String::new(), user: Value::Null };
    let members = members(&reader, &org).await;
    assert!((count..=50).contains(&members.len()), "{count} are told that they are in, {} are", members.len());
    let admins: Vec<_> = members.iter().filter(|member| member["role"] == "ADMIN").collect();
    assert_eq!(admins.len(), 1);
    assert_eq!(admins[0]["user"], members[0]["user"], "who came first");
}

#[tokio::test]
async fn whatever_is_wrong_with_a_registration_the_answer_is_one_and_nobody_is_made() {
    let api = Api::shared();
    let (ada, eve) = (api.register("Ada").await, api.register("Eve").await);
    let (org, other, open) = (ada.organization().await, eve.organization().await, unclaimed(&api).await);
    let used = invite(&ada, &org, &email()).await;
    register(&api, used["email"].as_str().unwrap(), Some(&org), Some(&used["token"])).await.expect(201);
    let wrong = email();
    let revoked = invite(&ada, &org, &wrong).await;
    let path = format!("/organizations/{org}/invitations/{}", revoked["id"].as_str().unwrap());
    ada.delete(&path).await.expect(204);
    let fits = invite(&ada, &org, &wrong).await;
    let others = invite(&ada, &org, &email()).await;
    let theirs = invite(&eve, &other, &wrong).await;
    let nonsense = json!("nonsense");

    let absent = bare(register(&api, &wrong, Some(&unique("absent")), None).await, 403, "invitation_required");
    for (what, slug, token) in [
        ("no token", Some(&org), None),
        ("nonsense", Some(&org), Some(&nonsense)),
        ("used", Some(&org), Some(&used["token"])),
        ("revoked", Some(&org), Some(&revoked["token"])),
        ("revoked, alone", None, Some(&revoked["token"])),
        ("for another e-mail", Some(&org), Some(&others["token"])),
        ("of another organization", Some(&org), Some(&theirs["token"])),
        ("for an organization that is open", Some(&open), Some(&fits["token"])),
        ("nonsense for one that is open", Some(&open), Some(&nonsense)),
        ("in another case", Some(&org.to_uppercase()), Some(&fits["token"])),
    ] {
        let answer = register(&api, &wrong, slug.map(String::as_str), token).await;
        assert_eq!(bare(answer, 403, "invitation_required"), absent, "{what}");
        let mut input = json!({"email": wrong, "name": "N", "password": PASSWORD});
        input["organizationSlug"] = slug.map_or("", String::as_str).into();
        if let Some(token) = token.filter(|_| slug.is_some()) {
            input["invitationToken"] = token.clone();
        }
        let failed = api.graph().failed(REGISTER, json!({"input": input})).await;
        assert_eq!(failed, ["Organization not found"], "{what}");
        api.login(&wrong, PASSWORD).await.problem(401, "invalid_credentials");
    }
    assert_eq!((members(&ada, &org).await.len(), members(&eve, &other).await.len()), (2, 1));
    // Nothing of all that used up the good one, or the address.
    register(&api, &wrong.to_uppercase(), Some(&org), Some(&fits["token"])).await.expect(201);
    let ann = api.session(&api.login(&wrong, PASSWORD).await.expect(200));
    accept(&ann, &theirs).await.expect(200);
    let mine = ann.get("/me/organizations").await.expect(200);
    assert_eq!(mine["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_invitation_fits_its_address_alone_however_that_is_written() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    let word = unique("éva");
    let eva = api.register_with(json!({"email": format!("{word}@example.test")})).await;
    let ben = api.register("Ben").await;
    let invitation = invite(&ada, &org, &format!("  {}@EXAMPLE.test ", word.to_uppercase())).await;

    let wrong = bare(ben.post("/invitations/accept", json!({"token": "nonsense"})).await, 404, "not_found");
    assert_eq!(bare(accept(&ben, &invitation).await, 404, "not_found"), wrong);
    let told = ben.graph().failed(ACCEPT, json!({"token": invitation["token"]})).await;
    assert_eq!(told, ben.graph().failed(ACCEPT, json!({"token": "nonsense"})).await);
    assert_eq!(accept(&eva, &invitation).await.expect(200)["slug"], org);
    assert_eq!(bare(accept(&eva, &invitation).await, 404, "not_found"), wrong, "used");

    // Of those who are members nobody is invited; who became one meanwhile keeps the invitation, which is no use.
    let member = ada.post(&format!("/organizations/{org}/invitations"), json!({"email": eva.email()})).await;
    assert_eq!(member.bad_fields(), ["email"]);
    let open = json!({"join_policy": "OPEN"});
    ada.patch(&format!("/organizations/{org}"), open).await.expect(200);
    let late = email();
    let invitation = invite(&ada, &org, &late).await;
    let cid = api.session(&register(&api, &late, Some(&org), None).await.expect(201));
    accept(&cid, &invitation).await.problem(409, "already_exists");
    let own = format!("/organizations/{org}/members/{}", cid.id());
    ada.delete(&own).await.expect(204);
    assert_eq!(bare(accept(&cid, &invitation).await, 404, "not_found"), wrong, "and lets nobody back in");
    cid.get(&format!("/organizations/{org}")).await.problem(404, "not_found");
    let anew = invite(&ada, &org, &late).await;
    accept(&cid, &anew).await.expect(200);

    // One for an organization that is gone.
    let last = invite(&ada, &org, ben.email()).await;
    ada.delete(&format!("/organizations/{org}")).await.expect(204);
    assert_eq!(bare(accept(&ben, &last).await, 404, "not_found"), wrong);
}

#[tokio::test]
async fn what_is_used_twice_at_once_is_used_once() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    for _ in 0..8 {
        // Two acceptances of one user.
        let ben = api.register("Ben").await;
        let invitation = invite(&ada, &org, ben.email()).await;
        let answers: [Answer; 2] = tokio::join!(accept(&ben, &invitation), accept(&ben, &invitation)).into();
        let mut statuses = answers.map(|answer| answer.status.as_u16());
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 404]);

        // An account without the organization, and one with it, for one address.
        let address = email();
        let invitation = invite(&ada, &org, &address).await;
        let (alone, with) = tokio::join!(
            register(&api, &address, None, None),
            register(&api, &address, Some(&org), Some(&invitation["token"]))
        );
        if alone.status == 201 {
            with.problem(409, "already_exists");
            accept(&api.session(&alone.body), &invitation).await.expect(200);
        } else {
            alone.problem(409, "already_exists");
            accept(&api.session(&with.expect(201)), &invitation).await.problem(404, "not_found");
        }
    }
    assert_eq!(members(&ada, &org).await.len(), 17);
}

#[tokio::test]
async fn who_registers_while_the_door_is_shut_is_out_and_all_others_are_in() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    let path = format!("/organizations/{org}");
    let mut inside = 1;
    for _ in 0..3 {
        ada.patch(&path, json!({"join_policy": "OPEN"})).await.expect(200);
        let addresses = [email(), email(), email(), email()];
        let registering = join_all(addresses.iter().map(|email| register(&api, email, Some(&org), None)));
        let (answers, closed) = tokio::join!(registering, ada.patch(&path, json!({"join_policy": "INVITE_ONLY"})));
        closed.expect(200);
        for (answer, address) in answers.into_iter().zip(addresses) {
            if answer.status == 201 {
                inside += 1;
                api.session(&answer.body).get(&path).await.expect(200);
            } else {
                answer.problem(403, "invitation_required");
                api.login(&address, PASSWORD).await.problem(401, "invalid_credentials");
            }
        }
        register(&api, &email(), Some(&org), None).await.problem(403, "invitation_required");
    }
    assert_eq!(members(&ada, &org).await.len(), inside);
}
