//! Many things at once: exactly what single calls give, nothing of others.

use trellis_proto::project::v1::{
    BatchGetProjectsRequest, BatchGetTasksRequest, BatchGetWatchesRequest, CreateProjectRequest, CreateTaskRequest,
    GetProjectRequest, GetTaskRequest, ListActivityOfTasksRequest, ListActivityRequest, ListCommentsOfTasksRequest,
    ListCommentsRequest, ListTasksOfProjectsRequest, ListTasksRequest, Page, Project, Task,
};
use trellis_rpc::Code;
use uuid::Uuid;

use crate::{
    harness::{Harness, Person, Refused},
    pages::SORTS,
};

/// Three projects with 4, 2 and no tasks; the first tasks have comments.
struct Fixture {
    it: Harness,
    projects: Vec<Project>,
    tasks: Vec<Task>,
}

impl Fixture {
    async fn start() -> Self {
        let it = Harness::start().await;
        let (mut projects, mut tasks) = (Vec::new(), Vec::new());
        for (name, count) in [("Web", 4), ("Api", 2), ("Empty", 0)] {
            projects.push(it.project(name).await);
            for number in 0..count {
                let task = it.task(&name.to_lowercase(), &format!("Task {number}")).await;
                for comment in 0..(4 - number) {
                    it.comment(&task.task_id, &comment.to_string()).await;
                }
                let get = GetTaskRequest { org: "acme".into(), task_id: task.task_id };
                tasks.push(it.client().get_task(it.bob.ask(get)).await.unwrap().into_inner().task.unwrap());
            }
        }
        for project in &mut projects {
            let get = GetProjectRequest { org: "acme".into(), project: project.slug.clone() };
            *project = it.client().get_project(it.bob.ask(get)).await.unwrap().into_inner().project.unwrap();
        }
        Self { it, projects, tasks }
    }

    fn project_ids(&self) -> Vec<String> {
        self.projects.iter().map(|project| project.id.clone()).collect()
    }

    fn task_ids(&self) -> Vec<String> {
        self.tasks.iter().map(|task| task.id.clone()).collect()
    }

    fn task_names(&self) -> Vec<String> {
        self.tasks.iter().map(|task| task.task_id.clone()).collect()
    }

    /// How many things each batch finds for the person.
    async fn found(&self, person: &Person, org: &str) -> [usize; 5] {
        let (org, mut client) = (org.to_owned(), self.it.client());
        let projects = BatchGetProjectsRequest { org: org.clone(), ids: self.project_ids() };
        let tasks = BatchGetTasksRequest { org: org.clone(), task_ids: self.task_names() };
        let of_projects =
            ListTasksOfProjectsRequest { org: org.clone(), project_ids: self.project_ids(), ..Default::default() };
        let comments = ListCommentsOfTasksRequest { org: org.clone(), ids: self.task_ids(), page: None };
        let activity = ListActivityOfTasksRequest { org, ids: self.task_ids(), page: None };
        [
            client.batch_get_projects(person.ask(projects)).await.unwrap().into_inner().projects.len(),
            client.batch_get_tasks(person.ask(tasks)).await.unwrap().into_inner().tasks.len(),
            client.list_tasks_of_projects(person.ask(of_projects)).await.unwrap().into_inner().lists.len(),
            client.list_comments_of_tasks(person.ask(comments)).await.unwrap().into_inner().lists.len(),
            client.list_activity_of_tasks(person.ask(activity)).await.unwrap().into_inner().lists.len(),
        ]
    }
}

/// Each twice, and what is not there.
fn noisy(ids: &[String]) -> Vec<String> {
    let noise = [Uuid::now_v7().to_string(), "WEB-99".into(), "NOPE-1".into(), "x\0".into(), String::new()];
    ids.iter().chain(ids).cloned().chain(noise).collect()
}

