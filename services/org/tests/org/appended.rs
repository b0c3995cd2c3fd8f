//! The audit log and the change that it tells of: both or neither, and once.

use trellis_authn::{ClientAddress, ServiceName};
use trellis_proto::org::v1::{AcceptInvitationRequest, CreateInvitationRequest, JoinRequest, Page, Role};
use uuid::Uuid;

use crate::support::{Org, Person, keyed, new_organization};

/// Everything that the service keeps, but for what is sent to others.
async fn everything(org: &Org) -> Vec<String> {
    let tables = ["organizations", "members", "invitations", "audit", "event_log", "scopes", "idempotency_keys"];
    let mut rows = Vec::new();
    for table in tables {
        let sql = format!("SELECT '{table}' || t::text FROM {table} t ORDER BY 1");
        rows.extend(sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(sql)).fetch_all(&org.db).await.unwrap());
    }
    rows
}

/// Makes every INSERT into a table fail, or none.
async fn broken(org: &Org, table: &str, broken: bool) {
    let sql = if broken {
        format!(
            "CREATE OR REPLACE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql
                 AS $$ BEGIN RAISE EXCEPTION 'broken by a test'; END $$;
             CREATE TRIGGER broken BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION broken()"
        )
    } else {
        format!("DROP TRIGGER broken ON {table}")
    };
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&org.db).await.unwrap();
}

struct Cast {
    ann: Person,
    bob: Person,
    cid: Person,
    token: String,
    open: String,
}

/// Everything that is noted, each by itself; whether it was done.
async fn everything_noted(org: &Org, cast: &Cast) -> Vec<(&'static str, bool)> {
    let Cast { ann, bob, cid, token, open } = cast;
    let identity = org.service(ServiceName::Identity).await;
    let gateway = org.service(ServiceName::Gateway).await;
    let join = |slug: &str| JoinRequest {
        user_id: Uuid::now_v7().to_string(),
        email: "new@example.org".to_owned(),
        organization_slug: Some(slug.to_owned()),
        invitation_token: None,
    };
    vec![
        ("creating", ann.create("new").await.is_ok()),
        ("creating signed out", gateway.clone().create_organization(new_organization("out")).await.is_ok()),
        ("changing settings", ann.set_policy("acme", "OPEN").await.is_ok()),
        ("joining", identity.clone().join(join("opened")).await.is_ok()),
        ("inviting", ann.invite("acme", "dan@example.org", "").await.is_ok()),
        ("revoking", ann.revoke("acme", open).await.is_ok()),
        ("accepting", cid.accept(token).await.is_ok()),
        ("changing a role", ann.set_role("acme", bob.id, "ADMIN").await.is_ok()),
        ("leaving", bob.leave("opened").await.is_ok()),
        ("removing", ann.remove("acme", bob.id).await.is_ok()),
    ]
}

#[tokio::test]
async fn without_its_entry_nothing_is_changed_and_without_the_change_there_is_no_entry() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let opened = org.admin("opened").await;
    opened.open("opened").await;
    let cid = org.person("cid@example.org").await;
    org.add("acme", &bob, Role::Member).await;
    org.add("opened", &bob, Role::Member).await;
    let token = ann.invite("acme", "cid@example.org", "").await.unwrap().token;
    let open = ann.invite("acme", "eve@example.org", "").await.unwrap().id;
    let cast = Cast { ann, bob, cid, token, open };
    let before = everything(&org).await;

    broken(&org, "audit", true).await;
    for (what, done) in everything_noted(&org, &cast).await {
        assert!(!done, "{what} without an entry");
    }
    assert_eq!(everything(&org).await, before);
    broken(&org, "audit", false).await;

    // Memberships and settings are told to others by an event, in the same transaction.
    broken(&org, "event_log", true).await;
    for (what, done) in everything_noted(&org, &cast).await {
        assert_eq!(done, ["inviting", "revoking"].contains(&what), "{what} without an event");
    }
    broken(&org, "event_log", false).await;
    let entries = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM audit").fetch_one(&org.db).await.unwrap();
    let noted = before.iter().filter(|row| row.starts_with("audit")).count();
    assert_eq!(usize::try_from(entries).unwrap(), noted + 2);

    let open = cast.ann.invite("acme", "eve@example.org", "").await.unwrap().id;
    cast.ann
        .revoke(
            "acme",
            &cast.ann.invitations("acme").await.unwrap().iter().find(|one| one.email.starts_with("dan")).unwrap().id,
        )
        .await
        .unwrap();
    for (what, done) in everything_noted(&org, &Cast { open, ..cast }).await {
        assert!(done, "{what}");
    }
}

#[tokio::test]
async fn what_is_repeated_is_noted_once() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let invite = || CreateInvitationRequest { org: "acme".to_owned(), email: bob.email.clone(), role: None };
    let mut token = String::new();
    for _ in 0..3 {
        let answer = ann.org.clone().create_invitation(keyed("i", 1, invite())).await.unwrap().into_inner();
        token = answer.invitation.unwrap().token;
    }
    let accepting: Vec<_> = (0..6)
        .map(|_| {
            let (mut client, token) = (bob.org.clone(), token.clone());
            tokio::spawn(
                async move { client.accept_invitation(keyed("a", 1, AcceptInvitationRequest { token })).await },
            )
        })
        .collect();
    for one in accepting {
        // Done, given again, or still in flight.
        let _ = one.await.unwrap();
    }
    bob.get("acme").await.unwrap();
    for _ in 0..2 {
        ann.set_role("acme", bob.id, "ADMIN").await.unwrap();
    }
    let entries = ann.audit("acme", Page::default()).await.unwrap();
    let told: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        told,
        [
            "member.role_changed",
            "member.joined",
            "invitation.accepted",
            "invitation.created",
            "member.joined",
            "organization.created"
        ]
    );
}

#[tokio::test]
async fn who_is_not_signed_in_asks_from_somewhere_too() {
    let org = Org::start().await;
    let from = |address: &str| ClientAddress(Some(address.parse().unwrap()));
    let mut request = tonic::Request::new(new_organization("acme"));
    from("192.0.2.7").attach(&mut request);
    org.service(ServiceName::Gateway).await.create_organization(request).await.unwrap();
    let user = org.identity.add("ann@example.org");
    let mut request = tonic::Request::new(JoinRequest {
        user_id: user.to_string(),
        email: "ann@example.org".to_owned(),
        organization_slug: Some("acme".to_owned()),
        invitation_token: None,
    });
    from("2001:db8::7").attach(&mut request);
    org.service(ServiceName::Identity).await.join(request).await.unwrap();
    let noted: Vec<(String, Option<Uuid>, String)> =
        sqlx::query_as("SELECT action, actor_id, host(ip) FROM audit ORDER BY occurred_at")
            .fetch_all(&org.db)
            .await
            .unwrap();
    let row = |action: &str, actor, ip: &str| (action.to_owned(), actor, ip.to_owned());
    assert_eq!(
        noted,
        [row("organization.created", None, "192.0.2.7"), row("member.joined", Some(user), "2001:db8::7")]
    );
}
