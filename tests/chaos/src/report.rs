//! What a run says at its end: figures, findings, and the line that plays it again.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    time::{Duration, Instant},
};

use crate::{
    Arguments, Scenario,
    director::Mark,
    faults::Kind,
    findings::{CLASSES, Findings},
    ledger::{Entry, Outcome, What},
    sockets::Heard,
};

/// Findings of one class that are shown.
const SHOWN: usize = 8;

/// The verdict, a line of figures and what was found; whether all is well.
pub fn findings(findings: &Findings) -> bool {
    let counts: Vec<_> = CLASSES.iter().map(|(class, word)| format!("{word} {}", findings.count(*class))).collect();
    println!("\n{}", counts.join(" · "));
    for (class, word) in CLASSES {
        let Some(all) = findings.0.get(&class) else { continue };
        println!("\n{word}:");
        for what in all.iter().take(SHOWN) {
            println!("  {what}");
        }
        if all.len() > SHOWN {
            println!("  … and {} more", all.len() - SHOWN);
        }
    }
    findings.0.is_empty()
}

/// What was asked and answered.
pub fn writes(entries: &[Entry]) {
    let count = |of: fn(&Outcome) -> bool| entries.iter().filter(|entry| of(&entry.outcome)).count();
    let yes = count(|outcome| matches!(outcome, Outcome::Yes(_)));
    let no = count(|outcome| matches!(outcome, Outcome::No(_)));
    let retried = entries.iter().filter(|entry| entry.attempts.len() > 1).count();
    println!(
        "\n{} writes: {yes} acknowledged, {no} refused, {} unknown; {retried} asked more than once",
        entries.len(),
        entries.len() - yes - no
    );
    let took = entries.iter().filter_map(|entry| Some(entry.acknowledged()?.duration_since(entry.begun)));
    println!("  until acknowledged: {}", percentiles(took.collect()));
    let mut answers: BTreeMap<&str, usize> = BTreeMap::new();
    for attempt in entries.iter().flat_map(|entry| &entry.attempts) {
        *answers.entry(&attempt.answer).or_default() += 1;
    }
    let answers: Vec<_> = answers.into_iter().map(|(answer, times)| format!("{answer} ({times})")).collect();
    println!("  answers: {}", answers.join(", "));
}

/// What was heard.
pub fn deliveries(heard: &[Heard], entries: &[Entry]) {
    let events: usize = heard.iter().map(|heard| heard.events.len()).sum();
    let connections: usize = heard.iter().map(|heard| heard.connections).sum();
    println!("{} sockets: {events} events, {connections} subscriptions", heard.len());
    println!("  from acknowledgement to socket: {}", percentiles(latencies(heard, entries)));
}

/// From the acknowledgement of each comment to its arrival at each socket.
pub fn latencies(heard: &[Heard], entries: &[Entry]) -> Vec<Duration> {
    let mut latencies = Vec::new();
    for event in heard.iter().flat_map(|heard| &heard.events) {
        if let Some(entry) = event.comment.and_then(|number| entries.get(number))
            && let Some(acknowledged) = entry.acknowledged()
        {
            latencies.push(event.at.saturating_duration_since(acknowledged));
        }
    }
    latencies
}

/// How soon after something accepted again a write was done by it, and an event of a later write was heard.
pub fn recovery(marks: &[Mark], entries: &[Entry], heard: &[Heard]) {
    let mut writes: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    let mut events: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    let mut arrivals: Vec<(Instant, Instant)> = Vec::new();
    for event in heard.iter().flat_map(|heard| &heard.events) {
        if let Some(entry) = event.comment.and_then(|number| entries.get(number)) {
            arrivals.push((event.at, entry.begun));
        }
    }
    arrivals.sort_unstable();
    for mark in marks {
        let kind = kind(&mark.component);
        let gateway = mark.component.strip_prefix("gateway").map(|number| number.len().min(1));
        let first_write = entries
            .iter()
            .filter(|entry| entry.is_yes() && !matches!(entry.what, What::Edit { .. }))
            .filter_map(|entry| entry.attempts.last())
            .filter(|attempt| attempt.begun >= mark.at && gateway.is_none_or(|gateway| attempt.gateway == gateway))
            .map(|attempt| attempt.begun + attempt.took)
            .min();
        if let Some(at) = first_write {
            writes.entry(kind).or_default().push(at.duration_since(mark.at));
        }
        let later = arrivals.partition_point(|(at, _)| *at < mark.at);
        if let Some((at, _)) = arrivals[later..].iter().find(|(_, begun)| *begun >= mark.at) {
            events.entry(kind).or_default().push(at.duration_since(mark.at));
        }
    }
    println!("recovery, from when it accepts again (first write begun after that; first event of such a write):");
    for (kind, bound) in [("gateway", 1), ("service", 1), ("nats", 2), ("postgres", 3)] {
        let Some(of_writes) = writes.remove(kind) else { continue };
        let of_events = events.remove(kind).unwrap_or_default();
        let over = |times: &[Duration]| times.iter().filter(|time| **time > Duration::from_secs(bound)).count();
        println!(
            "  {kind:<8} wanted p99 < {bound} s: writes {}{}; events {}{}",
            percentiles(of_writes.clone()),
            late(over(&of_writes)),
            percentiles(of_events.clone()),
            late(over(&of_events)),
        );
    }
}

fn late(times: usize) -> String {
    if times == 0 { String::new() } else { format!(" ({times} OVER)") }
}

fn kind(component: &str) -> &'static str {
    match component.split('-').next() {
        Some("gateway") => "gateway",
        Some("nats") => "nats",
        Some("postgres") => "postgres",
        _ => "service",
    }
}

/// `p50 12 ms, p99 340 ms, most 1200 ms of 57`.
pub fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let Some(most) = times.last() else { return "none".to_owned() };
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_millis();
    format!("p50 {} ms, p99 {} ms, most {} ms of {}", at(50), at(99), most.as_millis(), times.len())
}

/// How often each was done.
pub fn words(done: &BTreeMap<Kind, usize>) -> String {
    let words: Vec<_> = done.iter().map(|(kind, times)| format!("{} {times}", kind.word())).collect();
    words.join(", ")
}

/// The line that plays a run again.
pub fn replay(arguments: &Arguments, seed: u64, minutes: f64) -> String {
    let mut line = format!("make chaos SEED={seed} MINUTES={minutes}");
    let usual = Arguments::usual();
    let mut more = Vec::new();
    if arguments.scenario != usual.scenario {
        more.push(format!("--scenario {}", if arguments.scenario == Scenario::Ends { "ends" } else { "nats-down" }));
    }
    if (arguments.replicas, arguments.sockets) != (usual.replicas, usual.sockets) {
        more.push(format!("--replicas {} --sockets {}", arguments.replicas, arguments.sockets));
    }
    if (arguments.rate - usual.rate).abs() > f64::EPSILON {
        more.push(format!("--rate {}", arguments.rate));
    }
    if let Some(menu) = &arguments.faults {
        more.push(format!("--faults {menu}"));
    }
    if !more.is_empty() {
        let _ = write!(line, " CHAOS='{}'", more.join(" "));
    }
    line
}
