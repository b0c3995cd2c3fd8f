//! What a run says at its end: figures, findings, and the line that plays it again.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use crate::{
    Arguments, Scenario,
    faults::Kind,
    findings::{CLASSES, Findings},
    ledger::{Entry, Outcome},
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
