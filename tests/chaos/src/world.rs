//! Who is there before anything breaks: people, an organization each few share, projects and tasks that are watched.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;
use trellis_tests::{Api, Session, unique};
use uuid::Uuid;

pub const ORGANIZATIONS: usize = 2;
const PROJECTS: usize = 2;
const TASKS: usize = 5;
const MEMBERS: usize = 5;

#[derive(Clone)]
pub struct Person {
    pub id: Uuid,
    pub email: String,
    pub token: String,
}

/// One task that is there from the start and stays.
#[derive(Clone)]
pub struct Task {
    pub id: Uuid,
    pub task_id: String,
}

#[derive(Clone)]
pub struct Project {
    pub id: Uuid,
    pub slug: String,
    pub key: String,
    pub tasks: Vec<Task>,
}

#[derive(Clone)]
pub struct Organization {
    pub slug: String,
    /// The first is its ADMIN; all stay.
    pub people: Vec<Person>,
    pub projects: Vec<Project>,
}

pub struct World {
    pub organizations: Vec<Organization>,
    /// A member of the first organization from time to time.
    pub wanderer: Person,
}

impl Person {
    fn of(session: &Session) -> anyhow::Result<Self> {
        Ok(Self { id: session.id().parse()?, email: session.email().to_owned(), token: session.token.clone() })
    }
}

impl World {
    /// By one gateway, while nothing is broken.
    pub async fn build(base: &str) -> anyhow::Result<Self> {
        let api = Api::new(base);
        let mut organizations = Vec::new();
        for number in 0..ORGANIZATIONS {
            let admin = api.register(&format!("Ada {number}")).await;
            let slug = admin.organization().await;
            let mut people = vec![Person::of(&admin)?];
            for member in 1..MEMBERS {
                people.push(Person::of(&admin.invite(&slug, &format!("Member {number} {member}"), "MEMBER").await)?);
            }
            let mut projects = Vec::new();
            for key in ["A", "B", "C", "D"].into_iter().take(PROJECTS) {
                projects.push(project(&admin, &slug, key).await?);
            }
            organizations.push(Organization { slug, people, projects });
        }
        let wanderer = Person::of(&api.register("Wanda").await)?;
        Ok(Self { organizations, wanderer })
    }
}

async fn project(admin: &Session, org: &str, key: &str) -> anyhow::Result<Project> {
    let made = admin.project(org, json!({"name": unique("project"), "key": key})).await;
    let mut tasks = Vec::new();
    for number in 0..TASKS {
        let task = admin.task(org, key, &format!("Task {number}")).await;
        tasks.push(Task { id: uuid(&task["id"])?, task_id: text(&task["task_id"])? });
    }
    Ok(Project { id: uuid(&made["id"])?, slug: text(&made["slug"])?, key: key.to_owned(), tasks })
}

fn uuid(value: &serde_json::Value) -> anyhow::Result<Uuid> {
    Ok(text(value)?.parse()?)
}

fn text(value: &serde_json::Value) -> anyhow::Result<String> {
    Ok(value.as_str().with_context(|| format!("not a text: {value}"))?.to_owned())
}

/// Until it is so, or `patience` has passed; gives whether it is.
pub async fn until(patience: Duration, mut so: impl AsyncFnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !so().await {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    true
}
