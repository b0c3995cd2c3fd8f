//! Every place that takes a body, and what is wrong there.

use reqwest::Method;
use serde_json::{Value, json};
use trellis_tests::{Api, Session, unique};

/// A place that takes a body: a body that is right, and for each field values that are wrong.
pub struct Place {
    pub method: Method,
    pub path: String,
    pub right: Value,
    pub wrong: Vec<(&'static str, Vec<Value>)>,
}

pub struct World {
    pub ada: Session,
    pub org: String,
    pub places: Vec<Place>,
}

pub async fn world() -> World {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ada.task(&org, "WEB", "One").await;
    let at = format!("/organizations/{org}");
    let comment = ada.post(&format!("{at}/tasks/WEB-1/comments"), json!({"content": "x"})).await.expect(201);
    let member = ada.invite(&org, "Ben", "MEMBER").await;

    let long = |n: usize| json!("x".repeat(n));
    let email = || {
        vec![json!("no-at-sign"), json!(""), json!(format!("{}@example.test", "x".repeat(250))), json!("a\u{0}@b.test")]
    };
    let name = |limit: usize| vec![json!(""), json!("   "), long(limit + 1), json!("nul\u{0}nul")];
    let slug = || vec![json!("Upper"), json!(""), json!("-edge"), json!("a--b"), json!("späce"), long(51)];
    let status = || vec![json!("done"), json!("NOPE"), json!("")];
    let date = || vec![json!("soon"), json!(""), json!("2030-02-30"), json!("30.01.2030")];
    let description = || vec![long(20_001), json!("nul\u{0}nul")];
    let password = || vec![json!("short"), long(129), json!("password123"), json!("12345678")];
    let place = |method: Method, path: &str, right: Value, wrong: Vec<(&'static str, Vec<Value>)>| Place {
        method,
        path: path.to_owned(),
        right,
        wrong,
    };
    let (post, patch) = (Method::POST, Method::PATCH);
    let places = vec![
        place(
            post.clone(),
            "/auth/register",
            json!({"email": "new@example.test", "password": "a-quite-long-passphrase", "name": "N"}),
            vec![("email", email()), ("password", password()), ("name", name(100))],
        ),
        place(patch.clone(), "/me", json!({"name": "N"}), vec![("name", name(100))]),
        place(
            post.clone(),
            "/me/password",
            json!({"current_password": "a-quite-long-passphrase", "new_password": "another-quite-long-one"}),
            vec![("current_password", vec![json!("wrong-passphrase")]), ("new_password", password())],
        ),
        place(
            post.clone(),
            "/organizations",
            json!({"name": unique("o"), "slug": unique("o"), "contact_email": "o@example.test"}),
            vec![("name", name(100)), ("slug", slug()), ("contact_email", email())],
        ),
        place(
            patch.clone(),
            &at,
            json!({}),
            vec![
                ("name", name(100)),
                ("slug", slug()),
                ("contact_email", email()),
                ("join_policy", vec![json!("open"), json!("")]),
            ],
        ),
        place(
            post.clone(),
            &format!("{at}/invitations"),
            json!({"email": "i@example.test", "role": "MEMBER"}),
            vec![("email", email()), ("role", vec![json!("OWNER"), json!("admin"), json!("")])],
        ),
        place(
            patch.clone(),
            &format!("{at}/members/{}", member.id()),
            json!({"role": "MEMBER"}),
            vec![("role", vec![json!("OWNER"), json!("")])],
        ),
        place(
            post.clone(),
            &format!("{at}/projects"),
            json!({"name": "P"}),
            vec![
                ("name", name(200)),
                ("slug", slug()),
                ("key", vec![json!("low"), json!(""), json!("1ST"), json!("ELEVENCHARS"), json!("A-B")]),
                ("description", description()),
                ("status", status()),
                ("due_date", vec![json!("soon"), json!(""), json!("2030-02-30"), json!("2030-01-01T00:00:00Z")]),
            ],
        ),
        place(
            patch.clone(),
            &format!("{at}/projects/WEB"),
            json!({}),
            vec![
                ("name", name(200)),
                ("slug", slug()),
                ("description", description()),
                ("status", status()),
                ("due_date", date()),
            ],
        ),
        place(
            post.clone(),
            &format!("{at}/projects/WEB/tasks"),
            json!({"title": "T"}),
            vec![
                ("title", name(200)),
                ("description", description()),
                ("status", status()),
                ("due_date", date()),
                ("assignee_id", vec![json!("nobody"), json!(""), json!("00000000-0000-7000-8000-000000000000")]),
                ("assignee_email", vec![json!("nobody@example.test"), json!("")]),
            ],
        ),
        place(
            patch.clone(),
            &format!("{at}/tasks/WEB-1"),
            json!({}),
            vec![
                ("title", name(200)),
                ("description", description()),
                ("status", status()),
                ("due_date", date()),
                ("assignee_id", vec![json!("nobody"), json!("")]),
                ("assignee_email", vec![json!("nobody@example.test"), json!("")]),
            ],
        ),
        place(
            post,
            &format!("{at}/tasks/WEB-1/comments"),
            json!({"content": "C"}),
            vec![("content", vec![json!(""), json!(" \n "), long(20_001), json!("\u{0}")])],
        ),
        place(
            patch,
            &format!("{at}/comments/{}", comment["id"].as_str().unwrap()),
            json!({"content": "C"}),
            vec![("content", vec![json!(""), long(20_001)])],
        ),
    ];
    World { ada, org, places }
}
