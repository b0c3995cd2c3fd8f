//! Demo data, filled in over the public REST API as any client would.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

/// Of every demo account: they live on loopback and hold nothing.
pub const PASSWORD: &str = "correct-horse-demo";

/// E-mail and name; the first is the ADMIN.
pub const PEOPLE: [(&str, &str); 3] =
    [("ada@acme.test", "Ada Admin"), ("ben@acme.test", "Ben Builder"), ("cleo@acme.test", "Cleo Coder")];

/// Organization `acme`, three people, two projects, tasks, comments.
pub fn fill(base: &str) -> anyhow::Result<()> {
    let api = Api {
        base: format!("{base}/api/v1"),
        agent: ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(20)))
            .http_status_as_error(false)
            .build()
            .into(),
    };
    let ada = api.register(PEOPLE[0], None)?;
    api.post(&ada, "/organizations", &json!({"name": "Acme", "slug": "acme", "contact_email": "hello@acme.test"}))?;
    let mut people = vec![ada];
    for (email, name) in &PEOPLE[1..] {
        let invitation =
            api.post(&people[0], "/organizations/acme/invitations", &json!({"email": email, "role": "MEMBER"}))?;
        let token = invitation["token"].as_str().context("an invitation without a token")?;
        people.push(api.register((email, name), Some(token))?);
    }

    let org = "/organizations/acme";
    api.post(&people[0], &format!("{org}/projects"), &json!({
        "name": "Website", "slug": "website", "key": "WEB", "description": "The new site.", "due_date": "2030-06-30",
    }))?;
    api.post(
        &people[1],
        &format!("{org}/projects"),
        &json!({
            "name": "Mobile app", "slug": "mobile-app", "key": "APP", "description": "The same, in a pocket.",
        }),
    )?;
    let tasks = [
        ("website", 0, "Draw the landing page", "IN_PROGRESS", Some(PEOPLE[1].0)),
        ("website", 0, "Write the imprint", "TODO", None),
        ("website", 1, "Pick a font", "DONE", Some(PEOPLE[2].0)),
        ("website", 2, "Measure how fast it loads", "TODO", Some(PEOPLE[2].0)),
        ("mobile-app", 1, "Sign in with a passkey", "TODO", Some(PEOPLE[0].0)),
        ("mobile-app", 2, "Offline mode", "IN_PROGRESS", Some(PEOPLE[1].0)),
    ];
    for (project, author, title, status, assignee) in tasks {
        api.post(
            &people[author],
            &format!("{org}/projects/{project}/tasks"),
            &json!({
                "title": title, "status": status, "assignee_email": assignee,
            }),
        )?;
    }
    let comments = [
        ("WEB-1", 1, "First draft is up. What do you think of the colours?"),
        ("WEB-1", 0, "Lovely. A little more contrast, please."),
        ("WEB-3", 2, "Inter it is."),
        ("APP-2", 1, "Conflicts are the hard part: last writer wins for now."),
    ];
    for (task, author, content) in comments {
        api.post(&people[author], &format!("{org}/tasks/{task}/comments"), &json!({"content": content}))?;
    }
    Ok(())
}

struct Api {
    base: String,
    agent: ureq::Agent,
}

impl Api {
    /// Gives the access token.
    fn register(&self, (email, name): (&str, &str), invitation: Option<&str>) -> anyhow::Result<String> {
        let mut body = json!({"email": email, "name": name, "password": PASSWORD});
        if let Some(token) = invitation {
            body["invitation_token"] = token.into();
        }
        let tokens = self.post("", "/auth/register", &body)?;
        Ok(tokens["access_token"].as_str().context("registered, but got no token")?.to_owned())
    }

    fn post(&self, token: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut response = request.send_json(body).with_context(|| format!("POST {path}"))?;
        let status = response.status();
        let answer = response.body_mut().read_to_string()?;
        if !status.is_success() {
            bail!("demo data: POST {path} answered {status}: {answer}");
        }
        Ok(serde_json::from_str(&answer)?)
    }
}
