//! Invitations, from being made to being used.

use chrono::TimeDelta;
use trellis_proto::org::v1::{
    AcceptInvitationRequest, CreateInvitationRequest, JoinPolicy, Role, membership_change::Kind,
};
use trellis_rpc::{Code, convert::datetime};

use crate::support::{Org, bare, blame, given, keyed, missing, new_organization, replayed};

fn gone() -> (Code, String) {
    (Code::NotFound, "invitation".to_owned())
}

fn email_taken() -> (Code, Vec<(String, String)>) {
    (Code::AlreadyExists, vec![("email".to_owned(), "already_exists".to_owned())])
}

fn invitation(email: &str, role: &str) -> CreateInvitationRequest {
    CreateInvitationRequest { org: "acme".to_owned(), email: email.to_owned(), role: given(role) }
}

async fn expire(org: &Org, id: &str) {
    sqlx::query("UPDATE invitations SET expires_at = now() WHERE id = $1::uuid")
        .bind(id)
        .execute(&org.db)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_token_is_shown_once_and_lasts_a_week() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let before = chrono::Utc::now();
    let made = ann.invite("acme", " Bob@Example.org ", "").await.unwrap();
    assert_eq!((made.email.as_str(), made.role()), ("Bob@Example.org", Role::Member));
    assert_eq!(made.invited_by_id, ann.id.to_string());
    assert!(made.token.len() >= 43, "at least 256 bits");
    let lasts = datetime(made.expires_at.as_ref()).unwrap() - before;
    assert!((lasts - TimeDelta::days(7)).abs() < TimeDelta::minutes(1), "{lasts}");

    let admin = ann.invite("acme", "cid@example.org", "ADMIN").await.unwrap();
    let listed = ann.invitations("acme").await.unwrap();
    assert_eq!(listed.iter().map(|one| &one.id).collect::<Vec<_>>(), [&made.id, &admin.id]);
    assert!(listed.iter().all(|one| one.token.is_empty()));
    assert_eq!(listed[1].role(), Role::Admin);
    assert_eq!(org.head().await, 1, "an invitation is no membership yet");
}

#[tokio::test]
async fn every_bad_field_is_told_at_once() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let (code, fields) = blame(ann.invite("acme", "nobody", "GUEST").await);
    assert_eq!(code, Code::ValidationFailed);
    assert_eq!(fields.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), ["email", "role"]);
    let (_, fields) = blame(ann.invite("acme", "", "").await);
    assert_eq!(fields, [("email".to_owned(), "required".to_owned())]);
}

#[tokio::test]
async fn one_open_invitation_per_address() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let first = ann.invite("acme", "bob@example.org", "").await.unwrap();
    assert_eq!(blame(ann.invite("acme", "BOB@example.org", "ADMIN").await), email_taken());

    // Another organization invites whom it likes.
    let other = org.admin("other").await;
    other.invite("other", "bob@example.org", "").await.unwrap();

    expire(&org, &first.id).await;
    assert!(ann.invitations("acme").await.unwrap().is_empty());
    let second = ann.invite("acme", "bob@example.org", "").await.unwrap();
    ann.revoke("acme", &second.id).await.unwrap();
    let third = ann.invite("acme", "bob@example.org", "").await.unwrap();
    assert_eq!(ann.invitations("acme").await.unwrap()[0].id, third.id);
}

#[tokio::test]
async fn of_many_at_once_one_invites() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let tries: Vec<_> = (0..6)
        .map(|_| {
            let ann = ann.clone();
            tokio::spawn(async move { ann.invite("acme", "bob@example.org", "").await })
        })
        .collect();
    let mut made = 0;
    for tried in tries {
        match tried.await.unwrap() {
            Ok(_) => made += 1,
            refusal => assert_eq!(blame(refusal), email_taken()),
        }
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn members_are_not_invited() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    org.add("acme", &bob, Role::Member).await;
    assert_eq!(blame(ann.invite("acme", "BOB@example.org", "").await), email_taken());
    assert_eq!(blame(ann.invite("acme", &ann.email, "").await), email_taken());
}

