//! An ADMIN stays, whatever several ADMINs do to each other and to the organization at the same time.

use trellis_proto::org::v1::{Role, membership_change::Kind};
use trellis_rpc::Code;
use uuid::Uuid;

use crate::support::{Org, Person, refused};

const TRIALS: usize = 25;

#[derive(Debug, Clone, Copy)]
enum Act {
    Demote,
    Remove,
    Delete,
}

/// What somebody tries; leaving is removing oneself.
#[derive(Debug, Clone, Copy)]
struct Try {
    who: usize,
    whom: usize,
    act: Act,
}

/// Everybody tries everything against everybody, in an order that is another one in each trial.
fn tries(trial: usize, people: usize, with_deletion: bool) -> Vec<Try> {
    let mut tries: Vec<_> = (0..people * people)
        .flat_map(|n| [Act::Demote, Act::Remove].map(|act| Try { who: n / people, whom: n % people, act }))
        .collect();
    if with_deletion {
        tries.push(Try { who: trial % people, whom: 0, act: Act::Delete });
    }
    // A linear congruence permutes them, so that a trial that fails is tried again as it was.
    let count = tries.len();
    let mut state = trial;
    for n in (1..count).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tries.swap(n, (state >> 33) % (n + 1));
    }
    tries
}

async fn attempt(person: Person, slug: String, whom: Uuid, act: Act) {
    let result = match act {
        Act::Demote => person.set_role(&slug, whom, "MEMBER").await.map(|_| ()),
        Act::Remove => person.remove(&slug, whom).await,
        Act::Delete => person.delete(&slug).await,
    };
    if result.is_err() {
        let code = refused(result).code;
        assert!(matches!(code, Code::LastAdmin | Code::Forbidden | Code::NotFound), "{act:?}: {code:?}");
    }
}

/// Plays the log back: at no number is there a member, but no ADMIN.
async fn assert_there_was_always_an_admin(org: &Org, after: i64, people: &[Person]) {
    let mut roles: Vec<(String, Role)> = people.iter().map(|person| (person.id.to_string(), Role::Admin)).collect();
    for (_, _, change) in org.events(after).await {
        match change.kind() {
            Kind::RoleChanged => {
                let member = roles.iter_mut().find(|(user, _)| *user == change.user_id).unwrap();
                member.1 = change.role();
            }
            Kind::Removed => roles.retain(|(user, _)| *user != change.user_id),
            Kind::OrganizationDeleted => return,
            kind => panic!("{kind:?}"),
        }
        assert!(roles.iter().any(|(_, role)| *role == Role::Admin), "at {}: {roles:?}", change.seq);
    }
}

#[tokio::test]
async fn one_admin_is_left_whatever_they_do_at_once() {
    let org = Org::start().await;
    for trial in 0..TRIALS {
        for (size, with_deletion) in [(2, false), (3, false), (2, true)] {
            let slug = format!("t{trial}-{size}-{with_deletion}");
            let mut people = vec![org.admin(&slug).await];
            for n in 1..size {
                let person = org.person(&format!("p{n}@{slug}.example")).await;
                org.add(&slug, &person, Role::Admin).await;
                people.push(person);
            }
            let before = org.head().await;
            let running: Vec<_> = tries(trial, size, with_deletion)
                .into_iter()
                .map(|Try { who, whom, act }| {
                    tokio::spawn(attempt(people[who].clone(), slug.clone(), people[whom].id, act))
                })
                .collect();
            for one in running {
                one.await.unwrap();
            }
            let (there, members, admins): (i64, i64, i64) = sqlx::query_as(
                "SELECT count(DISTINCT o.org_id), count(m.user_id), count(m.user_id) FILTER (WHERE m.role = 'ADMIN')
                 FROM organizations o LEFT JOIN members m USING (org_id) WHERE o.slug = $1",
            )
            .bind(&slug)
            .fetch_one(&org.db)
            .await
            .unwrap();
            assert!(there == 1 || with_deletion, "{slug} is gone");
            assert!(there == 0 || admins >= 1, "{slug}: {members} members, no ADMIN");
            assert_there_was_always_an_admin(&org, before, &people).await;
        }
    }
    let orphans = "SELECT count(*) FROM members WHERE org_id NOT IN (SELECT org_id FROM organizations)";
    assert_eq!(sqlx::query_scalar::<_, i64>(orphans).fetch_one(&org.db).await.unwrap(), 0);
}
