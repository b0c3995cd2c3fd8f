//! Registering, signing in, tokens, sessions' ends.

use reqwest::Method;
use serde_json::json;
use trellis_tests::{Api, Socket, unique};

#[tokio::test]
async fn a_user_registers_logs_in_and_reads_itself() {
    let api = Api::shared();
    let email = format!("{}@Example.test", unique("Ada"));
    let body = json!({"email": email, "name": "  Ada  ", "password": "a-quite-long-passphrase"});
    let tokens = api.post("/auth/register", body).await.expect(201);
    assert_eq!((&tokens["token_type"], &tokens["user"]["name"]), (&json!("Bearer"), &json!("Ada")));
    assert!(tokens["expires_in"].as_u64().unwrap() > 0);

    // The e-mail in any case is the same login name, and taken.
    let taken = api
        .post(
            "/auth/register",
            json!({"email": email.to_uppercase(), "name": "Two", "password": "a-quite-long-passphrase"}),
        )
        .await;
    assert_eq!(taken.bad_fields(), ["email"]);
    taken.problem(409, "already_exists");
    // Outside of ASCII too.
    let email_of = |first: char| format!("{first}{}", email.to_lowercase());
    let body = |email: String| json!({"email": email, "name": "Ärlig", "password": "a-quite-long-passphrase"});
    api.post("/auth/register", body(email_of('ä'))).await.expect(201);
    api.post("/auth/register", body(email_of('Ä'))).await.problem(409, "already_exists");
    api.login(&email_of('Ä'), "a-quite-long-passphrase").await.expect(200);

    let session = api.session(&api.login(&email.to_lowercase(), "a-quite-long-passphrase").await.expect(200));
    let me = session.get("/me").await.expect(200);
    assert_eq!(me["id"], tokens["user"]["id"]);
    assert_eq!(session.patch("/me", json!({"name": "Ada L."})).await.expect(200)["name"], "Ada L.");

    // `JWT` in any case is taken for `Bearer`.
    for scheme in ["JWT", "jwt", "bearer"] {
        let header = format!("{scheme} {}", session.token);
        api.send(Method::GET, "/me", &[("authorization", &header)], None).await.expect(200);
    }
}

#[tokio::test]
async fn a_wrong_email_and_a_wrong_password_get_one_answer() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let mut wrong_password = api.login(ada.email(), "not-the-passphrase").await.problem(401, "invalid_credentials");
    let mut wrong_email =
        api.login("nobody@example.test", "not-the-passphrase").await.problem(401, "invalid_credentials");
    for answer in [&mut wrong_email, &mut wrong_password] {
        answer["request_id"].take();
    }
    assert_eq!(wrong_email, wrong_password);
}

#[tokio::test]
async fn signed_out_is_401_with_a_challenge_and_a_bad_token_never_hinders_a_login() {
    let api = Api::shared();
    for path in ["/me", "/me/organizations", "/organizations/acme", "/organizations/acme/projects"] {
        let answer = api.get(path).await;
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{path}");
        answer.problem(401, "unauthenticated");
        api.send(Method::GET, path, &[("authorization", "Bearer nonsense")], None)
            .await
            .problem(401, "unauthenticated");
    }
    let ada = api.register("Ada").await;
    let body = json!({"email": ada.email(), "password": "a-quite-long-passphrase"}).to_string();
    let stale = [("authorization", "Bearer stale.stale.stale")];
    api.send(Method::POST, "/auth/login", &stale, Some(body)).await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_is_spent_once_and_its_reuse_ends_the_session() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let refresh = |token: String| {
        let api = api.clone();
        async move { api.post("/auth/refresh", json!({"refresh_token": token})).await }
    };
    let second = refresh(ada.refresh_token.clone()).await.expect(200);
    // The answer got lost, or two tabs: the same successor again.
    let again = refresh(ada.refresh_token.clone()).await.expect(200);
    assert_eq!(again["refresh_token"], second["refresh_token"]);
    let third = refresh(second["refresh_token"].as_str().unwrap().to_owned()).await.expect(200);

    // A grandparent is no retry: somebody has a copy.
    refresh(ada.refresh_token.clone()).await.problem(401, "unauthenticated");
    refresh(third["refresh_token"].as_str().unwrap().to_owned()).await.problem(401, "unauthenticated");
    let session = api.session(&third);
    wait_until_refused(&session).await;
    refresh("no-such-token".to_owned()).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn logout_ends_the_session_and_its_socket_but_no_other() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let other = api.session(&api.login(ada.email(), "a-quite-long-passphrase").await.expect(200));
    let mut socket = Socket::open(&api.base, &ada.token).await;
    socket.expect_nothing_pending().await;
    ada.post("/auth/logout", json!({})).await.expect(204);
    assert_eq!(socket.close_code().await, 4401);
    wait_until_refused(&ada).await;
    api.post("/auth/refresh", json!({"refresh_token": ada.refresh_token})).await.problem(401, "unauthenticated");
    other.get("/me").await.expect(200);
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let other = api.session(&api.login(ada.email(), "a-quite-long-passphrase").await.expect(200));
    let wrong = ada
        .post("/me/password", json!({"current_password": "wrong-passphrase", "new_password": "another-long-one"}))
        .await;
    assert_eq!(wrong.bad_fields(), ["current_password"]);
    wrong.problem(422, "validation_failed");
    let body = json!({"current_password": "a-quite-long-passphrase", "new_password": "another-long-one"});
    ada.post("/me/password", body).await.expect(204);
    wait_until_refused(&other).await;
    ada.get("/me").await.expect(200);
    api.login(ada.email(), "a-quite-long-passphrase").await.problem(401, "invalid_credentials");
    api.login(ada.email(), "another-long-one").await.expect(200);
}

