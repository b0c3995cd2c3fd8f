//! Roles, leaving, and that an ADMIN always stays.

use trellis_proto::org::v1::{Role, UpdateMemberRequest, membership_change::Kind};
use trellis_rpc::Code;
use uuid::Uuid;

use crate::support::{Org, blame, missing};

fn last_admin(field: &str) -> (Code, Vec<(String, String)>) {
    (Code::LastAdmin, vec![(field.to_owned(), "last_admin".to_owned())])
}

#[tokio::test]
async fn admins_give_roles() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    org.add("acme", &bob, Role::Member).await;
    let changed = ann.set_role("acme", bob.id, "ADMIN").await.unwrap();
    assert_eq!((changed.user_id.clone(), changed.role()), (bob.id.to_string(), Role::Admin));
    assert_eq!(ann.members("acme").await.unwrap()[1], changed);
    assert_eq!(bob.access("acme").await.unwrap().role(), Role::Admin);

    let (kind, actor, change) = org.events(1).await.pop().unwrap();
    assert_eq!((kind.as_str(), actor), ("member.role_changed", Some(ann.id)));
    assert_eq!((change.kind(), change.role(), change.user_id), (Kind::RoleChanged, Role::Admin, bob.id.to_string()));

    assert_eq!(ann.set_role("acme", bob.id, "ADMIN").await.unwrap(), changed);
    let request = UpdateMemberRequest { org: "acme".to_owned(), user_id: bob.id.to_string(), role: None };
    assert_eq!(ann.org.clone().update_member(request).await.unwrap().into_inner().member, Some(changed));
    assert_eq!(org.head().await, 2, "the same role again is no event");
}

#[tokio::test]
async fn a_role_is_one_of_two() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    for (bad, code) in [("admin", "invalid"), ("OWNER", "invalid"), ("", "required")] {
        let expected = (Code::ValidationFailed, vec![("role".to_owned(), code.to_owned())]);
        assert_eq!(blame(ann.set_role("acme", ann.id, bad).await), expected);
    }
}

#[tokio::test]
async fn who_is_no_member_cannot_be_changed() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let gone = (Code::NotFound, "member".to_owned());
    for user in [bob.id, Uuid::nil()] {
        assert_eq!(missing(ann.set_role("acme", user, "ADMIN").await), gone);
        assert_eq!(missing(ann.remove("acme", user).await), gone);
    }
    let request = UpdateMemberRequest { org: "acme".to_owned(), user_id: "bob".to_owned(), role: None };
    assert_eq!(missing(ann.org.clone().update_member(request).await), gone);
    let request = UpdateMemberRequest { org: "acme".to_owned(), user_id: bob.id.to_string(), role: None };
    assert_eq!(missing(ann.org.clone().update_member(request).await), gone);
    assert_eq!(org.head().await, 1);
}

#[tokio::test]
async fn the_last_admin_stays_an_admin() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    org.add("acme", &bob, Role::Member).await;
    assert_eq!(blame(ann.leave("acme").await), last_admin("user_id"));
    assert_eq!(blame(ann.set_role("acme", ann.id, "MEMBER").await), last_admin("role"));
    assert_eq!(org.head().await, 1);

    ann.set_role("acme", bob.id, "ADMIN").await.unwrap();
    ann.set_role("acme", ann.id, "MEMBER").await.unwrap();
    assert_eq!(blame(bob.leave("acme").await), last_admin("user_id"));
    ann.leave("acme").await.unwrap();
    assert_eq!(missing(ann.get("acme").await), (Code::NotFound, "organization".to_owned()));
    assert_eq!(bob.members("acme").await.unwrap().len(), 1);
}

#[tokio::test]
async fn members_leave_and_admins_remove() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let (bob, cid) = (org.person("bob@example.org").await, org.person("cid@example.org").await);
    org.add("acme", &bob, Role::Member).await;
    org.add("acme", &cid, Role::Member).await;
    bob.leave("acme").await.unwrap();
    ann.remove("acme", cid.id).await.unwrap();
    for (person, by) in [(&bob, &bob), (&cid, &ann)] {
        assert_eq!(missing(person.get("acme").await), (Code::NotFound, "organization".to_owned()));
        assert_eq!(missing(person.leave("acme").await), (Code::NotFound, "organization".to_owned()));
        let events = org.events(1).await;
        let (kind, actor, change) =
            events.iter().find(|(_, _, change)| change.user_id == person.id.to_string()).unwrap();
        assert_eq!((kind.as_str(), *actor), ("member.removed", Some(by.id)));
        assert_eq!(change.kind(), Kind::Removed);
    }
}

#[tokio::test]
async fn of_two_admins_who_leave_at_once_one_stays() {
    let org = Org::start().await;
    for round in 0..8 {
        let slug = format!("round-{round}");
        let (ann, bob) = (org.admin(&slug).await, org.person(&format!("bob{round}@example.org")).await);
        org.add(&slug, &bob, Role::Admin).await;
        let tries = [&ann, &bob].map(|person| {
            let (person, slug) = (person.clone(), slug.clone());
            tokio::spawn(async move { person.leave(&slug).await })
        });
        let mut left = 0;
        for tried in tries {
            match tried.await.unwrap() {
                Ok(()) => left += 1,
                refusal => assert_eq!(blame(refusal), last_admin("user_id")),
            }
        }
        assert_eq!(left, 1);
    }
}

#[tokio::test]
async fn two_admins_cannot_both_take_the_other_down() {
    let org = Org::start().await;
    for round in 0..8 {
        let slug = format!("round-{round}");
        let (ann, bob) = (org.admin(&slug).await, org.person(&format!("bob{round}@example.org")).await);
        org.add(&slug, &bob, Role::Admin).await;
        let tries = [(&ann, bob.id), (&bob, ann.id)].map(|(person, other)| {
            let (person, slug) = (person.clone(), slug.clone());
            tokio::spawn(async move { person.set_role(&slug, other, "MEMBER").await })
        });
        let mut demoted = 0;
        for tried in tries {
            match tried.await.unwrap() {
                Ok(_) => demoted += 1,
                // The rights of who lost went with the role.
                refusal => assert_eq!(blame(refusal).0, Code::Forbidden),
            }
        }
        assert_eq!(demoted, 1);
        let admins: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM members JOIN organizations USING (org_id) WHERE slug = $1 AND role = 'ADMIN'",
        )
        .bind(&slug)
        .fetch_one(&org.db)
        .await
        .unwrap();
        assert_eq!(admins, 1);
    }
}
