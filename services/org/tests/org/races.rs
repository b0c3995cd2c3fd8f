//! Joining while something else happens: to the policy, to the invitation, to the organization.

use trellis_authn::ServiceName;
use trellis_proto::org::v1::{JoinRequest, JoinResponse, Role};
use trellis_rpc::Code;
use uuid::Uuid;

use crate::support::{Client, Org, blame, missing};

async fn join(identity: Client, email: &str, slug: Option<&str>, token: Option<&str>) -> tonic::Result<JoinResponse> {
    let request = JoinRequest {
        user_id: Uuid::now_v7().to_string(),
        email: email.to_owned(),
        organization_slug: slug.map(str::to_owned),
        invitation_token: token.map(str::to_owned),
    };
    Ok(identity.clone().join(request).await?.into_inner())
}

async fn count(org: &Org, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&org.db).await.unwrap()
}

#[tokio::test]
async fn of_fifty_at_once_exactly_one_becomes_admin() {
    let org = Org::start().await;
    let identity = org.service(ServiceName::Identity).await;
    org.add_empty("empty").await;
    let joining: Vec<_> = (0..50)
        .map(|n| {
            let identity = identity.clone();
            tokio::spawn(async move { join(identity, &format!("p{n}@example.org"), Some("empty"), None).await })
        })
        .collect();
    let mut roles = Vec::new();
    for one in joining {
        roles.push(one.await.unwrap().unwrap().role());
    }
    assert_eq!(roles.iter().filter(|role| **role == Role::Admin).count(), 1);
    let (_, _, first) = org.events(0).await.remove(0);
    assert_eq!(first.role(), Role::Admin, "the first of them");
    assert_eq!(count(&org, "SELECT count(*) FROM members").await, 50);
    assert_eq!(count(&org, "SELECT count(*) FROM audit WHERE action = 'member.joined'").await, 50);
}

