//! Organizations to be attacked, and the people around them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use trellis_tests::{Session, unique};
use uuid::Uuid;

use crate::{
    attackers::{claims, sign},
    grpc,
    matrix::Needs,
    names::Names,
    world::{Person, World},
};

/// An organization with one of everything, and the people around it.
pub struct Victim {
    pub names: Names,
    pub admin: Person,
    pub member: Person,
    /// Was a member.
    pub removed: Person,
    /// Is invited.
    pub invitee: Person,
    /// An access token of the ADMIN's, of a session that was logged out.
    pub logged_out: String,
}

impl World {
    /// A new user with an open session.
    pub async fn person(&self, name: &str) -> Person {
        let (id, email) = (Uuid::now_v7(), format!("{}@example.test", unique(&name.to_lowercase())));
        sqlx::query(
            "INSERT INTO users (id, email, name, password_hash, created_at)
             SELECT $1, $2, $3, password_hash, now() FROM users WHERE name = 'Original'",
        )
        .bind(id)
        .bind(&email)
        .bind(name)
        .execute(&self.databases["identity"])
        .await
        .unwrap();
        let mut person = Person {
            id,
            email,
            name: name.to_owned(),
            session: Uuid::nil(),
            token: String::new(),
            refresh_token: String::new(),
        };
        person = self.session(&person).await;
        person
    }

    /// The same user in one more session. As a login makes it, without the password being hashed each time.
    pub async fn session(&self, person: &Person) -> Person {
        let secret: [u8; 32] = Sha256::digest(Uuid::new_v4().as_bytes()).into();
        let session = Uuid::now_v7();
        let mut transaction = self.databases["identity"].begin().await.unwrap();
        sqlx::query(
            "INSERT INTO sessions (id, user_id, user_agent, ip, created_at, last_used_at, expires_at, access_expires_at)
             VALUES ($1, $2, 'test', '127.0.0.1', now(), now(), now() + interval '90 days', now() + interval '1 hour')",
        )
        .bind(session)
        .bind(person.id)
        .execute(&mut *transaction)
        .await
        .unwrap();
        sqlx::query("INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES ($1, $2, now())")
            .bind(&Sha256::digest(secret)[..])
            .bind(session)
            .execute(&mut *transaction)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        let mut opened = Person { session, refresh_token: URL_SAFE_NO_PAD.encode(secret), ..person.clone() };
        opened.token = sign(&self.signing_key, "at+jwt", &claims(&opened));
        opened
    }

    /// As the clients of the black-box tests see this person.
    pub fn client(&self, person: &Person) -> Session {
        Session {
            api: self.api.clone(),
            token: person.token.clone(),
            refresh_token: person.refresh_token.clone(),
            user: json!({"id": person.id, "email": person.email, "name": person.name}),
        }
    }

