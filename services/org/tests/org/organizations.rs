//! Making, changing and deleting organizations.

use trellis_proto::org::v1::{
    CreateOrganizationRequest, CreateOrganizationResponse, DeleteOrganizationRequest, JoinPolicy, Role,
    UpdateOrganizationRequest, membership_change::Kind,
};
use trellis_rpc::Code;

use crate::support::{Org, Person, blame, keyed, new_organization, refused, replayed};

fn update(org: &str) -> UpdateOrganizationRequest {
    UpdateOrganizationRequest { org: org.to_owned(), ..Default::default() }
}

fn taken(fields: &[&str]) -> (Code, Vec<(String, String)>) {
    let fields = fields.iter().map(|field| ((*field).to_owned(), "already_exists".to_owned())).collect();
    (Code::AlreadyExists, fields)
}

#[tokio::test]
async fn its_creator_becomes_its_admin() {
    let org = Org::start().await;
    let ann = org.person("ann@example.org").await;
    let request = CreateOrganizationRequest {
        name: "  Größe & Söhne ".to_owned(),
        slug: "groesse".to_owned(),
        contact_email: " Office@Groesse.example".to_owned(),
    };
    let made = ann.org.clone().create_organization(request).await.unwrap().into_inner().organization.unwrap();
    assert_eq!(made.name, "Größe & Söhne");
    assert_eq!(made.contact_email, "Office@Groesse.example");
    assert_eq!((made.role(), made.join_policy(), made.version), (Role::Admin, JoinPolicy::InviteOnly, 1));
    assert!(made.created_at.is_some());
    assert_eq!(ann.get("groesse").await.unwrap(), made);

    let members = ann.members("groesse").await.unwrap();
    assert_eq!(members.len(), 1);
    assert_eq!((members[0].user_id.clone(), members[0].role()), (ann.id.to_string(), Role::Admin));

    let events = org.events(0).await;
    let [(kind, actor, change)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((kind.as_str(), *actor), ("member.joined", Some(ann.id)));
    assert_eq!((change.kind(), change.role(), change.seq), (Kind::Joined, Role::Admin, 1));
    assert_eq!((&change.org_id, &change.user_id), (&made.id, &ann.id.to_string()));
}

#[tokio::test]
async fn every_bad_field_is_told_at_once() {
    let org = Org::start().await;
    let ann = org.person("ann@example.org").await;
    let problem = refused(ann.org.clone().create_organization(CreateOrganizationRequest::default()).await);
    assert_eq!(problem.code, Code::ValidationFailed);
    let fields: Vec<_> = problem.fields.iter().map(|field| (field.field.as_str(), field.code.as_str())).collect();
    assert_eq!(fields, [("name", "required"), ("slug", "required"), ("contact_email", "required")]);

    let bad = CreateOrganizationRequest {
        name: "x".repeat(101),
        slug: "Not A Slug".to_owned(),
        contact_email: "Ann <ann@example.org>".to_owned(),
    };
    let (_, fields) = blame(ann.org.clone().create_organization(bad).await);
    let codes: Vec<_> = fields.iter().map(|(_, code)| code.as_str()).collect();
    assert_eq!(codes, ["too_long", "invalid", "invalid"]);

    ann.create("acme").await.unwrap();
    let bad = UpdateOrganizationRequest {
        name: Some(" \u{3000}".to_owned()),
        slug: Some("a--b".to_owned()),
        contact_email: Some("nobody".to_owned()),
        join_policy: Some("open".to_owned()),
        ..update("acme")
    };
    let (code, fields) = blame(ann.update(bad).await);
    assert_eq!(code, Code::ValidationFailed);
    let fields: Vec<_> = fields.iter().map(|(field, code)| (field.as_str(), code.as_str())).collect();
    let expected = [("name", "blank"), ("slug", "invalid"), ("contact_email", "invalid"), ("join_policy", "invalid")];
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn slug_name_and_contact_are_unique_whatever_their_case() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let create = async |name: &str, slug: &str, contact_email: &str| {
        let (name, slug, contact_email) = (name.to_owned(), slug.to_owned(), contact_email.to_owned());
        let request = CreateOrganizationRequest { name, slug, contact_email };
        bob.org.clone().create_organization(request).await
    };
    assert_eq!(blame(create("Other", "acme", "o@other.example").await), taken(&["slug"]));
    assert_eq!(blame(create("THE ACME", "other", "o@other.example").await), taken(&["name"]));
    assert_eq!(blame(create("Other", "other", "OFFICE@ACME.example").await), taken(&["contact_email"]));
    let all = create("the acme", "acme", "office@acme.EXAMPLE").await;
    let problem = refused(all);
    assert_eq!(problem.detail, "Organization with this slug already exists");
    assert_eq!(problem.resource, "organization");
    let fields: Vec<_> = problem.fields.iter().map(|field| field.field.as_str()).collect();
    assert_eq!(fields, ["slug", "name", "contact_email"]);

    create("ÄRZTE Übersee", "aerzte", "a@aerzte.example").await.unwrap();
    assert_eq!(blame(create("ärzte übersee", "other", "o@other.example").await), taken(&["name"]));
    assert_eq!(org.events(0).await.len(), 2, "nothing came of those that were refused");

    ann.delete("acme").await.unwrap();
    create("the acme", "acme", "office@acme.example").await.unwrap();
}

#[tokio::test]
async fn of_many_at_once_one_gets_the_slug() {
    let org = Org::start().await;
    let mut tries = Vec::new();
    for n in 0..8 {
        let person = org.person(&format!("p{n}@example.org")).await;
        let request = CreateOrganizationRequest { name: format!("N{n}"), ..new_organization("acme") };
        tries.push(tokio::spawn(async move { person.org.clone().create_organization(request).await }));
    }
    let mut made = 0;
    for tried in tries {
        match tried.await.unwrap() {
            Ok(_) => made += 1,
            Err(status) => assert_eq!(blame::<()>(Err(status)).0, Code::AlreadyExists),
        }
    }
    assert_eq!(made, 1);
    assert_eq!(org.head().await, 1);
}

#[tokio::test]
async fn the_same_key_makes_it_once() {
    let org = Org::start().await;
    let ann = org.person("ann@example.org").await;
    let create = async |body: u8, slug: &str| {
        ann.org.clone().create_organization(keyed("k1", body, new_organization(slug))).await
    };
    let first = create(1, "acme").await.unwrap();
    assert!(!replayed(&first));
    let again = create(1, "acme").await.unwrap();
    assert!(replayed(&again));
    assert_eq!(again.into_inner(), first.into_inner());
    assert_eq!(blame(create(2, "other").await).0, Code::IdempotencyKeyReused);
    assert_eq!(org.head().await, 1);

    // A refusal is not kept.
    let retry = async |slug: &str| ann.org.clone().create_organization(keyed("k2", 3, new_organization(slug))).await;
    assert_eq!(blame(retry("acme").await).0, Code::AlreadyExists);
    assert!(!replayed(&retry("fresh").await.unwrap()));

    // Another user's key is another key.
    let bob = org.person("bob@example.org").await;
    let other = bob.org.clone().create_organization(keyed("k1", 1, new_organization("bobs"))).await.unwrap();
    assert!(!replayed(&other));
}

#[tokio::test]
async fn the_same_key_at_once_makes_it_once() {
    let org = Org::start().await;
    let ann = org.person("ann@example.org").await;
    let tries: Vec<_> = (0..6)
        .map(|_| {
            let mut client = ann.org.clone();
            tokio::spawn(async move { client.create_organization(keyed("k", 1, new_organization("acme"))).await })
        })
        .collect();
    let mut answers: Vec<CreateOrganizationResponse> = Vec::new();
    let mut made = 0;
    for tried in tries {
        let answer = tried.await.unwrap().unwrap();
        made += usize::from(!replayed(&answer));
        answers.push(answer.into_inner());
    }
    assert_eq!(made, 1);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(org.head().await, 1);
}

#[tokio::test]
async fn an_update_touches_what_is_sent() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let made = ann.get("acme").await.unwrap();
    let named = ann.update(UpdateOrganizationRequest { name: Some("New".to_owned()), ..update("acme") }).await.unwrap();
    assert_eq!((named.name.as_str(), named.version), ("New", 2));
    assert_eq!(
        (&named.slug, &named.contact_email, named.join_policy),
        (&made.slug, &made.contact_email, made.join_policy)
    );
    assert_eq!(named.role(), Role::Admin);

    let moved = UpdateOrganizationRequest {
        slug: Some("acme-2".to_owned()),
        join_policy: Some("OPEN".to_owned()),
        ..update("acme")
    };
    let moved = ann.update(moved).await.unwrap();
    assert_eq!((moved.slug.as_str(), moved.join_policy(), moved.version), ("acme-2", JoinPolicy::Open, 3));
    assert_eq!(blame(ann.get("acme").await).0, Code::NotFound);
    assert_eq!(ann.get("acme-2").await.unwrap(), moved);

    let events = org.events(1).await;
    let kinds: Vec<_> = events.iter().map(|(kind, _, change)| (kind.as_str(), change.kind())).collect();
    assert_eq!(kinds, [("organization.updated", Kind::OrganizationChanged); 2]);
}

