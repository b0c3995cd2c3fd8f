//! Who gets in, and what those who do not can tell apart: nothing.

use http::Method;
use trellis_gateway::router;
use trellis_proto::{
    identity::v1::{LoginRequest, LoginResponse, Tokens},
    org::v1::{ListOrganizationsRequest, ListOrganizationsResponse},
};

use crate::gateway::{ANN, Answer, Ask, EVE, Harness, ask, token};

fn methods() -> [Method; 5] {
    [Method::GET, Method::POST, Method::PATCH, Method::DELETE, Method::PUT]
}

/// Every path below an organization, with wrong bodies and queries, and some that do not exist.
fn paths(gateway: &Harness, org: &str) -> Vec<String> {
    let below = format!("/api/v1/organizations/{org}");
    let mut paths: Vec<String> = router::listed(&gateway.gateway)
        .into_iter()
        .filter_map(|route| Some(route.path.strip_prefix("/api/v1/organizations/{org}")?.to_owned()))
        .map(|path| path.replace(['{', '}'], ""))
        .map(|path| format!("{below}{path}"))
        .collect();
    paths.push(format!("{below}/nothing"));
    paths.push(format!("{below}/"));
    paths.push(format!("{below}/tasks/WEB-1/nothing/at/all"));
    paths.push(format!("{below}/tasks?unknown=1"));
    paths.push(format!("{below}/tasks/%ff"));
    paths
}

#[tokio::test]
async fn signed_out_everything_below_an_organization_is_401() {
    let gateway = Harness::start().await;
    for org in ["acme", "nowhere"] {
        for path in paths(&gateway, org) {
            for method in methods() {
                let answer = gateway.send(ask(method.clone(), &path).json("{bad")).await;
                answer.problem(401, "unauthenticated");
                assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"trellis\""), "{method} {path}");
            }
        }
    }
    assert!(gateway.fake.calls("OrgService/CheckAccess").is_empty());
}

#[tokio::test]
async fn to_a_stranger_everything_below_an_organization_is_one_and_the_same_404() {
    let gateway = Harness::start().await;
    let mut seen = None;
    for org in ["acme", "nowhere", "%ff", "ACME"] {
        for path in paths(&gateway, org) {
            for method in methods() {
                let request = ask(method.clone(), &path).signed_in_as(EVE).header("x-request-id", "one").json("{bad");
                let answer = gateway.send(request).await;
                answer.problem(404, "not_found");
                let Answer { mut headers, body, .. } = answer;
                // Which methods a route has is no secret, and the same for every organization.
                headers.remove("allow");
                let told = (headers, body);
                assert_eq!(*seen.get_or_insert_with(|| told.clone()), told, "{method} {path}");
            }
        }
    }
    let asked_beyond = ["OrgService/GetOrganization", "ProjectService/GetTask", "ProjectService/ListTasks"];
    assert!(asked_beyond.iter().all(|method| gateway.fake.calls(method).is_empty()));
}

#[tokio::test]
async fn schemes_and_bad_tokens() {
    let gateway = Harness::start().await;
    let good = token(ANN, 600);
    let path = "/api/v1/organizations/acme/nothing";
    let with = async |authorization: &str| {
        gateway.send(ask(Method::GET, path).header("authorization", authorization).without_body()).await
    };
    for scheme in ["Bearer", "bearer", "JWT", "jwt"] {
        with(&format!("{scheme} {good}")).await.problem(404, "not_found");
    }
    for bad in [format!("Basic {good}"), good.clone(), "Bearer x".to_owned(), format!("Bearer {good}x")] {
        let answer = with(&bad).await;
        answer.problem(401, "unauthenticated");
        assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_token\""), "{bad}");
    }
    let answer = with(&format!("Bearer {}", token(ANN, -60))).await;
    answer.problem(401, "token_expired");
    assert!(answer.header("www-authenticate").unwrap().contains("expired"));
}

#[tokio::test]
async fn the_directory_is_open_but_a_bad_token_is_not_overlooked() {
    let gateway = Harness::start().await;
    gateway
        .fake
        .on("OrgService/ListOrganizations", |_: ListOrganizationsRequest, _| Ok(ListOrganizationsResponse::default()));
    let directory = || ask(Method::GET, "/api/v1/organizations");
    let users = || gateway.fake.calls("OrgService/ListOrganizations").last().unwrap().user;
    assert_eq!(gateway.send(directory().without_body()).await.status, 200);
    assert_eq!(users(), None);
    assert_eq!(gateway.send(directory().header("authorization", "").without_body()).await.status, 200);
    assert_eq!(gateway.send(directory().signed_in_as(EVE).without_body()).await.status, 200);
    assert_eq!(users(), Some(EVE));
    let bad = directory().header("authorization", "Bearer x").without_body();
    gateway.send(bad).await.problem(401, "unauthenticated");
    let create = ask(Method::POST, "/api/v1/organizations").json("{}");
    gateway.send(create).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn logging_in_never_looks_at_a_token() {
    let gateway = Harness::start().await;
    gateway.fake.on("IdentityService/Login", |_: LoginRequest, call| {
        assert_eq!(call.user, None);
        Ok(LoginResponse { tokens: Some(Tokens { access_token: "t".into(), ..Tokens::default() }) })
    });
    for authorization in ["Bearer x", "Basic x", &format!("Bearer {}", token(ANN, -60))] {
        let request = ask(Method::POST, "/api/v1/auth/login").header("authorization", authorization);
        let answer = gateway.send(request.json(r#"{"email":"a@b.c","password":"x"}"#)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn the_address_of_a_client_behind_a_proxy() {
    let login = |ask: Ask| ask.json(r#"{"email":"a@b.c","password":"x"}"#);
    for (trusted, expected) in [("", "192.0.2.7"), ("192.0.2.0/24", "203.0.113.5")] {
        let gateway = Harness::with(&[("TRELLIS_TRUSTED_PROXIES", trusted)]).await;
        gateway.fake.on("IdentityService/Login", |_: LoginRequest, _| Ok(LoginResponse::default()));
        let request = ask(Method::POST, "/api/v1/auth/login")
            .header("x-forwarded-for", "6.6.6.6, 203.0.113.5")
            .header("user-agent", "a browser");
        assert_eq!(gateway.send(login(request)).await.status, 200);
        let client = gateway.fake.asked::<LoginRequest>("IdentityService/Login").client.unwrap();
        assert_eq!((client.ip.as_str(), client.user_agent.as_str()), (expected, "a browser"));
    }
}
