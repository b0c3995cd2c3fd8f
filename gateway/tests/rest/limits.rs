//! How often one may ask: refusals before any work, and what answers say of it.

use http::Method;
use serde_json::json;
use trellis_proto::{
    identity::v1::{
        ChangePasswordRequest, ChangePasswordResponse, LoginRequest, LoginResponse, RefreshRequest, RefreshResponse,
        RegisterRequest, RegisterResponse, Tokens,
    },
    org::v1::{
        CreateInvitationRequest, CreateInvitationResponse, CreateOrganizationRequest, CreateOrganizationResponse,
    },
};
use trellis_rpc::{Code, Problem};

use crate::gateway::{ANN, Answer, Harness, ask};

const RIGHT: &str = "the-right-passphrase";
/// The tests' client is a proxy.
const TRUSTED: (&str, &str) = ("TRELLIS_TRUSTED_PROXIES", "192.0.2.7");

const ORGANIZATION: &str = r#"{"name": "A", "slug": "a", "contact_email": "a@example.org"}"#;
const INVITATION: &str = r#"{"email": "x@example.org"}"#;

fn registration() -> serde_json::Value {
    json!({"email": "x@example.org", "password": RIGHT, "name": "X"})
}

async fn with(limits: &str) -> Harness {
    let gateway = Harness::with(&[("TRELLIS_RATE_LIMITS", limits), TRUSTED]).await;
    gateway.fake.on("IdentityService/Login", |request: LoginRequest, _| {
        if request.password == RIGHT {
            return Ok(LoginResponse { tokens: Some(Tokens::default()) });
        }
        Err(Problem::new(Code::InvalidCredentials, "The e-mail or the password is wrong.").into())
    });
    gateway.fake.on("IdentityService/Register", |_: RegisterRequest, _| {
        Ok(RegisterResponse { tokens: Some(Tokens::default()) })
    });
    gateway.fake.on("IdentityService/Refresh", |request: RefreshRequest, _| {
        if request.refresh_token == "good" {
            return Ok(RefreshResponse { tokens: Some(Tokens::default()) });
        }
        Err(Problem::new(Code::Unauthenticated, "Please sign in.").into())
    });
    gateway.fake.on("IdentityService/ChangePassword", |request: ChangePasswordRequest, _| {
        if request.current_password == RIGHT {
            return Ok(ChangePasswordResponse::default());
        }
        let problem = Problem::new(Code::ValidationFailed, "The field \"current_password\" is not valid.");
        Err(problem.with_field("current_password", "incorrect", "is not your password").into())
    });
    gateway
}

async fn from(gateway: &Harness, ip: &str, path: &str, body: serde_json::Value) -> Answer {
    gateway.send(ask(Method::POST, path).header("x-forwarded-for", ip).json(&body.to_string())).await
}

async fn login(gateway: &Harness, ip: &str, email: &str, password: &str) -> Answer {
    from(gateway, ip, "/api/v1/auth/login", json!({"email": email, "password": password})).await
}

