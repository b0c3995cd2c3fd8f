//! The same list forward, backward and whole: the same items, each with its cursor.

use tonic::Status;
use trellis_proto::org::v1::{
    ListAuditRequest, ListInvitationsRequest, ListMembersRequest, ListOrganizationsRequest, Page, Role,
};
use trellis_rpc::Code;

use crate::support::{Org, Person, blame, refused};

/// Any list: the ids of its items, the next cursor, the cursors.
#[derive(Debug)]
struct Answer {
    ids: Vec<String>,
    next: String,
    cursors: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
enum List {
    Directory,
    Mine,
    Members,
    Invitations,
    Audit,
}

impl List {
    const ALL: [Self; 5] = [Self::Directory, Self::Mine, Self::Members, Self::Invitations, Self::Audit];

    async fn read(self, person: &Person, page: Page) -> Result<Answer, Status> {
        let (mut client, page, org) = (person.org.clone(), Some(page), "acme".to_owned());
        Ok(match self {
            Self::Directory | Self::Mine => {
                let mine = matches!(self, Self::Mine);
                let answer = client.list_organizations(ListOrganizationsRequest { mine, page }).await?.into_inner();
                let ids = answer.organizations.into_iter().map(|organization| organization.id).collect();
                Answer { ids, next: answer.next_cursor, cursors: answer.cursors }
            }
            Self::Members => {
                let answer = client.list_members(ListMembersRequest { org, page }).await?.into_inner();
                let ids = answer.members.into_iter().map(|member| member.user_id).collect();
                Answer { ids, next: answer.next_cursor, cursors: answer.cursors }
            }
            Self::Invitations => {
                let answer = client.list_invitations(ListInvitationsRequest { org, page }).await?.into_inner();
                let ids = answer.invitations.into_iter().map(|invitation| invitation.id).collect();
                Answer { ids, next: answer.next_cursor, cursors: answer.cursors }
            }
            Self::Audit => {
                let answer = client.list_audit(ListAuditRequest { org, page }).await?.into_inner();
                let ids = answer.entries.into_iter().map(|entry| entry.id).collect();
                Answer { ids, next: answer.next_cursor, cursors: answer.cursors }
            }
        })
    }
}

/// Somebody of whose every list has seven items, some of one moment.
async fn busy(org: &Org) -> Person {
    let ann = org.admin("acme").await;
    for n in 0..6 {
        let slug = format!("o{n}");
        org.add_empty(&slug).await;
        let person = org.person(&format!("p{n}@example.org")).await;
        org.add("acme", &person, Role::Member).await;
        ann.invite("acme", &format!("i{n}@example.org"), "").await.unwrap();
    }
    ann.invite("acme", "last@example.org", "").await.unwrap();
    // Ann's own are among those that anybody sees.
    for slug in ["o1", "o2", "o4"] {
        org.add(slug, &ann, Role::Member).await;
    }
    for n in 6..9 {
        org.admin(&format!("hidden{n}")).await;
    }
    for n in 9..12 {
        ann.create(&format!("o{n}")).await.unwrap();
    }
    sqlx::raw_sql(
        "UPDATE organizations SET created_at = date_trunc('second', created_at);
         UPDATE members SET joined_at = date_trunc('second', joined_at);
         UPDATE invitations SET created_at = date_trunc('second', created_at)",
    )
    .execute(&org.db)
    .await
    .unwrap();
    ann
}

#[tokio::test]
async fn a_list_walked_forward_and_backward_is_the_same_in_pages_of_every_size() {
    let org = Org::start().await;
    let ann = busy(&org).await;
    for list in List::ALL {
        let whole = list.read(&ann, Page { all: true, with_cursors: true, ..Page::default() }).await.unwrap();
        let expected = match list {
            List::Directory => 10,
            // Made, joined and invited into.
            List::Audit => 9,
            List::Mine | List::Members | List::Invitations => 7,
        };
        assert_eq!((whole.ids.len(), whole.next.as_str()), (expected, ""), "{list:?}");
        assert_eq!(whole.cursors.len(), expected);
        for (limit, backward) in (1..=11).flat_map(|limit| [(limit, false), (limit, true)]) {
            let mut pages = Vec::new();
            let mut cursors = Vec::new();
            let mut cursor = String::new();
            loop {
                let page = Page { limit, cursor, backward, with_cursors: true, all: false };
                let answer = list.read(&ann, page).await.unwrap();
                pages.push(answer.ids);
                cursors.push(answer.cursors);
                cursor = answer.next;
                if cursor.is_empty() {
                    break;
                }
            }
            if backward {
                pages.reverse();
                cursors.reverse();
            }
            assert_eq!(pages.concat(), whole.ids, "{list:?} {limit} {backward}");
            assert_eq!(cursors.concat(), whole.cursors, "{list:?} {limit} {backward}");
            assert_eq!(pages.len(), expected.div_ceil(limit as usize));
        }
    }
}

#[tokio::test]
async fn from_any_item_one_goes_on_in_both_directions() {
    let org = Org::start().await;
    let ann = busy(&org).await;
    for list in List::ALL {
        let whole = list.read(&ann, Page { all: true, with_cursors: true, ..Page::default() }).await.unwrap();
        for (n, cursor) in whole.cursors.iter().enumerate() {
            let page = |backward| Page { cursor: cursor.clone(), backward, ..Page::default() };
            let (after, before) =
                (list.read(&ann, page(false)).await.unwrap(), list.read(&ann, page(true)).await.unwrap());
            assert_eq!(after.ids, whole.ids[n + 1..], "{list:?}");
            assert_eq!(before.ids, whole.ids[..n], "{list:?}");
            assert!(after.cursors.is_empty() && before.cursors.is_empty(), "only where they are asked for");
            let two = list.read(&ann, Page { limit: 2, ..page(true) }).await.unwrap();
            assert_eq!(two.ids, whole.ids[n.saturating_sub(2)..n], "the nearest, in the list's own order");
        }
    }
}

#[tokio::test]
async fn going_back_is_right_while_rows_come_and_go() {
    let org = Org::start().await;
    let ann = busy(&org).await;
    let whole = List::Members.read(&ann, Page { all: true, ..Page::default() }).await.unwrap().ids;
    let back = |cursor: &str| Page { limit: 3, cursor: cursor.to_owned(), backward: true, ..Page::default() };
    let last = List::Members.read(&ann, back("")).await.unwrap();
    assert_eq!(last.ids, whole[4..]);
    // The row that the cursor names, one before it, and a new one at the end.
    ann.remove("acme", whole[4].parse().unwrap()).await.unwrap();
    ann.remove("acme", whole[2].parse().unwrap()).await.unwrap();
    let new = org.person("new@example.org").await;
    org.add("acme", &new, Role::Member).await;
    let before = List::Members.read(&ann, back(&last.next)).await.unwrap();
    assert_eq!((before.ids, before.next.as_str()), ([&whole[..2], &whole[3..4]].concat(), ""));
}

#[tokio::test]
async fn the_whole_list_has_no_limit_and_no_cursor() {
    let org = Org::start().await;
    let ann = busy(&org).await;
    for list in List::ALL {
        let all = Page { all: true, ..Page::default() };
        let cursor = list.read(&ann, Page { limit: 1, ..Page::default() }).await.unwrap().next;
        for (page, name) in [(Page { limit: 1, ..all.clone() }, "limit"), (Page { cursor, ..all.clone() }, "cursor")] {
            let refusal = blame(list.read(&ann, page).await);
            assert_eq!(refusal, (Code::InvalidRequest, vec![(name.to_owned(), "invalid".to_owned())]));
        }
        let bare = list.read(&ann, all).await.unwrap();
        assert!(bare.cursors.is_empty());
    }
}

#[tokio::test]
async fn a_list_that_is_too_long_is_not_given_whole() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let fill = async |rows: i32| {
        let members = "INSERT INTO members (org_id, user_id, role)
                       SELECT org_id, gen_random_uuid(), 'MEMBER' FROM organizations, generate_series(1, $1)";
        sqlx::query(members).bind(rows).execute(&org.db).await.unwrap();
    };
    fill(9_999).await;
    let all = || Page { all: true, with_cursors: true, ..Page::default() };
    let whole = List::Members.read(&ann, all()).await.unwrap();
    assert_eq!((whole.ids.len(), whole.cursors.len()), (10_000, 10_000));
    fill(1).await;
    let problem = refused(List::Members.read(&ann, all()).await);
    assert_eq!(problem.code, Code::InvalidRequest);
    assert_eq!(problem.detail, "This list has more than 10000 items; ask for it page by page.");
}

#[tokio::test]
async fn strangers_are_not_told_whether_a_page_is_good() {
    let org = Org::start().await;
    org.admin("acme").await;
    let stranger = org.person("stranger@example.org").await;
    for list in [List::Members, List::Invitations, List::Audit] {
        for page in [Page { limit: 1, all: true, ..Page::default() }, Page { backward: true, ..Page::default() }] {
            let refusal = blame(list.read(&stranger, page).await);
            assert_eq!(refusal, (Code::NotFound, vec![]));
        }
    }
}