#[tokio::test]
async fn accepting_makes_a_member() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("Bob@example.org").await);
    let token = ann.invite("acme", "bob@EXAMPLE.org", "ADMIN").await.unwrap().token;
    let joined = bob.accept(&token).await.unwrap();
    assert_eq!(
        (joined.slug.as_str(), joined.role(), joined.join_policy()),
        ("acme", Role::Admin, JoinPolicy::InviteOnly)
    );
    assert_eq!(bob.get("acme").await.unwrap(), joined);
    let (kind, actor, change) = org.events(1).await.pop().unwrap();
    assert_eq!((kind.as_str(), actor), ("member.joined", Some(bob.id)));
    assert_eq!((change.kind(), change.role(), change.user_id), (Kind::Joined, Role::Admin, bob.id.to_string()));
    assert!(ann.invitations("acme").await.unwrap().is_empty());
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_the_answer_is_one() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let invite = async |email: &str| ann.invite("acme", email, "").await.unwrap();
    let wrong = bare(bob.accept("no token at all").await);
    assert_eq!(missing(bob.accept("no token at all").await), gone());
    // None at all is a mistake in the request.
    let required = vec![("token".to_owned(), "required".to_owned())];
    assert_eq!(blame(bob.accept(" ").await), (Code::ValidationFailed, required));

    let others = invite("cid@example.org").await;
    let used = invite("dan@example.org").await;
    let dan = org.person("dan@example.org").await;
    dan.accept(&used.token).await.unwrap();
    let expired = invite("bob@example.org").await;
    expire(&org, &expired.id).await;
    let revoked = invite("bob@example.org").await;
    ann.revoke("acme", &revoked.id).await.unwrap();
    let mut forged = invite("bob@example.org").await.token;
    forged.replace_range(30..31, if &forged[30..31] == "A" { "B" } else { "A" });

    for (what, token) in [
        ("for another e-mail", &others.token),
        ("used", &used.token),
        ("expired", &expired.token),
        ("revoked", &revoked.token),
        ("forged", &forged),
    ] {
        assert_eq!(bare(bob.accept(token).await), wrong, "{what}");
    }
    assert_eq!(bare(dan.accept(&used.token).await), wrong, "used by oneself");
    assert_eq!(missing(bob.get("acme").await).0, Code::NotFound);
}

#[tokio::test]
async fn only_what_is_open_is_revoked() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let other = org.admin("other").await;
    let elsewhere = other.invite("other", "bob@example.org", "").await.unwrap();
    let used = ann.invite("acme", "bob@example.org", "").await.unwrap();
    bob.accept(&used.token).await.unwrap();
    let expired = ann.invite("acme", "cid@example.org", "").await.unwrap();
    expire(&org, &expired.id).await;
    let open = ann.invite("acme", "dan@example.org", "").await.unwrap();
    ann.revoke("acme", &open.id).await.unwrap();
    for id in [&elsewhere.id, &used.id, &expired.id, &open.id, "x", &uuid::Uuid::nil().to_string()] {
        assert_eq!(missing(ann.revoke("acme", id).await), gone(), "{id}");
    }
    assert_eq!(other.invitations("other").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_member_keeps_the_invitation_unused() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let token = ann.invite("acme", "bob@example.org", "ADMIN").await.unwrap().token;
    org.add("acme", &bob, Role::Member).await;
    assert_eq!(
        blame(bob.accept(&token).await),
        (Code::AlreadyExists, vec![("token".to_owned(), "already_exists".to_owned())])
    );
    assert_eq!(bob.get("acme").await.unwrap().role(), Role::Member);
    assert_eq!(ann.invitations("acme").await.unwrap().len(), 1);
    assert_eq!(org.head().await, 1);
}

