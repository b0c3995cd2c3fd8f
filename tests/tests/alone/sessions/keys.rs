//! Signing keys that change while everything runs.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use tokio::time::sleep;
use trellis_tests::{Api, PASSWORD};

use super::{BITES, PATIENCE, World};

/// Which key signed.
fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

async fn published(api: &Api) -> Vec<String> {
    let keys = api.get("//.well-known/jwks.json").await.expect(200);
    keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what} never comes true");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn keys_change_under_traffic_and_no_valid_token_is_refused_anywhere() {
    let _alone = crate::alone().await;
    let mut world = World::start().await;
    let identity = world.cluster.cluster.process("identity").plan.clone();
    let database = sqlx::PgPool::connect(&identity.environment["TRELLIS_DATABASE_URL"]).await.unwrap();
    let api = world.gateways[0].clone();
    let ada = api.register("Ada").await;
    let old = kid(&ada.token);

    // The token of the old key, shown everywhere all the time.
    let traffic: Vec<_> = world
        .places
        .iter()
        .map(|place| {
            let (place, token) = (place.clone(), ada.token.clone());
            tokio::spawn(async move {
                loop {
                    assert!(place.believes(&token).await, "{} refused a valid token", place.name());
                    sleep(Duration::from_millis(10)).await;
                }
            })
        })
        .collect();

    let rotated =
        Command::new(&identity.program).arg("--rotate-keys").env_clear().envs(&identity.environment).output().unwrap();
    assert!(rotated.status.success(), "{rotated:?}");
    for gateway in &world.gateways {
        eventually("the new key is published", async || published(gateway).await.len() == 2).await;
        assert_eq!(kid(&gateway.session(&gateway.login(ada.email(), PASSWORD).await.expect(200)).token), old);
    }
    // Two pulls of those that show no keys; in earnest it is a minute.
    sleep(BITES).await;
    sqlx::query("UPDATE signing_keys SET not_before = not_before - interval '2 min'").execute(&database).await.unwrap();
    let mut fresh = ada.token.clone();
    eventually("the new key signs", async || {
        fresh = api.session(&api.login(ada.email(), PASSWORD).await.expect(200)).token;
        // Whichever key it is: it is good at once.
        world.believed(&fresh).await;
        kid(&fresh) != old
    })
    .await;
    for task in traffic {
        task.abort();
        // What it said when it ended by itself.
        let Err(ended) = task.await;
        assert!(ended.is_cancelled(), "{ended:?}");
    }

    // Given up: what it signed is void everywhere, and what the new one signed is not.
    let retire = "UPDATE signing_keys SET retired_at = now() - interval '1 s' WHERE kid = $1";
    sqlx::query(retire).bind(&old).execute(&database).await.unwrap();
    let since = Instant::now();
    for place in &world.places {
        place.refused_after(&ada.token, since).await;
    }
    world.believed(&fresh).await;
    for gateway in &world.gateways {
        eventually("the old key is published no more", async || published(gateway).await == [kid(&fresh)]).await;
    }
    database.close().await;
}
