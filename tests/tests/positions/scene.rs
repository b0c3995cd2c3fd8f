//! People who write and read at random, and remember what they were answered.

use std::sync::Mutex;

use rand::{RngExt as _, rngs::StdRng};
use serde_json::{Value, json};
use trellis_tests::{Answer, Api, Session};

use super::rebuilt::{Seen, What};

/// A project of its own, and two who work on it.
pub struct Scene {
    pub org: String,
    pub ada: Session,
    pub ben: Session,
    /// Two gateways.
    bases: [String; 2],
    seen: Mutex<Vec<Seen>>,
    /// Ids of tasks that were made.
    tasks: Mutex<Vec<String>>,
    /// Ids of comments that were made, each with the place of its author among the two.
    comments: Mutex<Vec<(usize, String)>>,
    /// The last position of each task that is left.
    last: Mutex<Vec<(String, String)>>,
}

/// Few enough for one page of a list, so that its position says it all.
const MOST_TASKS: usize = 60;

fn any<T: Clone>(rng: &mut StdRng, list: &Mutex<Vec<T>>) -> Option<T> {
    let list = list.lock().unwrap();
    (!list.is_empty()).then(|| list[rng.random_range(0..list.len())].clone())
}

impl Scene {
    pub async fn new(second: &str) -> Self {
        let api = Api::shared();
        let ada = api.register("Ada").await;
        let org = ada.organization().await;
        let ben = ada.invite(&org, "Ben", "MEMBER").await;
        ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
        Self {
            org,
            ada,
            ben,
            bases: [api.base, second.to_owned()],
            seen: Mutex::default(),
            tasks: Mutex::default(),
            comments: Mutex::default(),
            last: Mutex::default(),
        }
    }

    pub fn base(&self, number: usize) -> &str {
        &self.bases[number % 2]
    }

    pub fn topic(&self) -> String {
        format!("project:{}/WEB", self.org)
    }

    pub fn task_topic(&self, task: &str) -> String {
        format!("task:{}/{task}", self.org)
    }

    fn at(&self, rest: &str) -> String {
        format!("/organizations/{}{rest}", self.org)
    }

    /// One of the two at one of the gateways, and his place.
    fn somebody(&self, rng: &mut StdRng) -> (usize, Session) {
        let (who, at) = (rng.random_range(0..2), rng.random_range(0..2));
        let person = [&self.ada, &self.ben][who].clone();
        (who, Session { api: Api::new(self.bases[at].clone()), ..person })
    }

    /// Remembers an answer, where it was a success; what was deleted meanwhile is not found.
    fn remember(&self, answer: &Answer, task: Option<&str>, what: impl FnOnce(Value) -> What) -> bool {
        if answer.status == 404 {
            return false;
        }
        assert!(answer.status.is_success(), "{} {}", answer.status, answer.text);
        let cursor = answer.cursor();
        assert!(!cursor.is_empty(), "an answer without a position: {}", answer.text);
        let seen = Seen { cursor, task: task.map(str::to_owned), what: what(answer.body.clone()) };
        self.seen.lock().unwrap().push(seen);
        true
    }

