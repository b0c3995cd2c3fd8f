//! How soon something that accepts again does its work again.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    ledger::{Entry, What},
    report::percentiles,
    sockets::Heard,
};

/// What is wanted of each kind at p99.
const WANTED: [(&str, Duration); 4] = [
    ("gateway", Duration::from_secs(1)),
    ("service", Duration::from_secs(1)),
    ("nats", Duration::from_secs(2)),
    ("postgres", Duration::from_secs(3)),
];

/// Something accepts again, or can be reached again.
#[derive(Debug, Clone)]
pub struct Mark {
    pub component: String,
    pub at: Instant,
    /// Something else was still broken.
    pub others: bool,
}

/// When the run began, something broke, and it accepted again, each in order.
#[derive(Debug)]
pub struct Times {
    pub began: Instant,
    pub begun: Vec<Instant>,
    pub marks: Vec<Mark>,
}

impl Times {
    /// Whether nothing else was broken, or recovering for no longer than it may, from there until it had recovered
    /// (`None`: never). What is broken after the time in which it may recover is no excuse.
    fn is_alone(&self, mark: &Mark, recovered: Option<Instant>) -> bool {
        let may = |mark: &Mark| mark.at + kind(&mark.component).1;
        let until = recovered.map_or(may(mark), |recovered| recovered.min(may(mark)));
        let breaks = self.begun.iter().any(|begun| (mark.at..until).contains(begun));
        let recovering = self.marks.iter().any(|other| other.at < mark.at && mark.at < may(other));
        !(mark.others || breaks || recovering)
    }
}

/// What recovered with nothing else broken, and the rest, which waits for others, too.
#[derive(Default)]
struct Recovered {
    alone: Vec<(Duration, String)>,
    among_others: Vec<Duration>,
    /// Nothing came until the end of the run.
    never: usize,
}

impl Recovered {
    fn note(&mut self, alone: bool, took: Option<Duration>, whose: &str) {
        match took {
            Some(took) if alone => self.alone.push((took, whose.to_owned())),
            Some(took) => self.among_others.push(took),
            None => self.never += 1,
        }
    }
}

/// Until the first write that was begun after something accepted again was acknowledged (of a gateway: by it), and until
/// an event of such a write was heard.
pub fn say(times: &Times, entries: &[Entry], heard: &[Heard]) {
    let mut arrivals: Vec<(Instant, Instant)> = Vec::new();
    for event in heard.iter().flat_map(|heard| &heard.events) {
        if let Some(entry) = event.comment.and_then(|number| entries.get(number)) {
            arrivals.push((event.at, entry.begun));
        }
    }
    arrivals.sort_unstable();
    let mut writes: BTreeMap<&str, Recovered> = BTreeMap::new();
    let mut events: BTreeMap<&str, Recovered> = BTreeMap::new();
    for mark in &times.marks {
        let (kind, _) = kind(&mark.component);
        let gateway = mark.component.strip_prefix("gateway").map(|number| number.len().min(1));
        let first_write = entries
            .iter()
            .filter(|entry| entry.is_yes() && !matches!(entry.what, What::Edit { .. }))
            .filter_map(|entry| entry.attempts.last())
            .filter(|attempt| attempt.begun >= mark.at && gateway.is_none_or(|gateway| attempt.gateway == gateway))
            .map(|attempt| attempt.begun + attempt.took)
            .min();
        let later = arrivals.partition_point(|(at, _)| *at < mark.at);
        let first_event = arrivals[later..].iter().find(|(_, begun)| *begun >= mark.at).map(|(at, _)| *at);
        for (first, all) in [(first_write, &mut writes), (first_event, &mut events)] {
            let whose = format!("{} at {:.1} s", mark.component, mark.at.duration_since(times.began).as_secs_f64());
            let took = first.map(|first| first.duration_since(mark.at));
            all.entry(kind).or_default().note(times.is_alone(mark, first), took, &whose);
        }
    }
    println!("recovery, from when it accepts again (first write begun after that; first event of such a write):");
    for (kind, wanted) in WANTED {
        let (Some(of_writes), Some(of_events)) = (writes.remove(kind), events.remove(kind)) else { continue };
        println!("  {kind:<8} wanted p99 < {} s", wanted.as_secs());
        if of_writes.never + of_events.never > 0 {
            println!("    never: writes {}, events {}", of_writes.never, of_events.never);
        }
        println!(
            "    nothing else broken: writes {}; events {}",
            judged(of_writes.alone, wanted),
            judged(of_events.alone, wanted)
        );
        println!(
            "    with something else: writes {}; events {}",
            percentiles(of_writes.among_others),
            percentiles(of_events.among_others)
        );
    }
}

fn judged(all: Vec<(Duration, String)>, wanted: Duration) -> String {
    let over: Vec<_> = all.iter().filter(|(time, _)| *time > wanted).map(|(_, whose)| whose.clone()).collect();
    let times = percentiles(all.into_iter().map(|(time, _)| time).collect());
    if over.is_empty() { times } else { format!("{times} ({} OVER: {})", over.len(), over.join(", ")) }
}

/// What it is, and within which time it should recover.
fn kind(component: &str) -> (&'static str, Duration) {
    let word = component.split('-').next().unwrap_or_default();
    WANTED.into_iter().find(|(kind, _)| *kind == word).unwrap_or(WANTED[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alone_is_what_nothing_else_was_broken_beside() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mark = |component: &str, seconds, others| Mark { component: component.to_owned(), at: at(seconds), others };
        let times = Times {
            began: start,
            begun: vec![at(0), at(20), at(40), at(41)],
            marks: vec![
                mark("gateway", 10, false),
                mark("postgres", 19, false),
                mark("postgres", 30, false),
                mark("gateway", 31, false),
                mark("nats", 45, true),
                mark("org-2", 46, false),
            ],
        };
        let alone = |mark: usize, recovered: Option<u64>| times.is_alone(&times.marks[mark], recovered.map(at));
        assert!(alone(0, Some(11)));
        assert!(alone(0, Some(21)) && alone(0, None), "the next fault came after its time was over");
        assert!(!alone(1, Some(21)), "another fault began within its 3 s");
        assert!(alone(2, Some(31)));
        assert!(!alone(3, Some(31)), "PostgreSQL still has its 3 s");
        assert!(!alone(4, Some(45)), "something was broken");
        assert!(!alone(5, Some(46)), "NATS still has its 2 s");
    }
}
