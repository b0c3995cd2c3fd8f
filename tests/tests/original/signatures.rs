//! Names, arguments and nullability of the original's operations, as its clients declare their variables.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trellis_tests::Api;

const INTROSPECTION: &str = "{ __schema { queryType { name } mutationType { name } types { name kind
  fields { name type { ...Type } args { name defaultValue type { ...Type } } }
  inputFields { name defaultValue type { ...Type } } } } }
fragment Type on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// A field with its arguments. What is added to it may not be required.
const OPERATIONS: [&str; 22] = [
    "Query.organizations: [Organization]",
    "Query.me: User",
    "Query.myOrganizations: [Organization]",
    "Query.organizationMembers(orgSlug: String!): [OrganizationMember]",
    "Query.projects(orgSlug: String!): [Project]",
    "Query.project(orgSlug: String!, projectSlug: String!): Project",
    "Query.tasks(orgSlug: String!, projectSlug: String!): [Task]",
    "Query.task(orgSlug: String!, taskId: String!): Task",
    "Query.taskComments(orgSlug: String!, taskId: String!): [TaskComment]",
    "Mutation.createOrganization(input: OrganizationInput!): CreateOrganizationPayload",
    "Mutation.registerUser(input: RegisterUserInput!): RegisterUserPayload",
    "Mutation.loginUser(input: LoginUserInput!): LoginUserPayload",
    "Mutation.createProject(input: ProjectInput!): CreateProjectPayload",
    "Mutation.updateProject(projectSlug: String!, organizationSlug: String!, input: UpdateProjectInput!): UpdateProjectPayload",
    "Mutation.deleteProject(projectSlug: String!, organizationSlug: String!): DeleteProjectPayload",
    "Mutation.createTask(input: TaskInput!): CreateTaskPayload",
    "Mutation.updateTask(taskId: String!, orgSlug: String!, input: UpdateTaskInput!): UpdateTaskPayload",
    "Mutation.deleteTask(taskId: String!, orgSlug: String!): DeleteTaskPayload",
    "Mutation.createTaskComment(orgSlug: String!, taskId: String!, content: String!): CreateTaskCommentPayload",
    "Mutation.tokenAuth(email: String!, password: String!): ObtainJSONWebToken",
    "Mutation.refreshToken(token: String): Refresh",
    "Mutation.verifyToken(token: String): Verify",
];

/// Types and the types of their fields; there may be more fields, of inputs only such as are not required.
const TYPES: [(&str, &str); 24] = [
    ("User", "id: ID!, email: String!, name: String!"),
    ("Organization", "id: ID!, name: String!, slug: String!, contactEmail: String!, createdAt: DateTime!"),
    (
        "OrganizationMember",
        "id: ID!, role: Role!, name: String!, email: String!, user: User!, organization: Organization!",
    ),
    (
        "Project",
        "id: ID!, name: String!, slug: String!, description: String!, status: ProjectStatus!, dueDate: Date, \
         createdAt: DateTime!, taskCount: Int!, completedTasks: Int!",
    ),
    (
        "Task",
        "id: ID!, taskId: String!, title: String!, description: String!, status: TaskStatus!, assignee: User, \
         dueDate: DateTime, createdAt: DateTime!",
    ),
    ("TaskComment", "id: ID!, content: String!, author: User!, timestamp: DateTime!, task: Task!"),
    ("OrganizationInput", "name: String!, slug: String!, contactEmail: String!"),
    ("RegisterUserInput", "email: String!, password: String!, name: String!, organizationSlug: String!"),
    ("LoginUserInput", "email: String!, password: String!"),
    (
        "ProjectInput",
        "organizationSlug: String!, name: String!, slug: String, description: String, status: String, dueDate: Date",
    ),
    ("UpdateProjectInput", "name: String, slug: String, description: String, status: String, dueDate: String"),
    (
        "TaskInput",
        "organizationSlug: String!, projectSlug: String!, title: String!, description: String, status: String, \
         dueDate: Date, assigneeEmail: String",
    ),
    ("UpdateTaskInput", "title: String, description: String, status: String, dueDate: String, assigneeEmail: String"),
    ("CreateOrganizationPayload", "success: Boolean, errors: [String], organization: Organization"),
    ("RegisterUserPayload", "success: Boolean, errors: [String], user: User, token: String"),
    ("LoginUserPayload", "success: Boolean, errors: [String], user: User, token: String"),
    ("CreateProjectPayload", "success: Boolean, errors: [String], project: Project"),
    ("UpdateProjectPayload", "success: Boolean, errors: [String], project: Project"),
    ("CreateTaskPayload", "success: Boolean, errors: [String], task: Task"),
    ("UpdateTaskPayload", "success: Boolean, errors: [String], task: Task"),
    ("CreateTaskCommentPayload", "success: Boolean, errors: [String], comment: TaskComment"),
    ("ObtainJSONWebToken", "token: String!, payload: GenericScalar!, refreshExpiresIn: Int!"),
    ("Refresh", "token: String!, payload: GenericScalar!, refreshExpiresIn: Int!"),
    ("Verify", "payload: GenericScalar!"),
];

