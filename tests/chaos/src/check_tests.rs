//! The checker itself: each kind of wrong is found in a world that was right.

use std::time::{Duration, Instant};

use trellis_proto::project::v1::{Comment, Task};

use super::*;
use crate::{
    ledger::Attempt,
    order,
    sockets::{self, Heard, Topic},
    truth::Row,
};

const PROJECT: Uuid = Uuid::from_u128(1);
const TASK: Uuid = Uuid::from_u128(2);
const COMMENT: Uuid = Uuid::from_u128(3);
const ANN: Uuid = Uuid::from_u128(9);

fn event(seq: i64, kind: &str, object: Object) -> Event {
    let id = Uuid::from_u128(100 + u128::try_from(seq).unwrap());
    Event { seq, id, kind: kind.to_owned(), actor: Some(ANN), subject: Some(TASK), object: Some(object) }
}

fn comment(id: Uuid, content: &str) -> Object {
    Object::Comment(Comment { id: id.to_string(), content: content.to_owned(), ..Comment::default() })
}

fn entry(number: Number, what: What, outcome: Outcome) -> Entry {
    let begun = Instant::now();
    let attempt = Attempt { gateway: 0, begun, took: Duration::ZERO, answer: String::new(), perhaps: false };
    Entry { number, what, user: ANN, begun, attempts: vec![attempt], outcome }
}

/// A task and a comment on it, both acknowledged and both there.
fn right() -> (Vec<Entry>, Truth) {
    let entries = vec![
        entry(0, What::Task { project: PROJECT }, Outcome::Yes(TASK)),
        entry(1, What::Comment { task: TASK }, Outcome::Yes(COMMENT)),
    ];
    let task =
        Task { id: TASK.to_string(), task_id: "A-1".to_owned(), title: "chaos #0".to_owned(), ..Task::default() };
    let mut truth = Truth::default();
    let events =
        vec![event(1, "task.created", Object::Task(task)), event(2, "comment.created", comment(COMMENT, "said #1"))];
    truth.events.insert(PROJECT, events);
    truth.scopes.insert(PROJECT, 2);
    truth.projects.insert(PROJECT, 1);
    truth.tasks.push(Row { id: TASK, text: "chaos #0".to_owned() });
    truth.comments.push(Row { id: COMMENT, text: "said #1".to_owned() });
    (entries, truth)
}

/// What is found once `change` was made to what was right.
fn found(change: impl FnOnce(&mut Vec<Entry>, &mut Truth)) -> Vec<Class> {
    let (mut entries, mut truth) = right();
    change(&mut entries, &mut truth);
    let mut findings = Findings::default();
    check(&entries, &truth, &mut findings);
    findings.0.into_keys().collect()
}

#[test]
fn what_is_right_is_found_right() {
    assert_eq!(found(|_, _| ()), []);
    assert_eq!(found(|entries, _| entries[1].outcome = Outcome::Unknown(String::new())), []);
}

#[test]
fn a_row_that_was_acknowledged_must_be_there() {
    assert_eq!(found(|_, truth| truth.comments.clear()), [Class::Lost]);
    let asked_to_delete = |entries: &mut Vec<Entry>, truth: &mut Truth| {
        truth.comments.clear();
        entries.push(entry(2, What::DeleteComment { comment: COMMENT }, Outcome::Unknown(String::new())));
    };
    assert_eq!(found(asked_to_delete), []);
    let deleted = |entries: &mut Vec<Entry>, _: &mut Truth| {
        entries.push(entry(2, What::DeleteComment { comment: COMMENT }, Outcome::Yes(COMMENT)));
    };
    assert_eq!(found(deleted), [Class::Lost], "deleted, and there all the same");
}

#[test]
fn an_edit_that_was_acknowledged_must_be_in_the_log_once() {
    let edit = |events: usize| {
        found(move |entries, truth| {
            entries.push(entry(2, What::Edit { task: TASK }, Outcome::Yes(TASK)));
            truth.descriptions.insert(TASK, "edited #2".to_owned());
            for n in 0..events {
                let description = "edited #2".to_owned();
                let task = Task { id: TASK.to_string(), description, ..Task::default() };
                let seq = 3 + i64::try_from(n).unwrap();
                truth.events.get_mut(&PROJECT).unwrap().push(event(seq, "task.updated", Object::Task(task)));
                truth.scopes.insert(PROJECT, seq);
            }
        })
    };
    assert_eq!((edit(0), edit(1), edit(2)), (vec![Class::Lost], vec![], vec![Class::Double]));
}

