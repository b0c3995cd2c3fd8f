//! Several endpoints, of which some do not answer.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::net::TcpListener;
use trellis_rpc::{Code, Problem, Server, with_deadline};

use crate::{
    cable::Cable,
    told::{NAMES, Told, ask, client, pass, tell, tell_once, url},
};

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
        tokio::time::timeout(Duration::from_millis(100), tokio::net::TcpStream::connect(address)).await
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

/// Whoever connects there is let in by the system, and hears nothing, as from a process that is stopped.
async fn frozen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url(listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn a_read_does_not_wait_for_an_endpoint_that_says_nothing() {
    let (_listener, frozen) = frozen().await;
    let told = Told::start().await;
    let client = client(&format!("{frozen},{}", url(told.address)));
    for round in 0..20 {
        let order = format!("round {round}");
        // The keepalive takes longer to find out.
        let answer = with_deadline(Duration::from_millis(1500), ask(&client, &order)).await;
        assert_eq!(answer.unwrap(), order);
    }
}

#[tokio::test]
async fn whoever_waited_in_vain_spares_the_next_ones_the_same() {
    let (_listener, frozen) = frozen().await;
    let told = Told::start().await;
    let client = client(&format!("{frozen},{}", url(told.address)));
    let patience = Duration::from_secs(3);
    while with_deadline(patience, tell(&client, "hello")).await.is_ok() {}
    for _ in 0..10 {
        assert_eq!(with_deadline(patience, tell(&client, "hello")).await.unwrap(), "hello");
    }
}

#[tokio::test]
async fn where_the_answer_was_lost_only_what_may_be_done_twice_is_asked_again() {
    for (keyed, read) in [(true, false), (false, true), (false, false)] {
        let (first, second) = (Told::start().await, Told::start().await);
        let cable = Cable::to(first.address).await;
        let client = client(&format!("{},{}", url(cable.address), url(second.address)));
        let call = tokio::spawn(async move {
            match (keyed, read) {
                (true, _) => tell_once(&client, "wait").await,
                (_, true) => ask(&client, "wait").await,
                _ => tell(&client, "wait").await,
            }
        });
        pass(&first.gates.began).await;
        second.gates.release.add_permits(1);
        cable.cut();
        let answer = call.await.unwrap();
        if keyed || read {
            assert_eq!(answer.unwrap(), "");
            assert_eq!(second.gates.ended.available_permits(), 1);
        } else {
            assert_eq!(Problem::from(answer.unwrap_err()).code, Code::Unavailable);
            assert_eq!(second.gates.began.available_permits(), 0, "nobody may know of it");
        }
        first.gates.release.add_permits(1);
    }
}

#[tokio::test]
async fn a_call_with_a_key_waits_for_its_own_first_attempt() {
    let (first, second) = (Told::start().await, Told::start().await);
    let cable = Cable::to(first.address).await;
    let client = client(&format!("{},{}", url(cable.address), url(second.address)));
    second.gates.in_flight.store(2, Ordering::SeqCst);
    second.gates.release.add_permits(1);
    let call = tokio::spawn(async move { tell_once(&client, "wait").await });
    pass(&first.gates.began).await;
    cable.cut();
    assert_eq!(call.await.unwrap().unwrap(), "");
    first.gates.release.add_permits(1);
}

#[tokio::test]
async fn who_is_told_for_the_first_time_that_it_is_in_flight_is_told_so() {
    let told = Told::start().await;
    told.gates.in_flight.store(1, Ordering::SeqCst);
    let refused = tell_once(&told.client(), "wait").await.unwrap_err();
    assert_eq!(Problem::from(refused).code, Code::IdempotencyInFlight);
}

#[tokio::test]
async fn a_call_that_meets_a_process_that_is_starting_goes_elsewhere() {
    let starting = Server::bind(([127, 0, 0, 1], 0).into(), NAMES).await.unwrap();
    let told = Told::start().await;
    let client = client(&format!("{},{}", url(starting.address()), url(told.address)));
    for _ in 0..10 {
        assert_eq!(tell(&client, "hello").await.unwrap(), "hello");
    }
}
