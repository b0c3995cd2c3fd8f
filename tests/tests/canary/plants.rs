//! Where canaries are planted.

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};
use trellis_tests::{Answer, Api, unique};

use super::watch::Searched;

/// Secrets, and the spellings of them that are looked for.
#[derive(Default)]
pub struct Canaries {
    spellings: Vec<(String, Vec<u8>)>,
    /// Those of clients, which are planted.
    planted: Vec<String>,
}

impl Canaries {
    /// As text, as hexadecimal digits, and as the bytes that debugging shows.
    pub fn add(&mut self, kind: &str, secret: &str) {
        assert!(secret.len() >= 14, "{kind}: too short to be known again");
        self.spellings.push((kind.to_owned(), secret.as_bytes().to_vec()));
        self.add_bytes(kind, secret.as_bytes());
    }

    pub fn add_bytes(&mut self, kind: &str, secret: &[u8]) {
        let part = &secret[..secret.len().min(24)];
        let hex: Vec<String> = part.iter().map(|byte| format!("{byte:02x}")).collect();
        let list: Vec<String> = part.iter().map(u8::to_string).collect();
        self.spellings.push((format!("{kind} (hexadecimal)"), hex.concat().into_bytes()));
        self.spellings.push((format!("{kind} (a list of bytes)"), list.join(", ").into_bytes()));
    }

    fn plant(&mut self, kind: &str, secret: &str) -> String {
        self.add(kind, secret);
        self.planted.push(secret.to_owned());
        secret.to_owned()
    }

    pub fn spellings(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.spellings.iter().map(|(kind, spelling)| (kind.as_str(), spelling.as_slice()))
    }
}

/// People and an organization that are all canaries, then every canary in every place.
pub async fn plant(api: &Api, canaries: &mut Canaries, searched: &mut Searched) {
    let password = canaries.plant("a password", &unique("canary-password"));
    let email = canaries.plant("an e-mail", &format!("{}@canary.test", unique("canary-mail")));
    let body = json!({"email": email, "password": password, "name": "Ada"});
    let ada = api.session(&api.post("/auth/register", body).await.expect(201));
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ada.task(&org, "WEB", "One").await;
    let invited = canaries.plant("an invited e-mail", &format!("{}@canary.test", unique("canary-guest")));
    let invitation = json!({"email": invited, "role": "MEMBER"});
    let invitation = ada.post(&format!("/organizations/{org}/invitations"), invitation).await.expect(201);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    canaries.plant("an invitation's token", &text(&invitation["token"]));
    // A token of each kind, one spent; and by GraphQL.
    let spent = api.post("/auth/refresh", json!({"refresh_token": ada.refresh_token})).await.expect(200);
    canaries.plant("a spent refresh token", &ada.refresh_token);
    canaries.plant("a refresh token", &text(&spent["refresh_token"]));
    canaries.plant("an access token", &text(&spent["access_token"]));
    let signature = text(&spent["access_token"]).rsplit('.').next().expect("three parts").to_owned();
    canaries.add("the signature of an access token", &signature);
    let query = format!(
        "mutation {{ loginUser(input: {{email: {email:?}, password: {password:?}}}) {{ success token }} \
         login(input: {{email: {email:?}, password: {password:?}}}) {{ success }} }}"
    );
    let logged_in = api.send(Method::POST, "//graphql", &[], Some(json!({"query": query}).to_string())).await;
    canaries.plant("the original's token", &text(&logged_in.expect(200)["data"]["loginUser"]["token"]));
    canaries.plant("what nobody knows", &unique("canary-nothing"));
    plant_again(api, canaries, searched).await;
    sockets(api, canaries, &org).await;
}

/// Every canary in every place of a request; whatever is refused is searched.
pub async fn plant_again(api: &Api, canaries: &Canaries, searched: &mut Searched) {
    let mut planting = Vec::new();
    for canary in &canaries.planted {
        for (method, path, headers, body) in requests(canary) {
            planting.push(async move {
                let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let answer = api.send(method.clone(), &path, &headers, body).await;
                (format!("the answer to {method} {path}"), answer)
            });
        }
    }
    for (place, answer) in futures_util::stream::iter(planting).buffered(16).collect::<Vec<_>>().await {
        let refused = !answer.status.is_success() || answer.body["errors"].is_array();
        if refused {
            searched.add(&place, told(&answer));
        }
    }
}

