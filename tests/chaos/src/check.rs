//! Compares what was asked, what the databases hold and what the sockets heard. Pure: it is given all three.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use trellis_proto::project::v1::project_event::Object;
use uuid::Uuid;

use crate::{
    findings::{Class, Findings},
    ledger::{Entry, Number, Outcome, What, mark_of},
    truth::{Event, Truth},
};

/// The events of the log by what they tell of.
struct Told<'a> {
    /// Of tasks and comments that were created: the mark of the text, and the id.
    created: Vec<(Number, Uuid, bool)>,
    /// By the mark of the description.
    edited: HashMap<Number, usize>,
    deleted: HashMap<Uuid, usize>,
    created_ids: HashMap<Uuid, usize>,
    /// Project, number of the task, in the log's order.
    numbers: BTreeMap<Uuid, Vec<i64>>,
    truth: &'a Truth,
}

pub fn check(entries: &[Entry], truth: &Truth, findings: &mut Findings) {
    let told = Told::of(truth);
    scopes(truth, findings);
    told.rows(findings);
    told.numbering(findings);
    let deletions: HashSet<Uuid> = entries.iter().filter(|entry| entry.is_possible()).filter_map(deleted).collect();
    let rows: HashSet<Uuid> = truth.tasks.iter().chain(&truth.comments).map(|row| row.id).collect();
    told.marks(entries, findings);
    // A comment goes with its task.
    let mut of_task = HashMap::new();
    for entry in entries {
        if let (What::Comment { task }, Outcome::Yes(id)) = (entry.what, &entry.outcome) {
            of_task.insert(*id, task);
        }
    }
    for entry in entries {
        let number = entry.number;
        if let Outcome::No(code) = &entry.outcome
            && !is_gone(entry, code, &of_task, &deletions)
        {
            findings.add(Class::Refused, format!("#{number} {:?}: {code}", entry.what));
        }
        let Outcome::Yes(id) = entry.outcome else { continue };
        match entry.what {
            What::Task { .. } | What::Comment { .. } => {
                let is_comment = matches!(entry.what, What::Comment { .. });
                let logged = told.created.contains(&(number, id, is_comment));
                let with_task = of_task.get(&id).is_some_and(|task| deletions.contains(task));
                let may_be_gone = deletions.contains(&id) || with_task;
                if !logged || !(may_be_gone || rows.contains(&id)) {
                    findings.add(Class::Lost, format!("#{number} {:?}: {id}, in the log: {logged}", entry.what));
                }
            }
            What::Edit { task } => {
                if !told.edited.contains_key(&number) {
                    findings.add(Class::Lost, format!("#{number}: the edit of {task} is not in the log"));
                }
            }
            What::DeleteTask { .. } | What::DeleteComment { .. } => {
                let events = told.deleted.get(&id).copied().unwrap_or(0);
                // With its task, a comment goes without an event of its own.
                let is_task = matches!(entry.what, What::DeleteTask { .. });
                if rows.contains(&id) || is_task && events == 0 {
                    findings.add(Class::Lost, format!("#{number}: {id} was deleted, {events} events say so"));
                }
            }
        }
    }
    last_edits(entries, truth, &deletions, findings);
}

fn deleted(entry: &Entry) -> Option<Uuid> {
    match entry.what {
        What::DeleteTask { task } => Some(task),
        What::DeleteComment { comment } => Some(comment),
        _ => None,
    }
}

/// Whether it was refused for what somebody deleted meanwhile: that is the one refusal that writers earn.
fn is_gone(entry: &Entry, code: &str, of_task: &HashMap<Uuid, Uuid>, deletions: &HashSet<Uuid>) -> bool {
    let task = match entry.what {
        What::Comment { task } => Some(task),
        What::DeleteComment { comment } => of_task.get(&comment).copied(),
        // Of a project that stays; or of a task that no other writer has meanwhile.
        What::Task { .. } | What::Edit { .. } | What::DeleteTask { .. } => None,
    };
    (code.starts_with("404") || code.ends_with("not_found")) && task.is_some_and(|task| deletions.contains(&task))
}

/// Writers change a task one after the other: what stands there is the last edit that was acknowledged, or a later one.
fn last_edits(entries: &[Entry], truth: &Truth, deletions: &HashSet<Uuid>, findings: &mut Findings) {
    let mut last: BTreeMap<Uuid, Number> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.is_yes()) {
        if let What::Edit { task } = entry.what {
            last.insert(task, entry.number);
        }
    }
    for (task, number) in last {
        let there = truth.descriptions.get(&task);
        let mark = there.and_then(|text| mark_of(text));
        let fits = mark.is_some_and(|mark| mark >= number) || there.is_none() && deletions.contains(&task);
        if !fits {
            findings.add(Class::Lost, format!("#{number}: {task} has the description {there:?}"));
        }
    }
}