#[test]
fn what_nobody_asked_for_is_a_phantom() {
    let refused =
        |entries: &mut Vec<Entry>, _: &mut Truth| entries[1].outcome = Outcome::No("404 not_found".to_owned());
    assert_eq!(found(refused), [Class::Refused, Class::Phantom]);
    assert_eq!(found(|entries, _| entries.truncate(1)), [Class::Phantom]);
}

#[test]
fn only_what_is_gone_may_be_refused() {
    let comment = |code: &str, deleted: bool| {
        let no = Outcome::No(code.to_owned());
        found(move |entries, _| {
            entries.push(entry(2, What::Comment { task: Uuid::from_u128(7) }, no));
            if deleted {
                let maybe = Outcome::Unknown(String::new());
                entries.push(entry(3, What::DeleteTask { task: Uuid::from_u128(7) }, maybe));
            }
        })
    };
    assert_eq!((comment("404 not_found", true), comment("200 not_found", true)), (vec![], vec![]));
    assert_eq!(comment("404 not_found", false), [Class::Refused]);
    assert_eq!(comment("403 forbidden", true), [Class::Refused]);
    let with_its_task = |entries: &mut Vec<Entry>, truth: &mut Truth| {
        let no = Outcome::No("404 not_found".to_owned());
        entries.push(entry(2, What::DeleteComment { comment: COMMENT }, no));
        assert_eq!(truth.comments.len(), 1);
    };
    assert_eq!(found(with_its_task), [Class::Refused], "the task is there");
}

#[test]
fn one_key_makes_one_row() {
    let again = |_: &mut Vec<Entry>, truth: &mut Truth| {
        let second = Uuid::from_u128(4);
        truth.comments.push(Row { id: second, text: "said #1".to_owned() });
        truth.events.get_mut(&PROJECT).unwrap().push(event(3, "comment.created", comment(second, "said #1")));
        truth.scopes.insert(PROJECT, 3);
    };
    assert_eq!(found(again), [Class::Double]);
}

#[test]
fn a_log_has_no_hole_and_every_row_an_event() {
    assert_eq!(found(|_, truth| *truth.scopes.entry(PROJECT).or_default() = 3), [Class::Log]);
    let hole = |_: &mut Vec<Entry>, truth: &mut Truth| truth.events.get_mut(&PROJECT).unwrap()[1].seq = 3;
    assert_eq!(found(hole), [Class::Log]);
    let silent = |_: &mut Vec<Entry>, truth: &mut Truth| {
        truth.comments.push(Row { id: Uuid::from_u128(4), text: "as it was".to_owned() });
    };
    assert_eq!(found(silent), [Class::Log]);
    assert_eq!(found(|_, truth| *truth.projects.entry(PROJECT).or_default() = 2), [Class::Numbering]);
}

#[test]
fn a_socket_hears_its_part_once_and_in_order() {
    let (_, truth) = right();
    let heard = |seqs: &[u128]| {
        let at = Instant::now();
        let events = seqs.iter().map(|seq| sockets::Event { id: Uuid::from_u128(100 + seq), at, comment: None });
        let topic = Topic { name: "project:a/A".to_owned(), scope: PROJECT, subject: None };
        let heard = Heard { topic, user: ANN, events: events.collect(), connections: 1, wrongs: Vec::new() };
        let mut findings = Findings::default();
        order::compare(&heard, &truth, 0, &mut findings);
        findings.0.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(heard(&[1, 2]), []);
    assert_eq!(heard(&[1]), [Class::Missing]);
    assert_eq!(heard(&[1, 2, 2]), [Class::Repeated]);
    assert_eq!(heard(&[2, 1]), [Class::Disordered]);
    assert_eq!(heard(&[1, 2, 3]), [Class::Socket]);
}
