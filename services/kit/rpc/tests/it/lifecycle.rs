//! Starting, being ready, stopping.

use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use trellis_rpc::{Channel, Code, Problem, Server, ServerError};

use crate::told::{NAMES, Told, client, pass, tell, url};

async fn health(address: std::net::SocketAddr, service: &str) -> Result<ServingStatus, Problem> {
    let channel = Channel::new(&url(address).parse().unwrap());
    let request = HealthCheckRequest { service: service.to_owned() };
    let response = HealthClient::new(channel).check(request).await.map_err(Problem::from)?;
    Ok(response.into_inner().status())
}

#[tokio::test]
async fn a_bound_server_tells_that_it_does_not_serve_yet() {
    let server = Server::bind(([127, 0, 0, 1], 0).into(), NAMES).await.unwrap();
    for name in ["", NAMES[0]] {
        assert_eq!(health(server.address(), name).await, Ok(ServingStatus::NotServing));
    }
    let client = client(&url(server.address()));
    let status = tell(&client, "hello").await.unwrap_err();
    assert_eq!(Problem::from(&status).code, Code::Unavailable);

    let told = Told::serve(server);
    told.readiness.set(true).await;
    for name in ["", NAMES[0]] {
        assert_eq!(health(told.address, name).await, Ok(ServingStatus::Serving));
    }
    assert_eq!(tell(&client, "hello").await.unwrap(), "hello");
}

#[tokio::test]
async fn a_port_is_bound_once() {
    let told = Told::start().await;
    let again = Server::bind(told.address, NAMES).await;
    assert!(matches!(again, Err(ServerError::Bind { .. })));
}

#[tokio::test]
async fn a_dropped_server_frees_its_port() {
    let server = Server::bind(([127, 0, 0, 1], 0).into(), NAMES).await.unwrap();
    let address = server.address();
    drop(server);
    while Server::bind(address, NAMES).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn stopping_waits_for_calls_in_flight() {
    let told = Told::start().await;
    let client = told.client();
    let call = tokio::spawn(async move { tell(&client, "wait").await });
    pass(&told.gates.began).await;
    told.readiness.set(true).await;
    told.shutdown.cancel();
    while health(told.address, "").await == Ok(ServingStatus::Serving) {}

    assert!(!told.serving.is_finished());
    told.gates.release.add_permits(1);
    assert!(call.await.unwrap().is_ok());
    told.serving.await.unwrap().unwrap();
    assert!(health(told.address, "").await.is_err());
}

#[tokio::test]
async fn stopping_waits_for_handlers_whose_callers_are_gone() {
    let told = Told::start().await;
    let client = told.client();
    let call = tokio::spawn(async move { tell(&client, "wait").await });
    pass(&told.gates.began).await;
    call.abort();
    told.shutdown.cancel();
    told.gates.release.add_permits(1);
    told.serving.await.unwrap().unwrap();
    pass(&told.gates.ended).await;
}

#[tokio::test]
async fn stopping_ends_health_watches() {
    let told = Told::start().await;
    told.readiness.set(true).await;
    let channel = Channel::new(&url(told.address).parse().unwrap());
    let request = HealthCheckRequest::default();
    let mut watch = HealthClient::new(channel).watch(request).await.unwrap().into_inner();
    let mut seen = vec![watch.message().await.unwrap().unwrap().status()];
    told.shutdown.cancel();
    while let Some(answer) = watch.message().await.unwrap() {
        seen.push(answer.status());
    }
    assert_eq!(seen, [ServingStatus::Serving, ServingStatus::NotServing]);
    told.serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn reflection_lists_the_services() {
    let told = Told::start().await;
    let channel = Channel::new(&url(told.address).parse().unwrap());
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let requests = futures_util::stream::iter([request]);
    let answer = ServerReflectionClient::new(channel)
        .server_reflection_info(requests)
        .await
        .unwrap()
        .into_inner()
        .message()
        .await
        .unwrap()
        .unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for expected in [NAMES[0], "grpc.health.v1.Health"] {
        assert!(names.iter().any(|name| name == expected), "{names:?}");
    }
}