#[tokio::test]
async fn who_guesses_is_told_to_wait_before_anything_is_hashed() {
    let gateway = with("attempts=3+1/min").await;
    for left in ["2", "1", "0"] {
        let answer = login(&gateway, "198.51.100.66", "ann@example.org", "wrong").await;
        answer.problem(401, "invalid_credentials");
        let told = answer.header("ratelimit").unwrap();
        assert!(told.starts_with(&format!("\"attempts\";r={left};t=")), "{told}");
        assert_eq!(answer.header("ratelimit-policy"), Some("\"attempts\";q=3;w=180, \"sign_ins\";q=600;w=60"));
    }
    // Right or wrong, and however the account is written.
    for (email, password) in [("ann@example.org", "wrong"), (" ANN@example.org ", RIGHT)] {
        let answer = login(&gateway, "198.51.100.66", email, password).await;
        answer.problem(429, "rate_limited");
        let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        assert_eq!(answer.header("ratelimit-policy"), Some("\"attempts\";q=3;w=180, \"sign_ins\";q=600;w=60"));
        let told = answer.header("ratelimit").unwrap();
        assert!(told.starts_with(&format!("\"attempts\";r=0;t={wait}, ")), "{told}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with("Too many attempts at this account; try again in "), "{detail}");
    }
    assert_eq!(gateway.fake.calls("IdentityService/Login").len(), 3);

    // Its owner is elsewhere, and so are others.
    assert_eq!(login(&gateway, "203.0.113.1", "ann@example.org", RIGHT).await.status, 200);
    assert_eq!(login(&gateway, "198.51.100.66", "bob@example.org", RIGHT).await.status, 200);
}

#[tokio::test]
async fn the_right_password_costs_nothing_once_answered() {
    let gateway = with("attempts=1+1/h").await;
    for _ in 0..20 {
        let answer = login(&gateway, "203.0.113.1", "ann@example.org", RIGHT).await;
        assert_eq!(answer.status, 200);
        assert!(answer.header("ratelimit").unwrap().starts_with("\"attempts\";r=1;t=0"));
    }
}

#[tokio::test]
async fn a_teams_machines_may_all_log_in_at_once() {
    let fifty = async |gateway: &Harness| {
        let logins = (0..50).map(|_| login(gateway, "203.0.113.1", "ci@example.org", RIGHT));
        let answers = futures_util::future::join_all(logins).await;
        answers.iter().filter(|answer| answer.status == 200).count()
    };
    assert!(fifty(&with("attempts=20+10/min").await).await < 50, "they are not unanswered at once");
    let gateway = with("on").await;
    for _ in 0..3 {
        assert_eq!(fifty(&gateway).await, 50);
    }
    let one_more = login(&gateway, "203.0.113.1", "ci@example.org", RIGHT).await;
    assert!(one_more.header("ratelimit").unwrap().starts_with("\"attempts\";r=100;t=0"));
}

#[tokio::test]
async fn a_password_is_not_guessed_by_changing_it() {
    let gateway = with("attempts=2+1/h").await;
    let change = async |current: &str| {
        let body = json!({"current_password": current, "new_password": "another-passphrase"}).to_string();
        gateway.post("/api/v1/me/password", &body).await
    };
    for _ in 0..5 {
        assert_eq!(change(RIGHT).await.status, 204);
    }
    for _ in 0..2 {
        change("wrong").await.problem(422, "validation_failed");
    }
    change(RIGHT).await.problem(429, "rate_limited");
    assert_eq!(gateway.fake.calls("IdentityService/ChangePassword").len(), 7);
}

#[tokio::test]
async fn an_address_hashes_so_much_and_no_more() {
    let gateway = with("sign_ins=4+1/h").await;
    for number in 0..4 {
        let email = format!("user-{number}@example.org");
        login(&gateway, "198.51.100.66", &email, "wrong").await.problem(401, "invalid_credentials");
    }
    let refused = from(&gateway, "198.51.100.66", "/api/v1/auth/register", registration()).await;
    refused.problem(429, "rate_limited");
    assert!(refused.header("ratelimit").unwrap().contains("\"sign_ins\";r=0;"));
    login(&gateway, "198.51.100.66", "y@example.org", "wrong").await.problem(429, "rate_limited");
    assert_eq!(from(&gateway, "203.0.113.1", "/api/v1/auth/register", registration()).await.status, 201);
    assert_eq!(gateway.fake.calls("IdentityService/Register").len(), 1);

    // Tokens are no passwords: whoever is signed in at the same address stays so, and bad ones spend nothing of theirs.
    for (token, status) in [("good", 200), ("bad", 401)] {
        for _ in 0..10 {
            let refresh = json!({"refresh_token": token});
            let answer = from(&gateway, "198.51.100.66", "/api/v1/auth/refresh", refresh).await;
            assert_eq!(answer.status, status);
            assert_eq!(answer.header("ratelimit"), None);
        }
    }
}

#[tokio::test]
async fn new_things_have_limits_of_their_own() {
    let gateway = with("registrations=1+1/h,organizations=1+1/h,invitations=1+1/h").await;
    gateway.fake.on("OrgService/CreateOrganization", |_: CreateOrganizationRequest, _| {
        Ok(CreateOrganizationResponse::default())
    });
    gateway
        .fake
        .on("OrgService/CreateInvitation", |_: CreateInvitationRequest, _| Ok(CreateInvitationResponse::default()));
    for status in [201, 429] {
        let answer = from(&gateway, "203.0.113.1", "/api/v1/auth/register", registration()).await;
        assert_eq!(answer.status, status);
        assert_eq!(gateway.post("/api/v1/organizations", ORGANIZATION).await.status, status);
        assert_eq!(gateway.post("/api/v1/organizations/acme/invitations", INVITATION).await.status, status);
    }
    assert_eq!(gateway.fake.calls("OrgService/CreateOrganization").len(), 1);
    assert_eq!(gateway.fake.calls("OrgService/CreateInvitation").len(), 1);
}

#[tokio::test]
async fn what_was_not_made_costs_nothing() {
    let gateway = with("registrations=1+1/h,organizations=1+1/h,invitations=1+1/h").await;
    gateway.fake.on("IdentityService/Register", |_: RegisterRequest, _| {
        Err::<RegisterResponse, _>(Problem::new(Code::AlreadyExists, "It is taken.").into())
    });
    gateway.fake.on("OrgService/CreateOrganization", |_: CreateOrganizationRequest, _| {
        Err::<CreateOrganizationResponse, _>(Problem::new(Code::ValidationFailed, "It is not valid.").into())
    });
    gateway.fake.on("OrgService/CreateInvitation", |_: CreateInvitationRequest, _| {
        Err::<CreateInvitationResponse, _>(Problem::unavailable("Not now.").into())
    });
    for _ in 0..3 {
        let answer = from(&gateway, "203.0.113.1", "/api/v1/auth/register", registration()).await;
        answer.problem(409, "already_exists");
        gateway.post("/api/v1/organizations", ORGANIZATION).await.problem(422, "validation_failed");
        gateway.post("/api/v1/organizations/acme/invitations", INVITATION).await.problem(503, "unavailable");
    }
}

#[tokio::test]
async fn every_request_counts_but_probes_and_preflights() {
    let gateway = with("requests=3+1/h").await;
    for _ in 0..10 {
        assert_eq!(gateway.get("/healthz").await.status, 200);
        assert_ne!(gateway.get("/readyz").await.status, 429);
        let preflight = ask(Method::OPTIONS, "/api/v1/me").header("origin", "http://localhost:5173");
        let preflight = preflight.header("access-control-request-method", "GET").without_body();
        assert_eq!(gateway.send(preflight).await.status, 204);
    }
    let ours = || ask(Method::GET, "/nothing").header("origin", "http://localhost:5173").signed_in_as(ANN);
    for _ in 0..3 {
        let answer = gateway.send(ours().without_body()).await;
        answer.problem(404, "not_found");
        assert_eq!(answer.header("ratelimit"), None);
    }
    let refused = gateway.send(ours().without_body()).await;
    refused.problem(429, "rate_limited");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.header("ratelimit-policy"), Some("\"requests\";q=3;w=10800"));
    let exposed = refused.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("RateLimit, RateLimit-Policy") && exposed.contains("Retry-After"), "{exposed}");
    // In the shape of its address.
    let refused = gateway.send(ask(Method::POST, "/graphql").json(r#"{"query":"{ __typename }"}"#)).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["errors"][0]["extensions"]["code"]),
        (429, &json!("rate_limited"))
    );
    // Of 2^64 neighbours none is let in for another.
    for status in [404, 404, 404, 429] {
        let ip = format!("2001:db8::{status}");
        let request = ask(Method::GET, "/nothing").header("x-forwarded-for", &ip).without_body();
        assert_eq!(gateway.send(request).await.status, status);
    }
}

