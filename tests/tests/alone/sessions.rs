//! Ends of sessions and changes of keys, as they arrive everywhere: on every gateway, in every service that is called
//! directly with the user's token, and on open sockets. The second is the contract's.

mod keys;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tokio::time::sleep;
use tonic::{Code, Request, Status, transport::Channel};
use trellis_local::testing::TestCluster;
use trellis_proto::{
    identity::v1::{FollowSessionsRequest, identity_service_client::IdentityServiceClient},
    org::v1::{FollowMembershipsRequest, org_service_client::OrgServiceClient},
    project::v1::{ReadHeadsRequest, project_service_client::ProjectServiceClient},
};
use trellis_tests::{Api, Gateway, OriginalSocket, PASSWORD, Session, Socket};

/// "Within 1 s."
const BITES: Duration = Duration::from_secs(1);
/// For what has no bound of its own.
const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster with two gateways, and its services.
struct World {
    cluster: TestCluster,
    _second: Gateway,
    places: Vec<Place>,
    gateways: [Api; 2],
}

/// Somewhere that a token is shown.
#[derive(Clone)]
enum Place {
    Gateway(usize, Api),
    Identity(IdentityServiceClient<Channel>),
    Org(OrgServiceClient<Channel>),
    Project(ProjectServiceClient<Channel>),
}

impl Place {
    fn name(&self) -> String {
        match self {
            Self::Gateway(number, _) => format!("gateway {number}"),
            Self::Identity(_) => "identity".to_owned(),
            Self::Org(_) => "org".to_owned(),
            Self::Project(_) => "project".to_owned(),
        }
    }

    /// Whether the token is believed here. Services are asked what only services may: a user is told so, by name.
    async fn believes(&self, token: &str) -> bool {
        let answer = match self.clone() {
            Self::Gateway(_, api) => {
                let bearer = format!("Bearer {token}");
                let answer = api.send(Method::GET, "/me/organizations", &[("authorization", &bearer)], None).await;
                return match answer.status.as_u16() {
                    200 => true,
                    401 => false,
                    _ => panic!("{}: {}", self.name(), answer.text),
                };
            }
            Self::Identity(mut client) => {
                client.follow_sessions(with(token, FollowSessionsRequest::default())).await.map(drop)
            }
            Self::Org(mut client) => {
                client.follow_memberships(with(token, FollowMembershipsRequest::default())).await.map(drop)
            }
            Self::Project(mut client) => client.read_heads(with(token, ReadHeadsRequest::default())).await.map(drop),
        };
        match answer.as_ref().map_err(Status::code) {
            Err(Code::PermissionDenied) => true,
            Err(Code::Unauthenticated) => false,
            _ => panic!("{}: {answer:?}", self.name()),
        }
    }

    /// When the last one was sent that was believed: a slow answer is no long life.
    async fn refused_after(&self, token: &str, since: Instant) -> Duration {
        let mut last = Duration::ZERO;
        loop {
            let asked = since.elapsed();
            if !self.believes(token).await {
                return last;
            }
            last = asked;
            assert!(asked < PATIENCE, "{} believes for ever", self.name());
            sleep(Duration::from_millis(20)).await;
        }
    }
}

fn with<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

impl World {
    async fn start() -> Self {
        let mut cluster = TestCluster::start().unwrap();
        let second = Gateway::start_as(cluster.cluster.process("gateway").plan.clone(), &[]).await.unwrap();
        let gateways = [Api::new(cluster.cluster.url()), Api::new(second.base.clone())];
        let channel = async |port: u16| {
            Channel::from_shared(format!("http://127.0.0.1:{port}")).unwrap().connect().await.unwrap()
        };
        let ports = &cluster.cluster.ports;
        let places = vec![
            Place::Gateway(1, gateways[0].clone()),
            Place::Gateway(2, gateways[1].clone()),
            Place::Identity(IdentityServiceClient::new(channel(ports.identity[0]).await)),
            Place::Org(OrgServiceClient::new(channel(ports.org[0]).await)),
            Place::Project(ProjectServiceClient::new(channel(ports.project[0]).await)),
        ];
        Self { cluster, _second: second, places, gateways }
    }

    /// All believe it.
    async fn believed(&self, token: &str) {
        for place in &self.places {
            assert!(place.believes(token).await, "{} does not believe a valid token", place.name());
        }
    }
}

/// A session that will end, with a socket of each kind on each gateway.
struct Victim {
    session: Session,
    live: Vec<Socket>,
    original: Vec<OriginalSocket>,
}

