//! How often one may ask, in the words of GraphQL.

use serde_json::{Value, json};
use trellis_proto::{
    identity::v1::{
        ChangePasswordRequest, ChangePasswordResponse, GetSessionRequest, GetSessionResponse, LoginRequest,
        LoginResponse, RefreshRequest, RefreshResponse, RegisterRequest, RegisterResponse, RenewTokenRequest,
        RenewTokenResponse, Tokens,
    },
    org::v1::{CreateOrganizationRequest, CreateOrganizationResponse},
};
use trellis_rpc::{Code, Problem};

use crate::{
    Answer, Harness,
    gateway::{ANN, token},
    send,
};

const TRUSTED: (&str, &str) = ("TRELLIS_TRUSTED_PROXIES", "192.0.2.7");

async fn with(limits: &str) -> Harness {
    let gateway = Harness::with(&[("TRELLIS_RATE_LIMITS", limits), TRUSTED]).await;
    gateway.fake.on("IdentityService/Login", |request: LoginRequest, _| {
        if request.password == "right" {
            return Ok(LoginResponse::default());
        }
        Err(Problem::new(Code::InvalidCredentials, "The e-mail or the password is wrong.").into())
    });
    gateway.fake.on("IdentityService/Register", |_: RegisterRequest, _| Ok(RegisterResponse::default()));
    gateway.fake.on("OrgService/CreateOrganization", |_: CreateOrganizationRequest, _| {
        Ok(CreateOrganizationResponse::default())
    });
    gateway
}

async fn asked(gateway: &Harness, ip: &str, query: &str) -> Answer {
    send(gateway, &[("x-forwarded-for", ip)], &json!({ "query": query })).await
}

#[track_caller]
fn rate_limited(payload: &Value) {
    assert_eq!(payload["success"], false, "{payload}");
    let sentence = payload["errors"][0].as_str().unwrap();
    assert!(sentence.starts_with("Too many ") && sentence.contains("; try again in "), "{sentence}");
    let blame = json!([{"field": null, "code": "rate_limited", "message": sentence}]);
    assert_eq!(payload["userErrors"], blame);
}

#[tokio::test]
async fn each_way_to_log_in_counts_as_the_others() {
    let gateway = with("attempts=3+1/h").await;
    let ip = "198.51.100.66";
    let login_user = |password: &str| {
        format!(
            r#"mutation {{ loginUser(input: {{email: "ann@example.org", password: "{password}"}})
                {{ success errors userErrors {{ field code message }} }} }}"#
        )
    };
    let login = r#"mutation { login(input: {email: "Ann@example.org", password: "wrong"}) { success errors } }"#;
    let token_auth = r#"mutation { tokenAuth(email: "ANN@example.org", password: "wrong") { token } }"#;

    let answer = asked(&gateway, ip, &login_user("wrong")).await;
    assert_eq!(answer.json()["data"]["loginUser"]["errors"], json!(["Invalid credentials"]));
    assert!(answer.header("ratelimit").unwrap().starts_with("\"attempts\";r=2;t="));
    assert_eq!(asked(&gateway, ip, login).await.json()["data"]["login"]["success"], false);
    let answer = asked(&gateway, ip, token_auth).await.json();
    assert_eq!(answer["errors"][0]["message"], "Please enter valid credentials");

    let answer = asked(&gateway, ip, &login_user("right")).await;
    assert_eq!(answer.status, 200);
    rate_limited(&answer.json()["data"]["loginUser"]);
    assert!(answer.header("ratelimit").unwrap().starts_with("\"attempts\";r=0;t="));
    let answer = asked(&gateway, ip, token_auth).await.json();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "rate_limited", "{answer}");
    assert_eq!(gateway.fake.calls("IdentityService/Login").len(), 3);

    // Its owner, elsewhere, as often as he likes.
    for _ in 0..10 {
        let answer = asked(&gateway, "203.0.113.1", &login_user("right")).await;
        assert_eq!(answer.json()["data"]["loginUser"]["success"], true);
    }
}

