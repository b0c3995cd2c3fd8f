//! What other processes ask and follow.

use trellis_authn::ServiceName;
use trellis_proto::org::v1::{
    CheckMembersRequest, FollowMembershipsRequest, FollowMembershipsResponse, JoinRequest, Role,
    membership_change::Kind,
};
use trellis_rpc::Code;
use uuid::Uuid;

use crate::support::{Client, Org, blame, missing};

async fn follow(client: &Client, epoch: &str, after: u64) -> FollowMembershipsResponse {
    let request = FollowMembershipsRequest { epoch: epoch.to_owned(), after };
    client.clone().follow_memberships(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_check_says_what_it_reflects() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let made = ann.get("acme").await.unwrap();
    let first = ann.access("acme").await.unwrap();
    assert_eq!((first.org_id.as_str(), first.role(), first.seq), (made.id.as_str(), Role::Admin, 1));
    assert!(first.epoch.parse::<Uuid>().is_ok());

    org.add("acme", &bob, Role::Member).await;
    ann.set_role("acme", bob.id, "ADMIN").await.unwrap();
    let second = bob.access("acme").await.unwrap();
    assert_eq!((second.role(), second.seq, &second.epoch), (Role::Admin, 2, &first.epoch));
    ann.remove("acme", bob.id).await.unwrap();
    assert_eq!(missing(bob.access("acme").await), (Code::NotFound, "organization".to_owned()));
    assert_eq!(ann.access("acme").await.unwrap().seq, 3);

    let mut gateway = org.service(ServiceName::Gateway).await;
    let asked = trellis_proto::org::v1::CheckAccessRequest { org: "acme".to_owned() };
    assert_eq!(blame(gateway.check_access(asked).await).0, Code::Unauthenticated);
}

#[tokio::test]
async fn members_are_told_from_others() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let org_id = ann.get("acme").await.unwrap().id;
    let ask = async |client: &Client, org_id: &str, users: &[String]| {
        let request = CheckMembersRequest { org_id: org_id.to_owned(), user_ids: users.to_vec(), all: false };
        Ok::<_, tonic::Status>(client.clone().check_members(request).await?.into_inner().member_ids)
    };
    let users = [bob.id.to_string(), ann.id.to_string(), "x".to_owned()];
    let project = org.service(ServiceName::Project).await;
    for client in [&ann.org, &project] {
        assert_eq!(ask(client, &org_id, &users).await.unwrap(), [ann.id.to_string()]);
    }
    let gone = (Code::NotFound, "organization".to_owned());
    assert_eq!(missing(ask(&bob.org, &org_id, &users).await), gone);
    assert_eq!(missing(ask(&ann.org, &Uuid::nil().to_string(), &users).await), gone);
    assert_eq!(missing(ask(&ann.org, "x", &users).await), gone);
    let many = vec![ann.id.to_string(); 501];
    assert_eq!(blame(ask(&ann.org, &org_id, &many).await).0, Code::InvalidRequest);
}

#[tokio::test]
async fn a_service_is_told_of_all_members_and_of_the_names() {
    let org = Org::start().await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    org.add("acme", &bob, Role::Member).await;
    org.admin("other").await;
    let org_id = ann.get("acme").await.unwrap().id;
    let project = org.service(ServiceName::Project).await;
    let ask = |org_id: &str, all| CheckMembersRequest { org_id: org_id.to_owned(), user_ids: Vec::new(), all };
    let mut expected = [ann.id.to_string(), bob.id.to_string()];
    expected.sort_unstable();
    let mut told = project.clone().check_members(ask(&org_id, true)).await.unwrap().into_inner();
    told.member_ids.sort_unstable();
    assert_eq!(told.member_ids, expected);
    assert_eq!((told.slug.as_str(), told.name.as_str()), ("acme", "The acme"));
    let none = project.clone().check_members(ask(&org_id, false)).await.unwrap().into_inner();
    assert_eq!((none.member_ids.len(), none.slug.as_str()), (0, "acme"));
    let nowhere = project.clone().check_members(ask(&Uuid::nil().to_string(), true)).await.unwrap().into_inner();
    assert_eq!((nowhere.member_ids.len(), nowhere.slug.as_str(), nowhere.name.as_str()), (0, "", ""));

    assert_eq!(blame(ann.org.clone().check_members(ask(&org_id, true)).await).0, Code::InvalidRequest);
    let gateway = org.service(ServiceName::Gateway).await;
    assert_eq!(blame(gateway.clone().check_members(ask(&org_id, true)).await).0, Code::Forbidden);
}

