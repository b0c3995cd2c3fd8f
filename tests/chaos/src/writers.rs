//! Writers that come at their own pace, whatever the answers are, and ask until there is one.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};
use uuid::Uuid;

use crate::{
    board::{Board, Deed, DeedKind, Known},
    client::{Answer, Client, Request},
    ledger::{Ledger, Number, Outcome, What, mark_of, marked},
    world::{Organization, Person, World},
};

/// More at once would measure this machine.
const MOST_UNDER_WAY: usize = 300;
const CREATE_TASK: &str = "mutation($input: TaskInput!) { createTask(input: $input) {
    success errors userErrors { code } task { id taskId } } }";
const CREATE_COMMENT: &str = "mutation($org: String!, $task: String!, $content: String!) {
    createTaskComment(orgSlug: $org, taskId: $task, content: $content) {
    success errors userErrors { code } comment { id } } }";

pub struct Writers {
    client: Client,
    world: Arc<World>,
    ledger: Arc<Ledger>,
    board: Mutex<Board>,
    /// Set at the end: who has no answer then gives up soon.
    closing: AtomicBool,
}

impl Writers {
    pub fn new(client: Client, world: Arc<World>, ledger: Arc<Ledger>) -> Arc<Self> {
        let board = Board::of(&world);
        Arc::new(Self { client, world, ledger, board: Mutex::new(board), closing: AtomicBool::new(false) })
    }

    /// `rate` deeds a second, until told to stop; then waits until each has its answer, or gives up.
    pub async fn run(self: Arc<Self>, seed: u64, rate: f64, stop: Arc<AtomicBool>) {
        let mut random = StdRng::seed_from_u64(seed ^ 0x77_72_69_74);
        let mut ticks = interval(Duration::from_secs_f64(1.0 / rate));
        // Who comes late comes all the same: that is what an open loop is.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut under_way = JoinSet::new();
        while !stop.load(Ordering::Relaxed) {
            ticks.tick().await;
            while under_way.try_join_next().is_some() {}
            if under_way.len() < MOST_UNDER_WAY {
                let deed = self.board().draw(&mut random, &self.world);
                let (writers, seed) = (Arc::clone(&self), random.random());
                under_way.spawn(async move { writers.carry_out(deed, seed).await });
            }
        }
        while under_way.join_next().await.is_some() {}
    }

