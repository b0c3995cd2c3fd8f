//! One run: sets the stage, lets everybody begin, breaks things, waits until all is quiet, and compares.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::runtime::{Builder, Handle};
use uuid::Uuid;

use crate::{
    Arguments, Scenario, check,
    client::Client,
    cluster::Stage,
    director::{Director, Weather},
    faults::{self, Fault, Kind},
    findings::{Class, Findings},
    ledger::{Entry, Ledger, Outcome},
    members::{BOUND, Members},
    notifications,
    observer::Observer,
    order, recovery, report,
    sockets::{self, Sockets},
    truth::{self, Truth},
    world::{World, until},
    writers::Writers,
};

/// Trials of `--scenario ends`.
const ENDS: usize = 200;
/// How long whoever waits for an answer at the end may go on.
const ANSWERS_WITHIN: Duration = Duration::from_mins(1);
/// How long sockets may take to hear the rest.
const QUIET_WITHIN: Duration = Duration::from_secs(45);
/// How long queues may take to empty: what NATS lost is published again, and nothing is in a hurry with that.
const EMPTY_WITHIN: Duration = Duration::from_mins(3);
/// From the acknowledgement to the sockets while NATS is away.
const HEARD_WITHIN: Duration = Duration::from_secs(6);

/// Everybody who takes part, apart from what they take part in.
struct Cast {
    world: Arc<World>,
    ledger: Arc<Ledger>,
    weather: Arc<Weather>,
    writers: Arc<Writers>,
    members: Arc<Members>,
    sockets: Sockets,
    observer: Observer,
    /// Where the orders stood when the sockets began.
    starts: BTreeMap<Uuid, i64>,
    writers_stop: Arc<AtomicBool>,
    members_stop: Arc<AtomicBool>,
}

/// Whether nothing was found.
pub fn run(arguments: &Arguments, seed: u64) -> anyhow::Result<bool> {
    let minutes = arguments.minutes.unwrap_or(if arguments.scenario == Scenario::NatsDown { 5.0 } else { 2.0 });
    let length = Duration::from_secs_f64(minutes * 60.0);
    let plan = plan(arguments, seed, length);
    let name = format!("trellis-chaos-{seed}-{}", std::process::id());
    let folder = trellis_local::servers::reachable(&std::env::temp_dir())?.join(name);
    std::fs::create_dir_all(&folder)?;
    println!("seed {seed}, {} of each process, logs in {}", arguments.replicas, folder.display());
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let binaries = arguments.binaries.clone().map_or_else(trellis_local::binaries, Ok)?;
    let mut stage = Stage::start(runtime.handle(), arguments.replicas, &binaries, &folder)?;
    let cast = runtime.block_on(Cast::assemble(&stage, arguments, seed))?;
    println!("everything is ready: {} faults in {minutes} min", plan.len());

    let begun = Instant::now();
    let crowd = cast.begin(runtime.handle(), arguments, seed);
    let mut director = Director::new(&mut stage, Arc::clone(&cast.weather));
    if arguments.scenario == Scenario::Ends {
        while !crowd.members.is_finished() {
            director.run(&[], Duration::from_millis(100));
        }
    } else {
        director.run(&plan, length);
    }
    let (times, wrongs, done) = (director.times, director.wrongs, director.done);
    println!("all is mended after {:.0} s; waiting until it is quiet", begun.elapsed().as_secs_f64());

    let mut findings = Findings::default();
    for wrong in wrongs {
        findings.add(Class::Component, wrong);
    }
    cast.writers_stop.store(true, Ordering::Relaxed);
    cast.members_stop.store(true, Ordering::Relaxed);
    match stage.wait_ready() {
        Ok(ended) => ended.iter().for_each(|name| findings.add(Class::Component, format!("{name} ended in peace"))),
        Err(error) => findings.add(Class::Component, format!("does not recover: {error:#}")),
    }
    let truth = runtime.block_on(cast.settle(&stage, crowd, &mut findings))?;
    cast.compare(arguments, &truth, &mut findings);

    let entries = cast.ledger.entries();
    let heard = cast.sockets.heard();
    report::writes(&entries);
    report::deliveries(&heard, &entries);
    println!(
        "{} messages over NATS; {} faults: {}",
        cast.observer.messages(),
        done.values().sum::<usize>(),
        report::words(&done)
    );
    cast.say_ends();
    recovery::say(&times, &entries, &heard);
    let well = report::findings(&findings);
    cast.sockets.stop();
    stage.stop();
    if well && !arguments.keep {
        drop(stage);
        std::fs::remove_dir_all(&folder).ok();
    } else {
        keep(&folder, &cast, &findings)?;
    }
    println!(
        "\n{}; again: {}",
        if well { "all is well" } else { "NOT WELL" },
        report::replay(arguments, seed, minutes)
    );
    runtime.shutdown_background();
    Ok(well)
}