#[tokio::test]
async fn who_follows_hears_who_did_it_to_the_user() {
    let org = Org::start().await;
    let gateway = org.service(ServiceName::Gateway).await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let epoch = follow(&gateway, "", 0).await.epoch;
    let token = ann.invite("acme", "bob@example.org", "ADMIN").await.unwrap().token;
    bob.accept(&token).await.unwrap();
    let token = ann.invite("acme", "cid@example.org", "").await.unwrap().token;
    let identity = org.service(ServiceName::Identity).await;
    let join = |email: &str, slug: Option<&str>, token: Option<&str>| JoinRequest {
        user_id: org.identity.add(email).to_string(),
        email: email.to_owned(),
        organization_slug: slug.map(ToOwned::to_owned),
        invitation_token: token.map(ToOwned::to_owned),
    };
    identity.clone().join(join("cid@example.org", None, Some(&token))).await.unwrap();
    ann.set_role("acme", bob.id, "MEMBER").await.unwrap();
    ann.set_role("acme", bob.id, "ADMIN").await.unwrap();
    // By themselves, and by nobody.
    bob.set_role("acme", bob.id, "MEMBER").await.unwrap();
    ann.open("acme").await;
    identity.clone().join(join("dan@example.org", Some("acme"), None)).await.unwrap();
    bob.leave("acme").await.unwrap();

    let news = follow(&gateway, &epoch, 0).await;
    let told: Vec<_> = news.changes.iter().map(|change| (change.kind(), change.actor_id.clone())).collect();
    let (by_ann, by_nobody) = (ann.id.to_string(), String::new());
    assert_eq!(
        told,
        [
            (Kind::Joined, by_nobody.clone()),
            (Kind::Joined, by_ann.clone()),
            (Kind::Joined, by_ann.clone()),
            (Kind::RoleChanged, by_ann.clone()),
            (Kind::RoleChanged, by_ann),
            (Kind::RoleChanged, by_nobody.clone()),
            (Kind::OrganizationChanged, by_nobody.clone()),
            (Kind::Joined, by_nobody.clone()),
            (Kind::Removed, by_nobody),
        ]
    );
}

#[tokio::test]
async fn who_follows_hears_every_change_in_order() {
    let org = Org::start().await;
    let gateway = org.service(ServiceName::Gateway).await;
    let (ann, bob) = (org.admin("acme").await, org.person("bob@example.org").await);
    let start = follow(&gateway, "", 0).await;
    assert_eq!((start.head, start.reset, start.changes.len()), (1, false, 0), "the first time only the head");
    let idle = follow(&gateway, &start.epoch, start.head).await;
    assert_eq!((idle.head, idle.reset, idle.changes.len()), (1, false, 0));

    let token = ann.invite("acme", "bob@example.org", "").await.unwrap().token;
    let org_id = bob.accept(&token).await.unwrap().id;
    ann.set_role("acme", bob.id, "ADMIN").await.unwrap();
    ann.open("acme").await;
    bob.leave("acme").await.unwrap();
    ann.delete("acme").await.unwrap();

    let news = follow(&gateway, &start.epoch, start.head).await;
    assert_eq!((news.head, news.reset, &news.epoch), (6, false, &start.epoch));
    let told: Vec<_> = news.changes.iter().map(|change| (change.seq, change.kind(), change.role())).collect();
    assert_eq!(
        told,
        [
            (2, Kind::Joined, Role::Member),
            (3, Kind::RoleChanged, Role::Admin),
            (4, Kind::OrganizationChanged, Role::Unspecified),
            (5, Kind::Removed, Role::Unspecified),
            (6, Kind::OrganizationDeleted, Role::Unspecified),
        ]
    );
    assert!(news.changes.iter().all(|change| change.org_id == org_id));
    let users: Vec<_> = news.changes.iter().map(|change| change.user_id.as_str()).collect();
    let bob_id = bob.id.to_string();
    assert_eq!(users, [&bob_id, &bob_id, "", &bob_id, ""]);
    assert_eq!(follow(&gateway, &start.epoch, 4).await.changes.len(), 2);

    let refusal = ann.org.clone().follow_memberships(FollowMembershipsRequest::default()).await;
    assert_eq!(blame(refusal).0, Code::Forbidden);
}

