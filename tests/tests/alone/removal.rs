//! Removal takes effect everywhere within a second, at every gateway, on every kind of socket, with NATS or without.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use trellis_local::testing::TestCluster;
use trellis_tests::{Api, Gateway, GraphSocket, OriginalSocket, Session, Socket};

const TRIALS: usize = 50;
const BOUND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);

const SUBSCRIPTION: &str = "subscription($org: String!, $after: String) {
  taskComments(orgSlug: $org, taskId: \"WEB-1\", after: $after) { cursor kind recovered comment { content } } }";
const QUERY: &str = "query($org: String!) { tasks(orgSlug: $org, projectSlug: \"website\") { taskId } }";

/// How long each thing took to end in each trial, by its name.
#[derive(Default)]
struct Times(BTreeMap<&'static str, Vec<Duration>>);

impl Times {
    /// One trial: of what ended at both gateways, the later end. A hiccup of the machine makes both late at once.
    fn add(&mut self, ended: Vec<(&'static str, Duration)>) {
        let mut trial = BTreeMap::<_, Duration>::new();
        for (what, took) in ended {
            let slowest = trial.entry(what).or_default();
            *slowest = took.max(*slowest);
        }
        for (what, took) in trial {
            self.0.entry(what).or_default().push(took);
        }
    }

    /// Says what was measured. The slowest trial but one is within the bound: one may have met a hiccup of the machine.
    fn assert_within_bound(mut self, when: &str) {
        for (what, times) in &mut self.0 {
            times.sort_unstable();
            let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
            println!("{when}: {what}: {} trials, median {median:?}, slowest {slowest:?}", times.len());
        }
        for (what, times) in &self.0 {
            let slowest_but_one = times[times.len() - 2];
            assert!(slowest_but_one < BOUND, "{when}: {what} took {slowest_but_one:?}");
        }
    }
}

/// Everything that a member has open at one gateway.
struct Member {
    session: Session,
    org: String,
    full: Socket,
    original: OriginalSocket,
    graph: GraphSocket,
    subscription: String,
}

impl Member {
    /// Nothing of it may take a second try. With `after`, it goes on from there, which must not have a gap.
    async fn open(session: &Session, base: &str, org: &str, after: Option<&str>) -> Self {
        let session = Session { api: Api::new(base), ..session.clone() };
        session.get(&format!("/organizations/{org}")).await.expect(200);
        session.get(&format!("/organizations/{org}/tasks/WEB-1")).await.expect(200);
        session.graph().field(QUERY, json!({"org": org})).await;
        let mut full = Socket::open(base, &session.token).await;
        for topic in topics(org) {
            let subscribed = full.subscribe(&topic, after).await;
            assert_eq!(subscribed["recovered"], true);
            if after.is_some() {
                assert_eq!(full.event("comment.created").await["event"]["data"]["content"], "missed");
            }
        }
        let original = OriginalSocket::open(base, org, "WEB-1", &session.token).await;
        let mut graph = GraphSocket::open(base, &session.token).await;
        let variables = json!({"org": org, "after": after});
        let (subscription, first) = graph.subscribe(SUBSCRIPTION, variables).await;
        assert_eq!(first["recovered"], true);
        if after.is_some() {
            assert_eq!(graph.event(&subscription, "comment.created").await["comment"]["content"], "missed");
        }
        Self { session, org: org.to_owned(), full, original, graph, subscription }
    }

    /// Waits until all of it is over, each by the way that the contract says.
    fn over(&mut self, since: Instant) -> Vec<BoxFuture<'_, (&'static str, Duration)>> {
        let Self { session, org, full, original, graph, subscription } = self;
        let (session, org, subscription) = (&*session, org.as_str(), subscription.as_str());
        let rest = move |what, path: String| {
            async move {
                // When the last one was sent that was let in: a slow answer is no long life.
                let mut last = Duration::ZERO;
                loop {
                    let asked = since.elapsed();
                    let answer = session.get(&path).await;
                    if answer.status == 404 {
                        answer.problem(404, "not_found");
                        return (what, last);
                    }
                    answer.expect(200);
                    last = asked;
                    assert!(asked < PATIENCE, "{what} goes on");
                    sleep(Duration::from_millis(10)).await;
                }
            }
            .boxed()
        };
        let query = async move {
            let mut last = Duration::ZERO;
            loop {
                let asked = since.elapsed();
                let answer = session.graph().post(QUERY, json!({"org": org})).await;
                if answer.body["errors"].is_array() {
                    assert_eq!(answer.refused().0, "not_found");
                    return ("GraphQL", last);
                }
                last = asked;
                assert!(asked < PATIENCE, "GraphQL goes on");
                sleep(Duration::from_millis(10)).await;
            }
        };
        let frames = async move {
            let mut topics = topics(org).to_vec();
            while !topics.is_empty() {
                let frame = full.next().await;
                assert_eq!(frame["type"], "revoked", "{frame}");
                topics.retain(|topic| frame["topic"] != *topic);
            }
            let took = since.elapsed();
            full.expect_nothing_pending().await;
            ("the full protocol", took)
        };
        let close = async move {
            assert_eq!(original.close_code().await, 4003);
            ("the original's socket", since.elapsed())
        };
        let end = async move {
            assert!(graph.end(subscription).await.is_some(), "it ends with an error");
            ("a GraphQL subscription", since.elapsed())
        };
        vec![
            rest("REST, of org", format!("/organizations/{org}")),
            rest("REST, of project", format!("/organizations/{org}/tasks/WEB-1")),
            query.boxed(),
            frames.boxed(),
            close.boxed(),
            end.boxed(),
        ]
    }
}

fn topics(org: &str) -> [String; 2] {
    [format!("task:{org}/WEB-1"), format!("project:{org}/website")]
}

/// With project `website` and task `WEB-1`.
async fn furnished(ada: &Session) -> String {
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ada.task(&org, "WEB", "One").await;
    org
}

async fn add(ada: &Session, ben: &Session, org: &str) {
    let invitations = format!("/organizations/{org}/invitations");
    let invitation = ada.post(&invitations, json!({"email": ben.email()})).await.expect(201);
    ben.post("/invitations/accept", json!({"token": invitation["token"]})).await.expect(200);
}

/// Removes and takes back the same member many times. Once back, everything works at once, and from where it ended.
async fn remove_many_times(ada: &Session, ben: &Session, bases: [&str; 2], trials: usize) -> Times {
    let org = furnished(ada).await;
    let comments = format!("/organizations/{org}/tasks/WEB-1/comments");
    let mut times = Times::default();
    let mut cursor: Option<String> = None;
    for _ in 0..trials {
        add(ada, ben, &org).await;
        let mut here = Member::open(ben, bases[0], &org, cursor.as_deref()).await;
        let mut there = Member::open(ben, bases[1], &org, cursor.as_deref()).await;
        cursor = Some(ada.get(&comments).await.cursor());
        ada.delete(&format!("/organizations/{org}/members/{}", ben.id())).await.expect(204);
        let since = Instant::now();
        times.add(join_all(here.over(since).into_iter().chain(there.over(since))).await);
        // What happens while somebody is out is not told, until they are in again.
        ada.post(&comments, json!({"content": "missed"})).await.expect(201);
        here.full.expect_nothing_pending().await;
        there.graph.expect_nothing_pending().await;
    }
    times
}

/// Deletes organizations; the next one of that name is another one.
async fn delete_many_times(ada: &Session, ben: &Session, bases: [&str; 2], trials: usize) -> Times {
    let mut times = Times::default();
    for _ in 0..trials {
        let org = furnished(ada).await;
        add(ada, ben, &org).await;
        let mut here = Member::open(ben, bases[0], &org, None).await;
        let mut there = Member::open(ben, bases[1], &org, None).await;
        ada.delete(&format!("/organizations/{org}")).await.expect(204);
        let since = Instant::now();
        let body = json!({"name": org, "slug": org, "contact_email": format!("{org}@example.test")});
        ada.post("/organizations", body).await.expect(201);
        times.add(join_all(here.over(since).into_iter().chain(there.over(since))).await);
        ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
        ada.task(&org, "WEB", "Another one").await;
        here.full.expect_nothing_pending().await;
        ben.get(&format!("/organizations/{org}/tasks/WEB-1")).await.problem(404, "not_found");
        let seen = ada.get(&format!("/organizations/{org}/tasks/WEB-1")).await.expect(200);
        assert_eq!(seen["title"], "Another one");
    }
    times
}

/// Takes an ADMIN's role; what only an ADMIN may do is then forbidden at both gateways.
async fn demote_many_times(ada: &Session, ben: &Session, bases: [&str; 2], trials: usize) -> Times {
    let org = furnished(ada).await;
    add(ada, ben, &org).await;
    let member = format!("/organizations/{org}/members/{}", ben.id());
    let mut times = Times::default();
    for _ in 0..trials {
        ada.patch(&member, json!({"role": "ADMIN"})).await.expect(200);
        let absent = format!("/organizations/{org}/projects/absent");
        let everywhere = bases.map(|base| Session { api: Api::new(base), ..ben.clone() });
        for ben in &everywhere {
            // What is given may take its moment, too.
            while ben.delete(&absent).await.status != 404 {
                sleep(Duration::from_millis(10)).await;
            }
        }
        ada.patch(&member, json!({"role": "MEMBER"})).await.expect(200);
        let since = Instant::now();
        let forbidden = everywhere.iter().map(|ben| {
            let absent = &absent;
            async move {
                let mut last = Duration::ZERO;
                loop {
                    let asked = since.elapsed();
                    if ben.delete(absent).await.status == 403 {
                        return ("the rights of an ADMIN", last);
                    }
                    last = asked;
                    assert!(asked < PATIENCE, "still an ADMIN");
                    sleep(Duration::from_millis(10)).await;
                }
            }
        });
        times.add(join_all(forbidden).await);
    }
    times
}

#[tokio::test]
async fn who_is_removed_is_out_everywhere_within_a_second_with_nats_and_without() {
    let _alone = crate::alone().await;
    let mut cluster = TestCluster::start().unwrap();
    let first = cluster.cluster.url();
    let plan = cluster.cluster.process("gateway").plan.clone();
    let second = Gateway::start_as(plan, &[]).await.unwrap();
    let bases = [first.as_str(), second.base.as_str()];
    let api = Api::new(first.clone());
    let (ada, ben) = (api.register("Ada").await, api.register("Ben").await);

    for (when, killed) in [("with NATS", false), ("without NATS", true)] {
        if killed {
            cluster.nats.process.kill().unwrap();
        }
        remove_many_times(&ada, &ben, bases, TRIALS / 2).await.assert_within_bound(&format!("removal {when}"));
        delete_many_times(&ada, &ben, bases, 5).await.assert_within_bound(&format!("deletion {when}"));
        demote_many_times(&ada, &ben, bases, 5).await.assert_within_bound(&format!("demotion {when}"));
    }
}

#[tokio::test]
async fn who_leaves_is_out_and_comes_back_as_anybody() {
    let _alone = crate::alone().await;
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = furnished(&ada).await;
    let ben = ada.invite(&org, "Ben", "ADMIN").await;
    let path = format!("/organizations/{org}");
    let task = format!("{path}/tasks/WEB-1");
    ada.patch(&task, json!({"assignee_id": ben.id()})).await.expect(200);
    let mut socket = Socket::open(&api.base, &ben.token).await;
    let topic = format!("task:{org}/WEB-1");
    socket.subscribe(&topic, None).await;
    ben.delete(&format!("{path}/members/{}", ben.id())).await.expect(204);
    assert_eq!(socket.next().await, json!({"type": "revoked", "topic": topic}));
    // Neither does a topic that was never there tell that one out from another.
    for topic in [topic, format!("task:{org}/WEB-99"), "task:there-is-none/WEB-1".to_owned()] {
        socket.send(json!({"type": "subscribe", "id": 7, "topic": topic})).await;
        let answer = socket.next().await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("not_found")), "{answer}");
    }
    // The task stays his, though nobody who is not a member is given another.
    assert_eq!(ada.get(&task).await.expect(200)["assignee"]["id"], json!(ben.id()));
    let second = ada.task(&org, "WEB", "Two").await;
    let other = format!("{path}/tasks/{}", second["task_id"].as_str().unwrap());
    ada.patch(&other, json!({"assignee_id": ben.id()})).await.problem(422, "validation_failed");

    add(&ada, &ben, &org).await;
    assert_eq!(ben.get(&path).await.expect(200)["role"], "MEMBER", "not as what one was");
    ben.get(&format!("{path}/audit")).await.problem(403, "forbidden");
    assert_eq!(ben.get(&task).await.expect(200)["assignee"]["id"], json!(ben.id()));
    let mine: Value = ben.get("/me/organizations").await.expect(200);
    assert_eq!(mine["items"][0]["role"], "MEMBER");
}