    /// What was answered so far; with `whole` that which a client can begin with.
    pub fn take_seen(&self, whole: bool) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|seen| !whole || seen.is_whole()).cloned().collect()
    }

    pub async fn write(&self, rng: &mut StdRng) {
        let (who, person) = self.somebody(rng);
        let task = any(rng, &self.tasks);
        let few = self.tasks.lock().unwrap().len() < MOST_TASKS;
        match (rng.random_range(0..100), task) {
            (0..20, _) | (_, None) if few => self.create(rng, &person).await,
            (20..50, Some(task)) => {
                let (path, change) = (self.at(&format!("/tasks/{task}")), self.change(rng));
                let answer = person.patch(&path, change).await;
                self.remember(&answer, Some(&task), What::Task);
            }
            (50..54, Some(task)) => {
                let answer = person.delete(&self.at(&format!("/tasks/{task}"))).await;
                self.remember(&answer, Some(&task), |_| What::TaskGone);
            }
            (54..58, _) => {
                let change = json!({"name": format!("Website {}", rng.random_range(0..5)), "status": "ON_HOLD"});
                let answer = person.patch(&self.at("/projects/WEB"), change).await;
                self.remember(&answer, None, What::Project);
            }
            (58..82, Some(task)) => {
                let path = self.at(&format!("/tasks/{task}/comments"));
                let answer = person.post(&path, json!({"content": format!("{}", rng.random_range(0..1000))})).await;
                if self.remember(&answer, Some(&task), What::Comment) {
                    let id = answer.body["id"].as_str().unwrap().to_owned();
                    self.comments.lock().unwrap().push((who, id));
                }
            }
            (lot, _) => self.change_comment(rng, lot < 94).await,
        }
    }

    async fn create(&self, rng: &mut StdRng, person: &Session) {
        let body = json!({"title": format!("Task {}", rng.random_range(0..1000)), "assignee_id": self.ben.id()});
        let answer = person.post(&self.at("/projects/WEB/tasks"), body).await;
        if self.remember(&answer, None, What::Task) {
            self.tasks.lock().unwrap().push(answer.body["task_id"].as_str().unwrap().to_owned());
        }
    }

    /// Something of a task; often what it is already.
    fn change(&self, rng: &mut StdRng) -> Value {
        let word = rng.random_range(0..3);
        let any = |three: [Value; 3]| three[word].clone();
        match rng.random_range(0..5) {
            0 => json!({"status": any(["TODO", "IN_PROGRESS", "DONE"].map(Value::from))}),
            1 => json!({"title": any(["One", "Two", "Three"].map(Value::from)), "description": "Much"}),
            2 => json!({"assignee_id": any([json!(self.ada.id()), json!(self.ben.id()), Value::Null])}),
            3 => json!({"due_date": any([json!("2030-01-31"), json!("2031-01-31T09:30:00Z"), Value::Null])}),
            _ => json!({}),
        }
    }

    async fn change_comment(&self, rng: &mut StdRng, edit: bool) {
        let Some((author, id)) = any(rng, &self.comments) else { return };
        let person = [&self.ada, &self.ben][author];
        let path = self.at(&format!("/comments/{id}"));
        if edit {
            let answer = person.patch(&path, json!({"content": format!("{}", rng.random_range(0..5))})).await;
            self.remember(&answer, None, What::Comment);
        } else {
            self.remember(&person.delete(&path).await, None, |_| What::CommentGone(id));
        }
    }

    pub async fn read(&self, rng: &mut StdRng) {
        let (_, person) = self.somebody(rng);
        let items = |list: Value| {
            assert_eq!(list["next_cursor"], Value::Null, "a list of one page");
            list["items"].as_array().cloned().unwrap_or_default()
        };
        match (rng.random_range(0..5), any(rng, &self.tasks)) {
            (0, _) => {
                let answer = person.get(&self.at("/projects/WEB/tasks?limit=100")).await;
                self.remember(&answer, None, |list| What::Tasks(items(list)));
            }
            (1, _) | (_, None) => {
                self.remember(&person.get(&self.at("/projects/WEB")).await, None, What::Project);
            }
            (2, Some(task)) => {
                let answer = person.get(&self.at(&format!("/tasks/{task}"))).await;
                self.remember(&answer, Some(&task), What::Task);
            }
            (_, Some(task)) => {
                let answer = person.get(&self.at(&format!("/tasks/{task}/comments?limit=100"))).await;
                self.remember(&answer, Some(&task), |list| What::Comments(items(list)));
            }
        }
    }

    /// The project at this moment.
    pub async fn project(&self) -> Seen {
        let answer = self.ada.get(&self.at("/projects/WEB")).await;
        Seen { cursor: answer.cursor(), task: None, what: What::Project(answer.expect(200)) }
    }

    /// Says a last word at each task that is left, so that listeners know when they have heard everything; gives the
    /// project at the end.
    pub async fn quiet(&self) -> Seen {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap());
        tasks.sort();
        for task in tasks {
            let path = self.at(&format!("/tasks/{task}/comments"));
            let answer = self.ada.post(&path, json!({"content": "the last word"})).await;
            let last = if self.remember(&answer, Some(&task), What::Comment) { answer.cursor() } else { String::new() };
            self.last.lock().unwrap().push((task, last));
        }
        self.project().await
    }

    /// Where the last event of a task is: its last word, or that it was deleted.
    pub fn last_of(&self, task: &str) -> Option<String> {
        let last = self.last.lock().unwrap();
        let found = last.iter().find(|(name, _)| name == task).map(|(_, cursor)| cursor.clone());
        found.filter(|cursor| !cursor.is_empty()).or_else(|| {
            let seen = self.seen.lock().unwrap();
            let gone =
                seen.iter().find(|seen| seen.task.as_deref() == Some(task) && matches!(seen.what, What::TaskGone));
            gone.map(|seen| seen.cursor.clone())
        })
    }

    /// What the same request is answered now; of a task that is gone, that nothing is left.
    pub async fn again(&self, seen: &Seen) -> Seen {
        let items = |list: Value| list["items"].as_array().cloned().unwrap_or_default();
        let path = match (&seen.what, &seen.task) {
            (What::Project(_), _) => self.at("/projects/WEB"),
            (What::Tasks(_), _) => self.at("/projects/WEB/tasks?limit=100"),
            (_, Some(task)) => self.at(&format!("/tasks/{task}/comments?limit=100")),
            other => panic!("nobody begins with {other:?}"),
        };
        let answer = self.ben.get(&path).await;
        let cursor = answer.cursor();
        let body = if answer.status == 404 { Value::Null } else { answer.expect(200) };
        let what = match &seen.what {
            What::Project(_) => What::Project(body),
            What::Tasks(_) => What::Tasks(items(body)),
            _ => What::Comments(items(body)),
        };
        Seen { cursor, task: seen.task.clone(), what }
    }
}
