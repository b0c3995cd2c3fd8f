//! Mutations beyond the original's, and `userErrors`, which stand beside `errors` in all of them.

use serde_json::{Value, json};
use trellis_tests::{Graph, PASSWORD, unique};

use super::{NO_ACCESS, NO_PERMISSION, World, world};

/// Sends `field(arguments) { success errors userErrors selection }`.
async fn run(graph: &Graph, field: &str, selection: &str, variables: Value) -> trellis_tests::Answer {
    let (declared, field) = field.split_once(" => ").unwrap_or(("", field));
    let declared = if declared.is_empty() { String::new() } else { format!("({declared})") };
    let document = format!(
        "mutation{declared} {{ {field} {{ success errors userErrors {{ field code message }} {selection} }} }}"
    );
    graph.post(&document, variables).await
}

/// The user errors of a mutation that failed, by field and code.
async fn blamed(graph: &Graph, field: &str, variables: Value) -> Vec<(Option<String>, String)> {
    let answer = run(graph, field, "", variables).await;
    let payload = answer.body["data"].as_object().unwrap().values().next().unwrap().clone();
    let sentences = answer.failed();
    let errors = payload["userErrors"].as_array().unwrap();
    assert!(errors.len() >= sentences.len(), "one for each sentence: {payload}");
    assert!(errors.iter().all(|error| error["message"].as_str().is_some_and(|message| !message.is_empty())));
    let text = |value: &Value| value.as_str().map(str::to_owned);
    errors.iter().map(|error| (text(&error["field"]), text(&error["code"]).unwrap())).collect()
}

fn error(field: &str, code: &str) -> (Option<String>, String) {
    ((!field.is_empty()).then(|| field.to_owned()), code.to_owned())
}

impl World {
    fn variables(&self, more: Value) -> Value {
        let mut variables = more;
        variables["org"] = json!(self.org);
        variables
    }
}

#[tokio::test]
async fn a_session_is_opened_renewed_and_ended() {
    let w = world().await;
    let graph = w.api.graph();
    let selection = "tokens { accessToken tokenType expiresIn refreshToken user { id email name createdAt } }";
    let email = format!("{}@example.test", unique("carla"));
    let register = "$input: RegisterInput! => register(input: $input)";
    let input = json!({"email": email, "password": PASSWORD, "name": "Carla"});
    let tokens = run(&graph, register, selection, json!({"input": input})).await.done()["tokens"].clone();
    assert_eq!((&tokens["tokenType"], &tokens["user"]["email"]), (&json!("Bearer"), &json!(email)));
    assert!(tokens["user"]["createdAt"].is_string());
    assert_eq!(blamed(&graph, register, json!({"input": input})).await, [error("email", "already_exists")]);
    let bad = json!({"email": "x", "password": "x", "name": ""});
    let wanted = [error("email", "invalid"), error("password", "too_short"), error("name", "required")];
    let mut found = blamed(&graph, register, json!({"input": bad})).await;
    found.sort_by_key(|(field, _)| wanted.iter().position(|(wanted, _)| wanted == field));
    assert_eq!(found, wanted);

    let login = "$input: LoginInput! => login(input: $input)";
    let good = json!({"input": {"email": email, "password": PASSWORD}});
    let tokens = run(&graph, login, selection, good).await.done()["tokens"].clone();
    let wrong = json!({"input": {"email": email, "password": "not-the-passphrase"}});
    assert_eq!(blamed(&graph, login, wrong).await, [error("", "invalid_credentials")]);

    let refresh = "$token: String! => refresh(refreshToken: $token)";
    let next = run(&graph, refresh, selection, json!({"token": tokens["refreshToken"]})).await.done()["tokens"].clone();
    assert_ne!(next["refreshToken"], tokens["refreshToken"]);
    assert_eq!(blamed(&graph, refresh, json!({"token": "nonsense"})).await, [error("", "unauthenticated")]);

    let carla = graph.with(&format!("Bearer {}", next["accessToken"].as_str().unwrap()));
    let update = "$input: UpdateMeInput! => updateMe(input: $input)";
    let user = run(&carla, update, "user { name email }", json!({"input": {"name": "Carla B."}})).await.done();
    assert_eq!(user["user"], json!({"name": "Carla B.", "email": email}));
    assert_eq!(blamed(&carla, update, json!({"input": {"name": " "}})).await, [error("name", "blank")]);
    let change = "$input: ChangePasswordInput! => changePassword(input: $input)";
    let wrong = json!({"currentPassword": "wrong-passphrase", "newPassword": "another-long-one"});
    assert_eq!(blamed(&carla, change, json!({"input": wrong})).await, [error("currentPassword", "incorrect")]);
    let right = json!({"currentPassword": PASSWORD, "newPassword": "another-long-one"});
    run(&carla, change, "", json!({"input": right})).await.done();
    run(&carla, "logout", "", json!({})).await.done();
    assert_eq!(blamed(&graph, "logout", json!({})).await, [error("", "unauthenticated")]);
    assert_eq!(run(&graph, "logout", "", json!({})).await.failed(), [NO_PERMISSION]);
}