#[tokio::test]
async fn operations_and_types_have_the_names_arguments_and_nullability_that_clients_declare() {
    let answer = Api::shared().graph().data(INTROSPECTION, json!({})).await;
    let schema = &answer["__schema"];
    assert_eq!((&schema["queryType"]["name"], &schema["mutationType"]["name"]), (&json!("Query"), &json!("Mutation")));
    let types: BTreeMap<&str, &Value> =
        schema["types"].as_array().unwrap().iter().map(|kind| (kind["name"].as_str().unwrap(), kind)).collect();
    let members = |name: &str| -> Vec<&Value> {
        let kind = types.get(name).unwrap_or_else(|| panic!("there is no type {name}"));
        let list = |member: &str| kind[member].as_array().cloned().unwrap_or_default().len();
        let of = if list("fields") > 0 { "fields" } else { "inputFields" };
        kind[of].as_array().unwrap_or_else(|| panic!("{name} has no fields")).iter().collect()
    };

    let mut wrong = Vec::new();
    for operation in OPERATIONS {
        let (at, wanted) = operation.rsplit_once(": ").unwrap();
        let (path, arguments) = at.split_once('(').unwrap_or((at, ")"));
        let (parent, name) = path.split_once('.').unwrap();
        let Some(field) = members(parent).into_iter().find(|field| field["name"] == name) else {
            wrong.push(format!("{path} is missing"));
            continue;
        };
        if type_of(&field["type"]) != wanted {
            wrong.push(format!("{path} is {}, not {wanted}", type_of(&field["type"])));
        }
        let there: Vec<_> = field["args"].as_array().unwrap().iter().collect();
        compare(path, arguments.trim_end_matches(')'), &there, &mut wrong);
    }
    for (name, wanted) in TYPES {
        if types.contains_key(name) {
            compare(name, wanted, &members(name), &mut wrong);
        } else {
            wrong.push(format!("there is no type {name}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every wanted one is there with its type; of arguments and inputs, none beside them is required.
fn compare(at: &str, wanted: &str, there: &[&Value], wrong: &mut Vec<String>) {
    let is_input = there.iter().all(|field| field.get("args").is_none());
    let mut wanted: BTreeMap<_, _> =
        wanted.split(", ").filter(|part| !part.is_empty()).map(|part| part.split_once(": ").unwrap()).collect();
    for field in there {
        let (name, found) = (field["name"].as_str().unwrap(), type_of(&field["type"]));
        match wanted.remove(name) {
            Some(kind) if kind != found => wrong.push(format!("{at}.{name} is {found}, not {kind}")),
            None if is_input && found.ends_with('!') && field["defaultValue"].is_null() => {
                wrong.push(format!("{at}.{name} is required, which no client knows"));
            }
            _ => {}
        }
    }
    wrong.extend(wanted.keys().map(|name| format!("{at}.{name} is missing")));
}

fn type_of(kind: &Value) -> String {
    match kind["kind"].as_str() {
        Some("NON_NULL") => format!("{}!", type_of(&kind["ofType"])),
        Some("LIST") => format!("[{}]", type_of(&kind["ofType"])),
        _ => kind["name"].as_str().unwrap_or_default().to_owned(),
    }
}