    /// A new organization with one of everything. Its people, too, are its own.
    pub fn victim(&self, needs: Needs) -> LocalBoxFuture<'_, Victim> {
        Box::pin(self.make_victim(needs))
    }

    async fn make_victim(&self, needs: Needs) -> Victim {
        let admin = self.person("Admin").await;
        let (member, other, removed, invitee) =
            tokio::join!(self.person("Member"), self.person("Other"), self.person("Removed"), self.person("Invitee"));
        let (spare, ended) = tokio::join!(self.session(&admin), self.session(&admin));
        let client = self.client(&admin);
        let org = unique("org");
        let body = json!({"name": org, "slug": org, "contact_email": format!("{org}@example.test")});
        let organization = client.post("/organizations", body).await.expect(201);
        let path = |rest: &str| format!("/organizations/{org}{rest}");
        let project = client.project(&org, json!({"name": "Website", "key": "WEB", "slug": "website"})).await;
        let task = client.task(&org, "WEB", "The first task").await;
        let comment =
            client.post(&path("/tasks/WEB-1/comments"), json!({"content": "The first word"})).await.expect(201);
        let org_id: Uuid = organization["id"].as_str().unwrap().parse().unwrap();
        for person in [&member, &other] {
            self.join(org_id, person).await;
        }
        // By one who does nothing else: whoever shows that a row can be done must ask whether he may.
        let second = json!({"content": "What the ADMIN is notified of"});
        self.client(&other).post(&path("/tasks/WEB-1/comments"), second).await.expect(201);
        let invitation = client.post(&path("/invitations"), json!({"email": removed.email})).await.expect(201);
        let accept = json!({"token": invitation["token"]});
        self.client(&removed).post("/invitations/accept", accept).await.expect(200);
        client.delete(&path(&format!("/members/{}", removed.id))).await.expect(204);
        let invitation = client.post(&path("/invitations"), json!({"email": invitee.email})).await.expect(201);
        self.client(&ended).post("/auth/logout", Value::Null).await.expect(204);
        let is_notified = async || !notifications(&client).await.is_empty();
        until("the ADMIN is notified of the comment", is_notified).await;
        let notification = notifications(&client).await[0]["id"].clone();

        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned();
        let names = Names(BTreeMap::from([
            ("org_id", text(&organization["id"])),
            ("org", org.clone()),
            ("project", "WEB".to_owned()),
            ("project_slug", "website".to_owned()),
            ("project_id", text(&project["id"])),
            ("task_id", "WEB-1".to_owned()),
            ("task_uuid", text(&task["id"])),
            ("comment", text(&comment["id"])),
            ("notification", text(&notification)),
            ("invitation", text(&invitation["id"])),
            ("invitation_token", text(&invitation["token"])),
            ("user_id", member.id.to_string()),
            ("admin_id", admin.id.to_string()),
            ("member_email", member.email.clone()),
            ("admin_email", admin.email.clone()),
            ("other_member_id", other.id.to_string()),
            ("stranger_id", Uuid::now_v7().to_string()),
            ("invitee_email", invitee.email.clone()),
            ("session", spare.session.to_string()),
            ("refresh_token", spare.refresh_token.clone()),
            ("fresh", unique("fresh")),
        ]));
        let victim = Victim { names, admin, member, removed, invitee, logged_out: ended.token };
        if !matches!(needs, Needs::Nobody(_)) {
            self.until_known_everywhere(&victim).await;
        }
        victim
    }

    /// A MEMBER from now on. Nobody has asked for him before, so nobody need be told.
    async fn join(&self, org_id: Uuid, person: &Person) {
        sqlx::query("INSERT INTO members (org_id, user_id, role) VALUES ($1, $2, 'MEMBER')")
            .bind(org_id)
            .bind(person.id)
            .execute(&self.databases["org"])
            .await
            .unwrap();
    }

    /// That a session ended and that a member was removed is told within a second, and not at once.
    async fn until_known_everywhere(&self, victim: &Victim) {
        let removed = self.client(&victim.removed);
        let ended = Session { token: victim.logged_out.clone(), ..self.client(&victim.admin) };
        let path = format!("/organizations/{}/projects", victim.names.get("org"));
        until("a removed member is refused", async || removed.get(&path).await.status == 404).await;
        until("the gateway refuses an ended session", async || ended.get("/me").await.status == 401).await;
        for method in [
            "trellis.identity.v1.IdentityService/GetMe",
            "trellis.org.v1.OrgService/ListOrganizations",
            "trellis.project.v1.ProjectService/ListProjects",
        ] {
            let refused = async || grpc::is_unauthenticated(self, method, &ended.token).await;
            until("every service refuses an ended session", refused).await;
        }
    }
}

impl Victim {
    /// Whether a row of a database is about this organization or its people.
    pub fn is_in(&self, row: &str) -> bool {
        let ids = ["org", "org_id", "project_id", "task_uuid", "admin_id", "user_id"].map(|name| self.names.get(name));
        let people = [&self.removed, &self.invitee].map(|person| person.id.to_string());
        ids.into_iter().chain(people.iter().map(String::as_str)).any(|id| row.contains(id))
    }
}

/// What a user is notified of.
pub async fn notifications(client: &Session) -> Vec<Value> {
    client.get("/me/notifications").await.expect(200)["items"].as_array().unwrap().clone()
}

/// Waits for it; a victim whose own past is not over proves nothing.
pub async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(Instant::now() < deadline, "within thirty seconds: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