#[tokio::test]
async fn an_organization_is_changed_and_deleted_by_its_admins() {
    let w = world().await;
    let (ada, ben) = (w.ada.graph(), w.ben.graph());
    let update = "$org: String!, $input: UpdateOrganizationInput! => updateOrganization(orgSlug: $org, input: $input)";
    let selection = "organization { name slug joinPolicy version }";
    let org = run(&ada, update, selection, w.variables(json!({"input": {"joinPolicy": "OPEN"}}))).await.done();
    let org = &org["organization"];
    assert_eq!((&org["slug"], &org["joinPolicy"]), (&json!(w.org), &json!("OPEN")));
    let stale = w.variables(json!({"input": {"name": "x", "expectedVersion": org["version"].as_u64().unwrap() + 1}}));
    assert_eq!(blamed(&ada, update, stale).await, [error("", "version_mismatch")]);
    let bad = w.variables(json!({"input": {"slug": "Not A Slug", "contactEmail": "x"}}));
    let mut found = blamed(&ada, update, bad).await;
    found.sort();
    assert_eq!(found, [error("contactEmail", "invalid"), error("slug", "invalid")]);
    let harmless = w.variables(json!({"input": {"name": "x"}}));
    assert_eq!(run(&ben, update, "", harmless.clone()).await.failed(), [NO_PERMISSION]);
    assert_eq!(blamed(&ben, update, harmless).await, [error("", "forbidden")]);

    let delete = "$org: String!, $version: Int => deleteOrganization(orgSlug: $org, expectedVersion: $version)";
    assert_eq!(blamed(&ben, delete, w.variables(json!({}))).await, [error("", "forbidden")]);
    let stale = w.variables(json!({"version": 99}));
    assert_eq!(blamed(&ada, delete, stale).await, [error("", "version_mismatch")]);
    run(&ada, delete, "", w.variables(json!({"version": org["version"]}))).await.done();
    assert_eq!(run(&ada, delete, "", w.variables(json!({}))).await.failed(), [NO_ACCESS]);
}

