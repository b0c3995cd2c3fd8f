//! The audit log: what leaves an entry and what none, who reads it, and that it stays as it was written.

use tonic::{Request, Status};
use trellis_authn::ServiceName;
use trellis_proto::org::v1::{AuditEntry, JoinRequest, ListAuditRequest, Page, Role, UpdateOrganizationRequest};
use trellis_rpc::{Code, Problem};
use uuid::Uuid;

use crate::support::{Org, Person, blame, given, keyed, new_organization, refused};

/// Each on one line: action, changes, e-mail.
fn lines(entries: &[AuditEntry]) -> Vec<String> {
    let line = |entry: &AuditEntry| {
        let mut words = vec![entry.action.clone()];
        let changes = entry.changes.iter();
        words.extend(changes.map(|change| format!("{}:{}>{}", change.field, change.from_json, change.to_json)));
        words.extend((!entry.email.is_empty()).then(|| entry.email.clone()));
        words.join(" ")
    };
    entries.iter().map(line).collect()
}

async fn all(person: &Person) -> Vec<AuditEntry> {
    person.audit("acme", Page { all: true, ..Page::default() }).await.unwrap()
}

/// What an action leaves, newest first.
struct Log<'a> {
    reader: &'a Person,
    seen: usize,
}

impl Log<'_> {
    async fn news(&mut self) -> Vec<AuditEntry> {
        let mut entries = all(self.reader).await;
        entries.truncate(entries.len() - self.seen);
        self.seen += entries.len();
        entries
    }

    /// Of one entry: it, its actor and user.
    async fn one(&mut self) -> (String, String, String) {
        let news = self.news().await;
        assert_eq!(news.len(), 1, "{news:?}");
        (lines(&news).remove(0), news[0].actor_id.clone(), news[0].user_id.clone())
    }
}

