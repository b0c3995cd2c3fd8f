//! Which answers are taken for hyper's, and what becomes of them.

#![allow(clippy::unwrap_used)]

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;

const BARE: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: Sat, 31 Jan 2026 09:30:00 GMT\r\n\r\n";

fn connection() -> (Refusals<DuplexStream>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(64);
    (Refusals::new(ours, Arc::default()), theirs)
}

/// What a client reads that said this, where hyper answers that.
async fn read(said: &[u8], answer: &'static [u8]) -> String {
    let (mut connection, mut client) = connection();
    let said = said.to_vec();
    let client = tokio::spawn(async move {
        let (mut reading, mut writing) = tokio::io::split(&mut client);
        let mut read = String::new();
        let reading = reading.read_to_string(&mut read);
        let writing = async {
            writing.write_all(&said).await.unwrap();
            writing.shutdown().await.unwrap();
        };
        let (done, ()) = tokio::join!(reading, writing);
        done.unwrap();
        read
    });
    let _ = connection.read(&mut [0; 64]).await.unwrap();
    connection.write_all(answer).await.unwrap();
    connection.shutdown().await.unwrap();
    drop(connection);
    client.await.unwrap()
}

fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn a_bare_refusal_becomes_a_problem() {
    let answer = read(b"nonsense", BARE).await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    for line in [
        "content-type: application/problem+json",
        "connection: close",
        "date: Sat, 31 Jan 2026 09:30:00 GMT",
        "x-content-type-options: nosniff",
    ] {
        assert!(answer.contains(&format!("\r\n{line}\r\n")), "{line}: {answer}");
    }
    let problem = body(&answer);
    assert_eq!((&problem["code"], &problem["status"]), (&"invalid_request".into(), &400.into()));
    assert!(answer.contains(&format!("x-request-id: {}\r\n", problem["request_id"].as_str().unwrap())));
}

#[tokio::test]
async fn one_of_graphql_has_its_shape() {
    for said in [&b"POST /graphql HTTP/1.1\r\nx y: z"[..], b"\r\nGET /graphql/?query=x HTTP/9"] {
        let problem = body(&read(said, BARE).await);
        assert_eq!(problem["errors"][0]["extensions"]["code"], "invalid_request");
    }
    assert_eq!(body(&read(b"GET /graphqls ", BARE).await)["code"], "invalid_request");
}

#[tokio::test]
async fn addresses_that_are_too_long_are_heads_that_are_too_large() {
    let answer = read(b"GET /x", b"HTTP/1.1 414 URI Too Long\r\ncontent-length: 0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 431 ") && answer.contains("headers_too_large"), "{answer}");
}

#[tokio::test]
async fn whatever_else_is_written_goes_out_as_it_is() {
    for answer in [
        &b"HTTP/1.1 400 Bad Request\r\nx-request-id: 1\r\ncontent-length: 0\r\n\r\n"[..],
        b"HTTP/1.1 400 Bad Request\r\ncontent-length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 4",
        b"{}",
    ] {
        assert_eq!(read(b"GET / HTTP/1.1\r\n\r\n", answer).await.as_bytes(), answer);
    }
}

#[tokio::test]
async fn what_sockets_say_is_no_answer() {
    let (mut connection, mut client) = connection();
    let mut upgrade = http::Response::new(());
    *upgrade.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    connection.traffic.answers(&mut upgrade, false);
    let writing = tokio::spawn(async move { connection.write_all(BARE).await });
    let mut read = vec![0; BARE.len()];
    client.read_exact(&mut read).await.unwrap();
    assert_eq!(read, BARE);
    writing.await.unwrap().unwrap();
}
