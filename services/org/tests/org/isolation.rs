//! Nothing of an organization shows to who is not a member, and only some of it may be changed by who is.

use tonic::Code as GrpcCode;
use trellis_proto::org::v1::{
    CreateInvitationRequest, DeleteOrganizationRequest, ListInvitationsRequest, ListMembersRequest, Page, Role,
    UpdateMemberRequest, UpdateOrganizationRequest,
};
use trellis_rpc::{Code, Problem};

use crate::support::{Org, Person, bare, refused};

type Answer = (GrpcCode, String, Vec<u8>);

/// Every call about an organization, with values that are good and values that are not.
async fn ask_everything(person: &Person, org: &str, of: &Person) -> Vec<(&'static str, Answer)> {
    let slug = org.to_owned();
    let mut client = person.org.clone();
    let bad_page = || Some(Page { limit: 5000, cursor: "x".to_owned(), ..Page::default() });
    let bad_update = UpdateOrganizationRequest {
        org: slug.clone(),
        slug: Some("Not A Slug".to_owned()),
        expected_version: Some(99),
        ..Default::default()
    };
    let bad_role = UpdateMemberRequest { org: slug.clone(), user_id: "x".to_owned(), role: Some("KING".to_owned()) };
    let bad_invitation =
        CreateInvitationRequest { org: slug.clone(), email: "x".to_owned(), role: Some("KING".to_owned()) };
    let bad_delete = DeleteOrganizationRequest { org: slug.clone(), expected_version: Some(99) };
    let update = UpdateOrganizationRequest { org: slug.clone(), name: Some("Mine".to_owned()), ..Default::default() };
    vec![
        ("get", bare(person.get(org).await)),
        ("update", bare(person.update(update).await)),
        ("bad update", bare(person.update(bad_update).await)),
        ("delete", bare(person.delete(org).await)),
        ("bad delete", bare(client.delete_organization(bad_delete).await)),
        ("members", bare(person.members(org).await)),
        ("bad members", bare(client.list_members(ListMembersRequest { org: slug.clone(), page: bad_page() }).await)),
        ("role", bare(person.set_role(org, of.id, "MEMBER").await)),
        ("bad role", bare(client.update_member(bad_role).await)),
        ("remove", bare(person.remove(org, of.id).await)),
        ("leave", bare(person.leave(org).await)),
        ("invite", bare(person.invite(org, "x@example.org", "").await)),
        ("bad invite", bare(client.create_invitation(bad_invitation).await)),
        ("invitations", bare(person.invitations(org).await)),
        (
            "bad invitations",
            bare(client.list_invitations(ListInvitationsRequest { org: slug, page: bad_page() }).await),
        ),
        ("revoke", bare(person.revoke(org, "x").await)),
        ("audit", bare(person.audit(org, Page::default()).await)),
        ("access", bare(person.access(org).await)),
    ]
}

#[tokio::test]
async fn not_a_member_is_as_not_there() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let opened = org.admin("opened").await;
    opened.open("opened").await;
    let gone = org.admin("gone").await;
    gone.delete("gone").await.unwrap();
    let removed = org.admin("left").await;
    org.add("left", &bob, Role::Admin).await;
    bob.leave("left").await.unwrap();
    org.add("opened", &removed, Role::Member).await;

    let nothing = Problem::not_found("organization");
    let absent = ask_everything(&bob, "no-such-organization", &ann).await;
    for (what, answer) in &absent {
        assert_eq!(answer.0, GrpcCode::NotFound, "{what}");
    }
    assert_eq!(refused(bob.get("no-such-organization").await), nothing);
    for slug in ["acme", "opened", "gone", "left", "ACME", "Not a slug", "", "acme\0"] {
        assert_eq!(ask_everything(&bob, slug, &ann).await, absent, "{slug:?}");
    }
}

#[tokio::test]
async fn a_slug_in_another_case_is_not_there() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    for slug in ["Acme", "ACME", " acme", "acme "] {
        assert_eq!(refused(ann.get(slug).await), Problem::not_found("organization"), "{slug:?}");
    }
}

#[tokio::test]
async fn members_read_and_admins_manage() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    org.add("acme", &bob, Role::Member).await;
    let token = ann.invite("acme", "cid@example.org", "").await.unwrap();

    assert_eq!(bob.get("acme").await.unwrap().role(), Role::Member);
    assert_eq!(bob.members("acme").await.unwrap().len(), 2);
    assert_eq!(bob.access("acme").await.unwrap().role(), Role::Member);

    let head = org.head().await;
    let update = UpdateOrganizationRequest { org: "acme".to_owned(), name: Some(String::new()), ..Default::default() };
    let refusals = [
        refused(bob.update(update).await),
        refused(bob.delete("acme").await),
        refused(bob.set_role("acme", bob.id, "KING").await),
        refused(bob.set_role("acme", uuid::Uuid::nil(), "ADMIN").await),
        refused(bob.remove("acme", ann.id).await),
        refused(bob.remove("acme", uuid::Uuid::nil()).await),
        refused(bob.invite("acme", "not an address", "").await),
        refused(bob.invitations("acme").await),
        refused(bob.revoke("acme", &token.id).await),
        refused(bob.revoke("acme", "x").await),
        refused(bob.audit("acme", Page::default()).await),
    ];
    for refusal in refusals {
        assert_eq!(refusal.code, Code::Forbidden);
        assert_eq!(refusal.detail, "You do not have permission to perform this action");
    }
    assert_eq!(org.head().await, head);
    assert_eq!(ann.invitations("acme").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_demoted_admin_manages_no_more() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    org.add("acme", &bob, Role::Admin).await;
    bob.invite("acme", "cid@example.org", "").await.unwrap();
    ann.set_role("acme", bob.id, "MEMBER").await.unwrap();
    assert_eq!(refused(bob.invite("acme", "dan@example.org", "").await).code, Code::Forbidden);
}
