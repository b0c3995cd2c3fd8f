//! Several endpoints, of which some do not answer.

use tokio::net::TcpListener;
use trellis_rpc::{Code, Problem, Server};

use crate::told::{NAMES, Told, client, tell, url};

/// A port on which nothing listens.
async fn dead() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    url(listener.local_addr().unwrap())
}

#[tokio::test]
async fn a_dead_endpoint_costs_no_call() {
    let told = Told::start().await;
    let client = client(&format!("{},{}", dead().await, url(told.address)));
    for round in 0..10 {
        let order = format!("round {round}");
        assert_eq!(tell(&client, &order).await.unwrap(), order);
    }
}

#[tokio::test]
async fn where_nobody_answers_the_service_is_unavailable() {
    let client = client(&format!("{},{}", dead().await, dead().await));
    let status = tell(&client, "hello").await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable);
    let problem = Problem::from(&status);
    assert_eq!(problem.code, Code::Unavailable);
    assert_eq!(problem.retry_after_seconds, 1);
}

#[tokio::test]
async fn calls_go_on_when_one_of_two_stops() {
    let (first, second) = (Told::start().await, Told::start().await);
    let client = client(&format!("{},{}", url(first.address), url(second.address)));
    for _ in 0..4 {
        tell(&client, "hello").await.unwrap();
    }
    first.shutdown.cancel();
    while !first.serving.is_finished() {
        tell(&client, "hello").await.unwrap();
    }
    for _ in 0..10 {
        tell(&client, "hello").await.unwrap();
    }
}

#[tokio::test]
async fn an_endpoint_that_comes_back_is_found() {
    let told = Told::start().await;
    let (address, client) = (told.address, told.client());
    tell(&client, "hello").await.unwrap();
    told.shutdown.cancel();
    told.serving.await.unwrap().unwrap();
    assert!(tell(&client, "hello").await.is_err());

    let again = Server::bind(address, NAMES).await.unwrap();
    let _told = Told::serve(again);
    assert_eq!(tell(&client, "hello").await.unwrap(), "hello");
}

#[tokio::test]
async fn an_endpoint_that_never_finishes_connecting_is_given_up() {
    // A listener whose backlog is full and that accepts nobody: connecting to it hangs.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut clogging = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(std::time::Duration::from_millis(100), tokio::net::TcpStream::connect(address)).await
    {
        clogging.push(stream);
    }

    let told = Told::start().await;
    let client = client(&format!("{},{}", url(address), url(told.address)));
    let calls = (0..20).map(|_| tell(&client, "hello"));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap(), "hello");
    }
}
