//! However many rows an answer has, what they name is asked for at once.

use serde_json::{Value, json};
use trellis_proto::{
    identity::v1::{BatchGetUsersRequest, BatchGetUsersResponse, User},
    org::v1::{GetOrganizationRequest, GetOrganizationResponse, Organization, Role},
    project::v1::{
        Activity, BatchGetProjectsRequest, BatchGetProjectsResponse, BatchGetTasksRequest, BatchGetTasksResponse,
        BatchGetWatchesRequest, BatchGetWatchesResponse, Change, Comment, ListActivityOfTasksRequest,
        ListActivityOfTasksResponse, ListActivityResponse, ListCommentsOfTasksRequest, ListCommentsOfTasksResponse,
        ListCommentsResponse, ListProjectsRequest, ListProjectsResponse, ListTasksOfProjectsRequest,
        ListTasksOfProjectsResponse, ListTasksRequest, ListTasksResponse, Project, ProjectRef, Task,
        list_activity_of_tasks_response, list_comments_of_tasks_response, list_tasks_of_projects_response,
    },
};

use crate::{gateway::ANN, reading::read, world::World};

const METHODS: [&str; 11] = [
    "OrgService/GetOrganization",
    "ProjectService/ListProjects",
    "ProjectService/ListTasks",
    "ProjectService/BatchGetProjects",
    "ProjectService/BatchGetTasks",
    "ProjectService/BatchGetWatches",
    "ProjectService/ListTasksOfProjects",
    "ProjectService/ListCommentsOfTasks",
    "ProjectService/ListActivityOfTasks",
    "IdentityService/BatchGetUsers",
    "OrgService/CheckAccess",
];

fn project(id: &str) -> Project {
    Project { id: id.into(), slug: format!("slug-{id}"), ..Project::default() }
}

/// One of its own person each, all of the project `p1`.
fn task(id: &str) -> Task {
    Task {
        id: id.into(),
        task_id: format!("WEB-{id}"),
        assignee_id: format!("assignee-{id}"),
        created_by_id: format!("creator-{id}"),
        project: Some(ProjectRef { id: "p1".into(), slug: "web".into(), ..ProjectRef::default() }),
        ..Task::default()
    }
}

fn comment(of: &str) -> Comment {
    Comment {
        id: format!("c{of}"),
        task_id: format!("WEB-{of}"),
        author_id: format!("author-{of}"),
        ..Comment::default()
    }
}

fn activity(of: &str) -> Activity {
    let change = |field: &str, to: &str| Change { field: field.into(), from_json: "null".into(), to_json: to.into() };
    Activity {
        id: format!("a{of}"),
        kind: "task.updated".into(),
        actor_id: format!("actor-{of}"),
        changes: vec![change("assignee", &format!("\"new-{of}\"")), change("status", "\"DONE\"")],
        ..Activity::default()
    }
}

fn services(world: &World, rows: u32) {
    let fake = &world.harness.fake;
    fake.on("IdentityService/BatchGetUsers", |request: BatchGetUsersRequest, _| {
        let user = |id: String| User { name: format!("Name of {id}"), id, ..User::default() };
        Ok(BatchGetUsersResponse { users: request.ids.into_iter().map(user).collect() })
    });
    fake.on("OrgService/GetOrganization", |request: GetOrganizationRequest, _| {
        let organization =
            Organization { id: "o1".into(), slug: request.org, role: Role::Member.into(), ..Organization::default() };
        Ok(GetOrganizationResponse { organization: Some(organization) })
    });
    fake.on("ProjectService/ListProjects", move |_: ListProjectsRequest, _| {
        let projects = (1..=rows).map(|id| project(&id.to_string())).collect();
        let cursors = (1..=rows).map(|id| id.to_string()).collect();
        Ok(ListProjectsResponse { projects, cursors, ..ListProjectsResponse::default() })
    });
    fake.on("ProjectService/ListTasks", move |request: ListTasksRequest, _| {
        assert!(request.page.is_some_and(|page| page.all));
        let tasks = (1..=rows).map(|id| task(&id.to_string())).collect();
        Ok(ListTasksResponse { tasks, ..ListTasksResponse::default() })
    });
    fake.on("ProjectService/BatchGetProjects", |request: BatchGetProjectsRequest, _| {
        Ok(BatchGetProjectsResponse { projects: request.ids.iter().map(|id| project(id)).collect() })
    });
    fake.on("ProjectService/BatchGetTasks", |request: BatchGetTasksRequest, _| {
        let tasks = request.task_ids.iter().map(|id| task(id.trim_start_matches("WEB-")));
        Ok(BatchGetTasksResponse { tasks: tasks.collect() })
    });
    // Every other one is watched.
    fake.on("ProjectService/BatchGetWatches", |request: BatchGetWatchesRequest, call| {
        assert_eq!((&*request.org, call.user), ("acme", Some(ANN)));
        let ids = request.ids.into_iter().filter(|id| id.parse::<i32>().is_ok_and(|id| id % 2 == 0));
        Ok(BatchGetWatchesResponse { ids: ids.collect() })
    });
    fake.on("ProjectService/ListTasksOfProjects", |request: ListTasksOfProjectsRequest, _| {
        let of = |id: String| {
            let list =
                ListTasksResponse { tasks: vec![task(&id)], cursors: vec!["t".into()], ..ListTasksResponse::default() };
            list_tasks_of_projects_response::Of { project_id: id, list: Some(list) }
        };
        Ok(ListTasksOfProjectsResponse { lists: request.project_ids.into_iter().map(of).collect() })
    });
    fake.on("ProjectService/ListCommentsOfTasks", |request: ListCommentsOfTasksRequest, _| {
        let of = |id: String| {
            let comments = vec![comment(&id)];
            let list = ListCommentsResponse { comments, cursors: vec!["c".into()], ..ListCommentsResponse::default() };
            list_comments_of_tasks_response::Of { id, list: Some(list) }
        };
        Ok(ListCommentsOfTasksResponse { lists: request.ids.into_iter().map(of).collect() })
    });
    fake.on("ProjectService/ListActivityOfTasks", |request: ListActivityOfTasksRequest, _| {
        let of = |id: String| {
            let activities = vec![activity(&id)];
            let list =
                ListActivityResponse { activities, cursors: vec!["a".into()], ..ListActivityResponse::default() };
            list_activity_of_tasks_response::Of { id, list: Some(list) }
        };
        Ok(ListActivityOfTasksResponse { lists: request.ids.into_iter().map(of).collect() })
    });
}

