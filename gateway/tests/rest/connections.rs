//! Over real connections: bodies that are too large, heads that are, and how it ends.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use trellis_gateway::app::{Gateway, serve_until};
use trellis_proto::identity::v1::{GetMeRequest, GetMeResponse};

use crate::{
    fake::Fake,
    gateway::{ANN, config, feeds, token},
};

struct Running {
    fake: Fake,
    address: SocketAddr,
    stop: CancellationToken,
    ended: JoinHandle<anyhow::Result<()>>,
}

async fn run() -> Running {
    let fake = Fake::default();
    feeds(&fake);
    let gateway = Gateway::new(config(fake.start().await, &[]), None).unwrap();
    gateway.sessions.loaded().await;
    gateway.memberships.loaded().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let ended = tokio::spawn(serve_until(gateway, listener, stop.clone()));
    Running { fake, address, stop, ended }
}

/// Writes a request and reads until the server closes, or for a while.
async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may answer and close before all of it is written.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(Ok(read @ 1..)) = timeout(Duration::from_secs(3), stream.read(&mut buffer)).await {
        answer.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_client_that_sends_too_much_still_reads_its_answer() {
    let running = run().await;
    for (path, status, code) in [
        ("/api/v1/auth/login", 413, "payload_too_large"),
        ("/api/v1/organizations/acme/projects", 401, "unauthenticated"),
        ("/nothing", 404, "not_found"),
    ] {
        let body = "x".repeat(2 * 1024 * 1024);
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let answer = exchange(running.address, format!("{head}{body}").as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(code), "{path}: {answer}");
    }
    running.stop.cancel();
}

#[tokio::test]
async fn heads_up_to_32_kib() {
    let running = run().await;
    let get = |size: usize| {
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-much: {}\r\n\r\n", "x".repeat(size))
    };
    let answer = exchange(running.address, get(31 * 1024).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = exchange(running.address, get(40 * 1024).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431") && answer.contains("headers_too_large"), "{answer}");
    let answer = exchange(running.address, get(300 * 1024).as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    running.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_flight_is_finished_before_it_ends() {
    let running = run().await;
    running.fake.on("IdentityService/GetMe", |_: GetMeRequest, _| {
        std::thread::park_timeout(Duration::from_millis(800));
        Ok(GetMeResponse::default())
    });
    let me = format!(
        "GET /api/v1/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
        token(ANN, 600)
    );
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    let address = running.address;
    let asking = tokio::spawn(async move { exchange(address, me.as_bytes()).await });
    sleep(Duration::from_millis(200)).await;
    running.stop.cancel();
    let answer = asking.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let began = Instant::now();
    timeout(Duration::from_secs(5), running.ended).await.unwrap().unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err());
}