#[tokio::test]
async fn members_are_invited_changed_and_removed() {
    let w = world().await;
    let (ada, ben) = (w.ada.graph(), w.ben.graph());
    let carla = w.api.register("Carla").await;
    let invite =
        "$org: String!, $email: String!, $role: Role => createInvitation(orgSlug: $org, email: $email, role: $role)";
    let selection = "token invitation { id email role expiresAt createdAt invitedBy { name } }";
    let made = run(&ada, invite, selection, w.variables(json!({"email": carla.email()}))).await.done();
    let invitation = &made["invitation"];
    assert_eq!((&invitation["role"], &invitation["invitedBy"]["name"]), (&json!("MEMBER"), &json!("Ada")));
    assert_eq!(blamed(&ada, invite, w.variables(json!({"email": "x"}))).await, [error("email", "invalid")]);
    let member = w.variables(json!({"email": w.ben.email()}));
    assert_eq!(blamed(&ada, invite, member).await, [error("email", "already_exists")]);
    assert_eq!(blamed(&ben, invite, w.variables(json!({"email": "x@example.test"}))).await, [error("", "forbidden")]);

    let accept = "$token: String! => acceptInvitation(token: $token)";
    let joined =
        run(&carla.graph(), accept, "organization { slug role }", json!({"token": made["token"]})).await.done();
    assert_eq!(joined["organization"], json!({"slug": w.org, "role": "MEMBER"}));
    for (graph, token) in [(carla.graph(), "nonsense"), (ben.clone(), made["token"].as_str().unwrap())] {
        let codes = blamed(&graph, accept, json!({"token": token})).await;
        assert_eq!(codes, [error("", "not_found")], "{token}");
    }
    let revoke = "$org: String!, $id: ID! => revokeInvitation(orgSlug: $org, id: $id)";
    let second = run(
        &ada,
        invite,
        "token invitation { id }",
        w.variables(json!({"email": "guest@example.test", "role": "ADMIN"})),
    )
    .await
    .done();
    run(&ada, revoke, "", w.variables(json!({"id": second["invitation"]["id"]}))).await.done();
    let gone = w.variables(json!({"id": second["invitation"]["id"]}));
    assert_eq!(blamed(&ada, revoke, gone).await, [error("", "not_found")]);

    let change = "$org: String!, $user: ID!, $role: Role! => updateMember(orgSlug: $org, userId: $user, role: $role)";
    let promoted = run(
        &ada,
        change,
        "member { role name user { id } }",
        w.variables(json!({"user": carla.id(), "role": "ADMIN"})),
    )
    .await
    .done();
    assert_eq!(promoted["member"], json!({"role": "ADMIN", "name": "Carla", "user": {"id": carla.id()}}));
    assert_eq!(
        blamed(&ben, change, w.variables(json!({"user": w.ben.id(), "role": "ADMIN"}))).await,
        [error("", "forbidden")]
    );
    let remove = "$org: String!, $user: ID! => removeMember(orgSlug: $org, userId: $user)";
    run(&carla.graph(), remove, "", w.variables(json!({"user": carla.id()}))).await.done();
    let last = blamed(&ada, remove, w.variables(json!({"user": w.ada.id()}))).await;
    assert!(last.len() == 1 && last[0].1 == "last_admin", "{last:?}");
    let nobody = w.variables(json!({"user": carla.id()}));
    assert_eq!(blamed(&ada, remove, nobody).await, [error("", "not_found")]);
    assert_eq!(run(&carla.graph(), remove, "", w.variables(json!({"user": w.ben.id()}))).await.failed(), [NO_ACCESS]);
}

#[tokio::test]
async fn comments_are_edited_by_their_authors_and_deleted_by_admins_too() {
    let w = world().await;
    let (ada, ben) = (w.ada.graph(), w.ben.graph());
    let (by_ada, _) = w.comment("by Ada").await;
    let update =
        "$org: String!, $id: ID!, $content: String! => updateTaskComment(orgSlug: $org, id: $id, content: $content)";
    let delete = "$org: String!, $id: ID! => deleteTaskComment(orgSlug: $org, id: $id)";
    let at = |content: &str| w.variables(json!({"id": by_ada["id"], "content": content}));
    let edited = run(&ada, update, "comment { content editedAt } liveCursor", at("edited")).await.done();
    assert_eq!(edited["comment"]["content"], "edited");
    assert!(edited["comment"]["editedAt"].is_string() && edited["liveCursor"].is_string(), "{edited}");
    assert_eq!(blamed(&ada, update, at(" ")).await, [error("content", "blank")]);
    assert_eq!(run(&ben, update, "", at("forged")).await.failed(), [NO_PERMISSION]);
    assert_eq!(run(&ben, delete, "", at("")).await.failed(), [NO_PERMISSION]);
    run(&ada, delete, "liveCursor", at("")).await.done();
    assert_eq!(run(&ada, delete, "", at("")).await.failed(), ["Comment not found"]);
    assert_eq!(run(&ada, update, "", at("x")).await.failed(), ["Comment not found"]);
}

