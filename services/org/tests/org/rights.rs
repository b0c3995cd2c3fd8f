//! Invitations of those whose rights were taken, and for those who were removed: nobody comes back by the side door.

use sqlx::Connection as _;
use trellis_authn::ServiceName;
use trellis_proto::org::v1::{AcceptInvitationRequest, JoinRequest, Page, Role};
use trellis_rpc::Code;
use uuid::Uuid;

use crate::support::{Org, Person, bare, blame, keyed, missing, replayed};

fn gone() -> (Code, String) {
    (Code::NotFound, "invitation".to_owned())
}

/// Two ADMINs of acme.
async fn two(org: &Org) -> (Person, Person) {
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    org.add("acme", &bob, Role::Admin).await;
    (ann, bob)
}

async fn actions(ann: &Person) -> Vec<String> {
    let entries = ann.audit("acme", Page::default()).await.unwrap();
    entries.into_iter().map(|entry| format!("{} {}", entry.action, entry.email)).collect()
}

#[tokio::test]
async fn an_admin_who_is_none_any_more_when_identity_answers_invites_nobody() {
    for (demote, code) in [(true, Code::Forbidden), (false, Code::NotFound)] {
        let org = Org::start().await;
        let (ann, bob) = two(&org).await;
        let thinking = org.identity.think().await;
        let inviting = tokio::spawn({
            let bob = bob.clone();
            async move { bob.invite("acme", "eve@example.org", "ADMIN").await }
        });
        org.identity.asked(1).await;
        if demote {
            ann.set_role("acme", bob.id, "MEMBER").await.unwrap();
        } else {
            ann.remove("acme", bob.id).await.unwrap();
        }
        drop(thinking);
        assert_eq!(blame(inviting.await.unwrap()).0, code);
        assert!(ann.invitations("acme").await.unwrap().is_empty());
        assert!(!actions(&ann).await.iter().any(|action| action.contains("eve@")));
    }
}

#[tokio::test]
async fn an_admin_who_is_removed_at_that_moment_revokes_nothing() {
    let org = Org::start().await;
    let (ann, bob) = two(&org).await;
    let invitation = ann.invite("acme", "eve@example.org", "").await.unwrap();
    let mut connection = sqlx::PgConnection::connect_with(&org.db.connect_options()).await.unwrap();
    let mut removal = connection.begin().await.unwrap();
    sqlx::query("DELETE FROM members WHERE user_id = $1").bind(bob.id).execute(&mut *removal).await.unwrap();
    let revoking = tokio::spawn({
        let (bob, id) = (bob.clone(), invitation.id.clone());
        async move { bob.revoke("acme", &id).await }
    });
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    org.eventually(waiting, 1).await;
    removal.commit().await.unwrap();
    assert_eq!(missing(revoking.await.unwrap()), (Code::NotFound, "organization".to_owned()));
    assert_eq!(ann.invitations("acme").await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_invitations_of_an_admin_go_with_the_rights_that_others_take() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    for (round, demote) in [true, false].into_iter().enumerate() {
        let bob = org.person(&format!("bob{round}@example.org")).await;
        org.add("acme", &bob, Role::Admin).await;
        let [eve, cid] = [
            org.person(&format!("eve{round}@example.org")).await,
            org.person(&format!("cid{round}@example.org")).await,
        ];
        let bobs = bob.invite("acme", &eve.email, "ADMIN").await.unwrap();
        let anns = ann.invite("acme", &cid.email, "").await.unwrap();
        let wrong = bare(eve.accept("no token at all").await);
        if demote {
            ann.set_role("acme", bob.id, "MEMBER").await.unwrap();
        } else {
            ann.remove("acme", bob.id).await.unwrap();
        }
        let open: Vec<_> = ann.invitations("acme").await.unwrap().into_iter().map(|one| one.id).collect();
        assert_eq!(open, [anns.id.as_str()], "those of other ADMINs stay");
        assert_eq!(bare(eve.accept(&bobs.token).await), wrong, "as any other that is revoked");

        let entries = ann.audit("acme", Page { limit: 2, ..Page::default() }).await.unwrap();
        let taken = if demote { "member.role_changed" } else { "member.removed" };
        let told: Vec<_> = entries.iter().map(|entry| (entry.action.as_str(), entry.email.as_str())).collect();
        assert_eq!(told, [("invitation.revoked", eve.email.as_str()), (taken, "")]);
        assert!(entries.iter().all(|entry| entry.actor_id == ann.id.to_string()));

        cid.accept(&anns.token).await.unwrap();
        let anew = ann.invite("acme", &eve.email, "").await.unwrap();
        assert_eq!(eve.accept(&anew.token).await.unwrap().role(), Role::Member, "at once");
    }
}

#[tokio::test]
async fn who_leaves_or_rises_leaves_invitations_as_they_are() {
    let org = Org::start().await;
    let (ann, bob) = two(&org).await;
    let [eve, cid] = [org.person("eve@example.org").await, org.person("cid@example.org").await];
    let first = bob.invite("acme", &eve.email, "ADMIN").await.unwrap();
    bob.set_role("acme", bob.id, "MEMBER").await.unwrap();
    ann.set_role("acme", bob.id, "ADMIN").await.unwrap();
    let second = bob.invite("acme", &cid.email, "").await.unwrap();
    bob.leave("acme").await.unwrap();
    assert_eq!(eve.accept(&first.token).await.unwrap().role(), Role::Admin);
    cid.accept(&second.token).await.unwrap();
}

/// Bob was invited as ADMIN, joined without the invitation, and keeps it.
async fn kept(org: &Org, ann: &Person, bob: &Person) -> String {
    let token = ann.invite("acme", &bob.email.to_uppercase(), "ADMIN").await.unwrap().token;
    let request = JoinRequest {
        user_id: bob.id.to_string(),
        email: bob.email.clone(),
        organization_slug: Some("acme".to_owned()),
        invitation_token: None,
    };
    org.service(ServiceName::Identity).await.join(request).await.unwrap();
    assert_eq!(blame(bob.accept(&token).await).0, Code::AlreadyExists, "a member already");
    token
}

#[tokio::test]
async fn who_was_removed_or_demoted_does_not_come_back_by_an_invitation_that_was_kept() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    ann.open("acme").await;
    let bob = org.person("bob@example.org").await;
    let token = kept(&org, &ann, &bob).await;
    ann.remove("acme", bob.id).await.unwrap();
    assert_eq!(missing(bob.accept(&token).await), gone());

    let cid = org.person("cid@example.org").await;
    let token = kept(&org, &ann, &cid).await;
    ann.set_role("acme", cid.id, "ADMIN").await.unwrap();
    ann.set_role("acme", cid.id, "MEMBER").await.unwrap();
    cid.leave("acme").await.unwrap();
    assert_eq!(missing(cid.accept(&token).await), gone(), "nor as what somebody is no more");
    assert_eq!(ann.members("acme").await.unwrap().len(), 1);
    let revoked = actions(&ann).await.into_iter().filter(|action| action.starts_with("invitation.revoked")).count();
    assert_eq!(revoked, 2);
}

