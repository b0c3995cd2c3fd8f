//! The directory, when somebody floods it.

use trellis_authn::ServiceName;
use trellis_proto::org::v1::{ListOrganizationsRequest, Organization, Page};

use crate::support::{Client, Org};

async fn whole(client: &Client) -> Vec<Organization> {
    let page = Some(Page { all: true, ..Page::default() });
    client
        .clone()
        .list_organizations(ListOrganizationsRequest { mine: false, page })
        .await
        .unwrap()
        .into_inner()
        .organizations
}

fn has(list: &[Organization], slug: &str) -> bool {
    list.iter().any(|organization| organization.slug == slug)
}

/// OPEN ones that were made just now, `prefix1` first.
async fn flood(org: &Org, prefix: &str, count: i32, with_member: bool) {
    sqlx::query(
        "WITH made AS (
             INSERT INTO organizations (org_id, name, slug, contact_email, join_policy, created_at)
             SELECT gen_random_uuid(), $1 || n, $1 || n, $1 || n || '@flood.example', 'OPEN',
                    now() - interval '1 hour' + n * interval '1 millisecond'
             FROM generate_series(1, $2) AS n RETURNING org_id
         )
         INSERT INTO members (org_id, user_id, role) SELECT org_id, gen_random_uuid(), 'ADMIN' FROM made WHERE $3",
    )
    .bind(prefix)
    .bind(count)
    .bind(with_member)
    .execute(&org.db)
    .await
    .unwrap();
    sqlx::query("ANALYZE organizations, members").execute(&org.db).await.unwrap();
}

#[tokio::test]
async fn whoever_floods_it_takes_it_from_nobody() {
    let org = Org::start().await;
    let gateway = org.service(ServiceName::Gateway).await;
    let ann = org.admin("established").await;
    ann.open("established").await;
    let bob = org.admin("secret").await;
    sqlx::query("UPDATE organizations SET created_at = created_at - interval '30 days'")
        .execute(&org.db)
        .await
        .unwrap();

    flood(&org, "empty", 12_000, false).await;
    org.add_empty("just-made").await;
    let out = whole(&gateway).await;
    assert_eq!(out.len(), 1_001, "as many that wait as it has room for, and those with members");
    assert!(has(&out, "established") && has(&out, "just-made") && has(&out, "empty12000"));
    assert!(!has(&out, "empty1") && !has(&out, "secret"));
    let of = |organization: &Organization| {
        (organization.created_at.unwrap().seconds, organization.created_at.unwrap().nanos)
    };
    assert!(out.is_sorted_by_key(of), "in the list's order");
    let bobs = whole(&bob.org).await;
    assert!(has(&bobs, "secret") && has(&bobs, "established") && has(&bobs, "just-made"));
    assert_eq!(bobs.len(), 1_002);
    let anns = whole(&ann.org).await;
    assert_eq!(anns.iter().filter(|one| one.slug == "established").count(), 1, "its own once");

    // Even with a member in each.
    flood(&org, "taken", 12_000, true).await;
    for client in [&gateway, &bob.org] {
        let list = whole(client).await;
        assert_eq!(list.len(), 10_000);
        assert!(has(&list, "established") && has(&list, "just-made") && has(&list, "taken1"));
        assert!(!has(&list, "taken12000"), "the youngest of them are on later pages");
    }
    assert!(has(&whole(&bob.org).await, "secret"));

    // All of them are there page by page, and gone after a day.
    let page = Some(Page { limit: 100, ..Page::default() });
    let first = gateway.clone().list_organizations(ListOrganizationsRequest { mine: false, page }).await.unwrap();
    let first = first.into_inner();
    assert_eq!((first.organizations.len(), first.organizations[0].slug.as_str()), (100, "established"));
    assert!(!first.next_cursor.is_empty());
}