    /// Nobody tries much longer.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    async fn carry_out(&self, deed: Deed, seed: u64) {
        let of = &self.world.organizations[deed.organization];
        let person = &of.people[deed.person];
        let key = Uuid::new_v4();
        let tasks = |task_id: &str| format!("/organizations/{}/tasks/{task_id}", of.slug);
        match &deed.kind {
            DeedKind::Task { project, assignee, mention } => {
                let project = &of.projects[*project];
                let number = self.ledger.begin(What::Task { project: project.id }, person.id);
                let title = marked("chaos", number);
                let description = mention.map(|who| format!("for @{}", of.people[who].email)).unwrap_or_default();
                let request = if deed.graph {
                    let email = assignee.map(|who| of.people[who].email.clone());
                    let input = json!({"organizationSlug": of.slug, "projectSlug": project.slug, "title": title,
                        "description": description, "assigneeEmail": email});
                    Request::graph(person, CREATE_TASK, &json!({"input": input}))
                } else {
                    let body = json!({"title": title, "description": description,
                        "assignee_id": assignee.map(|who| of.people[who].id)});
                    let path = format!("/organizations/{}/projects/{}/tasks", of.slug, project.key);
                    Request::rest(person, Method::POST, &path, Some(body))
                };
                if let Some(made) = self.insist(number, &request.once(key), seed, made_id).await {
                    let made = made.get("task").unwrap_or(&made);
                    let task_id = made["task_id"].as_str().or(made["taskId"].as_str()).unwrap_or_default().to_owned();
                    if let Some(id) = made["id"].as_str().and_then(|id| id.parse().ok()) {
                        let organization = deed.organization;
                        self.board().tasks.push(Known { organization, id, task_id, stays: false, taken: false });
                    }
                }
            }
            DeedKind::Comment { task, mention } => {
                let number = self.ledger.begin(What::Comment { task: task.id }, person.id);
                let said = mention.map_or("said".to_owned(), |who| format!("said to @{} that", of.people[who].email));
                let content = marked(&said, number);
                let request = if deed.graph {
                    let variables = json!({"org": of.slug, "task": task.task_id, "content": content});
                    Request::graph(person, CREATE_COMMENT, &variables)
                } else {
                    let path = format!("{}/comments", tasks(&task.task_id));
                    Request::rest(person, Method::POST, &path, Some(json!({"content": content})))
                };
                if let Some(made) = self.insist(number, &request.once(key), seed, made_id).await
                    && let Some(id) = made_id(&made)
                {
                    self.board().comments.push((deed.organization, id, deed.person));
                }
            }
            DeedKind::Edit { task } => {
                self.edit(of, person, task, seed).await;
                if let Some(known) = self.board().tasks.iter_mut().find(|known| known.id == task.id) {
                    known.taken = false;
                }
            }
            DeedKind::DeleteTask { task } => {
                let number = self.ledger.begin(What::DeleteTask { task: task.id }, person.id);
                let request = Request::rest(person, Method::DELETE, &tasks(&task.task_id), None);
                self.insist(number, &request, seed, |_| Some(task.id)).await;
            }
            DeedKind::DeleteComment { comment } => {
                let number = self.ledger.begin(What::DeleteComment { comment: *comment }, person.id);
                let path = format!("/organizations/{}/comments/{comment}", of.slug);
                let request = Request::rest(person, Method::DELETE, &path, None);
                self.insist(number, &request, seed, |_| Some(*comment)).await;
            }
        }
    }

    /// A conditional change has no key: an answer that got lost is found by looking. It is done on the version that was
    /// seen or not at all, so an attempt that wakes up late does nothing.
    async fn edit(&self, of: &Organization, person: &Person, task: &Known, seed: u64) {
        let number = self.ledger.begin(What::Edit { task: task.id }, person.id);
        let path = format!("/organizations/{}/tasks/{}", of.slug, task.task_id);
        let mut tries = Tries::new(self, seed);
        let mut perhaps = false;
        loop {
            let Some(gateway) = tries.next().await else {
                let outcome =
                    if perhaps { Outcome::Unknown("no answer".to_owned()) } else { Outcome::No("none".to_owned()) };
                return self.ledger.end(number, outcome);
            };
            let (answer, _) = self.client.ask(gateway, &Request::rest(person, Method::GET, &path, None)).await;
            let there = match answer {
                Answer::Yes(there) => there,
                Answer::No(code) => {
                    let outcome = if perhaps { Outcome::Unknown(code) } else { Outcome::No(code) };
                    return self.ledger.end(number, outcome);
                }
                Answer::Again => continue,
            };
            if mark_of(there["description"].as_str().unwrap_or_default()) == Some(number) {
                return self.ledger.end(number, Outcome::Yes(task.id));
            }
            let body = json!({"description": marked("edited", number)});
            let mut request = Request::rest(person, Method::PATCH, &path, Some(body));
            request.version = there["version"].as_u64();
            let (answer, attempt) = self.client.ask(gateway, &request).await;
            perhaps |= attempt.perhaps;
            self.ledger.attempted(number, attempt);
            match answer {
                Answer::Yes(_) => return self.ledger.end(number, Outcome::Yes(task.id)),
                Answer::No(code) if !code.starts_with("412") => {
                    let outcome = if perhaps { Outcome::Unknown(code) } else { Outcome::No(code) };
                    return self.ledger.end(number, outcome);
                }
                Answer::No(_) | Answer::Again => {}
            }
        }
    }

    /// Asks until the answer says yes or no; gives a yes.
    async fn insist(
        &self,
        number: Number,
        request: &Request<'_>,
        seed: u64,
        id: impl Fn(&Value) -> Option<Uuid>,
    ) -> Option<Value> {
        let mut tries = Tries::new(self, seed);
        let mut perhaps = false;
        while let Some(gateway) = tries.next().await {
            let (answer, attempt) = self.client.ask(gateway, request).await;
            let before = perhaps;
            perhaps |= attempt.perhaps;
            self.ledger.attempted(number, attempt);
            match answer {
                Answer::Yes(value) => {
                    let outcome =
                        id(&value).map_or_else(|| Outcome::Unknown("an answer without id".to_owned()), Outcome::Yes);
                    self.ledger.end(number, outcome);
                    return Some(value);
                }
                // An earlier attempt may have deleted it.
                Answer::No(code) if before && request.method == Method::DELETE && code.starts_with("404") => {
                    self.ledger.end(number, Outcome::Unknown(code));
                    return None;
                }
                Answer::No(code) => {
                    self.ledger.end(number, if before { Outcome::Unknown(code) } else { Outcome::No(code) });
                    return None;
                }
                Answer::Again => {}
            }
        }
        let outcome = if perhaps { Outcome::Unknown("no answer".to_owned()) } else { Outcome::No("none".to_owned()) };
        self.ledger.end(number, outcome);
        None
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which gateway to ask next, after which pause.
struct Tries<'a> {
    writers: &'a Writers,
    random: StdRng,
    gateway: usize,
    made: u32,
}

impl<'a> Tries<'a> {
    fn new(writers: &'a Writers, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let gateway = random.random_range(0..writers.client.bases.len());
        Self { writers, random, gateway, made: 0 }
    }

    /// `None`: the run is over, and this had its chance.
    async fn next(&mut self) -> Option<usize> {
        if self.made > 0 {
            if self.made > 2 && self.writers.closing.load(Ordering::Relaxed) {
                return None;
            }
            let longest = 50 * 2_u64.pow(self.made.min(6));
            sleep(Duration::from_millis(self.random.random_range(longest / 2..longest))).await;
            self.gateway = (self.gateway + 1) % self.writers.client.bases.len();
        }
        self.made += 1;
        Some(self.gateway)
    }
}

/// The id of what was made, by REST or by GraphQL.
fn made_id(answer: &Value) -> Option<Uuid> {
    let made = answer.get("task").or(answer.get("comment")).filter(|made| made.is_object()).unwrap_or(answer);
    made["id"].as_str()?.parse().ok()
}
