//! Over real connections: bodies that are too large, heads that are, and how it ends.

use std::{io, net::SocketAddr, time::Duration};

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

/// Sends a whole request and reads one answer, which has no body worth reading on for.
async fn once_more(stream: &mut TcpStream, request: &[u8]) -> String {
    try_once_more(stream, request).await.unwrap()
}

async fn try_once_more(stream: &mut TcpStream, request: &[u8]) -> io::Result<String> {
    stream.write_all(request).await?;
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer[..read]).into_owned())
}

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

/// Until nobody is let in any more.
async fn closed_door(address: SocketAddr) {
    while TcpStream::connect(address).await.is_ok() {
        sleep(Duration::from_millis(10)).await;
    }
}

/// The gateway's `LOOK_AWAY` and `QUIET`: for so long after the signal every connection may be used once more.
const USABLE: Duration = Duration::from_secs(2);

/// As `once_more`. `None` where the machine stood still for so long that the connection may rightly be gone.
async fn in_time(stream: &mut TcpStream, stopped: Instant) -> Option<String> {
    let answer = try_once_more(stream, HEALTH).await;
    (stopped.elapsed() < USABLE).then(|| answer.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_end_answers_say_that_they_are_the_last_and_connections_that_are_kept_get_theirs() {
    for _ in 0..5 {
        if connections_at_the_end().await.is_some() {
            return;
        }
    }
    panic!("the connections are never used in time");
}

/// `None` where the machine was too slow to see anything.
async fn connections_at_the_end() -> Option<()> {
    let running = run().await;
    let mut early = TcpStream::connect(running.address).await.unwrap();
    let mut late = TcpStream::connect(running.address).await.unwrap();
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    for stream in [&mut early, &mut late] {
        let answer = once_more(stream, HEALTH).await;
        assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("connection: close"), "{answer}");
    }
    let stopped = Instant::now();
    running.stop.cancel();
    // While everybody is still let in, and when nobody is any more: also who has come, and has said nothing yet.
    while !in_time(&mut early, stopped).await?.contains("connection: close") {}
    assert_eq!(early.read(&mut [0; 1]).await.unwrap(), 0);
    closed_door(running.address).await;
    for stream in [&mut late, &mut silent] {
        let answer = in_time(stream, stopped).await?;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    }
    timeout(Duration::from_secs(5), running.ended).await.unwrap().unwrap().unwrap();
    Some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_has_begun_to_come_is_answered_at_the_end() {
    let running = run().await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    for stream in [&mut idle, &mut slow] {
        once_more(stream, HEALTH).await;
    }
    let (first, rest) = HEALTH.split_at(20);
    slow.write_all(first).await.unwrap();
    running.stop.cancel();
    // An idle connection is closed when it is time.
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0);
    let answer = once_more(&mut slow, rest).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    timeout(Duration::from_secs(5), running.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_told_to_go_away() {
    let running = run().await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    // The preface and an empty SETTINGS frame.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    running.stop.cancel();
    let mut kinds = Vec::new();
    let mut head = [0; 9];
    while !kinds.contains(&7) && stream.read_exact(&mut head).await.is_ok() {
        let length = u64::from(u32::from_be_bytes([0, head[0], head[1], head[2]]));
        tokio::io::copy(&mut (&mut stream).take(length), &mut tokio::io::sink()).await.unwrap();
        kinds.push(head[3]);
    }
    assert!(kinds.contains(&7), "frames of these kinds came: {kinds:?}");
    // The gateway waits for an answer to its last ping.
    drop(stream);
    timeout(Duration::from_secs(5), running.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn at_the_start_work_is_refused_by_status_and_the_gateway_says_that_it_lives() {
    // Nobody answers: nothing is known of sessions and memberships.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::new(config(listener.local_addr().unwrap(), &[]), None).unwrap();
    drop(listener);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let ended = tokio::spawn(serve_until(gateway, listener, stop.clone()));
    let me = "GET /api/v1/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let graphql = "POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
                   content-length: 26\r\n\r\n{\"query\":\"{ __typename }\"}";
    for (request, status) in [
        (me, 503),
        (graphql, 503),
        ("GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 503),
        ("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 200),
    ] {
        let answer = exchange(address, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {answer}");
    }
    stop.cancel();
    ended.await.unwrap().unwrap();
}