#[tokio::test]
async fn what_cannot_be_told_is_a_reset() {
    let org = Org::start().await;
    let gateway = org.service(ServiceName::Gateway).await;
    let ann = org.admin("acme").await;
    for policy in 0..3 {
        let name = Some(format!("Name {policy}"));
        let request =
            trellis_proto::org::v1::UpdateOrganizationRequest { org: "acme".to_owned(), name, ..Default::default() };
        ann.update(request).await.unwrap();
    }
    let epoch = follow(&gateway, "", 0).await.epoch;
    let reset = |answer: FollowMembershipsResponse| (answer.reset, answer.head, answer.changes.len());
    assert_eq!(reset(follow(&gateway, &Uuid::nil().to_string(), 2).await), (true, 4, 0), "another life");
    assert_eq!(reset(follow(&gateway, "x", 2).await), (true, 4, 0), "no epoch");
    assert_eq!(reset(follow(&gateway, &epoch, 5).await), (true, 4, 0), "ahead of the head");
    assert_eq!(reset(follow(&gateway, &epoch, u64::MAX).await), (true, 4, 0), "far ahead");

    sqlx::query("UPDATE scopes SET low_water = 2").execute(&org.db).await.unwrap();
    sqlx::query("DELETE FROM event_log WHERE seq <= 2").execute(&org.db).await.unwrap();
    assert_eq!(reset(follow(&gateway, &epoch, 1).await), (true, 4, 0), "no longer kept");
    assert_eq!(reset(follow(&gateway, &epoch, 2).await), (false, 4, 2), "just still kept");
}

#[tokio::test]
async fn who_is_far_behind_reads_on_or_starts_anew() {
    let org = Org::start().await;
    let gateway = org.service(ServiceName::Gateway).await;
    org.admin("acme").await;
    let write_up_to = async |head: i64| {
        sqlx::query(
            "WITH head AS (UPDATE scopes SET last_seq = $1 RETURNING id)
             INSERT INTO event_log (scope, seq, id, kind, payload)
             SELECT head.id, n, gen_random_uuid(), 'member.joined', payload
             FROM head, generate_series((SELECT max(seq) + 1 FROM event_log), $1) AS n,
                  (SELECT payload FROM event_log WHERE seq = 1) AS first",
        )
        .bind(head)
        .execute(&org.db)
        .await
        .unwrap();
    };
    write_up_to(2000).await;
    let epoch = follow(&gateway, "", 0).await.epoch;
    let news = follow(&gateway, &epoch, 0).await;
    assert_eq!((news.head, news.reset, news.changes.len()), (2000, false, 2000));
    assert!(news.changes.iter().zip(1..).all(|(change, seq)| change.seq == seq));
    write_up_to(2500).await;
    let news = follow(&gateway, &epoch, 0).await;
    assert_eq!((news.head, news.reset, news.changes.len()), (2500, true, 0));
}

#[tokio::test]
async fn the_log_has_no_hole_under_concurrency() {
    let org = Org::start().await;
    let mut tasks = Vec::new();
    for n in 0..10 {
        let slug = format!("o{n}");
        let person = org.person(&format!("p{n}@example.org")).await;
        tasks.push(tokio::spawn(async move {
            person.create(&slug).await.unwrap();
            person.open(&slug).await;
            // A refusal in between leaves no hole.
            person.leave(&slug).await.unwrap_err();
            person.delete(&slug).await.unwrap();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let seqs: Vec<i64> = sqlx::query_scalar("SELECT seq FROM event_log ORDER BY seq").fetch_all(&org.db).await.unwrap();
    assert_eq!(seqs, (1..=30).collect::<Vec<_>>());
    assert_eq!(org.head().await, 30);
}
