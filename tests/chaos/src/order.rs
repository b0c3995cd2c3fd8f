//! What one socket should have heard, by the event log, and what it did.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::{
    findings::{Class, Findings},
    sockets::Heard,
    truth::{Event, Truth},
};

/// One socket heard exactly its part of the order since `start`.
pub fn compare(heard: &Heard, truth: &Truth, start: i64, findings: &mut Findings) {
    let name = format!("{} of {}", heard.topic.name, heard.user);
    for wrong in &heard.wrongs {
        findings.add(Class::Socket, format!("{name}: {wrong}"));
    }
    let of_scope = truth.events.get(&heard.topic.scope).map_or(&[][..], Vec::as_slice);
    let belongs = |event: &&Event| {
        event.seq > start
            && event.object.is_some()
            && heard.topic.subject.is_none_or(|subject| event.subject == Some(subject))
    };
    let wanted: Vec<(i64, Uuid)> = of_scope.iter().filter(belongs).map(|event| (event.seq, event.id)).collect();
    let places: HashMap<Uuid, i64> = wanted.iter().map(|(seq, id)| (*id, *seq)).collect();
    let mut before = HashSet::new();
    let mut last = 0;
    for event in &heard.events {
        match places.get(&event.id) {
            None => findings.add(Class::Socket, format!("{name}: heard {}, which is not of its order", event.id)),
            Some(seq) if !before.insert(event.id) => findings.add(Class::Repeated, format!("{name}: {seq} again")),
            Some(seq) if *seq < last => findings.add(Class::Disordered, format!("{name}: {seq} after {last}")),
            Some(seq) => last = *seq,
        }
    }
    let missing: Vec<i64> = wanted.iter().filter(|(_, id)| !before.contains(id)).map(|(seq, _)| *seq).collect();
    for seq in missing {
        findings.add(Class::Missing, format!("{name}: {seq}"));
    }
}

/// How many events a socket should have heard.
pub fn wanted(heard: &Heard, truth: &Truth, start: i64) -> usize {
    let of_scope = truth.events.get(&heard.topic.scope).map_or(&[][..], Vec::as_slice);
    let of_subject = |event: &&Event| heard.topic.subject.is_none_or(|subject| event.subject == Some(subject));
    of_scope.iter().filter(|event| event.seq > start && event.object.is_some()).filter(of_subject).count()
}
