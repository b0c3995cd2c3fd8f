//! Becoming a member while registering, as identity asks for it.

use trellis_authn::ServiceName;
use trellis_proto::org::v1::{HasMembershipRequest, JoinRequest, JoinResponse, Role};
use trellis_rpc::Code;
use uuid::Uuid;

use crate::support::{Client, Org, bare, blame};

fn joining(user: Uuid, email: &str, slug: Option<&str>, token: Option<&str>) -> JoinRequest {
    JoinRequest {
        user_id: user.to_string(),
        email: email.to_owned(),
        organization_slug: slug.map(str::to_owned),
        invitation_token: token.map(str::to_owned),
    }
}

async fn join(identity: &Client, request: JoinRequest) -> Result<JoinResponse, tonic::Status> {
    Ok(identity.clone().join(request).await?.into_inner())
}

#[tokio::test]
async fn an_open_organization_takes_everyone() {
    let org = Org::start().await;
    let identity = org.service(ServiceName::Identity).await;
    let ann = org.admin("acme").await;
    let id = ann.open("acme").await.id;
    let user = Uuid::now_v7();
    let joined = join(&identity, joining(user, "bob@example.org", Some("acme"), None)).await.unwrap();
    assert_eq!((joined.org_id.clone(), joined.role()), (id, Role::Member));
    let head = org.head().await;
    let again = join(&identity, joining(user, "bob@example.org", Some("acme"), None)).await.unwrap();
    assert_eq!(again, joined);
    assert_eq!(org.head().await, head, "asked again, nothing happens");
    let (kind, actor, change) = org.events(0).await.pop().unwrap();
    assert_eq!((kind.as_str(), actor, change.user_id), ("member.joined", Some(user), user.to_string()));
}

#[tokio::test]
async fn of_many_at_once_exactly_one_is_the_first() {
    let org = Org::start().await;
    let identity = org.service(ServiceName::Identity).await;
    for round in 0..3 {
        let slug = format!("empty-{round}");
        org.add_empty(&slug).await;
        let tries: Vec<_> = (0..8)
            .map(|n| {
                let request = joining(Uuid::now_v7(), &format!("p{n}@example.org"), Some(&slug), None);
                let identity = identity.clone();
                tokio::spawn(async move { join(&identity, request).await.unwrap().role() })
            })
            .collect();
        let mut admins = 0;
        for tried in tries {
            admins += usize::from(tried.await.unwrap() == Role::Admin);
        }
        assert_eq!(admins, 1);
    }
}

#[tokio::test]
async fn the_same_user_at_once_joins_once() {
    let org = Org::start().await;
    let identity = org.service(ServiceName::Identity).await;
    org.add_empty("empty").await;
    let user = Uuid::now_v7();
    let tries = [(); 5].map(|()| {
        let (identity, request) = (identity.clone(), joining(user, "p@example.org", Some("empty"), None));
        tokio::spawn(async move { join(&identity, request).await.unwrap().role() })
    });
    for tried in tries {
        assert_eq!(tried.await.unwrap(), Role::Admin);
    }
    assert_eq!(org.head().await, 1);
}

#[tokio::test]
async fn without_an_invitation_a_closed_one_is_as_not_there() {
    let org = Org::start().await;
    let identity = org.service(ServiceName::Identity).await;
    let ann = org.admin("acme").await;
    let opened = org.admin("opened").await;
    opened.open("opened").await;
    let user = Uuid::now_v7();
    let ask = async |slug: Option<&str>, token: Option<&str>| {
        bare(join(&identity, joining(user, "bob@example.org", slug, token)).await)
    };
    assert_eq!(
        blame(join(&identity, joining(user, "bob@example.org", Some("nowhere"), None)).await).0,
        Code::InvitationRequired
    );
    let absent = ask(Some("nowhere"), None).await;
    let others = ann.invite("acme", "cid@example.org", "").await.unwrap().token;
    let revoked = ann.invite("acme", "bob@example.org", "").await.unwrap();
    ann.revoke("acme", &revoked.id).await.unwrap();
    let fits = ann.invite("acme", "bob@example.org", "").await.unwrap().token;
    for (what, answer) in [
        ("no token", ask(Some("acme"), None).await),
        ("no such token", ask(Some("acme"), Some("x")).await),
        ("for another", ask(Some("acme"), Some(&others)).await),
        ("revoked", ask(Some("acme"), Some(&revoked.token)).await),
        ("revoked, alone", ask(None, Some(&revoked.token)).await),
        ("no token, alone", ask(None, Some("")).await),
        ("of another organization", ask(Some("opened"), Some(&fits)).await),
        ("no token for an OPEN one", ask(Some("opened"), Some("x")).await),
        ("nowhere", ask(Some("nowhere"), Some(&fits)).await),
        ("wrong case", ask(Some("OPENED"), None).await),
    ] {
        assert_eq!(answer, absent, "{what}");
    }
    assert_eq!(ann.members("acme").await.unwrap().len(), 1);
    assert_eq!(ann.invitations("acme").await.unwrap().len(), 2, "and no invitation is used up");
}