#[tokio::test]
async fn an_answer_from_before_the_removal_is_not_given_again() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let token = ann.invite("acme", "bob@example.org", "").await.unwrap().token;
    let accept = async |body: u8| {
        let request = AcceptInvitationRequest { token: token.clone() };
        bob.org.clone().accept_invitation(keyed("k", body, request)).await
    };
    accept(1).await.unwrap();
    assert!(replayed(&accept(1).await.unwrap()));
    assert_eq!(blame(accept(2).await).0, Code::IdempotencyKeyReused);
    ann.remove("acme", bob.id).await.unwrap();
    assert_eq!(missing(accept(1).await), gone());
    // Neither does it make a member of who has come back another way.
    let again = ann.invite("acme", "bob@example.org", "").await.unwrap().token;
    bob.accept(&again).await.unwrap();
    let head = org.head().await;
    accept(1).await.unwrap();
    assert_eq!(org.head().await, head);
}

#[tokio::test]
async fn a_token_of_an_organization_that_is_gone_is_as_any_wrong_one() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let token = ann.invite("acme", "bob@example.org", "").await.unwrap().token;
    let wrong = bare(bob.accept("no token at all").await);
    ann.delete("acme").await.unwrap();
    assert_eq!(bare(bob.accept(&token).await), wrong);
    // Another one of that name is another one.
    let eve = org.admin("acme").await;
    assert_eq!(bare(bob.accept(&token).await), wrong);
    let join = |slug: Option<&str>| JoinRequest {
        user_id: Uuid::now_v7().to_string(),
        email: "bob@example.org".to_owned(),
        organization_slug: slug.map(str::to_owned),
        invitation_token: Some(token.clone()),
    };
    let identity = org.service(ServiceName::Identity).await;
    for slug in [None, Some("acme")] {
        assert_eq!(blame(identity.clone().join(join(slug)).await).0, Code::InvitationRequired);
    }
    assert_eq!(eve.members("acme").await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_address_is_the_same_in_another_case_and_between_spaces() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    for (invited, own) in [
        (" Bob@Example.ORG ", "bob@example.org"),
        ("ÉVA@example.org", "éva@example.org"),
        ("ΣΊΣΥΦΟΣ@example.org", "σίσυφος@example.org"),
    ] {
        let person = org.person(own).await;
        let token = ann.invite("acme", invited, "").await.unwrap().token;
        assert_eq!(blame(ann.invite("acme", &own.to_uppercase(), "").await).0, Code::AlreadyExists, "{own}");
        person.accept(&format!(" {token}\n")).await.unwrap();
    }
    // What only looks alike is somebody else.
    let token = ann.invite("acme", "dan@example.org", "").await.unwrap().token;
    for other in ["dаn@example.org", "dan@example.orɡ", "dan@example.com", "dan+x@example.org", "d.an@example.org"] {
        let person = org.person(other).await;
        assert_eq!(missing(person.accept(&token).await), gone(), "{other}");
    }
}

#[tokio::test]
async fn guesses_take_no_lock() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let others = ann.invite("acme", "cid@example.org", "").await.unwrap().token;
    let revoked = ann.invite("acme", "bob@example.org", "").await.unwrap();
    ann.revoke("acme", &revoked.id).await.unwrap();
    let mut connection = sqlx::PgConnection::connect_with(&org.db.connect_options()).await.unwrap();
    let mut held = connection.begin().await.unwrap();
    sqlx::query("SELECT FROM scopes FOR UPDATE").execute(&mut *held).await.unwrap();
    for token in [&others, &revoked.token] {
        let answered = tokio::time::timeout(std::time::Duration::from_secs(3), bob.accept(token)).await;
        assert_eq!(missing(answered.expect("answered while others write")), gone());
    }
    held.rollback().await.unwrap();
}