impl Victim {
    async fn login(world: &World, email: &str, password: &str, org: &str) -> Self {
        let session = world.gateways[0].session(&world.gateways[0].login(email, password).await.expect(200));
        world.believed(&session.token).await;
        let (mut live, mut original) = (Vec::new(), Vec::new());
        for gateway in &world.gateways {
            let mut socket = Socket::open(&gateway.base, &session.token).await;
            socket.subscribe(&format!("task:{org}/WEB-1"), None).await;
            live.push(socket);
            original.push(OriginalSocket::open(&gateway.base, org, "WEB-1", &session.token).await);
        }
        Self { session, live, original }
    }

    /// How long each place believes it from now on, and each socket stays open, that should not.
    async fn ends(self, world: &World) -> BTreeMap<String, Duration> {
        let since = Instant::now();
        let token = &self.session.token;
        let places =
            join_all(world.places.iter().map(async |place| (place.name(), place.refused_after(token, since).await)));
        let live = join_all(self.live.into_iter().enumerate().map(async |(n, mut socket)| {
            assert_eq!(socket.close_code().await, 4401);
            (format!("socket on gateway {}", n + 1), since.elapsed())
        }));
        let original = join_all(self.original.into_iter().enumerate().map(async |(n, mut socket)| {
            assert_eq!(socket.close_code().await, 4001);
            (format!("original's socket on gateway {}", n + 1), since.elapsed())
        }));
        let (places, live, original) = tokio::join!(places, live, original);
        places.into_iter().chain(live).chain(original).collect()
    }
}

/// All that ends a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Logout,
    PasswordChange,
    Reuse,
    RevokeOne,
    RevokeOthers,
}

impl End {
    const ALL: [Self; 5] = [Self::Logout, Self::PasswordChange, Self::Reuse, Self::RevokeOne, Self::RevokeOthers];

    /// Ends the victim's session; `main` is another one of the same user, which goes on.
    async fn happen(self, main: &Session, victim: &Session, passwords: (&str, &str)) {
        match self {
            Self::Logout => {
                victim.post("/auth/logout", json!({})).await.expect(204);
            }
            Self::PasswordChange => {
                let body = json!({"current_password": passwords.0, "new_password": passwords.1});
                main.post("/me/password", body).await.expect(204);
            }
            Self::Reuse => {
                let refresh = async |token: &str| main.api.post("/auth/refresh", json!({"refresh_token": token})).await;
                let second = refresh(&victim.refresh_token).await.expect(200);
                refresh(second["refresh_token"].as_str().unwrap()).await.expect(200);
                refresh(&victim.refresh_token).await.problem(401, "unauthenticated");
            }
            Self::RevokeOne => {
                let sessions = main.get("/me/sessions").await.expect(200);
                let others = sessions["items"].as_array().unwrap().iter().filter(|session| session["current"] == false);
                let others: Vec<&str> = others.map(|session| session["id"].as_str().unwrap()).collect();
                let [id] = others[..] else { panic!("{sessions}") };
                main.delete(&format!("/me/sessions/{id}")).await.expect(204);
            }
            Self::RevokeOthers => {
                main.delete("/me/sessions").await.expect(204);
            }
        }
    }
}

async fn every_end_bites(world: &World) {
    let api = &world.gateways[0];
    let main = api.register("Ada").await;
    let org = main.organization().await;
    main.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    main.task(&org, "WEB", "One").await;
    let mut password = PASSWORD.to_owned();
    let mut slowest = Vec::new();
    // Twice, so that each end still counts when one trial does not.
    for (round, end) in (0..2).flat_map(|round| End::ALL.map(|end| (round, end))) {
        let victim = Victim::login(world, main.email(), &password, &org).await;
        let new = format!("{PASSWORD} {end:?} {round}");
        end.happen(&main, &victim.session, (&password, &new)).await;
        if matches!(end, End::PasswordChange) {
            password = new;
        }
        let refresh_token = victim.session.refresh_token.clone();
        let took = victim.ends(world).await;
        slowest.extend(took.into_iter().map(|(place, took)| (took, end, place)).max());
        api.post("/auth/refresh", json!({"refresh_token": refresh_token})).await.problem(401, "unauthenticated");
        world.believed(&main.token).await;
    }
    slowest.sort_unstable();
    // One trial may have met a hiccup of the machine, which makes all places late at once.
    let slowest_but_one = &slowest[slowest.len() - 2];
    assert!(slowest_but_one.0 < BITES, "late: {slowest:?}");
}

#[tokio::test]
async fn every_end_of_a_session_bites_everywhere_within_a_second() {
    let _alone = crate::alone().await;
    let world = World::start().await;
    every_end_bites(&world).await;
}

#[tokio::test]
async fn and_so_it_does_with_nats_gone() {
    let _alone = crate::alone().await;
    let mut world = World::start().await;
    world.cluster.nats.process.kill().unwrap();
    every_end_bites(&world).await;
    world.cluster.nats.process.restart().unwrap();
}