#[tokio::test]
async fn an_invitation_lets_in_by_slug_or_alone() {
    let org = Org::start().await;
    let identity = org.service(ServiceName::Identity).await;
    let ann = org.admin("acme").await;
    let id = ann.get("acme").await.unwrap().id;
    for (email, slug, role) in [("bob@example.org", Some("acme"), Role::Admin), ("cid@example.org", None, Role::Member)]
    {
        let role_name = role.as_str_name().trim_start_matches("ROLE_");
        let token = ann.invite("acme", email, role_name).await.unwrap().token;
        let user = Uuid::now_v7();
        let email = email.to_uppercase();
        let joined = join(&identity, joining(user, &email, slug, Some(&token))).await.unwrap();
        assert_eq!((joined.org_id.clone(), joined.role()), (id.clone(), role));
        let again = join(&identity, joining(user, &email, slug, Some(&token))).await.unwrap();
        assert_eq!(again, joined, "the same user, asked again");
        let another = join(&identity, joining(Uuid::now_v7(), &email, slug, Some(&token))).await;
        assert_eq!(blame(another).0, Code::InvitationRequired, "it is used");
    }
    assert!(ann.invitations("acme").await.unwrap().is_empty());
    assert_eq!(org.head().await, 3);
}

#[tokio::test]
async fn one_invitation_lets_one_in() {
    let org = Org::start().await;
    let identity = org.service(ServiceName::Identity).await;
    let ann = org.admin("acme").await;
    let token = ann.invite("acme", "bob@example.org", "").await.unwrap().token;
    let tries = [(); 4].map(|()| {
        let request = joining(Uuid::now_v7(), "bob@example.org", Some("acme"), Some(&token));
        let identity = identity.clone();
        tokio::spawn(async move { join(&identity, request).await })
    });
    let mut joined = 0;
    for tried in tries {
        match tried.await.unwrap() {
            Ok(_) => joined += 1,
            refusal => assert_eq!(blame(refusal).0, Code::InvitationRequired),
        }
    }
    assert_eq!(joined, 1);
}

#[tokio::test]
async fn identity_alone_asks() {
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    ann.open("acme").await;
    let request = || joining(Uuid::now_v7(), "bob@example.org", Some("acme"), None);
    let asked = |user: Uuid| HasMembershipRequest { user_id: user.to_string() };
    let gateway = org.service(ServiceName::Gateway).await;
    for client in [&ann.org, &gateway] {
        assert_eq!(blame(join(client, request()).await).0, Code::Forbidden);
        assert_eq!(blame(client.clone().has_membership(asked(ann.id)).await).0, Code::Forbidden);
    }
    let mut identity = org.service(ServiceName::Identity).await;
    let unnamed = join(&identity, joining(Uuid::now_v7(), "bob@example.org", None, None)).await;
    assert_eq!(blame(unnamed).0, Code::InvalidRequest);
    let nobody = JoinRequest { user_id: "x".to_owned(), ..request() };
    assert_eq!(blame(join(&identity, nobody).await).0, Code::InvalidRequest);

    assert!(identity.has_membership(asked(ann.id)).await.unwrap().into_inner().member);
    assert!(!identity.has_membership(asked(Uuid::nil())).await.unwrap().into_inner().member);
}