fn plan(arguments: &Arguments, seed: u64, length: Duration) -> Vec<Fault> {
    match arguments.scenario {
        Scenario::Faults => {
            let menu = arguments.faults.clone().unwrap_or_default();
            faults::plan(seed, length, &menu, arguments.replicas)
        }
        Scenario::NatsDown => {
            let (at, delay) = (Duration::from_secs(5), Duration::ZERO);
            let lasts = length.saturating_sub(at * 2);
            vec![Fault { at, kind: Kind::Kill, target: "nats".to_owned(), from: None, lasts, delay }]
        }
        Scenario::Ends => Vec::new(),
    }
}

/// Who is at work in the background.
struct Crowd {
    writers: tokio::task::JoinHandle<()>,
    members: tokio::task::JoinHandle<()>,
}

impl Cast {
    async fn assemble(stage: &Stage, arguments: &Arguments, seed: u64) -> anyhow::Result<Self> {
        let bases = stage.bases();
        let world = Arc::new(World::build(&bases[0]).await?);
        let database = |service: &str| stage.database(service);
        let token = &world.organizations[0].people[0].token;
        let has_notifications = sockets::knows(&bases[0], token, "notifications").await;
        if !has_notifications {
            println!("(there is no topic `notifications` here)");
        }
        until(QUIET_WITHIN, async || truth::waiting(database).await.is_ok_and(|waiting| waiting.is_empty())).await;
        let sockets = Sockets::open(&bases, &world, arguments.sockets, seed, has_notifications);
        anyhow::ensure!(until(QUIET_WITHIN, async || sockets.subscribed()).await, "not every socket was let in");
        let starts = truth::positions(database).await?;
        let observer = Observer::start(&stage.nats.url()).await?;
        let client = Client::new(bases)?;
        let (ledger, weather) = (Arc::new(Ledger::new()), Arc::new(Weather::default()));
        let members_stop = Arc::new(AtomicBool::new(false));
        let writers = Writers::new(client.clone(), Arc::clone(&world), Arc::clone(&ledger));
        let members = Members::new(client, Arc::clone(&world), Arc::clone(&weather), Arc::clone(&members_stop));
        let writers_stop = Arc::new(AtomicBool::new(false));
        Ok(Self { world, ledger, weather, writers, members, sockets, observer, starts, writers_stop, members_stop })
    }

    fn begin(&self, runtime: &Handle, arguments: &Arguments, seed: u64) -> Crowd {
        let most = if arguments.scenario == Scenario::Ends { ENDS } else { usize::MAX };
        let stop = Arc::clone(&self.writers_stop);
        let writers = runtime.spawn(Arc::clone(&self.writers).run(seed, arguments.rate, stop));
        let wanders = Arc::clone(&self.members).wander(seed, most);
        let logs_in_and_out = Arc::clone(&self.members).log_in_and_out(most);
        let members = runtime.spawn(async move {
            tokio::join!(wanders, logs_in_and_out);
        });
        Crowd { writers, members }
    }