fn told(answer: &Answer) -> Vec<u8> {
    format!("{:?}\n{}", answer.headers, answer.text).into_bytes()
}

type Sent = (Method, String, Vec<(&'static str, String)>, Option<String>);

fn requests(canary: &str) -> Vec<Sent> {
    let bearer = || vec![("authorization", format!("Bearer {canary}"))];
    let post = |path: &str, body: String| (Method::POST, path.to_owned(), Vec::new(), Some(body));
    let get = |path: String| (Method::GET, path, Vec::new(), None);
    let right = json!({"email": canary, "password": canary});
    let graph =
        |query: &str, variables: Value| post("//graphql", json!({"query": query, "variables": variables}).to_string());
    let mut all = vec![
        // Bodies: right, of wrong types, cut off, no JSON, no JSON by their type.
        post("/auth/login", right.to_string()),
        post("/auth/login", json!({"email": [canary], "password": {"a": canary}}).to_string()),
        post("/auth/login", json!({"email": "x@example.test", "password": canary, "name": canary}).to_string()),
        post("/auth/login", format!("{{\"password\":\"{canary}\"")),
        post("/auth/login", format!("\"{canary}\"")),
        post("/auth/login", canary.to_owned()),
        post(
            "/auth/register",
            json!({"email": canary, "password": canary, "name": "A", "invitation_token": canary}).to_string(),
        ),
        post(
            "/auth/register",
            json!({"email": "x", "password": canary, "name": canary, "organization": canary}).to_string(),
        ),
        post("/auth/refresh", json!({"refresh_token": format!("{canary}x")}).to_string()),
        (Method::POST, "/auth/login".into(), vec![("content-type", "text/plain".into())], Some(right.to_string())),
        (Method::POST, "/auth/login".into(), vec![("content-encoding", "gzip".into())], Some(right.to_string())),
        // Addresses.
        get(format!("/{canary}")),
        get(format!("//{canary}/x")),
        get(format!("/me?access_token={canary}")),
        get(format!("/organizations?cursor={canary}&limit={canary}")),
        get(format!("/organizations?token={canary}%zz")),
        (Method::GET, format!("/organizations/{canary}/tasks/{canary}"), bearer(), None),
        (Method::DELETE, format!("/me/sessions/{canary}"), bearer(), None),
        // GraphQL: literals, variables, the address, what is no document.
        graph(&format!("{{ me(token: {canary:?}) {{ id }} }}"), json!(null)),
        graph(&format!("mutation {{ tokenAuth(email: {canary:?}, password: {canary:?}) {{ token }} }}"), json!(null)),
        graph(
            &format!("mutation {{ login(input: {{email: {canary:?}, password: [{canary:?}]}}) {{ success }} }}"),
            json!(null),
        ),
        graph(&format!("mutation {{ login(input: {{email: {canary:?}, password: \"{canary}"), json!(null)),
        graph("mutation A($i: LoginInput!) { login(input: $i) { success } }", json!({"i": right})),
        graph("mutation A($i: LoginInput!) { login(input: $i) { success } }", json!({"i": canary})),
        graph("mutation A($i: LoginInput!) { login(input: $i) { success } }", json!({"i": {"email": [canary]}})),
        graph("mutation A($t: String!) { refresh(refreshToken: $t) { success } }", json!({"t": format!("{canary}x")})),
        graph("mutation A($t: String) { verifyToken(token: $t) { payload } }", json!({"t": format!("{canary}x")})),
        post("//graphql", format!("\"{canary}\"")),
        post("//graphql", format!("{{\"query\":\"{canary}")),
        get(format!("//graphql?query={{me{{id}}}}&variables={canary}")),
        get(format!("//graphql?query=%7Bme%28a%3A%22{canary}%22%29%7D")),
        // The original's socket, without an upgrade.
        get(format!("//ws/tasks/acme/WEB-1/comments/?token={canary}")),
    ];
    // Headers, as far as a client may write what it likes into them.
    for scheme in ["Bearer ", "JWT ", "Basic ", ""] {
        all.push((Method::GET, "/me".into(), vec![("authorization", format!("{scheme}{canary}"))], None));
        let authorization = vec![("authorization", format!("{scheme}{canary}x"))];
        all.push((
            Method::POST,
            "//graphql".into(),
            authorization,
            Some(json!({"query": "{ me { id } }"}).to_string()),
        ));
    }
    for name in [
        "cookie",
        "if-match",
        "idempotency-key",
        "user-agent",
        "accept",
        "content-type",
        "origin",
        "referer",
        "x-forwarded-for",
        "forwarded",
        "traceparent",
        "tracestate",
        "baggage",
        "x-api-key",
        "proxy-authorization",
        "sec-websocket-protocol",
    ] {
        let value = if name == "tracestate" { format!("vendor={canary}") } else { canary.to_owned() };
        let trace = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
        let mut headers = vec![(name, value)];
        if name == "tracestate" {
            headers.push(trace);
        }
        all.push((Method::POST, "/auth/login".into(), headers.clone(), Some(right.to_string())));
        all.push((Method::GET, "/organizations".into(), headers, None));
    }
    all
}

/// Subprotocols, the query of the original's socket, and frames of all kinds.
async fn sockets(api: &Api, canaries: &Canaries, org: &str) {
    for canary in &canaries.planted {
        let init =
            json!({"type": "connection_init", "payload": {"token": canary, "Authorization": canary}}).to_string();
        let query = format!("mutation {{ login(input: {{email: {canary:?}, password: {canary:?}}}) {{ success }} }}");
        let subscribe = |id: &str| json!({"type": "subscribe", "id": id, "payload": {"query": query}}).to_string();
        let task = format!("/ws/tasks/{org}/WEB-1/comments/");
        for (path, protocols, frames) in [
            ("/api/v1/live".to_owned(), format!("trellis.v1, bearer.{canary}"), vec![]),
            (
                "/api/v1/live".to_owned(),
                format!("{canary}, trellis.v1"),
                vec![json!({"type": "auth", "token": canary}).to_string()],
            ),
            (
                "/api/v1/live".to_owned(),
                "trellis.v1".to_owned(),
                vec![json!({"type": "auth", "token": [canary]}).to_string()],
            ),
            ("/api/v1/live".to_owned(), "trellis.v1".to_owned(), vec![canary.clone()]),
            (format!("/api/v1/live?token={canary}"), canary.replace('@', "."), vec![]),
            ("/graphql".to_owned(), "graphql-transport-ws".to_owned(), vec![init]),
            (
                "/graphql".to_owned(),
                "graphql-transport-ws".to_owned(),
                vec![
                    json!({"type": "connection_init"}).to_string(),
                    subscribe(canary),
                    json!({"type": "subscribe", "id": canary, "payload": {"query": "subscription { x }"}}).to_string(),
                    subscribe(canary),
                ],
            ),
            ("/graphql".to_owned(), "graphql-transport-ws".to_owned(), vec![format!("{{\"type\":\"{canary}")]),
            (format!("{task}?token={canary}"), String::new(), vec![json!({"message": [canary]}).to_string()]),
            (task, String::new(), vec![canary.clone()]),
        ] {
            said(api, &path, &protocols, frames).await;
        }
    }
}

/// Says all of it, and listens until the socket ends or answers.
async fn said(api: &Api, path: &str, protocols: &str, frames: Vec<String>) {
    let url = format!("{}{path}", api.base.replacen("http", "ws", 1));
    let mut request = url.into_client_request().expect("the URL is right");
    if let (false, Ok(value)) = (protocols.is_empty(), protocols.replace('@', ".").parse()) {
        request.headers_mut().insert("sec-websocket-protocol", value);
    }
    // A subprotocol that is not chosen is this client's error; what matters is what the server said of it.
    let Ok((mut socket, _)) = connect_async(request).await else { return };
    for frame in frames {
        let _ = socket.send(Message::text(frame)).await;
    }
    let _ = socket.send(Message::Close(None)).await;
    while let Some(Ok(_)) = socket.next().await {}
}