fn windows() -> impl Iterator<Item = Page> {
    let page = |limit, backward| Page { limit, backward, with_cursors: true, ..Page::default() };
    (0..=3).flat_map(move |limit| [page(limit, false), page(limit, true)])
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_and_tasks_are_found_once_each() {
    let Fixture { it, projects, tasks } = Fixture::start().await;
    let ids: Vec<_> = projects.iter().map(|project| project.id.clone()).collect();
    let request = BatchGetProjectsRequest { org: "acme".into(), ids: noisy(&ids) };
    let mut found = it.client().batch_get_projects(it.bob.ask(request)).await.unwrap().into_inner().projects;
    found.sort_by_key(|project| ids.iter().position(|id| *id == project.id));
    assert_eq!(found, projects);

    let names: Vec<_> = tasks.iter().map(|task| task.task_id.clone()).collect();
    let sent = noisy(&names).iter().map(|name| name.to_lowercase()).chain(names.clone()).collect();
    let request = BatchGetTasksRequest { org: "acme".into(), task_ids: sent };
    let mut found = it.client().batch_get_tasks(it.bob.ask(request)).await.unwrap().into_inner().tasks;
    found.sort_by_key(|task| names.iter().position(|name| *name == task.task_id));
    assert_eq!(found, tasks);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_many_projects_are_those_of_each() {
    let fixture = Fixture::start().await;
    let it = &fixture.it;
    for sort in SORTS {
        for page in windows() {
            let single = ListTasksRequest {
                org: "acme".into(),
                sort: sort.into(),
                status: "TODO".into(),
                page: Some(page.clone()),
                ..Default::default()
            };
            let many = ListTasksOfProjectsRequest {
                org: "acme".into(),
                project_ids: noisy(&fixture.project_ids()),
                sort: sort.into(),
                status: "TODO".into(),
                page: Some(page),
                ..Default::default()
            };
            let lists = it.client().list_tasks_of_projects(it.bob.ask(many)).await.unwrap().into_inner().lists;
            assert_eq!(lists.len(), 3);
            for project in &fixture.projects {
                let request = ListTasksRequest { project: project.slug.clone(), ..single.clone() };
                let expected = it.client().list_tasks(it.bob.ask(request)).await.unwrap().into_inner();
                let of = lists.iter().find(|of| of.project_id == project.id);
                assert_eq!(of.unwrap().list.as_ref(), Some(&expected), "{sort}");
                assert_eq!(expected.position.unwrap().scope, project.id);
            }
        }
    }
    fixture.it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_and_activity_of_many_tasks_are_those_of_each() {
    let fixture = Fixture::start().await;
    let (it, ids) = (&fixture.it, noisy(&fixture.task_ids()));
    for page in windows() {
        let (org, page) = (String::from("acme"), Some(page));
        let comments = ListCommentsOfTasksRequest { org: org.clone(), ids: ids.clone(), page: page.clone() };
        let comments = it.client().list_comments_of_tasks(it.bob.ask(comments)).await.unwrap().into_inner().lists;
        let activity = ListActivityOfTasksRequest { org: org.clone(), ids: ids.clone(), page: page.clone() };
        let activity = it.client().list_activity_of_tasks(it.bob.ask(activity)).await.unwrap().into_inner().lists;
        assert_eq!((comments.len(), activity.len()), (fixture.tasks.len(), fixture.tasks.len()));
        for task in &fixture.tasks {
            let task_id = task.task_id.clone();
            let request = ListCommentsRequest { org: org.clone(), task_id: task_id.clone(), page: page.clone() };
            let expected = it.client().list_comments(it.bob.ask(request)).await.unwrap().into_inner();
            let of = comments.iter().find(|of| of.id == task.id).unwrap();
            assert_eq!(of.list.as_ref(), Some(&expected));
            let request = ListActivityRequest { org: org.clone(), task_id, page: page.clone() };
            let expected = it.client().list_activity(it.bob.ask(request)).await.unwrap().into_inner();
            let of = activity.iter().find(|of| of.id == task.id).unwrap();
            assert_eq!(of.list.as_ref(), Some(&expected));
        }
    }
    fixture.it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_another_organization_is_found() {
    let fixture = Fixture::start().await;
    let it = &fixture.it;
    assert_eq!(fixture.found(&it.bob, "acme").await, [3, 6, 3, 6, 6]);
    assert_eq!(fixture.found(&it.eve, "other").await, [0; 5]);
    // A task of the same name is one's own.
    let project = CreateProjectRequest { org: "other".into(), name: "Web".into(), ..Default::default() };
    it.client().create_project(it.eve.ask(project)).await.unwrap();
    let task =
        CreateTaskRequest { org: "other".into(), project: "web".into(), title: "Hers".into(), ..Default::default() };
    it.client().create_task(it.eve.ask(task)).await.unwrap();
    let request = BatchGetTasksRequest { org: "other".into(), task_ids: fixture.task_names() };
    let found = it.client().batch_get_tasks(it.eve.ask(request)).await.unwrap().into_inner().tasks;
    assert_eq!(found.iter().map(|task| task.title.as_str()).collect::<Vec<_>>(), ["Hers"]);
    assert_eq!(fixture.found(&it.eve, "other").await, [0, 1, 0, 0, 0]);
    fixture.it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_batches_are_refused_after_strangers() {
    let fixture = Fixture::start().await;
    let it = &fixture.it;
    let page = Some(Page { all: true, ..Page::default() });
    let bad_cursor = Some(Page { cursor: "?".into(), ..Page::default() });
    for (person, count, page, expected) in [
        (&it.eve, 1001, &page, None),
        (&it.bob, 1001, &None, Some(["ids:too_many", "task_ids:too_many", "project_ids:too_many"])),
        (&it.bob, 1, &page, Some(["", "", "all:invalid"])),
        (&it.bob, 1, &bad_cursor, Some(["", "", "cursor:invalid"])),
        (&it.bob, 1000, &None, Some([""; 3])),
    ] {
        let (org, mut client) = (String::from("acme"), it.client());
        let ids = vec![fixture.tasks[0].id.clone(); count];
        let projects = BatchGetProjectsRequest { org: org.clone(), ids: ids.clone() };
        let tasks = BatchGetTasksRequest { org: org.clone(), task_ids: ids.clone() };
        let of_projects = ListTasksOfProjectsRequest {
            org: org.clone(),
            project_ids: ids.clone(),
            page: page.clone(),
            ..Default::default()
        };
        let comments = ListCommentsOfTasksRequest { org: org.clone(), ids: ids.clone(), page: page.clone() };
        let watches = BatchGetWatchesRequest { org: org.clone(), ids: ids.clone() };
        let activity = ListActivityOfTasksRequest { org, ids, page: page.clone() };
        let answers = [
            client.batch_get_projects(person.ask(projects)).await.map(drop),
            client.batch_get_tasks(person.ask(tasks)).await.map(drop),
            client.list_tasks_of_projects(person.ask(of_projects)).await.map(drop),
            client.list_comments_of_tasks(person.ask(comments)).await.map(drop),
            client.list_activity_of_tasks(person.ask(activity)).await.map(drop),
            client.batch_get_watches(person.ask(watches)).await.map(drop),
        ];
        let Some([ids, task_ids, project_ids]) = expected else {
            for answer in answers {
                let refused = answer.problem();
                assert_eq!((refused.code, refused.resource.as_str()), (Code::NotFound, "organization"));
            }
            continue;
        };
        let paged = if project_ids.starts_with("project") { ids } else { project_ids };
        for (answer, blamed) in answers.into_iter().zip([ids, task_ids, project_ids, paged, paged, ids]) {
            if blamed.is_empty() {
                answer.unwrap();
            } else {
                assert_eq!(answer.blames(), (Code::InvalidRequest, vec![blamed.to_owned()]));
            }
        }
    }
    fixture.it.end().await;
}