#[tokio::test]
async fn writes_of_the_original_take_and_tell_more() {
    let w = world().await;
    let graph = w.ada.graph();
    let create = "$input: ProjectInput! => createProject(input: $input)";
    let input = json!({"organizationSlug": w.org, "name": "Mobile", "key": "APP"});
    let made = run(&graph, create, "project { key version } liveCursor", json!({"input": input})).await.done();
    assert_eq!(made["project"], json!({"key": "APP", "version": 1}));
    let taken =
        blamed(&graph, create, json!({"input": {"organizationSlug": w.org, "name": "x", "slug": "mobile"}})).await;
    assert_eq!(taken, [error("slug", "already_exists")]);

    let create = "$input: TaskInput! => createTask(input: $input)";
    let input = json!({"organizationSlug": w.org, "projectSlug": "mobile", "title": "x", "assigneeId": w.ben.id()});
    let made =
        run(&graph, create, "task { taskId version assignee { id } } liveCursor", json!({"input": input})).await.done();
    assert_eq!(made["task"], json!({"taskId": "APP-1", "version": 1, "assignee": {"id": w.ben.id()}}));
    let update =
        "$org: String!, $input: UpdateTaskInput! => updateTask(orgSlug: $org, taskId: \"APP-1\", input: $input)";
    let input = json!({"title": "y", "assigneeId": "", "expectedVersion": 1});
    let changed =
        run(&graph, update, "task { version assignee { id } } liveCursor", w.variables(json!({"input": input})))
            .await
            .done();
    assert_eq!(changed["task"], json!({"version": 2, "assignee": null}));
    assert_ne!(changed["liveCursor"], made["liveCursor"]);
    assert_eq!(blamed(&graph, update, w.variables(json!({"input": input}))).await, [error("", "version_mismatch")]);
    let both = json!({"input": {"title": "", "status": "x", "dueDate": "soon"}});
    let mut found: Vec<_> =
        blamed(&graph, update, w.variables(both)).await.into_iter().map(|(field, _)| field.unwrap()).collect();
    found.sort();
    assert_eq!(found, ["dueDate", "status", "title"]);
    let missing = "$org: String! => deleteTask(orgSlug: $org, taskId: \"APP-9\")";
    assert_eq!(blamed(&graph, missing, w.variables(json!({}))).await, [error("", "not_found")]);
    let stranger = w.api.register("Eve").await.graph();
    assert_eq!(blamed(&stranger, missing, w.variables(json!({}))).await, [error("", "not_found")]);
    assert_eq!(blamed(&w.api.graph(), missing, w.variables(json!({}))).await, [error("", "unauthenticated")]);
    for (field, code) in [
        ("deleteTask(orgSlug: $org, taskId: \"APP-1\", expectedVersion: $v)", "version_mismatch"),
        ("deleteProject(organizationSlug: $org, projectSlug: \"mobile\", expectedVersion: $v)", "version_mismatch"),
    ] {
        let field = format!("$org: String!, $v: Int => {field}");
        assert_eq!(blamed(&graph, &field, w.variables(json!({"v": 99}))).await, [error("", code)]);
    }
}

#[tokio::test]
async fn the_same_request_under_one_key_is_done_once() {
    let w = world().await;
    let query = "mutation($input: TaskInput!) { a: createTask(input: $input) { success task { taskId } } b: createTask(input: $input) { success task { taskId } } }";
    let input = json!({"organizationSlug": w.org, "projectSlug": "website", "title": "Once"});
    let body = json!({"query": query, "variables": {"input": input}}).to_string();
    let key = [("idempotency-key", "the-same-key")];
    let first = w.ada.graph().post_with(&key, body.clone()).await.data();
    assert_eq!((&first["a"]["task"]["taskId"], &first["b"]["task"]["taskId"]), (&json!("WEB-2"), &json!("WEB-3")));
    assert_eq!(w.ada.graph().post_with(&key, body.clone()).await.data(), first);
    let other = w.ada.graph().post_with(&key, body.replace("Once", "Twice")).await.data();
    assert_eq!(other["a"], json!({"success": false, "task": null}));
}

#[tokio::test]
async fn a_field_that_is_asked_for_twice_is_done_once() {
    let w = world().await;
    let input = json!({"input": {"organizationSlug": w.org, "projectSlug": "website", "title": "Only one"}});
    let twice = "mutation($input: TaskInput!) { ...A ...B }
      fragment A on Mutation { createTask(input: $input) { success } }
      fragment B on Mutation { createTask(input: $input) { task { title } } }";
    let done = w.ada.graph().data(twice, input).await;
    assert_eq!(done, json!({"createTask": {"success": true, "task": {"title": "Only one"}}}));
    let tasks = "query($org: String!) { tasks(orgSlug: $org, projectSlug: \"website\") { title } }";
    let tasks = w.ada.graph().data(tasks, w.variables(json!({}))).await;
    let same = tasks["tasks"].as_array().unwrap().iter().filter(|task| task["title"] == "Only one");
    assert_eq!(same.count(), 1, "{tasks}");
}