#[tokio::test]
async fn aliases_count_one_by_one() {
    let gateway = with("attempts=2+1/h").await;
    let login = |alias: &str| {
        format!(
            r#"{alias}: loginUser(input: {{email: "ann@example.org", password: "wrong"}}) {{ success errors userErrors {{ field code message }} }}"#
        )
    };
    let query = format!("mutation {{ {} {} {} }}", login("a"), login("b"), login("c"));
    let answer = asked(&gateway, "198.51.100.66", &query).await.json();
    rate_limited(&answer["data"]["c"]);
    assert_eq!(gateway.fake.calls("IdentityService/Login").len(), 2);
}

#[tokio::test]
async fn passwords_and_new_things_are_limited_as_in_rest() {
    let gateway = with("attempts=1+1/h,registrations=1+1/h,organizations=1+1/h").await;
    gateway.fake.on("IdentityService/ChangePassword", |_: ChangePasswordRequest, _| {
        let problem = Problem::new(Code::ValidationFailed, "The field \"current_password\" is not valid.");
        Err::<ChangePasswordResponse, _>(problem.with_field("current_password", "incorrect", "is not it").into())
    });
    let outcome = "{ success errors userErrors { field code message } }";
    let change =
        format!(r#"mutation {{ changePassword(input: {{currentPassword: "a", newPassword: "b"}}) {outcome} }}"#);
    let register = format!(
        r#"mutation {{ registerUser(input: {{email: "x@example.org", password: "p", name: "X", organizationSlug: "o"}}) {outcome} }}"#
    );
    let create = format!(
        r#"mutation {{ createOrganization(input: {{name: "A", slug: "a", contactEmail: "a@example.org"}}) {outcome} }}"#
    );
    let bearer = format!("Bearer {}", token(ANN, 600));
    for (query, headers, method) in [
        (&change, vec![("authorization", bearer.as_str())], "IdentityService/ChangePassword"),
        (&register, vec![("x-forwarded-for", "203.0.113.1")], "IdentityService/Register"),
        (&create, vec![("x-forwarded-for", "203.0.113.1")], "OrgService/CreateOrganization"),
    ] {
        for _ in 0..2 {
            let answer = send(&gateway, &headers, &json!({ "query": query })).await.json();
            let payload = answer["data"].as_object().unwrap().values().next().unwrap().clone();
            if payload["userErrors"][0]["code"] == "rate_limited" {
                rate_limited(&payload);
            }
        }
        assert_eq!(gateway.fake.calls(method).len(), 1, "{method}");
    }
    // Signed in it is another's bucket.
    let answer = send(&gateway, &[("authorization", &bearer)], &json!({ "query": create })).await.json();
    assert_eq!(answer["data"]["createOrganization"]["success"], true, "{answer}");
}

#[tokio::test]
async fn tokens_are_good_where_others_guess_passwords() {
    let gateway = with("sign_ins=1+1/h").await;
    gateway.fake.on("IdentityService/Refresh", |_: RefreshRequest, _| Ok(RefreshResponse::default()));
    gateway.fake.on("IdentityService/GetSession", |_: GetSessionRequest, _| Ok(GetSessionResponse::default()));
    gateway.fake.on("IdentityService/RenewToken", |_: RenewTokenRequest, _| {
        Ok(RenewTokenResponse { tokens: Some(Tokens { access_token: token(ANN, 600), ..Tokens::default() }) })
    });
    let login = r#"mutation { login(input: {email: "ann@example.org", password: "wrong"}) { success errors userErrors { field code message } } }"#;
    asked(&gateway, "198.51.100.66", login).await;
    rate_limited(&asked(&gateway, "198.51.100.66", login).await.json()["data"]["login"]);

    let bearer = format!("Bearer {}", token(ANN, 600));
    let document =
        r#"mutation { refresh(refreshToken: "good") { success } refreshToken { token } verifyToken { payload } }"#;
    let headers = [("x-forwarded-for", "198.51.100.66"), ("authorization", bearer.as_str())];
    for _ in 0..5 {
        let answer = send(&gateway, &headers, &json!({ "query": document })).await.json();
        assert_eq!(answer.get("errors"), None, "{answer}");
        assert_eq!(answer["data"]["refresh"]["success"], true, "{answer}");
        assert!(answer["data"]["refreshToken"]["token"].is_string(), "{answer}");
    }
}
