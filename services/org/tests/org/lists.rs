//! Lists: who sees what, in which order, page by page while rows come and go.

use tonic::Status;
use trellis_authn::ServiceName;
use trellis_proto::org::v1::{
    JoinPolicy, ListInvitationsRequest, ListMembersRequest, ListOrganizationsRequest, ListOrganizationsResponse,
    Organization, Page, Role,
};
use trellis_rpc::Code;

use crate::support::{Client, Org, blame};

fn page(limit: u32, cursor: &str) -> Page {
    Page { limit, cursor: cursor.to_owned(), ..Page::default() }
}

async fn organizations(client: &Client, mine: bool, page: Option<Page>) -> Result<ListOrganizationsResponse, Status> {
    Ok(client.clone().list_organizations(ListOrganizationsRequest { mine, page }).await?.into_inner())
}

fn slugs(organizations: &[Organization]) -> Vec<&str> {
    organizations.iter().map(|organization| organization.slug.as_str()).collect()
}

#[tokio::test]
async fn the_directory_has_open_ones_and_ones_own() {
    let org = Org::start().await;
    let ann = org.admin("closed").await;
    let bob = org.admin("opened").await;
    bob.open("opened").await;
    org.admin("secret").await;

    let seen = organizations(&ann.org, false, None).await.unwrap().organizations;
    assert_eq!(slugs(&seen), ["closed", "opened"]);
    assert_eq!((seen[0].role(), seen[0].join_policy()), (Role::Admin, JoinPolicy::InviteOnly));
    assert_eq!((seen[1].role(), seen[1].join_policy()), (Role::Unspecified, JoinPolicy::Unspecified));

    let both = organizations(&bob.org, false, None).await.unwrap().organizations;
    assert_eq!(slugs(&both), ["opened"], "once, though it is OPEN and his own");
    assert_eq!((both[0].role(), both[0].join_policy()), (Role::Admin, JoinPolicy::Open));

    let mine = organizations(&ann.org, true, None).await.unwrap().organizations;
    assert_eq!((slugs(&mine), mine[0].role()), (vec!["closed"], Role::Admin));

    let gateway = org.service(ServiceName::Gateway).await;
    let signed_out = organizations(&gateway, false, None).await.unwrap().organizations;
    assert_eq!(slugs(&signed_out), ["opened"]);
    assert_eq!(signed_out[0].role(), Role::Unspecified);
    assert_eq!(signed_out[0].join_policy(), JoinPolicy::Unspecified);
    assert_eq!(blame(organizations(&gateway, true, None).await).0, Code::Unauthenticated);
}

#[tokio::test]
async fn a_bad_page_is_named() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    for (bad, name) in
        [(Some(page(101, "")), "limit"), (Some(page(1, "nonsense")), "cursor"), (Some(page(1, "AAAA")), "cursor")]
    {
        let slug = "acme".to_owned();
        let mut client = ann.org.clone();
        let members = client.list_members(ListMembersRequest { org: slug.clone(), page: bad.clone() }).await;
        let invitations = client.list_invitations(ListInvitationsRequest { org: slug, page: bad.clone() }).await;
        for refusal in [
            blame(organizations(&ann.org, false, bad.clone()).await),
            blame(organizations(&ann.org, true, bad).await),
            blame(members),
            blame(invitations),
        ] {
            assert_eq!(refusal, (Code::InvalidRequest, vec![(name.to_owned(), "invalid".to_owned())]));
        }
    }
}

#[tokio::test]
async fn organizations_are_paged_while_they_come_and_go() {
    let org = Org::start().await;
    let gateway = org.service(ServiceName::Gateway).await;
    for n in 0..9 {
        org.add_empty(&format!("o{n}")).await;
    }
    let first = organizations(&gateway, false, Some(page(4, ""))).await.unwrap();
    assert_eq!(slugs(&first.organizations), ["o0", "o1", "o2", "o3"]);
    assert!(!first.next_cursor.is_empty());

    // The row that the cursor names, one before it, one after it; and a new one.
    sqlx::query("DELETE FROM organizations WHERE slug IN ('o1', 'o3', 'o5')").execute(&org.db).await.unwrap();
    org.add_empty("o9").await;
    let second = organizations(&gateway, false, Some(page(4, &first.next_cursor))).await.unwrap();
    assert_eq!(slugs(&second.organizations), ["o4", "o6", "o7", "o8"]);
    let third = organizations(&gateway, false, Some(page(4, &second.next_cursor))).await.unwrap();
    assert_eq!(slugs(&third.organizations), ["o9"]);
    assert_eq!(third.next_cursor, "");
    let all = organizations(&gateway, false, None).await.unwrap();
    assert_eq!(slugs(&all.organizations), ["o0", "o2", "o4", "o6", "o7", "o8", "o9"]);
}

#[tokio::test]
async fn rows_of_one_moment_are_told_apart_by_their_ids() {
    let org = Org::start().await;
    let gateway = org.service(ServiceName::Gateway).await;
    for n in 0..7 {
        org.add_empty(&format!("o{n}")).await;
    }
    sqlx::query("UPDATE organizations SET created_at = now()").execute(&org.db).await.unwrap();
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let next = organizations(&gateway, false, Some(page(2, &cursor))).await.unwrap();
        seen.extend(next.organizations.into_iter().map(|organization| organization.id));
        if next.next_cursor.is_empty() {
            break;
        }
        cursor = next.next_cursor;
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!((seen.len(), seen), (7, sorted));
}

#[tokio::test]
async fn members_are_listed_as_they_joined() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let mut people = vec![ann.clone()];
    for n in 0..6 {
        let person = org.person(&format!("p{n}@example.org")).await;
        org.add("acme", &person, Role::Member).await;
        people.push(person);
    }
    let list = async |cursor: &str| {
        let request = ListMembersRequest { org: "acme".to_owned(), page: Some(page(3, cursor)) };
        let listed = ann.org.clone().list_members(request).await.unwrap().into_inner();
        let ids: Vec<_> = listed.members.into_iter().map(|member| member.user_id).collect();
        (ids, listed.next_cursor)
    };
    let ids = |range: &[usize]| range.iter().map(|n| people[*n].id.to_string()).collect::<Vec<_>>();
    let (first, cursor) = list("").await;
    assert_eq!(first, ids(&[0, 1, 2]));
    ann.remove("acme", people[2].id).await.unwrap();
    ann.remove("acme", people[4].id).await.unwrap();
    ann.set_role("acme", people[5].id, "ADMIN").await.unwrap();
    let (second, cursor) = list(&cursor).await;
    assert_eq!(second, ids(&[3, 5, 6]), "who stays keeps the place");
    assert_eq!(cursor, "");
}

#[tokio::test]
async fn a_full_last_page_has_no_next() {
    let org = Org::start().await;
    let gateway = org.service(ServiceName::Gateway).await;
    for n in 0..2 {
        org.add_empty(&format!("o{n}")).await;
    }
    let only = organizations(&gateway, false, Some(page(2, ""))).await.unwrap();
    assert_eq!((only.organizations.len(), only.next_cursor.as_str()), (2, ""));
}