#[tokio::test]
async fn every_change_leaves_one_entry() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let [bob, cid] = [org.person("bob@example.org").await, org.person("Cid@example.org").await];
    let (a, b, c) = (ann.id.to_string(), bob.id.to_string(), cid.id.to_string());
    let mut log = Log { reader: &ann, seen: 0 };
    let created = log.news().await;
    assert_eq!(
        lines(&created),
        [
            r#"member.joined role:null>"ADMIN""#,
            r#"organization.created name:null>"The acme" slug:null>"acme" contact_email:null>"office@acme.example" join_policy:null>"INVITE_ONLY""#,
        ]
    );
    assert_eq!((&created[0].user_id, &created[0].actor_id, &created[1].actor_id), (&a, &a, &a));
    assert!(created[0].occurred_at.is_some() && created[1].user_id.is_empty() && created[1].ip.is_empty());

    let named = UpdateOrganizationRequest { org: "acme".to_owned(), name: given("A \"B\""), ..Default::default() };
    ann.update(named).await.unwrap();
    let updated = r#"organization.updated name:"The acme">"A \"B\"""#;
    assert_eq!(log.one().await, (updated.to_owned(), a.clone(), String::new()));

    let token = ann.invite("acme", "BOB@example.org", "ADMIN").await.unwrap().token;
    let invited = r#"invitation.created role:null>"ADMIN" BOB@example.org"#;
    assert_eq!(log.one().await, (invited.to_owned(), a.clone(), String::new()));
    bob.accept(&token).await.unwrap();
    let accepted = log.news().await;
    assert_eq!(lines(&accepted), [r#"member.joined role:null>"ADMIN""#, "invitation.accepted BOB@example.org"]);
    assert!(accepted.iter().all(|entry| entry.actor_id == b && entry.user_id == b));

    ann.set_role("acme", bob.id, "MEMBER").await.unwrap();
    let demoted = r#"member.role_changed role:"ADMIN">"MEMBER""#;
    assert_eq!(log.one().await, (demoted.to_owned(), a.clone(), b.clone()));
    ann.remove("acme", bob.id).await.unwrap();
    let removed = r#"member.removed role:"MEMBER">null"#;
    assert_eq!(log.one().await, (removed.to_owned(), a.clone(), b.clone()));

    let id = ann.invite("acme", "dan@example.org", "").await.unwrap().id;
    log.news().await;
    ann.revoke("acme", &id).await.unwrap();
    assert_eq!(log.one().await, ("invitation.revoked dan@example.org".to_owned(), a.clone(), String::new()));

    let identity = org.service(ServiceName::Identity).await;
    let join = |user: Uuid, email: &str, token: Option<String>| JoinRequest {
        user_id: user.to_string(),
        email: email.to_owned(),
        organization_slug: token.is_none().then(|| "acme".to_owned()),
        invitation_token: token,
    };
    let token = ann.invite("acme", "cid@example.org", "").await.unwrap().token;
    log.news().await;
    identity.clone().join(join(cid.id, "Cid@example.org", Some(token.clone()))).await.unwrap();
    let joined = log.news().await;
    assert_eq!(lines(&joined), [r#"member.joined role:null>"MEMBER""#, "invitation.accepted cid@example.org"]);
    assert!(joined.iter().all(|entry| entry.actor_id == c && entry.user_id == c));
    cid.leave("acme").await.unwrap();
    assert_eq!(log.one().await, (r#"member.left role:"MEMBER">null"#.to_owned(), c.clone(), c));

    ann.open("acme").await;
    let opened = r#"organization.updated join_policy:"INVITE_ONLY">"OPEN""#;
    assert_eq!(log.one().await.0, opened);
    let eve = Uuid::now_v7();
    identity.clone().join(join(eve, "eve@example.org", None)).await.unwrap();
    let joined = r#"member.joined role:null>"MEMBER""#;
    assert_eq!(log.one().await, (joined.to_owned(), eve.to_string(), eve.to_string()));
    identity.clone().join(join(eve, "eve@example.org", None)).await.unwrap();
    assert_eq!(log.news().await, [], "asked again it joins nobody");
}

#[tokio::test]
async fn what_is_refused_or_changes_nothing_leaves_none() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let other = org.admin("other").await;
    let bob = org.person("bob@example.org").await;
    org.add("acme", &bob, Role::Member).await;
    ann.invite("acme", "cid@example.org", "").await.unwrap();
    let before = all(&ann).await;
    let update =
        |name: &str| UpdateOrganizationRequest { org: "acme".to_owned(), name: given(name), ..Default::default() };
    ann.update(update("The acme")).await.unwrap();
    ann.update(update("The other")).await.unwrap_err();
    ann.update(UpdateOrganizationRequest { expected_version: Some(9), ..update("New") }).await.unwrap_err();
    bob.update(update("Bob's")).await.unwrap_err();
    other.update(update("Other's")).await.unwrap_err();
    ann.set_role("acme", bob.id, "MEMBER").await.unwrap();
    ann.set_role("acme", ann.id, "MEMBER").await.unwrap_err();
    ann.leave("acme").await.unwrap_err();
    bob.remove("acme", ann.id).await.unwrap_err();
    ann.remove("acme", other.id).await.unwrap_err();
    ann.invite("acme", "cid@example.org", "").await.unwrap_err();
    ann.invite("acme", "bob@example.org", "").await.unwrap_err();
    ann.revoke("acme", &Uuid::nil().to_string()).await.unwrap_err();
    let theirs = other.invite("other", "ann@acme.example", "").await.unwrap();
    ann.revoke("acme", &theirs.id).await.unwrap_err();
    // Its own ADMIN is a member already: the acceptance is taken back with its entry.
    let own = other.invite("other", "dan@example.org", "").await.unwrap();
    sqlx::query("UPDATE invitations SET email = 'admin@other.example' WHERE id = $1::text::uuid")
        .bind(&own.id)
        .execute(&org.db)
        .await
        .unwrap();
    other.accept(&own.token).await.unwrap_err();
    assert_eq!(all(&ann).await, before);
    let theirs = other.audit("other", Page::default()).await.unwrap();
    let created = ["invitation.created", "invitation.created", "member.joined", "organization.created"];
    assert_eq!(theirs.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), created);

    let again = || keyed("key", 1, new_organization("keyed"));
    for _ in 0..2 {
        ann.org.clone().create_organization(again()).await.unwrap();
    }
    assert_eq!(
        ann.audit("keyed", Page::default()).await.unwrap().len(),
        2,
        "an answer that is given again is no change"
    );
}

#[tokio::test]
async fn admins_alone_read_it_and_only_their_own() {
    let org = Org::start().await;
    let (ann, other) = (org.admin("acme").await, org.admin("other").await);
    let bob = org.person("bob@example.org").await;
    org.add("acme", &bob, Role::Member).await;
    let bad = || Page { limit: 5000, cursor: "x".to_owned(), ..Page::default() };
    for page in [Page::default(), bad()] {
        assert_eq!(blame(bob.audit("acme", page.clone()).await), (Code::Forbidden, vec![]));
        assert_eq!(refused(other.audit("acme", page.clone()).await), Problem::not_found("organization"));
        assert_eq!(refused(other.audit("absent", page).await), Problem::not_found("organization"));
    }
    let gateway = org.service(ServiceName::Gateway).await;
    let request = ListAuditRequest { org: "acme".to_owned(), page: None };
    assert_eq!(blame(gateway.clone().list_audit(request).await).0, Code::Unauthenticated);

    let own: Vec<_> = all(&ann).await.into_iter().map(|entry| entry.id).collect();
    let theirs = other.audit("other", Page { all: true, ..Page::default() }).await.unwrap();
    assert_eq!((own.len(), theirs.len()), (2, 2));
    assert!(theirs.iter().all(|entry| !own.contains(&entry.id)));
}

#[tokio::test]
async fn it_tells_from_where_somebody_asked() {
    let org = Org::start().await;
    let ann = org.person("ann@example.org").await;
    let from = async |slug: &str, address: &str| -> Result<Vec<String>, Status> {
        let mut request = Request::new(new_organization(slug));
        request.metadata_mut().insert("trellis-client-address", address.parse().unwrap());
        ann.org.clone().create_organization(request).await?;
        let entries = ann.audit(slug, Page::default()).await?;
        Ok(entries.into_iter().map(|entry| entry.ip).collect())
    };
    assert_eq!(from("acme", "192.0.2.7").await.unwrap(), ["192.0.2.7"; 2]);
    assert_eq!(from("six", "2001:db8:0::7").await.unwrap(), ["2001:db8::7"; 2]);
    assert_eq!(from("bad", "192.0.2.7/24").await.unwrap(), [""; 2]);
}

#[tokio::test]
async fn an_organization_that_nobody_signed_in_made_has_no_actor() {
    let org = Org::start().await;
    let gateway = org.service(ServiceName::Gateway).await;
    gateway.clone().create_organization(new_organization("acme")).await.unwrap();
    let ann = org.person("ann@example.org").await;
    org.add("acme", &ann, Role::Admin).await;
    let entries = all(&ann).await;
    assert_eq!(
        (entries.len(), entries[0].action.as_str(), entries[0].actor_id.as_str()),
        (1, "organization.created", "")
    );
}

#[tokio::test]
async fn entries_stay_as_they_are_and_go_with_the_organization() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let before = all(&ann).await;
    for statement in ["UPDATE audit SET actor_id = NULL", "DELETE FROM audit", "DELETE FROM audit WHERE false"] {
        let refused = sqlx::query(statement).execute(&org.db).await.unwrap_err();
        assert!(refused.to_string().contains("never changed"), "{statement}: {refused}");
    }
    assert_eq!(all(&ann).await, before);
    ann.delete("acme").await.unwrap();
    org.eventually("SELECT count(*) FROM audit", 0).await;
}

#[tokio::test]
async fn a_log_that_is_too_large_is_read_in_pages_only() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let fill = async |rows: i32, text: &str| {
        let entries = "INSERT INTO audit (org_id, id, action, changes)
                       SELECT org_id, gen_random_uuid(), 'organization.updated',
                              jsonb_build_array(jsonb_build_object('field', 'name', 'from', $2::text, 'to', $2::text))
                       FROM organizations, generate_series(1, $1)";
        sqlx::query(entries).bind(rows).bind(text).execute(&org.db).await.unwrap();
    };
    fill(5_000, "as long as names are").await;
    assert_eq!(all(&ann).await.len(), 5_002);
    fill(4_000, &"long".repeat(250)).await;
    let whole = ann.audit("acme", Page { all: true, ..Page::default() }).await;
    assert_eq!(blame(whole), (Code::InvalidRequest, vec![]));
    assert_eq!(ann.audit("acme", Page { limit: 100, ..Page::default() }).await.unwrap().len(), 100);
}
