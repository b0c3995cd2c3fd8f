//! What a client builds of an answer and the events after it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// An answer with a position.
#[derive(Debug, Clone)]
pub struct Seen {
    pub cursor: String,
    /// Of what is about one task: "WEB-1".
    pub task: Option<String>,
    pub what: What,
}

#[derive(Debug, Clone)]
pub enum What {
    Project(Value),
    /// All tasks of the project.
    Tasks(Vec<Value>),
    Task(Value),
    TaskGone,
    /// All comments of a task.
    Comments(Vec<Value>),
    Comment(Value),
    /// By its id.
    CommentGone(String),
}

/// A project, its tasks by "WEB-1", and its comments by their ids; as far as it was told.
#[derive(Debug, Default)]
pub struct Rebuilt {
    project: Value,
    tasks: BTreeMap<String, Value>,
    comments: BTreeMap<String, Value>,
}

impl Seen {
    /// Whether a client can begin with it.
    pub fn is_whole(&self) -> bool {
        matches!(self.what, What::Project(_) | What::Tasks(_) | What::Comments(_))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn by(name: &str, items: &[Value]) -> BTreeMap<String, Value> {
    items.iter().map(|item| (text(&item[name]), item.clone())).collect()
}

/// The contract lets counts of a project be newer than its position.
fn without_counts(project: &Value) -> Value {
    let mut project = project.clone();
    for count in ["task_count", "completed_task_count"] {
        project[count].take();
    }
    project
}

impl Rebuilt {
    pub fn of(seen: &Seen) -> Self {
        let mut state = Self::default();
        match &seen.what {
            What::Project(project) => state.project = project.clone(),
            What::Tasks(tasks) => state.tasks = by("task_id", tasks),
            What::Comments(comments) => state.comments = by("id", comments),
            other => panic!("nobody begins with {other:?}"),
        }
        state
    }

    pub fn apply(&mut self, event: &Value) {
        let data = event["data"].clone();
        match event["kind"].as_str().unwrap_or_default() {
            "project.updated" => {
                changed_as_told(&self.project, &data, event);
                for task in self.tasks.values_mut() {
                    for name in ["slug", "name"] {
                        task["project"][name] = data[name].clone();
                    }
                }
                self.project = data;
            }
            "task.created" => {
                let before = self.tasks.insert(text(&data["task_id"]), data);
                assert!(before.is_none(), "a task is made once: {event}");
            }
            "task.updated" => {
                let task = self.tasks.entry(text(&data["task_id"])).or_default();
                changed_as_told(task, &data, event);
                *task = data;
            }
            "task.deleted" => {
                let task = &data["task_id"];
                self.tasks.remove(&text(task));
                self.comments.retain(|_, comment| comment["task_id"] != *task);
            }
            "comment.created" => {
                self.count(&data, 1);
                let before = self.comments.insert(text(&data["id"]), data);
                assert!(before.is_none(), "a comment is made once: {event}");
            }
            "comment.updated" => {
                self.comments.insert(text(&data["id"]), data);
            }
            "comment.deleted" => {
                self.count(&data, -1);
                self.comments.remove(&text(&data["id"]));
            }
            other => panic!("{other} is no kind of event: {event}"),
        }
    }

    fn count(&mut self, comment: &Value, by: i64) {
        if let Some(task) = self.tasks.get_mut(&text(&comment["task_id"])) {
            task["comment_count"] = json!(task["comment_count"].as_i64().unwrap_or_default() + by);
        }
    }

    /// The answer is what this state shows.
    #[track_caller]
    pub fn must_show(&self, seen: &Seen) {
        let at = &seen.cursor;
        match &seen.what {
            What::Project(project) => assert_eq!(without_counts(&self.project), without_counts(project), "at {at}"),
            What::Tasks(tasks) => assert_eq!(self.tasks, by("task_id", tasks), "at {at}"),
            What::Task(task) => assert_eq!(self.tasks.get(&text(&task["task_id"])), Some(task), "at {at}"),
            What::TaskGone => assert_eq!(self.tasks.get(seen.task.as_ref().expect("a task")), None, "at {at}"),
            What::Comments(comments) => {
                let task = seen.task.as_deref().expect("comments of a task");
                let own = self.comments.iter().filter(|(_, comment)| comment["task_id"] == task);
                let own: BTreeMap<_, _> = own.map(|(id, comment)| (id.clone(), comment.clone())).collect();
                assert_eq!(own, by("id", comments), "of {task} at {at}");
            }
            What::Comment(comment) => assert_eq!(self.comments.get(&text(&comment["id"])), Some(comment), "at {at}"),
            What::CommentGone(id) => assert_eq!(self.comments.get(id), None, "at {at}"),
        }
    }

    /// At the end, when nothing can be newer, the project has counted what there is.
    pub fn must_have_counted(&self, end: &Seen) {
        let What::Project(project) = &end.what else { panic!("no project: {end:?}") };
        let done = self.tasks.values().filter(|task| task["status"] == "DONE").count();
        let counts = (&project["task_count"], &project["completed_task_count"]);
        assert_eq!(counts, (&json!(self.tasks.len()), &json!(done)));
    }
}

/// An update changes what it says, from what was there, and nothing else.
fn changed_as_told(before: &Value, after: &Value, event: &Value) {
    let Some(before) = before.as_object() else { return };
    for (name, was) in before {
        if ["updated_at", "version", "task_count", "completed_task_count", "comment_count", "project"]
            .contains(&name.as_str())
        {
            continue;
        }
        let told = &event["changes"][name];
        if told.is_null() {
            assert_eq!(&after[name], was, "{name} changed and it is not told: {event}");
        } else {
            assert_eq!((&told["from"], &told["to"]), (was, &after[name]), "{name}: {event}");
        }
    }
}