    /// Waits for the last answers, for the queues to be empty and for the sockets to have heard all.
    async fn settle(&self, stage: &Stage, crowd: Crowd, findings: &mut Findings) -> anyhow::Result<Truth> {
        let database = |service: &str| stage.database(service);
        let mut writers = crowd.writers;
        if tokio::time::timeout(ANSWERS_WITHIN, &mut writers).await.is_err() {
            self.writers.close();
            if tokio::time::timeout(ANSWERS_WITHIN, writers).await.is_err() {
                findings.add(Class::Component, "writers still wait for answers");
            }
        }
        tokio::time::timeout(ANSWERS_WITHIN, crowd.members).await.ok();
        let mut waiting = Vec::new();
        until(EMPTY_WITHIN, async || {
            match truth::waiting(database).await {
                Ok(found) => waiting = found,
                Err(error) => waiting = vec![(error.to_string(), 1)],
            }
            waiting.is_empty()
        })
        .await;
        for (queue, rows) in waiting {
            findings.add(Class::Stuck, format!("{rows} rows stay in {queue}"));
        }
        let truth = truth::read(database).await.context("the databases cannot be read")?;
        let wanted: Vec<usize> = self
            .sockets
            .heard()
            .iter()
            .map(|heard| order::wanted(heard, &truth, self.start(heard.topic.scope)))
            .collect();
        until(QUIET_WITHIN, async || self.sockets.counts().iter().zip(&wanted).all(|(heard, wanted)| heard >= wanted))
            .await;
        // What comes again would come soon after.
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(truth)
    }

    fn start(&self, scope: Uuid) -> i64 {
        self.starts.get(&scope).copied().unwrap_or(0)
    }

    fn compare(&self, arguments: &Arguments, truth: &Truth, findings: &mut Findings) {
        let entries = self.ledger.entries();
        check::check(&entries, truth, findings);
        notifications::check(truth, &self.world, findings);
        let heard = self.sockets.heard();
        for heard in &heard {
            order::compare(heard, truth, self.start(heard.topic.scope), findings);
        }
        for wrong in self.observer.wrongs() {
            findings.add(Class::Publication, wrong);
        }
        let members = self.members.seen();
        for wrong in &members.wrongs {
            findings.add(Class::Late, wrong.clone());
        }
        match arguments.scenario {
            Scenario::Faults => {}
            Scenario::NatsDown => {
                // What was refused is told by the check already.
                let at_once =
                    |entry: &Entry| entry.attempts.len() <= 1 && !matches!(entry.outcome, Outcome::Unknown(_));
                for entry in entries.iter().filter(|entry| !at_once(entry)) {
                    findings.add(Class::Component, format!("with NATS away: {entry:?}"));
                }
                for late in report::latencies(&heard, &entries).into_iter().filter(|after| *after > HEARD_WITHIN) {
                    findings.add(Class::Late, format!("with NATS away: heard {} ms after", late.as_millis()));
                }
            }
            Scenario::Ends => {
                for (what, times) in [("revoked", &members.revoked), ("closed", &members.closed)] {
                    let mut times = times.clone();
                    times.sort_unstable();
                    let p99 = times.get(times.len() * 99 / 100).or(times.last()).copied();
                    if times.len() < ENDS || p99.is_none_or(|p99| p99 >= BOUND) {
                        let what = format!("{what} at sockets: {} of {ENDS}, p99 {p99:?}", times.len());
                        findings.add(Class::Late, what);
                    }
                }
            }
        }
    }

    fn say_ends(&self) {
        let seen = self.members.seen();
        println!("{} removals; in calm weather, after the acknowledgement:", seen.trials);
        println!("  a socket is told: {}", report::percentiles(seen.revoked.clone()));
        println!("  a socket is closed after a logout: {}", report::percentiles(seen.closed.clone()));
        println!("  the last request that was let in: {}", report::percentiles(seen.answered.clone()));
    }
}

/// For whoever looks for what went wrong: logs are there already.
fn keep(folder: &Path, cast: &Cast, findings: &Findings) -> anyhow::Result<()> {
    cast.ledger.dump(&folder.join("ledger.jsonl"))?;
    let mut text = String::new();
    for (class, all) in &findings.0 {
        for what in all {
            writeln!(text, "{class:?}: {what}")?;
        }
    }
    std::fs::write(folder.join("findings.txt"), text)?;
    let mut text = String::new();
    for heard in cast.sockets.heard() {
        for event in &heard.events {
            let at = event.at.duration_since(cast.ledger.began).as_secs_f64();
            writeln!(text, "{} {} {at:.3} {} {:?}", heard.topic.name, heard.user, event.id, event.comment)?;
        }
    }
    std::fs::write(folder.join("heard.txt"), text)?;
    println!("\nlogs, ledger.jsonl, heard.txt and findings.txt are in {}", folder.display());
    Ok(())
}
