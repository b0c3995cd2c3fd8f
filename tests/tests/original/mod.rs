//! What clients of the original system see: its tables row by row, success and each failure; its socket.

mod comments;
mod organizations;
mod people;
mod projects;
mod reads;
mod signatures;
mod socket;
mod tasks;
mod tokens;
mod wire;

use std::time::Duration;

use serde_json::{Value, json};
use trellis_tests::{Api, PASSWORD, Session, unique};

const NO_ACCESS: &str = "You don't have access to this organization";
const NO_PERMISSION: &str = "You do not have permission to perform this action";

const CREATE_ORGANIZATION: &str =
    "mutation CreateOrganization($input: OrganizationInput!) { createOrganization(input: $input) {
  success errors organization { id name slug contactEmail createdAt } } }";
const REGISTER: &str = "mutation RegisterUser($input: RegisterUserInput!) { registerUser(input: $input) {
  success errors token user { id email name } } }";
const LOGIN: &str = "mutation LoginUser($input: LoginUserInput!) { loginUser(input: $input) {
  success errors token user { id email name } } }";
const CREATE_PROJECT: &str = "mutation CreateProject($input: ProjectInput!) { createProject(input: $input) {
  success errors project { id name slug description status dueDate createdAt taskCount completedTasks } } }";
const UPDATE_PROJECT: &str =
    "mutation UpdateProject($projectSlug: String!, $organizationSlug: String!, $input: UpdateProjectInput!) {
  updateProject(projectSlug: $projectSlug, organizationSlug: $organizationSlug, input: $input) {
    success errors project { id name slug description status dueDate createdAt taskCount completedTasks } } }";
const CREATE_TASK: &str = "mutation CreateTask($input: TaskInput!) { createTask(input: $input) {
  success errors task { id taskId title description status dueDate createdAt assignee { id email name } } } }";
const UPDATE_TASK: &str = "mutation UpdateTask($taskId: String!, $orgSlug: String!, $input: UpdateTaskInput!) {
  updateTask(taskId: $taskId, orgSlug: $orgSlug, input: $input) {
    success errors task { id taskId title description status dueDate createdAt assignee { id email name } } } }";
const COMMENT: &str = "mutation CreateTaskComment($orgSlug: String!, $taskId: String!, $content: String!) {
  createTaskComment(orgSlug: $orgSlug, taskId: $taskId, content: $content) {
    success errors comment { id content timestamp author { id email name } task { taskId } } } }";

/// An organization as clients of the original make it: first the organization, then its people, who register.
struct World {
    api: Api,
    org: String,
    /// ADMIN, being the first who registered.
    ada: Session,
    /// MEMBER.
    ben: Session,
}

async fn world() -> World {
    let api = Api::shared();
    let org = organization(&api).await;
    let ada = join(&api, &org, "Ada").await;
    let ben = join(&api, &org, "Ben").await;
    World { api, org, ada, ben }
}

/// Made signed out; gives its slug.
async fn organization(api: &Api) -> String {
    let slug = unique("org");
    let input = json!({"name": slug, "slug": slug, "contactEmail": format!("{slug}@example.test")});
    api.graph().done(CREATE_ORGANIZATION, json!({"input": input})).await;
    slug
}

/// Registers somebody with an organization that is open.
async fn join(api: &Api, org: &str, name: &str) -> Session {
    let email = format!("{}@example.test", unique("user"));
    let input = json!({"email": email, "password": PASSWORD, "name": name, "organizationSlug": org});
    session(api, &api.graph().done(REGISTER, json!({"input": input})).await)
}

/// Of a payload with user and token; a client of the original gets no refresh token.
fn session(api: &Api, payload: &Value) -> Session {
    let token = payload["token"].as_str().unwrap_or_else(|| panic!("no token: {payload}")).to_owned();
    Session { api: api.clone(), token, refresh_token: String::new(), user: payload["user"].clone() }
}

impl World {
    /// Project "Website", with slug `website` and key `WEBSITE`.
    async fn project(&self) -> Value {
        let input = json!({"organizationSlug": self.org, "name": "Website"});
        self.ada.graph().done(CREATE_PROJECT, json!({"input": input})).await["project"].clone()
    }

    /// In project `website`.
    async fn task(&self, title: &str) -> Value {
        let input = json!({"organizationSlug": self.org, "projectSlug": "website", "title": title});
        self.ada.graph().done(CREATE_TASK, json!({"input": input})).await["task"].clone()
    }

    /// By Ada, on a task.
    async fn comment(&self, task: &str, content: &str) -> Value {
        let variables = json!({"orgSlug": self.org, "taskId": task, "content": content});
        self.ada.graph().done(COMMENT, variables).await["comment"].clone()
    }
}

/// Waits until a token is no longer taken.
pub async fn ended(session: &Session) {
    for _ in 0..400 {
        let answer = session.graph().post("{ me { id } }", json!({})).await;
        if answer.body["data"]["me"].is_null() {
            assert_eq!(answer.refused(), ("unauthenticated".to_owned(), NO_PERMISSION.to_owned()));
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the token is still taken");
}

/// As an instant, however it is written.
fn instant(value: &Value) -> chrono::DateTime<chrono::Utc> {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no date-time: {value}"))
}
