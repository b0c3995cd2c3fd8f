//! Clients that read slowly, or not at all.

use std::{net::SocketAddr, time::Duration};

use tokio::net::{TcpSocket, TcpStream};
use trellis_gateway::live::Limits;

use crate::{
    client::Client,
    store::ANN,
    world::{Fast, World, limits, session, token},
};

/// More than all buffers on the way hold together.
const EVENTS: usize = 600;
const SIZE: usize = 20_000;

pub async fn narrow(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(address).await.unwrap()
}

async fn narrow_ann(world: &World) -> Client {
    let header = format!("Bearer {}", token(ANN, session(1), 600));
    let stream = narrow(world.address).await;
    Client::over(stream, world.address, "trellis.v1", &[("authorization", &header)]).await
}

fn text(number: usize) -> String {
    format!("{number} {}", "x".repeat(SIZE))
}

#[tokio::test]
async fn who_reads_slowly_misses_nothing_and_holds_up_nobody() {
    let world = World::start().await;
    let mut slow = narrow_ann(&world).await;
    slow.subscribe("project:acme/web", None).await;
    let mut quick = world.ann_live_at("project:acme/web").await;
    for number in 0..EVENTS {
        world.comment("WEB-1", &text(number)).await;
        assert_eq!(quick.event().await.0.split(' ').next(), Some(&*number.to_string()));
    }
    for number in 0..EVENTS {
        assert_eq!(slow.event().await.0.split(' ').next(), Some(&*number.to_string()));
    }
    slow.hears_nothing().await;
}

#[tokio::test]
async fn who_does_not_read_at_all_is_let_go_and_can_resume() {
    let limits = Limits { write_within: Duration::from_millis(300), ..limits() };
    let world = World::with(limits, Fast::Path).await;
    let mut stuck = narrow_ann(&world).await;
    let start = stuck.subscribe("project:acme/web", None).await;
    for number in 0..EVENTS {
        world.store.comment("acme", "WEB-1", &text(number));
    }
    // The gateway has noticed when the user has no socket any more.
    world.gateway.shutdown.tasks.close();
    world.gateway.shutdown.tasks.wait().await;
    let heard = stuck.drain().await;
    assert!(heard.len() < EVENTS, "the buffers hold everything");
    let last = heard.last().map_or(start["cursor"].as_str().unwrap(), |(_, cursor)| cursor);
    let mut again = world.ann().await;
    assert_eq!(again.subscribe("project:acme/web", Some(last)).await["recovered"], true);
    for number in heard.len()..EVENTS {
        assert_eq!(again.event().await.0.split(' ').next(), Some(&*number.to_string()));
    }
}