#[tokio::test]
async fn an_update_to_the_same_changes_nothing() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let made = ann.get("acme").await.unwrap();
    let same = UpdateOrganizationRequest {
        name: Some(format!(" {} ", made.name)),
        slug: Some(made.slug.clone()),
        contact_email: Some(made.contact_email.clone()),
        join_policy: Some("INVITE_ONLY".to_owned()),
        ..update("acme")
    };
    assert_eq!(ann.update(same).await.unwrap(), made);
    assert_eq!(ann.update(update("acme")).await.unwrap(), made);
    assert_eq!(org.head().await, 1, "no event");

    // One's own name in another case is a change, and not taken.
    let louder = UpdateOrganizationRequest { name: Some("THE ACME".to_owned()), ..update("acme") };
    assert_eq!(ann.update(louder).await.unwrap().version, 2);
    assert_eq!(org.head().await, 2, "and the number has no hole");
}

#[tokio::test]
async fn an_update_to_what_others_have_is_refused() {
    let org = Org::start().await;
    let (ann, _) = (org.admin("acme").await, org.admin("other").await);
    let request = UpdateOrganizationRequest {
        name: Some("the OTHER".to_owned()),
        slug: Some("other".to_owned()),
        contact_email: Some("Office@other.example".to_owned()),
        ..update("acme")
    };
    assert_eq!(blame(ann.update(request).await), taken(&["slug", "name", "contact_email"]));
    assert_eq!(ann.get("acme").await.unwrap().version, 1);
}