#[tokio::test]
async fn of_two_at_once_one_is_accepted() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    for round in 0..5 {
        let email = format!("bob{round}@example.org");
        let bob = org.person(&email).await;
        let token = ann.invite("acme", &email, "").await.unwrap().token;
        let tries = [(); 2].map(|()| {
            let (bob, token) = (bob.clone(), token.clone());
            tokio::spawn(async move { bob.accept(&token).await })
        });
        let mut accepted = 0;
        for tried in tries {
            match tried.await.unwrap() {
                Ok(_) => accepted += 1,
                refusal => assert_eq!(missing(refusal), gone()),
            }
        }
        assert_eq!(accepted, 1);
    }
    assert_eq!(org.head().await, 6);
}

#[tokio::test]
async fn the_same_key_gives_the_same_token_which_is_not_stored() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let invite =
        async |body: u8| ann.org.clone().create_invitation(keyed("k", body, invitation("bob@example.org", ""))).await;
    let first = invite(1).await.unwrap();
    let again = invite(1).await.unwrap();
    assert!(!replayed(&first) && replayed(&again));
    assert_eq!(first.get_ref(), again.get_ref());
    assert_eq!(blame(invite(2).await).0, Code::IdempotencyKeyReused);

    let token = first.into_inner().invitation.unwrap().token;
    let kept: Vec<u8> = sqlx::query_scalar("SELECT response FROM idempotency_keys").fetch_one(&org.db).await.unwrap();
    assert!(!kept.windows(token.len()).any(|bytes| bytes == token.as_bytes()));
}

#[tokio::test]
async fn an_acceptance_is_repeated_by_its_key() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let token = ann.invite("acme", "bob@example.org", "").await.unwrap().token;
    let accept = async || {
        let request = AcceptInvitationRequest { token: token.clone() };
        bob.org.clone().accept_invitation(keyed("k", 1, request)).await
    };
    let first = accept().await.unwrap();
    let again = accept().await.unwrap();
    assert!(!replayed(&first) && replayed(&again));
    assert_eq!(first.into_inner(), again.into_inner());
}

#[tokio::test]
async fn a_used_key_is_told_of_whatever_else_is_wrong() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let invite =
        async |body: u8, email: &str| ann.org.clone().create_invitation(keyed("k", body, invitation(email, ""))).await;
    let accept = async |body: u8, token: &str| {
        let request = AcceptInvitationRequest { token: token.to_owned() };
        bob.org.clone().accept_invitation(keyed("k", body, request)).await
    };
    let token = invite(1, "bob@example.org").await.unwrap().into_inner().invitation.unwrap().token;
    accept(1, &token).await.unwrap();
    assert_eq!(blame(invite(2, "nobody").await).0, Code::IdempotencyKeyReused);
    for wrong in ["", "no token at all", token.as_str()] {
        assert_eq!(blame(accept(2, wrong).await).0, Code::IdempotencyKeyReused, "{wrong}");
    }
    let made = ann.org.clone().create_organization(keyed("k", 2, new_organization("No slug"))).await;
    assert_eq!(blame(made).0, Code::IdempotencyKeyReused);
    // But for who may not do it: he is told that first.
    let refused = bob.org.clone().create_invitation(keyed("k", 2, invitation("nobody", ""))).await;
    assert_eq!(blame(refused).0, Code::Forbidden);
    // What was answered is answered, whoever is away.
    org.identity.set_away(true);
    assert!(replayed(&invite(1, "bob@example.org").await.unwrap()));
    assert!(replayed(&accept(1, &token).await.unwrap()));
}

#[tokio::test]
async fn without_identity_nobody_is_invited_or_let_in() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let token = ann.invite("acme", "bob@example.org", "").await.unwrap().token;
    org.identity.set_away(true);
    assert_eq!(blame(ann.invite("acme", "cid@example.org", "").await).0, Code::Unavailable);
    assert_eq!(blame(bob.accept(&token).await).0, Code::Unavailable);
    assert_eq!(ann.members("acme").await.unwrap().len(), 1, "all else goes on");
    org.identity.set_away(false);
    bob.accept(&token).await.unwrap();
}
