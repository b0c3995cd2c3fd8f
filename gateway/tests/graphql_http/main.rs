//! `/graphql` over HTTP as clients meet it: the real router, over fake services that answer what a test says.

#![allow(clippy::unwrap_used)]

#[path = "../rest/fake.rs"]
#[expect(dead_code, reason = "shared with the tests of REST")]
mod fake;
#[path = "../rest/gateway.rs"]
#[expect(dead_code, reason = "shared with the tests of REST")]
mod gateway;
mod limits;
mod media;
mod methods;
mod page;
mod refusals;
mod running;

use gateway::{Answer, Harness, ask};
use http::Method;
use serde_json::{Value, json};

const ON: &[(&str, &str)] = &[("TRELLIS_GRAPHQL_INTROSPECTION", "on")];

/// An operation by POST, signed out.
async fn post(gateway: &Harness, headers: &[(&str, &str)], query: &str) -> Answer {
    send(gateway, headers, &json!({"query": query})).await
}

async fn send(gateway: &Harness, headers: &[(&str, &str)], body: &Value) -> Answer {
    let request =
        headers.iter().fold(ask(Method::POST, "/graphql"), |request, (name, value)| request.header(name, value));
    gateway.send(request.json(&body.to_string())).await
}

impl Answer {
    /// That nothing was run, told in the shape of GraphQL; gives back the first message.
    #[track_caller]
    fn refused(&self, status: u16, code: &str) -> String {
        let shown = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{shown}");
        let body = self.json();
        assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["errors"], "{shown}");
        assert_eq!(body["errors"][0]["extensions"]["code"], code, "{shown}");
        assert!(self.header("x-request-id").is_some());
        assert_eq!(self.header("cache-control"), Some("no-store"));
        body["errors"][0]["message"].as_str().unwrap().to_owned()
    }
}