#[tokio::test]
async fn one_sees_where_one_is_logged_in_and_ends_one_session_or_all_others() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let login = json!({"email": ada.email(), "password": "a-quite-long-passphrase"}).to_string();
    let phone = [("user-agent", "a phone")];
    let phone = api.session(&api.send(Method::POST, "/auth/login", &phone, Some(login)).await.expect(200));
    let third = api.session(&api.login(ada.email(), "a-quite-long-passphrase").await.expect(200));

    let sessions = ada.get("/me/sessions").await.expect(200);
    assert_eq!(sessions["next_cursor"], json!(null));
    let sessions = sessions["items"].as_array().unwrap();
    assert_eq!(sessions.len(), 3, "nobody else's");
    let current: Vec<_> = sessions.iter().map(|session| session["current"] == true).collect();
    assert_eq!(current, [false, false, true], "the last used first");
    let of_phone = &sessions[1];
    assert_eq!(of_phone["user_agent"], "a phone");
    assert!(!of_phone["ip"].as_str().unwrap().is_empty());

    // Somebody else's is not there, as one that never was.
    let path = format!("/me/sessions/{}", of_phone["id"].as_str().unwrap());
    let eve = api.register("Eve").await;
    let mut told = Vec::new();
    for path in [path.as_str(), "/me/sessions/00000000-0000-7000-8000-000000000000", "/me/sessions/none"] {
        let mut problem = eve.delete(path).await.problem(404, "not_found");
        problem["request_id"].take();
        told.push(problem);
    }
    assert!(told.iter().all(|problem| *problem == told[0]), "{told:?}");
    phone.get("/me").await.expect(200);

    let mut socket = Socket::open(&api.base, &phone.token).await;
    socket.expect_nothing_pending().await;
    ada.delete(&path).await.expect(204);
    wait_until_refused(&phone).await;
    assert_eq!(socket.close_code().await, 4401);
    api.post("/auth/refresh", json!({"refresh_token": phone.refresh_token})).await.problem(401, "unauthenticated");
    ada.delete(&path).await.problem(404, "not_found");
    third.get("/me").await.expect(200);

    let mut socket = Socket::open(&api.base, &third.token).await;
    socket.expect_nothing_pending().await;
    ada.delete("/me/sessions").await.expect(204);
    wait_until_refused(&third).await;
    assert_eq!(socket.close_code().await, 4401);
    let left = ada.get("/me/sessions").await.expect(200);
    assert_eq!(left["items"].as_array().unwrap().len(), 1);

    // The one of the token: that is logging out.
    let path = format!("/me/sessions/{}", left["items"][0]["id"].as_str().unwrap());
    ada.delete(&path).await.expect(204);
    wait_until_refused(&ada).await;
}

#[tokio::test]
async fn where_one_is_logged_in_is_told_page_by_page() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    for _ in 0..2 {
        api.login(ada.email(), "a-quite-long-passphrase").await.expect(200);
    }
    let whole = ada.get("/me/sessions").await.expect(200);
    let first = ada.get("/me/sessions?limit=2").await.expect(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = ada.get(&format!("/me/sessions?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!(second["next_cursor"], json!(null));
    let items = [first["items"].as_array().unwrap().as_slice(), second["items"].as_array().unwrap()].concat();
    assert_eq!((items.len(), json!(items)), (3, whole["items"].clone()), "each once, in the list's own order");
    for (query, name) in [("limit=0", "limit"), ("limit=101", "limit"), ("cursor=nonsense", "cursor")] {
        let problem = ada.get(&format!("/me/sessions?{query}")).await.problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["field"], name, "{query}");
    }
}

/// An ended session answers 401 within the time that the contract gives; waits for it, and no longer.
async fn wait_until_refused(session: &trellis_tests::Session) {
    let refused = async {
        while session.get("/me").await.status != 401 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), refused).await.expect("the session is still believed");
}

#[tokio::test]
async fn anyone_can_read_the_keys_that_verify_tokens() {
    let api = Api::shared();
    let keys = api.get("//.well-known/jwks.json").await.expect(200);
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")));
    assert!(key["kid"].is_string() && key["x"].is_string());
    assert!(key.get("d").is_none(), "a private key is in the document");
}