/// The answer, and how often each method was called for it.
async fn asked(rows: u32, query: &str) -> (Value, Vec<(&'static str, usize)>) {
    let world = World::start().await;
    services(&world, rows);
    let answer = read(&world, query, json!({})).await;
    let calls = METHODS.map(|method| (method, world.harness.fake.calls(method).len()));
    (answer, calls.into_iter().filter(|(_, calls)| *calls > 0).collect())
}

const TASKS: &str = r#"{
    tasks(orgSlug: "acme", projectSlug: "web") {
        taskId
        watching
        assignee { name }
        createdBy { name }
        project { id slug organization { id } }
        comments(first: 1) { nodes { id author { name } task { taskId version } } }
        activity(last: 1) { edges { cursor node { actor { name } changes { field from to } } } }
    }
}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_with_all_that_they_name() {
    let mut before = None;
    for rows in [1, 50, 500] {
        let (answer, calls) = asked(rows, TASKS).await;
        assert_eq!(answer.as_array().unwrap().len(), rows as usize);
        for (row, id) in answer.as_array().unwrap().iter().zip(1..) {
            let shown = json!({
                "taskId": format!("WEB-{id}"),
                "watching": id % 2 == 0,
                "assignee": { "name": format!("Name of assignee-{id}") },
                "createdBy": { "name": format!("Name of creator-{id}") },
                "project": { "id": "p1", "slug": "slug-p1", "organization": { "id": "o1" } },
                "comments": { "nodes": [{
                    "id": format!("c{id}"),
                    "author": { "name": format!("Name of author-{id}") },
                    "task": { "taskId": format!("WEB-{id}"), "version": 0 },
                }] },
                "activity": { "edges": [{ "cursor": "a", "node": {
                    "actor": { "name": format!("Name of actor-{id}") },
                    "changes": [
                        {
                            "field": "assignee",
                            "from": null,
                            "to": { "id": format!("new-{id}"), "name": format!("Name of new-{id}"), "email": "" },
                        },
                        { "field": "status", "from": null, "to": "DONE" },
                    ],
                } }] },
            });
            assert_eq!(row, &shown);
        }
        // People are called for level by level, 500 at a time.
        let calls: Vec<_> = calls.into_iter().filter(|(method, _)| !method.starts_with("Identity")).collect();
        assert!(calls.iter().all(|(_, calls)| *calls == 1), "{rows}: {calls:?}");
        assert_eq!(before.get_or_insert_with(|| calls.clone()), &calls);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_of_many_projects() {
    let query = r#"{ projects(orgSlug: "acme") { tasks(first: 5) { nodes { taskId assignee { name } } } } }"#;
    for rows in [1, 100] {
        let (answer, calls) = asked(rows, query).await;
        assert_eq!(answer.as_array().unwrap().len(), rows as usize);
        assert_eq!(
            answer[0],
            json!({ "tasks": { "nodes": [
            { "taskId": "WEB-1", "assignee": { "name": "Name of assignee-1" } },
        ] } })
        );
        let once = |method| (method, 1);
        let expected =
            ["ProjectService/ListProjects", "ProjectService/ListTasksOfProjects", "IdentityService/BatchGetUsers"];
        assert_eq!(calls, expected.map(once));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_query_knows_is_not_asked_for_again() {
    let query = r#"{ organization(slug: "acme") { projects { nodes { organization { id projects { nodes { organization { id } } } } } } } }"#;
    let (answer, calls) = asked(1, query).await;
    assert_eq!(answer["projects"]["nodes"][0]["organization"]["id"], "o1");
    assert_eq!(calls, [("OrgService/GetOrganization", 1), ("ProjectService/ListProjects", 1)]);
}