/// Every log is 1…n, and its head is n.
fn scopes(truth: &Truth, findings: &mut Findings) {
    let own = truth.events.iter().map(|(scope, events)| {
        let seqs = events.iter().map(|event| event.seq).collect();
        ("project".to_owned(), *scope, truth.scopes.get(scope).copied().unwrap_or(0), seqs)
    });
    for (service, scope, head, seqs) in own.chain(truth.others.iter().cloned()) {
        let length = i64::try_from(seqs.len()).unwrap_or(i64::MAX);
        if head != length || !seqs.iter().copied().eq(1..=length) {
            findings.add(Class::Log, format!("{service}: scope {scope} has {length} events, its head is {head}"));
        }
    }
    let mut ids = HashSet::new();
    for event in truth.events.values().flatten() {
        if !ids.insert(event.id) {
            findings.add(Class::Log, format!("event {} is there twice", event.id));
        }
    }
}

impl<'a> Told<'a> {
    fn of(truth: &'a Truth) -> Self {
        let mut told = Self {
            created: Vec::new(),
            edited: HashMap::new(),
            deleted: HashMap::new(),
            created_ids: HashMap::new(),
            numbers: BTreeMap::new(),
            truth,
        };
        for (scope, events) in &truth.events {
            for event in events {
                told.take(*scope, event);
            }
        }
        told
    }

    fn take(&mut self, scope: Uuid, event: &Event) {
        match (event.kind.as_str(), &event.object) {
            ("task.created", Some(Object::Task(task))) => {
                let id = task.id.parse().unwrap_or_default();
                *self.created_ids.entry(id).or_default() += 1;
                let number = task.task_id.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
                self.numbers.entry(scope).or_default().push(number.unwrap_or(0));
                self.created.extend(mark_of(&task.title).map(|mark| (mark, id, false)));
            }
            ("comment.created", Some(Object::Comment(comment))) => {
                let id = comment.id.parse().unwrap_or_default();
                *self.created_ids.entry(id).or_default() += 1;
                self.created.extend(mark_of(&comment.content).map(|mark| (mark, id, true)));
            }
            ("task.updated", Some(Object::Task(task))) => {
                if let Some(mark) = mark_of(&task.description) {
                    *self.edited.entry(mark).or_default() += 1;
                }
            }
            ("task.deleted", Some(Object::Task(task))) => {
                *self.deleted.entry(task.id.parse().unwrap_or_default()).or_default() += 1;
            }
            ("comment.deleted", Some(Object::Comment(comment))) => {
                *self.deleted.entry(comment.id.parse().unwrap_or_default()).or_default() += 1;
            }
            _ => {}
        }
    }

    /// Each row has the event of its creation, once; what was deleted was so once.
    fn rows(&self, findings: &mut Findings) {
        for row in self.truth.tasks.iter().chain(&self.truth.comments) {
            let events = self.created_ids.get(&row.id).copied().unwrap_or(0);
            if events != 1 {
                findings.add(Class::Log, format!("{} ({}) has {events} events of its creation", row.id, row.text));
            }
        }
        for (id, events) in self.deleted.iter().filter(|(_, events)| **events != 1) {
            findings.add(Class::Log, format!("{id} has {events} events of its deletion"));
        }
    }

    fn numbering(&self, findings: &mut Findings) {
        for (project, numbers) in &self.numbers {
            let length = i64::try_from(numbers.len()).unwrap_or(i64::MAX);
            let last = self.truth.projects.get(project);
            if last != Some(&length) || !numbers.iter().copied().eq(1..=length) {
                findings.add(Class::Numbering, format!("project {project}: {length} tasks, the last is {last:?}"));
            }
        }
    }

    /// What carries a mark was asked for, and is there once.
    fn marks(&self, entries: &[Entry], findings: &mut Findings) {
        let mut seen: BTreeMap<Number, BTreeSet<Uuid>> = BTreeMap::new();
        for (mark, id, _) in &self.created {
            seen.entry(*mark).or_default().insert(*id);
        }
        for row in self.truth.tasks.iter().chain(&self.truth.comments) {
            if let Some(mark) = mark_of(&row.text) {
                seen.entry(mark).or_default().insert(row.id);
            }
        }
        for (mark, ids) in &seen {
            if ids.len() > 1 {
                findings.add(Class::Double, format!("#{mark} is there {} times: {ids:?}", ids.len()));
            }
        }
        for (mark, events) in self.edited.iter().filter(|(_, events)| **events > 1) {
            findings.add(Class::Double, format!("#{mark} was edited {events} times"));
        }
        for mark in seen.keys().chain(self.edited.keys()) {
            if !entries.get(*mark).is_some_and(Entry::is_possible) {
                findings.add(Class::Phantom, format!("#{mark}: {:?}", entries.get(*mark)));
            }
        }
        let asked: HashSet<Uuid> = entries.iter().filter(|entry| entry.is_possible()).filter_map(deleted).collect();
        for id in self.deleted.keys().filter(|id| !asked.contains(id)) {
            findings.add(Class::Phantom, format!("{id} was deleted, which nobody asked for"));
        }
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
