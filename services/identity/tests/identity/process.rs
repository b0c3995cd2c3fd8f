//! Starting and stopping.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use trellis_identity::app;

use crate::world::{World, wait_until_ready};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_it_waits_and_can_be_told_to_stop() {
    let world = World::start().await;
    let mut config = world.config.clone();
    let nobody = "postgres://nobody@127.0.0.1:1/nothing".to_owned();
    (config.service.database_url, config.service.migration_database_url) = (nobody.into(), None);
    let service = app::bind(config).await.unwrap();
    let (address, shutdown) = (service.address(), CancellationToken::new());
    let running = tokio::spawn(service.run(shutdown.clone()));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!trellis_rpc::is_ready(address).await);
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(2), running).await.unwrap().unwrap().unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_nats_it_is_ready_and_stops_in_time() {
    let world = World::start().await;
    let mut config = world.config.clone();
    config.service.nats_url = "nats://127.0.0.1:1".to_owned();
    let service = app::bind(config).await.unwrap();
    let (address, shutdown) = (service.address(), CancellationToken::new());
    let running = tokio::spawn(service.run(shutdown.clone()));
    wait_until_ready(address).await;
    let stopping = Instant::now();
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert!(stopping.elapsed() < Duration::from_secs(20));
    assert!(!trellis_rpc::is_ready(address).await);
    world.end().await;
}