#[tokio::test]
async fn only_the_expected_version_is_changed_or_deleted() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let renamed = async |name: &str, expected| {
        let request = UpdateOrganizationRequest {
            name: Some(name.to_owned()),
            expected_version: Some(expected),
            ..update("acme")
        };
        ann.update(request).await
    };
    assert_eq!(renamed("A", 1).await.unwrap().version, 2);
    assert_eq!(blame(renamed("B", 1).await).0, Code::VersionMismatch);
    assert_eq!(blame(renamed("A", 1).await).0, Code::VersionMismatch, "also where nothing would change");

    let delete = async |expected_version| {
        let request = DeleteOrganizationRequest { org: "acme".to_owned(), expected_version };
        ann.org.clone().delete_organization(request).await
    };
    assert_eq!(blame(delete(Some(1)).await).0, Code::VersionMismatch);
    delete(Some(2)).await.unwrap();
    assert_eq!(blame(ann.get("acme").await).0, Code::NotFound);
}

#[tokio::test]
async fn of_two_edits_of_one_version_one_wins() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let edit = |person: &Person, name: &str| {
        let (person, name) = (person.clone(), Some(name.to_owned()));
        let request = UpdateOrganizationRequest { name, expected_version: Some(1), ..update("acme") };
        tokio::spawn(async move { person.update(request).await })
    };
    let (one, two) = (edit(&ann, "One"), edit(&ann, "Two"));
    let (one, two) = (one.await.unwrap(), two.await.unwrap());
    assert!(one.is_ok() != two.is_ok());
    assert_eq!(ann.get("acme").await.unwrap().version, 2);
}

#[tokio::test]
async fn deleting_takes_members_and_invitations_along() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    org.add("acme", &bob, Role::Member).await;
    let token = ann.invite("acme", "cid@example.org", "").await.unwrap().token;
    let id = ann.get("acme").await.unwrap().id;
    ann.delete("acme").await.unwrap();

    assert_eq!(blame(bob.get("acme").await).0, Code::NotFound);
    assert_eq!(blame(ann.delete("acme").await).0, Code::NotFound);
    let cid = org.person("cid@example.org").await;
    assert_eq!(blame(cid.accept(&token).await).0, Code::NotFound);
    let (kind, actor, change) = org.events(0).await.pop().unwrap();
    assert_eq!(
        (kind.as_str(), actor, change.kind()),
        ("organization.deleted", Some(ann.id), Kind::OrganizationDeleted)
    );
    assert_eq!((change.org_id, change.user_id.as_str()), (id, ""));
    let rows: i64 = sqlx::query_scalar("SELECT (SELECT count(*) FROM members) + (SELECT count(*) FROM invitations)")
        .fetch_one(&org.db)
        .await
        .unwrap();
    assert_eq!(rows, 0);
}