#[tokio::test]
async fn nobody_joins_between_a_closing_and_the_next_opening() {
    let org = Org::start().await;
    let identity = org.service(ServiceName::Identity).await;
    let ann = org.admin("acme").await;
    let joining: Vec<_> = (0..120)
        .map(|n| {
            let identity = identity.clone();
            tokio::spawn(async move { join(identity, &format!("p{n}@example.org"), Some("acme"), None).await })
        })
        .collect();
    for policy in ["OPEN", "INVITE_ONLY"].into_iter().cycle().take(10) {
        ann.set_policy("acme", policy).await.unwrap();
        if policy == "INVITE_ONLY" {
            let late = join(identity.clone(), "late@example.org", Some("acme"), None).await;
            assert_eq!(blame(late).0, Code::InvitationRequired, "closed is closed once that was answered");
        }
    }
    let mut joined = 0;
    for one in joining {
        match one.await.unwrap() {
            Ok(answer) => {
                assert_eq!(answer.role(), Role::Member);
                joined += 1;
            }
            refusal => assert_eq!(blame(refusal).0, Code::InvitationRequired),
        }
    }
    // In the log every joining stands where it was open.
    let (mut open, mut told) = (false, 0);
    for (kind, _, change) in org.events(1).await {
        match kind.as_str() {
            "organization.updated" => open = !open,
            "member.joined" => {
                assert!(open, "somebody joined at {}", change.seq);
                told += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(told, joined);
}

#[tokio::test]
async fn a_token_that_is_used_both_ways_at_once_is_used_once() {
    let org = Org::start().await;
    let identity = org.service(ServiceName::Identity).await;
    let ann = org.admin("acme").await;
    for round in 0..10 {
        let email = format!("bob{round}@example.org");
        let bob = org.person(&email).await;
        let token = ann.invite("acme", &email, "").await.unwrap().token;
        let (accepted, joined, revoked) =
            tokio::join!(bob.accept(&token), join(identity.clone(), &email, Some("acme"), Some(&token)), async {
                // Every second time an ADMIN thinks better of it in that moment.
                let open = ann.invitations("acme").await.unwrap();
                match open.first().filter(|_| round % 2 == 0) {
                    Some(open) => ann.revoke("acme", &open.id).await.map(|()| true),
                    None => Ok(false),
                }
            });
        let wins = [accepted.is_ok(), joined.is_ok(), matches!(revoked, Ok(true))];
        assert_eq!(wins.iter().filter(|won| **won).count(), 1, "{wins:?}");
        if accepted.is_err() {
            assert_eq!(missing(accepted).0, Code::NotFound);
        }
        if joined.is_err() {
            assert_eq!(blame(joined).0, Code::InvitationRequired);
        }
    }
    let ended = "SELECT count(*) FROM audit WHERE action IN ('invitation.accepted', 'invitation.revoked')";
    assert_eq!(count(&org, ended).await, 10, "and told once");
}

#[tokio::test]
async fn invitations_of_two_organizations_are_used_at_once() {
    let org = Org::start().await;
    let (ann, eve) = (org.admin("acme").await, org.admin("other").await);
    for round in 0..5 {
        let bob = org.person(&format!("bob{round}@example.org")).await;
        let first = ann.invite("acme", &bob.email, "").await.unwrap().token;
        let second = eve.invite("other", &bob.email, "ADMIN").await.unwrap().token;
        let (one, two) = tokio::join!(bob.accept(&first), bob.accept(&second));
        assert_eq!((one.unwrap().role(), two.unwrap().role()), (Role::Member, Role::Admin));
    }
}

#[tokio::test]
async fn nobody_is_a_member_of_what_is_deleted_at_that_moment() {
    let org = Org::start().await;
    let identity = org.service(ServiceName::Identity).await;
    for round in 0..15 {
        let slug = format!("o{round}");
        let ann = org.admin(&slug).await;
        ann.open(&slug).await;
        let bob = org.person(&format!("bob{round}@example.org")).await;
        let token = ann.invite(&slug, &bob.email, "").await.unwrap().token;
        let invited = format!("cid{round}@example.org");
        let (accepted, joined, made, deleted) = tokio::join!(
            bob.accept(&token),
            join(identity.clone(), "dan@example.org", Some(&slug), None),
            ann.invite(&slug, &invited, ""),
            ann.delete(&slug),
        );
        deleted.unwrap();
        if accepted.is_err() {
            assert_eq!(missing(accepted), (Code::NotFound, "invitation".to_owned()));
        }
        if joined.is_err() {
            assert_eq!(blame(joined).0, Code::InvitationRequired);
        }
        if made.is_err() {
            assert_eq!(missing(made), (Code::NotFound, "organization".to_owned()));
        }
    }
    for table in [
        "SELECT count(*) FROM members",
        "SELECT count(*) FROM invitations",
        "SELECT count(*) FROM audit",
        "SELECT count(*) FROM organizations",
    ] {
        assert_eq!(count(&org, table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn the_sweep_and_those_who_join_meet_many_times() {
    let mut org = Org::start().await;
    let identity = org.service(ServiceName::Identity).await;
    for n in 0..60 {
        org.add_empty(&format!("o{n}")).await;
    }
    sqlx::query("UPDATE organizations SET created_at = now() - interval '25 hours'").execute(&org.db).await.unwrap();
    let joining: Vec<_> = (0..60)
        .map(|n| {
            let identity = identity.clone();
            tokio::spawn(async move {
                let slug = format!("o{n}");
                (join(identity, &format!("p{n}@example.org"), Some(&slug), None).await, slug)
            })
        })
        .collect();
    org.add_replica().await;
    let mut kept = Vec::new();
    for one in joining {
        match one.await.unwrap() {
            (Ok(joined), slug) => {
                assert_eq!(joined.role(), Role::Admin);
                kept.push(slug);
            }
            (refusal, _) => assert_eq!(blame(refusal).0, Code::InvitationRequired),
        }
    }
    let waiting = "SELECT count(*) FROM organizations o
                   WHERE NOT EXISTS (SELECT FROM members m WHERE m.org_id = o.org_id)";
    org.eventually(waiting, 0).await;
    kept.sort();
    let mut left: Vec<String> = sqlx::query_scalar("SELECT slug FROM organizations").fetch_all(&org.db).await.unwrap();
    left.sort();
    assert_eq!(left, kept, "who was told to have joined is a member of what is there");
}
