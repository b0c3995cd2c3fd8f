//! A gateway's live hub on a port of its own, its fake services, and a publisher that plays the relay.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::Utc;
use ed25519_dalek::SigningKey;
use prost::Message;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use trellis_authn::{AUDIENCE, AccessClaims, ISSUER};
use trellis_gateway::{
    app::{App, Gateway},
    config::Config,
    graphql::{self, execute::Executor, http::Served},
    live::{self, Hub, Limits},
};
use trellis_proto::{event::v1::Event, subject};
use trellis_settings::Settings;
use uuid::Uuid;

use crate::{
    client::Client,
    fake::Fake,
    store::{ANN, Store},
};

const SEED: [u8; 32] = [7; 32];

pub struct World {
    pub store: Store,
    pub fake: Fake,
    pub gateway: App,
    pub hub: Hub,
    pub address: SocketAddr,
    relay: async_nats::Client,
}

/// Which NATS the gateway hears.
pub enum Fast {
    Path,
    Through(SocketAddr),
    Off,
}

/// Times that a test does not want to wait for.
pub fn limits() -> Limits {
    Limits { heads: Duration::from_millis(500), spread: Duration::from_millis(100), ..Limits::default() }
}

impl World {
    pub async fn start() -> Self {
        Self::with(limits(), Fast::Path).await
    }

    /// Heads are asked for only where NATS was away: nothing is found by them, and nothing is read because of them.
    pub async fn without_heads() -> Self {
        Self::with(Limits { heads: Duration::from_hours(1), ..limits() }, Fast::Path).await
    }

    pub async fn with(limits: Limits, fast: Fast) -> Self {
        let store = Store::new();
        let fake = Fake::default();
        store.serve(&fake, SigningKey::from_bytes(&SEED).verifying_key().to_bytes().to_vec());
        let services = fake.start().await;
        let nats = match fast {
            Fast::Path => Some(connect(&nats_url()).await),
            Fast::Through(address) => Some(connect(&format!("nats://{address}")).await),
            Fast::Off => None,
        };
        let gateway = Gateway::new(config(services), nats).unwrap();
        gateway.sessions.loaded().await;
        gateway.memberships.loaded().await;
        let sources = live::Sources {
            sessions: gateway.sessions.clone(),
            memberships: gateway.memberships.clone(),
            service_key: gateway.service_key.clone(),
            clients: gateway.clients.clone(),
            people: gateway.people.clone(),
            rates: gateway.limits.clone(),
            nats: gateway.nats.clone(),
            shutdown: gateway.shutdown.clone(),
        };
        let hub = Hub::start(sources, limits);
        let executor = Executor::new(graphql::schema(hub.clone(), false), false);
        let served = Served { app: Arc::clone(&gateway), hub: hub.clone(), executor };
        let router = live::router(hub.clone()).merge(graphql::http::router(served));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { store, fake, gateway, hub, address, relay: connect(&nats_url()).await }
    }

    /// Commented, and published as the relay does.
    pub async fn comment(&self, task: &str, text: &str) -> Event {
        let event = self.store.comment("acme", task, text);
        self.publish(&event).await;
        event
    }

    pub async fn publish(&self, event: &Event) {
        publish(&self.relay, event).await;
    }

    /// From now on comments that are made by calls are published, too.
    pub fn relay_what_is_made(&self) {
        let relay = self.relay.clone();
        self.store.when_made(move |event| {
            let (relay, event) = (relay.clone(), event.clone());
            tokio::spawn(async move { publish(&relay, &event).await });
        });
    }

    /// Ann, signed in.
    pub async fn ann(&self) -> Client {
        Client::with_token(self.address, &token(ANN, session(1), 600)).await
    }

    /// Ann, listening.
    pub async fn ann_at(&self, topic: &str) -> Client {
        let mut client = self.ann().await;
        client.subscribe(topic, None).await;
        client
    }

    /// Ann, listening by the fast path alone: the server is known to follow the scope.
    pub async fn ann_live_at(&self, topic: &str) -> Client {
        let client = self.ann_at(topic).await;
        // The feed reads when it has joined.
        self.until(|world| !world.fake.calls("ProjectService/ReadEvents").is_empty()).await;
        client
    }

    /// Waits until something is so.
    pub async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it does not come to pass");
    }
}

async fn publish(relay: &async_nats::Client, event: &Event) {
    let subject = subject::of("project", event.scope.parse().unwrap());
    relay.publish(subject, event.encode_to_vec().into()).await.unwrap();
    relay.flush().await.unwrap();
}

impl Drop for World {
    fn drop(&mut self) {
        self.gateway.shutdown.ended.cancel();
    }
}

#[expect(clippy::disallowed_methods, reason = "where the test's servers are")]
pub fn nats_url() -> String {
    std::env::var("TRELLIS_TEST_NATS_URL").expect("TRELLIS_TEST_NATS_URL is not set; run `make test`")
}

async fn connect(url: &str) -> async_nats::Client {
    let options = async_nats::ConnectOptions::new()
        .ping_interval(Duration::from_secs(2))
        .reconnect_delay_callback(|_| Duration::from_millis(50));
    options.connect(url).await.unwrap()
}

fn config(services: SocketAddr) -> Config {
    let variable = move |name: &str| match name {
        "TRELLIS_IDENTITY_URL" | "TRELLIS_ORG_URL" | "TRELLIS_PROJECT_URL" => Some(format!("http://{services}")),
        "TRELLIS_SERVICE_KEY" => Some(STANDARD.encode([9; 32])),
        _ => None,
    };
    let mut settings = Settings::from_source(Box::new(variable));
    let config = Config::read(&mut settings);
    settings.finish().unwrap();
    config
}

pub fn session(number: u128) -> Uuid {
    Uuid::from_u128(0x5e55_0000 + number)
}

/// An access token, good for `seconds`.
pub fn token(user: Uuid, session: Uuid, seconds: i64) -> String {
    let now = Utc::now().timestamp();
    let claims = AccessClaims {
        iss: ISSUER.into(),
        aud: AUDIENCE.into(),
        sub: user,
        sid: session,
        jti: Uuid::now_v7(),
        iat: now - 3600,
        exp: now + seconds,
    };
    claims.sign("k1", &SEED).unwrap().expose_secret().to_owned()
}