#[tokio::test]
async fn who_is_not_trusted_cannot_say_that_he_is_somebody_else() {
    let gateway = Harness::with(&[("TRELLIS_RATE_LIMITS", "requests=2+1/h")]).await;
    for (number, status) in [404, 404, 429].into_iter().enumerate() {
        let ip = format!("198.51.100.{number}");
        let request = ask(Method::GET, "/nothing").header("x-forwarded-for", &ip);
        let request = request.header("forwarded", &format!("for={ip}")).without_body();
        assert_eq!(gateway.send(request).await.status, status);
    }
}

#[tokio::test]
async fn off_is_off() {
    let gateway = with("off").await;
    for _ in 0..700 {
        let answer = login(&gateway, "198.51.100.66", "ann@example.org", "wrong").await;
        answer.problem(401, "invalid_credentials");
        assert_eq!(answer.header("ratelimit"), None);
    }
}

/// The places where sockets are opened.
const SOCKETS: [&str; 5] = [
    "/api/v1/live",
    "/graphql",
    "/graphql/",
    "/ws/tasks/acme/WEB-1/comments/?token=x",
    "/ws/tasks/acme/WEB-1/comments?token=x",
];

fn upgrade(path: &str) -> crate::gateway::Ask {
    let upgrade = ask(Method::GET, path).header("connection", "Upgrade").header("upgrade", "WebSocket");
    upgrade.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

#[tokio::test]
async fn sockets_are_refused_before_the_handshake_where_there_are_too_many() {
    let gateway = with("sockets=5+1/h").await;
    for path in SOCKETS {
        // There is no connection behind the tests' client that could be upgraded.
        assert_eq!(gateway.send(upgrade(path).without_body()).await.status, 400, "{path}");
    }
    for path in SOCKETS {
        let refused = gateway.send(upgrade(path).without_body()).await;
        assert_eq!(refused.status, 429, "{path}");
        assert!(refused.header("ratelimit").unwrap().starts_with("\"sockets\";r=0;"));
    }
    assert_eq!(gateway.get("/nothing").await.status, 404, "other requests are let through");
}

#[tokio::test]
async fn pages_of_strangers_open_no_socket() {
    let gateway = with("on").await;
    for path in SOCKETS {
        for (origin, status) in [
            ("https://evil.example", 403),
            ("null", 403),
            ("http://localhost:5173", 400),
            ("https://api.example.org", 400),
        ] {
            let request = upgrade(path).header("host", "api.example.org").header("origin", origin).without_body();
            let answer = gateway.send(request).await;
            assert_eq!(answer.status, status, "{origin} {path}");
            if status == 403 && !path.starts_with("/graphql") {
                answer.problem(403, "forbidden");
            }
        }
    }
    // A page that may not open sockets may still be refused by CORS alone: nothing else changes for it.
    let request = ask(Method::GET, "/healthz").header("origin", "https://evil.example").without_body();
    assert_eq!(gateway.send(request).await.status, 200);
}
