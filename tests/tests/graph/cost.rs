//! What a query costs does not follow its rows: calls between processes and SQL statements, counted.

use serde_json::{Value, json};
use trellis_tests::{Api, Cost, Meter, Session};

/// As the original's pages ask for the tasks of a project, and more.
const TASKS: &str = "query($org: String!, $project: String!) { tasks(orgSlug: $org, projectSlug: $project) {
  taskId title status dueDate createdAt commentCount watching assignee { name email } createdBy { name }
  project { name taskCount completedTasks } } }";
/// The same by pages, with comments and activity of each.
const PAGE: &str = "query($org: String!, $project: String!) { project(orgSlug: $org, projectSlug: $project) { name taskCount
  tasks(first: 50) { liveCursor nodes { taskId commentCount watching assignee { name } createdBy { name }
    project { taskCount }
    comments(first: 2) { nodes { content author { name } } } activity(first: 2) { nodes { kind actor { name } } } } } } }";
const PROJECTS: &str = "query($org: String!) { projects(orgSlug: $org) {
  id name slug description status dueDate createdAt taskCount completedTasks } }";
const NESTED: &str = "query($org: String!) { organization(slug: $org) { projects(first: 18) { nodes {
  name taskCount completedTasks organization { name }
  tasks(first: 3) { nodes { taskId assignee { name } createdBy { name }
    comments(first: 2) { nodes { content author { name } task { title } } } } } } } } }";

/// What is reached from every row, asked for at each.
const AROUND: &str = "query($org: String!, $project: String!) { tasks(orgSlug: $org, projectSlug: $project) { project {
  organization { project(slug: $project) { name } projects(first: 2) { nodes { name } } members(first: 2) { nodes { role } }
    tasks(first: 2) { nodes { title } } task(taskId: \"P0-1\") { title } } } } }";

struct World {
    meter: Meter,
    ada: Session,
    people: Vec<Session>,
}

impl World {
    /// An organization with this many projects, each with this many tasks; the people take turns.
    async fn organization(&self, projects: usize, tasks: usize) -> String {
        let org = self.ada.organization().await;
        for person in &self.people {
            let body = json!({"email": person.email(), "role": "MEMBER"});
            let path = format!("/organizations/{org}/invitations");
            let invitation = self.ada.post_once(&path, body).await.expect(201);
            person.post_once("/invitations/accept", json!({"token": invitation["token"]})).await.expect(200);
        }
        for n in 0..projects {
            let key = format!("P{n}");
            self.ada.project(&org, json!({"name": format!("Project {n}"), "slug": format!("p{n}"), "key": key})).await;
            let writes = (0..tasks).map(|task| {
                let (by, to) = (&self.people[task % self.people.len()], &self.people[(task / 3) % self.people.len()]);
                let path = format!("/organizations/{org}/projects/{key}/tasks");
                let body = json!({"title": format!("Task {task}"), "assignee_id": to.id()});
                async move { by.post_once(&path, body).await.expect(201) }
            });
            // Not all at once: they wait for one another in the database.
            let made: Vec<Value> = futures_util::StreamExt::collect(futures_util::StreamExt::buffer_unordered(
                futures_util::stream::iter(writes),
                8,
            ))
            .await;
            for task in made.iter().take(5) {
                let path = format!("/organizations/{org}/tasks/{}/comments", task["task_id"].as_str().unwrap());
                for person in &self.people[..2] {
                    person.post_once(&path, json!({"content": "Hello"})).await.expect(201);
                }
            }
        }
        org
    }

    /// The cost of a query, which gives `rows` of what `pointer` points to.
    async fn cost(&self, document: &str, org: &str, pointer: &str, rows: usize) -> Cost {
        let graph = self.ada.graph();
        let variables = json!({"org": org, "project": "p0"});
        let data = graph.data(document, variables.clone()).await;
        let list = data.pointer(pointer).and_then(Value::as_array).unwrap_or_else(|| panic!("no {pointer}: {data}"));
        assert_eq!(list.len(), rows, "{pointer}");
        let cold = async |base: &str| {
            let graph = Session { api: Api::new(base), ..self.ada.clone() }.graph();
            assert_eq!(graph.data(document, variables.clone()).await, data);
        };
        let names = self.meter.names(cold).await.unwrap();
        // Each list whose rows name people asks once, for those that are not known yet.
        let lists = [(TASKS, 1), (PAGE, 3), (NESTED, 2), (PROJECTS, 0)].iter().find(|(known, _)| *known == document);
        let most = lists.map_or(0, |(_, lists)| *lists);
        let told = format!("calls and statements for the names of people, {rows} rows: {names:?}\n{document}");
        assert!(names.0 == names.1 && names.0 <= most && (names.0 > 0) == (most > 0), "{told}");
        self.meter.cost(|| graph.data(document, variables.clone())).await.unwrap()
    }
}

/// All of them are equal, and within `bound` calls and statements.
fn same(what: &str, costs: &[(usize, Cost)], bound: (u64, u64)) {
    let told = |(rows, cost): &(usize, Cost)| {
        let (calls, statements) = cost.totals();
        format!("{rows} rows: {calls} calls, {statements} statements\n  {:?}\n  {:?}", cost.calls, cost.statements)
    };
    let figures = format!("{what}\n{}", costs.iter().map(told).collect::<Vec<_>>().join("\n"));
    assert!(costs.windows(2).all(|pair| pair[0].1 == pair[1].1), "it grows with the rows: {figures}");
    let (calls, statements) = costs[0].1.totals();
    assert!(calls > 0 && statements > 0, "nothing was counted: {figures}");
    assert!(calls <= bound.0 && statements <= bound.1, "it costs more than it should, {bound:?}: {figures}");
}

#[tokio::test]
async fn calls_and_statements_do_not_grow_with_the_rows() {
    let meter = Meter::start().await.unwrap();
    let api = Api::new(meter.cluster.cluster.url());
    let ada = api.register("Ada").await;
    let mut people = vec![];
    for name in ["Ben", "Carla", "Dora", "Emil"] {
        people.push(api.register(name).await);
    }
    let w = World { meter, ada, people };

    let (mut tasks, mut pages, mut around) = (Vec::new(), Vec::new(), Vec::new());
    for rows in [1, 50, 500] {
        let org = w.organization(1, rows).await;
        tasks.push((rows, w.cost(TASKS, &org, "/tasks", rows).await));
        around.push((rows, w.cost(AROUND, &org, "/tasks", rows).await));
        pages.push((rows, w.cost(PAGE, &org, "/project/tasks/nodes", rows.min(50)).await));
    }
    let (mut projects, mut nested) = (Vec::new(), Vec::new());
    for rows in [1, 18] {
        let org = w.organization(rows, 4).await;
        projects.push((rows, w.cost(PROJECTS, &org, "/projects", rows).await));
        nested.push((rows, w.cost(NESTED, &org, "/organization/projects/nodes", rows).await));
    }
    same("tasks", &tasks, (3, 3));
    same("a page of tasks with comments and activity", &pages, (6, 6));
    same("what is around each task", &around, (8, 12));
    same("projects", &projects, (1, 1));
    same("projects with tasks with comments", &nested, (5, 5));
}
