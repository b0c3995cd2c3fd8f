//! How often one may try: floods are stopped at the gateway, and the people behind the accounts are not.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, client::IntoClientRequest as _, http::HeaderValue},
};
use trellis_local::ports;
use trellis_tests::{Answer, Api, Gateway, GraphSocket, OriginalSocket, PASSWORD, Session, Socket, unique};

/// The tests' clients speak for others, as a proxy does.
const TRUSTED: (&str, &str) = ("TRELLIS_TRUSTED_PROXIES", "127.0.0.0/8");
const ATTACKER: &str = "198.51.100.66";
const OWNER: &str = "203.0.113.1";

async fn limited(limits: &str) -> (Gateway, Api) {
    let gateway = Gateway::start(&[("TRELLIS_RATE_LIMITS", limits), TRUSTED]).await.unwrap();
    let api = Api::new(gateway.base.clone());
    (gateway, api)
}

async fn login(api: &Api, ip: &str, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password}).to_string();
    api.send(Method::POST, "/auth/login", &[("x-forwarded-for", ip)], Some(body)).await
}

/// The same user, at another gateway.
fn at(api: &Api, user: &Session) -> Session {
    Session { api: api.clone(), ..user.clone() }
}

#[tokio::test]
async fn a_guesser_elsewhere_never_locks_the_owner_out() {
    let ada = Api::shared().register("Ada").await;
    let (_one, api) = limited("attempts=5+1/h").await;
    let (_two, other) = limited("attempts=5+1/h").await;
    for left in (0..5).rev() {
        let answer = login(&api, ATTACKER, ada.email(), "a guess").await;
        let told = answer.header("ratelimit").to_owned();
        assert!(told.contains(&format!("\"attempts\";r={left};")), "{told}");
        answer.problem(401, "invalid_credentials");
    }
    for guess in ["a guess", PASSWORD] {
        let answer = login(&api, ATTACKER, &ada.email().to_uppercase(), guess).await;
        let wait: u32 = answer.header("retry-after").parse().unwrap();
        assert!((3000..=3600).contains(&wait), "{wait}");
        answer.problem(429, "rate_limited");
    }
    // Nor by any other door.
    let document = "mutation($email: String!) { tokenAuth(email: $email, password: \"a guess\") { token } }";
    let body = json!({"query": document, "variables": {"email": ada.email()}}).to_string();
    let answer = api.graph().post_with(&[("x-forwarded-for", ATTACKER)], body).await.expect(200);
    assert_eq!(answer["errors"][0]["extensions"]["code"], "rate_limited", "{answer}");

    // Its owner, whenever she likes; and nobody is told apart who does not exist.
    for _ in 0..10 {
        login(&api, OWNER, ada.email(), PASSWORD).await.expect(200);
    }
    for _ in 0..5 {
        login(&api, ATTACKER, "nobody@example.test", "a guess").await.problem(401, "invalid_credentials");
    }
    login(&api, ATTACKER, "nobody@example.test", "a guess").await.problem(429, "rate_limited");

    // Every gateway counts by itself.
    login(&other, ATTACKER, ada.email(), "a guess").await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_flood_of_logins_leaves_the_others_answers() {
    let (_gateway, api) = limited("sign_ins=20+1/h").await;
    let ada = Api::shared().register("Ada").await;
    let attempts = (0..100).map(|number| {
        let api = api.clone();
        tokio::spawn(
            async move { login(&api, ATTACKER, &format!("nobody-{number}@example.test"), "a guess").await.status },
        )
    });
    let statuses: Vec<StatusCode> =
        futures_util::future::join_all(attempts).await.into_iter().map(Result::unwrap).collect();
    let count = |wanted: StatusCode| statuses.iter().filter(|status| **status == wanted).count();
    let (looked_at, refused) = (count(StatusCode::UNAUTHORIZED), count(StatusCode::TOO_MANY_REQUESTS));
    // Identity may have no place for some of those that are let through; these are given back.
    let crowded = count(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(looked_at + crowded + refused, 100, "{statuses:?}");
    assert!(looked_at <= 20 && looked_at + crowded >= 20, "{statuses:?}");
    login(&api, OWNER, ada.email(), PASSWORD).await.expect(200);
    at(&api, &ada).get("/me").await.expect(200);
}

#[tokio::test]
async fn what_was_refused_is_counted() {
    let listen = format!("127.0.0.1:{}", ports::free().unwrap());
    let settings =
        [("TRELLIS_RATE_LIMITS", "registrations=1+1/h"), TRUSTED, ("TRELLIS_METRICS_LISTEN", listen.as_str())];
    let gateway = Gateway::start(&settings).await.unwrap();
    let api = Api::new(gateway.base.clone());
    api.register("Ada").await;
    let body = json!({"email": "x@example.test", "password": PASSWORD, "name": "X"});
    for _ in 0..3 {
        api.post("/auth/register", body.clone()).await.problem(429, "rate_limited");
    }
    let metrics = reqwest::get(format!("http://{listen}/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("rate_limited_total{limit=\"registrations\"} 3"), "{metrics}");
}

#[tokio::test]
async fn probes_are_never_refused() {
    let (gateway, api) = limited("requests=1+1/h").await;
    api.get("/organizations").await.expect(200);
    api.get("/organizations").await.problem(429, "rate_limited");
    for path in ["healthz", "readyz"] {
        let answer = reqwest::get(format!("{}/{path}", gateway.base)).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
}

/// The status and the body of a refused handshake; `None` where it is accepted.
async fn refused(base: &str, path: &str, headers: &[(&'static str, &str)]) -> Option<(u16, Value)> {
    let url = format!("{}{path}", base.replacen("http", "ws", 1));
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
    }
    match connect_async(request).await {
        Ok(_) => None,
        Err(Error::Http(answer)) => {
            let body = answer.body().as_deref().unwrap_or_default();
            Some((answer.status().as_u16(), serde_json::from_slice(body).unwrap_or(Value::Null)))
        }
        Err(other) => panic!("{path}: {other}"),
    }
}

const SOCKETS: [(&str, &str); 3] = [
    ("/api/v1/live", "trellis.v1"),
    ("/graphql", "graphql-transport-ws"),
    ("/ws/tasks/acme/WEB-1/comments/?token=x", ""),
];

#[tokio::test]
async fn sockets_are_for_pages_that_are_allowed_and_only_so_many() {
    let (gateway, _) = limited("sockets=9+1/h").await;
    let own = gateway.base.clone();
    for (path, protocol) in SOCKETS {
        let open = |headers: Vec<(&'static str, String)>| {
            let base = gateway.base.clone();
            async move {
                let mut headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                if !protocol.is_empty() {
                    headers.push(("sec-websocket-protocol", protocol));
                }
                refused(&base, path, &headers).await
            }
        };
        for stranger in ["https://evil.example", "null", "http://localhost:5174"] {
            let (status, body) = open(vec![("origin", stranger.to_owned())]).await.expect("it is refused");
            let code = if path == "/graphql" { &body["errors"][0]["extensions"]["code"] } else { &body["code"] };
            assert_eq!((status, code), (403, &json!("forbidden")), "{stranger} {path}");
        }
        // An app, a page of the front end, a page of the gateway.
        for headers in [vec![], vec![("origin", "http://localhost:5173".to_owned())], vec![("origin", own.clone())]] {
            assert_eq!(open(headers.clone()).await, None, "{headers:?} {path}");
        }
    }
    for (path, _) in SOCKETS {
        let (status, _) = refused(&gateway.base, path, &[]).await.expect("there were enough");
        assert_eq!(status, 429, "{path}");
        assert_eq!(
            refused(&gateway.base, "/api/v1/live", &[("x-forwarded-for", OWNER)]).await.map(|(status, _)| status),
            None
        );
    }
}

#[tokio::test]
async fn a_user_opens_so_many_subscriptions_on_whatever_socket() {
    let ada = Api::shared().register("Ada").await;
    let org = ada.organization().await;
    let project = ada.project(&org, json!({"name": "Web"})).await;
    let task = ada.task(&org, project["slug"].as_str().unwrap(), "One").await;
    let task = task["task_id"].as_str().unwrap();
    let topic = format!("task:{org}/{task}");
    let (gateway, _) = limited("subscriptions=3+1/h").await;

    let mut live = Socket::open(&gateway.base, &ada.token).await;
    live.subscribe(&topic, None).await;
    let mut graph = GraphSocket::open(&gateway.base, &ada.token).await;
    let document = "subscription($org: String!, $task: String!) { taskComments(orgSlug: $org, taskId: $task) { cursor kind recovered } }";
    let variables = json!({"org": org, "task": task});
    graph.subscribe(document, variables.clone()).await;
    OriginalSocket::open(&gateway.base, &org, task, &ada.token).await;

    live.send(
        json!({"type": "subscribe", "id": 9, "topic": format!("project:{org}/{}", project["slug"].as_str().unwrap())}),
    )
    .await;
    let frame = live.next().await;
    assert_eq!((&frame["type"], &frame["id"], &frame["code"]), (&json!("error"), &json!(9), &json!("rate_limited")));
    let id = graph.start(document, variables).await;
    assert_eq!(graph.end(&id).await.map(|(code, _)| code).as_deref(), Some("rate_limited"));
    let mut original = OriginalSocket::connect(&gateway.base, &org, task, Some(&ada.token)).await;
    assert_eq!(original.close_code().await, 1013, "try again later");

    // What is open goes on, and others are not concerned.
    ada.post(&format!("/organizations/{org}/tasks/{task}/comments"), json!({"content": "Hi"})).await.expect(201);
    live.event("comment.created").await;
    let bob = ada.invite(&org, &unique("Bob"), "MEMBER").await;
    Socket::open(&gateway.base, &bob.token).await.subscribe(&topic, None).await;
}

#[tokio::test]
async fn what_is_done_on_a_socket_counts_as_a_request() {
    let ada = Api::shared().register("Ada").await;
    let org = ada.organization().await;
    let project = ada.project(&org, json!({"name": "Web"})).await;
    let task = ada.task(&org, project["slug"].as_str().unwrap(), "One").await;
    let task = task["task_id"].as_str().unwrap();
    // The upgrades, then two operations and one comment.
    let (gateway, _) = limited("requests=4+1/h,attempts=1+1/h").await;

    let mut original = OriginalSocket::open(&gateway.base, &org, task, &ada.token).await;
    let mut graph = GraphSocket::open_with(&gateway.base, json!({})).await;
    let document = "mutation($email: String!) { loginUser(input: {email: $email, password: \"a guess\"}) { success userErrors { code } } }";
    for code in ["invalid_credentials", "rate_limited"] {
        let id = graph.start(document, json!({"email": ada.email()})).await;
        let value = graph.value(&id).await;
        assert_eq!(value, json!({"success": false, "userErrors": [{"code": code}]}));
        assert_eq!(graph.end(&id).await, None);
    }
    let id = graph.start("{ __typename }", json!({})).await;
    assert_eq!(graph.end(&id).await.map(|(code, _)| code).as_deref(), Some("rate_limited"));
    original.say("Hi").await;
    let frame = original.next().await;
    assert!(
        frame["error"].as_str().unwrap().starts_with("Too many requests from this address; try again in "),
        "{frame}"
    );
}
