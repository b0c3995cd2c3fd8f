//! Organizations that are made without sign-in: who makes them, who becomes their ADMIN, and when they go.

use sqlx::Connection as _;
use tonic::Status;
use trellis_authn::ServiceName;
use trellis_proto::org::v1::{
    CreateOrganizationRequest, JoinPolicy, JoinRequest, JoinResponse, ListOrganizationsRequest, Organization, Role,
    membership_change::Kind,
};
use trellis_rpc::Code;
use uuid::Uuid;

use crate::support::{
    Client, Identity, Org, Person, Prepared, blame, client, keyed, new_organization, refused, replayed,
};

const ORGANIZATIONS: &str = "SELECT count(*) FROM organizations";

async fn create(gateway: &Client, slug: &str) -> Result<Organization, Status> {
    Ok(gateway.clone().create_organization(new_organization(slug)).await?.into_inner().organization.unwrap())
}

async fn join(identity: &Client, user: Uuid, email: &str, slug: &str) -> Result<JoinResponse, Status> {
    let request = JoinRequest {
        user_id: user.to_string(),
        email: email.to_owned(),
        organization_slug: Some(slug.to_owned()),
        invitation_token: None,
    };
    Ok(identity.clone().join(request).await?.into_inner())
}

/// Turns the clock of organizations forward.
async fn age(org: &Org, slug: &str, by: &str) {
    sqlx::query("UPDATE organizations SET created_at = created_at - $2::text::interval WHERE slug = $1")
        .bind(slug)
        .bind(by)
        .execute(&org.db)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_first_to_register_with_it_becomes_its_admin() {
    let org = Org::start().await;
    let gateway = org.service(ServiceName::Gateway).await;
    let made = create(&gateway, "acme").await.unwrap();
    assert_eq!((made.name.as_str(), made.slug.as_str(), made.version), ("The acme", "acme", 1));
    assert_eq!((made.role(), made.join_policy()), (Role::Unspecified, JoinPolicy::Unspecified), "nobody is a member");
    let listed = gateway.clone().list_organizations(ListOrganizationsRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.organizations, std::slice::from_ref(&made), "the directory has it");

    let (kind, actor, change) = org.events(0).await.pop().unwrap();
    assert_eq!((kind.as_str(), actor, change.kind()), ("organization.created", None, Kind::OrganizationChanged));
    assert_eq!((&change.org_id, change.user_id.as_str(), change.seq), (&made.id, "", 1));

    let identity = org.service(ServiceName::Identity).await;
    let joining = async |email: &str| {
        let user = org.identity.add(email);
        let joined = join(&identity, user, email, "acme").await.unwrap();
        (Person::new(user, email, client(org.address, &Identity::header(user)).await), joined.role())
    };
    let (ann, role) = joining("ann@example.org").await;
    assert_eq!(role, Role::Admin);
    let seen = ann.get("acme").await.unwrap();
    assert_eq!((seen.role(), seen.join_policy()), (Role::Admin, JoinPolicy::Open));
    let (bob, role) = joining("bob@example.org").await;
    assert_eq!(role, Role::Member);
    ann.set_role("acme", bob.id, "ADMIN").await.unwrap();
    assert_eq!(org.events(0).await.len(), 4);
}

#[tokio::test]
async fn it_is_checked_as_any_other() {
    let org = Org::start().await;
    org.admin("acme").await;
    let mut gateway = org.service(ServiceName::Gateway).await;
    let (code, fields) = blame(gateway.create_organization(CreateOrganizationRequest::default()).await);
    let fields: Vec<_> = fields.iter().map(|(field, code)| (field.as_str(), code.as_str())).collect();
    assert_eq!(code, Code::ValidationFailed);
    assert_eq!(fields, [("name", "required"), ("slug", "required"), ("contact_email", "required")]);

    for (request, sentence) in [
        (new_organization("acme"), "Organization with this slug already exists"),
        (
            CreateOrganizationRequest { slug: "other".to_owned(), ..new_organization("acme") },
            "Organization with this name already exists",
        ),
        (
            CreateOrganizationRequest { contact_email: "OFFICE@acme.example".to_owned(), ..new_organization("other") },
            "Organization with this email already exists",
        ),
    ] {
        let problem = refused(gateway.create_organization(request).await);
        assert_eq!((problem.code, problem.detail.as_str()), (Code::AlreadyExists, sentence));
    }
    assert_eq!(org.head().await, 1, "nothing came of those that were refused");
}

#[tokio::test]
async fn of_many_at_once_one_gets_the_slug() {
    let org = Org::start().await;
    let gateway = org.service(ServiceName::Gateway).await;
    let tries = [(); 6].map(|()| {
        let gateway = gateway.clone();
        tokio::spawn(async move { create(&gateway, "acme").await })
    });
    let mut made = 0;
    for tried in tries {
        match tried.await.unwrap() {
            Ok(_) => made += 1,
            refusal => assert_eq!(blame(refusal).0, Code::AlreadyExists),
        }
    }
    assert_eq!((made, org.head().await), (1, 1));
}

#[tokio::test]
async fn a_key_of_nobody_does_not_count() {
    let org = Org::start().await;
    let mut gateway = org.service(ServiceName::Gateway).await;
    for slug in ["one", "two"] {
        let answer = gateway.create_organization(keyed("k", 1, new_organization(slug))).await.unwrap();
        assert!(!replayed(&answer));
        assert_eq!(answer.into_inner().organization.unwrap().slug, slug);
    }
}

#[tokio::test]
async fn it_can_be_switched_off_and_only_the_gateway_does_it() {
    let mut prepared = Prepared::new().await;
    prepared.set("TRELLIS_SIGNED_OUT_ORGANIZATIONS", "off");
    let org = prepared.start().await;
    org.ready().await;
    let problem = refused(create(&org.service(ServiceName::Gateway).await, "acme").await);
    assert_eq!(problem.code, Code::Unauthenticated);
    assert_eq!(problem.detail, "Creating an organization needs a signed-in user here.");
    org.admin("acme").await;

    let org = Org::start().await;
    for name in [ServiceName::Identity, ServiceName::Org, ServiceName::Project] {
        assert_eq!(blame(create(&org.service(name).await, "acme").await).0, Code::Forbidden, "{name}");
    }
    assert_eq!(org.head().await, 0);
}

#[tokio::test]
async fn without_a_member_it_goes_after_a_day() {
    let mut org = Org::start().await;
    let gateway = org.service(ServiceName::Gateway).await;
    let abandoned = create(&gateway, "abandoned").await.unwrap();
    for slug in ["young", "joined"] {
        create(&gateway, slug).await.unwrap();
    }
    let identity = org.service(ServiceName::Identity).await;
    join(&identity, Uuid::now_v7(), "ann@example.org", "joined").await.unwrap();
    let bob = org.admin("old").await;
    bob.open("old").await;
    age(&org, "abandoned", "24 hours 1 second").await;
    age(&org, "young", "23 hours 59 minutes").await;
    age(&org, "joined", "3 days").await;
    age(&org, "old", "3 days").await;
    let head = org.head().await;

    // Two at once: one of them does it.
    org.add_replica().await;
    org.add_replica().await;
    org.eventually(ORGANIZATIONS, 3).await;
    let (kind, actor, change) = org.events(head).await.remove(0);
    assert_eq!((kind.as_str(), actor, change.kind()), ("organization.deleted", None, Kind::OrganizationDeleted));
    assert_eq!((change.org_id, change.user_id.as_str()), (abandoned.id, ""));
    let joining = join(&identity, Uuid::now_v7(), "cid@example.org", "abandoned").await;
    assert_eq!(blame(joining).0, Code::InvitationRequired);
    let again = create(&gateway, "abandoned").await.unwrap();

    // Once more everything is looked at, and only what is new is old enough.
    age(&org, "abandoned", "2 days").await;
    org.add_replica().await;
    org.eventually(ORGANIZATIONS, 3).await;
    let left: Vec<String> =
        sqlx::query_scalar("SELECT slug FROM organizations ORDER BY slug").fetch_all(&org.db).await.unwrap();
    assert_eq!(left, ["joined", "old", "young"]);
    let events = org.events(head).await;
    let kinds: Vec<_> = events.iter().map(|(kind, ..)| kind.as_str()).collect();
    assert_eq!(kinds, ["organization.deleted", "organization.created", "organization.deleted"]);
    assert_eq!(events[2].2.org_id, again.id);
    assert_eq!(org.head().await, head + 3, "the numbers have no hole");
}

#[tokio::test]
async fn many_go_in_one_round() {
    let mut org = Org::start().await;
    sqlx::query(
        "INSERT INTO organizations (org_id, name, slug, contact_email, join_policy, created_at)
         SELECT gen_random_uuid(), 'o' || n, 'o' || n, 'o' || n || '@empty.example', 'OPEN', now() - interval '2 days'
         FROM generate_series(1, 450) AS n",
    )
    .execute(&org.db)
    .await
    .unwrap();
    org.add_replica().await;
    org.add_replica().await;
    org.eventually(ORGANIZATIONS, 0).await;
    assert_eq!(org.head().await, 450);
    assert_eq!(org.events(0).await.len(), 450);
}

/// Who joins and the sweep want the same lock. Whoever is first decides; nobody is a member of nothing.
#[tokio::test]
async fn a_join_at_the_moment_of_the_sweep_is_not_lost() {
    const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
                           WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for join_first in [true, false] {
        let mut org = Org::start().await;
        let gateway = org.service(ServiceName::Gateway).await;
        let made = create(&gateway, "acme").await.unwrap();
        age(&org, "acme", "25 hours").await;
        let identity = org.service(ServiceName::Identity).await;
        let user = Uuid::now_v7();

        let mut holder = sqlx::PgConnection::connect_with(&org.db.connect_options()).await.unwrap();
        let mut held = holder.begin().await.unwrap();
        sqlx::query("SELECT FROM scopes FOR UPDATE").execute(&mut *held).await.unwrap();
        let joining = || {
            let identity = identity.clone();
            tokio::spawn(async move { join(&identity, user, "ann@example.org", "acme").await })
        };
        let joined = if join_first {
            let joining = joining();
            org.eventually(WAITING, 1).await;
            org.add_replica().await;
            joining
        } else {
            org.add_replica().await;
            org.eventually(WAITING, 1).await;
            joining()
        };
        org.eventually(WAITING, 2).await;
        held.rollback().await.unwrap();

        let joined = joined.await.unwrap();
        let members: i64 = sqlx::query_scalar("SELECT count(*) FROM members").fetch_one(&org.db).await.unwrap();
        if join_first {
            assert_eq!(joined.unwrap().role(), Role::Admin);
            org.eventually(WAITING, 0).await;
            let ann = Person::new(user, "ann@example.org", client(org.address, &Identity::header(user)).await);
            // Takes the lock after the sweep.
            assert_eq!(ann.open("acme").await.id, made.id);
            assert_eq!((members, org.head().await), (1, 2));
        } else {
            assert_eq!(blame(joined).0, Code::InvitationRequired);
            org.eventually(ORGANIZATIONS, 0).await;
            assert_eq!((members, org.head().await), (0, 2));
            assert_eq!(org.events(1).await[0].0, "organization.deleted");
        }
    }
}
