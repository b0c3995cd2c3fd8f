//! Carries out the plan: breaks what is due, mends it, starts again what has ended, and notes when it accepts again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    cluster::Stage,
    faults::{Fault, Kind},
    proxy::Passing,
    recovery::{Mark, Times},
};

const TICK: Duration = Duration::from_millis(10);
/// What is asked to end may take 25 s; a slow machine is granted some more.
const ENDS_WITHIN: Duration = Duration::from_secs(32);
/// A component that ends at its start is started again for so long.
const STARTS_WITHIN: Duration = Duration::from_mins(1);
/// A delay up to this leaves time for what must take effect within a second.
const SLIGHT: Duration = Duration::from_millis(400);

/// Whether anything is broken at the moment, for those who measure what holds only in good weather.
#[derive(Default)]
pub struct Weather(Mutex<(usize, Option<Instant>)>);

impl Weather {
    fn breaks(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += 1;
    }

    fn mended(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = (state.0.saturating_sub(1), Some(Instant::now()));
    }

    /// How long nothing was broken; nothing where something is.
    pub fn calm_for(&self) -> Duration {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *state {
            (0, Some(since)) => since.elapsed(),
            (0, None) => Duration::MAX,
            _ => Duration::ZERO,
        }
    }
}

/// What a component that is broken waits for.
enum Waits {
    /// The end of the fault.
    Until(Instant),
    /// Its own end, after it was asked.
    Ended { asked: Instant },
    /// That it accepts connections.
    Accepts { since: Instant },
}

pub struct Director<'a> {
    stage: &'a mut Stage,
    weather: Arc<Weather>,
    /// By number of the fault.
    broken: BTreeMap<usize, (Fault, Waits)>,
    pub times: Times,
    /// What should not have happened.
    pub wrongs: Vec<String>,
    pub done: BTreeMap<Kind, usize>,
    /// How often something ended at its start, and had to be started again.
    pub at_start: usize,
    panics_of_nats: usize,
}

impl<'a> Director<'a> {
    pub fn new(stage: &'a mut Stage, weather: Arc<Weather>) -> Self {
        let (broken, done) = (BTreeMap::new(), BTreeMap::new());
        let times = Times { began: Instant::now(), begun: Vec::new(), marks: Vec::new() };
        Self { stage, weather, broken, times, wrongs: Vec::new(), done, at_start: 0, panics_of_nats: 0 }
    }

    /// Until `length` has passed and everything is mended that was broken.
    pub fn run(&mut self, plan: &[Fault], length: Duration) {
        let mut next = 0;
        while self.times.began.elapsed() < length || !self.broken.is_empty() {
            while let Some(fault) = plan.get(next).filter(|fault| fault.at <= self.times.began.elapsed()) {
                self.begin(next, fault.clone());
                next += 1;
            }
            self.go_on();
            self.look_for_the_dead();
            sleep(TICK);
        }
    }

    fn say(&self, what: &str) {
        println!("  {:>6.1} s  {what}", self.times.began.elapsed().as_secs_f64());
    }

    fn begin(&mut self, number: usize, fault: Fault) {
        if !fault.kind.is_of_connections() && self.is_broken(&fault.target) {
            return self.say(&format!("({fault}: it is broken already)"));
        }
        if fault.kind == Kind::Fill && !self.stage.store.can_be_filled() {
            return self.say("(fill nats: no disk can be mounted here)");
        }
        self.say(&fault.to_string());
        *self.done.entry(fault.kind).or_default() += 1;
        self.times.begun.push(Instant::now());
        if !(fault.kind == Kind::Delay && fault.delay <= SLIGHT) {
            self.weather.breaks();
        }
        let mut waits = Waits::Until(Instant::now() + fault.lasts);
        let target = fault.target.as_str();
        let outcome = match fault.kind {
            Kind::Kill => {
                self.stage.kill(target);
                if target == "nats" { self.stage.store.keep_copy() } else { Ok(()) }
            }
            Kind::Freeze => {
                self.stage.signal(target, Signal::STOP);
                // As it stands still, its store can be copied.
                if target == "nats" { self.stage.store.keep_copy() } else { Ok(()) }
            }
            Kind::Stop => {
                let signal = self.stage.process(target).plan.stop;
                self.stage.process(target).signal(signal);
                waits = Waits::Ended { asked: Instant::now() };
                Ok(())
            }
            Kind::Cut => {
                self.pass(&fault, Passing::Refused, number);
                Ok(())
            }
            Kind::Silence => {
                self.pass(&fault, Passing::Silently, number);
                Ok(())
            }
            Kind::Delay => {
                self.pass(&fault, Passing::Slowly(fault.delay), number);
                Ok(())
            }
            Kind::Wipe => {
                self.stage.kill(target);
                self.stage.store.wipe()
            }
            Kind::Restore => {
                self.stage.kill(target);
                self.restore()
            }
            Kind::Fill => self.stage.store.fill(),
        };
        if let Err(error) = outcome {
            self.wrongs.push(format!("the harness itself: {fault}: {error:#}"));
        }
        self.broken.insert(number, (fault, waits));
    }

    fn pass(&self, fault: &Fault, passing: Passing, number: usize) {
        for proxy in self.stage.edges(&fault.target, fault.from.as_deref()) {
            proxy.set(passing, number);
        }
    }

    fn restore(&self) -> anyhow::Result<()> {
        if self.stage.store.restore()? {
            return Ok(());
        }
        self.say("(there is no older copy yet: one is kept)");
        self.stage.store.keep_copy()
    }

    fn is_broken(&self, component: &str) -> bool {
        self.broken.values().any(|(fault, _)| !fault.kind.is_of_connections() && fault.target == component)
    }

    /// Whatever waits for something that is so by now.
    fn go_on(&mut self) {
        let now = Instant::now();
        let numbers: Vec<usize> = self.broken.keys().copied().collect();
        for number in numbers {
            let Some((fault, waits)) = self.broken.remove(&number) else { continue };
            let target = fault.target.as_str();
            let next = match waits {
                Waits::Until(end) if end > now => Some(waits),
                Waits::Until(_) => self.mend(&fault, number),
                Waits::Ended { asked } if self.stage.process(target).ended().is_some() => {
                    self.say(&format!("{target} ended after {:.1} s", asked.elapsed().as_secs_f64()));
                    Some(self.start(target))
                }
                Waits::Ended { asked } if asked.elapsed() > ENDS_WITHIN => {
                    self.wrongs.push(format!("{target} did not end within {ENDS_WITHIN:?} of being asked"));
                    self.stage.kill(target);
                    Some(self.start(target))
                }
                Waits::Accepts { .. } if self.stage.accepts(target) => {
                    self.mark(target);
                    None
                }
                Waits::Accepts { since } if self.stage.process(target).ended().is_some() => {
                    if since.elapsed() > STARTS_WITHIN {
                        self.wrongs.push(format!("{target} ends whenever it is started"));
                        None
                    } else {
                        // PostgreSQL will not start before the last child of the one that was killed is gone. Others
                        // should wait for what they need; whoever runs them starts them again all the same.
                        if target != "postgres" {
                            self.say(&format!("({target} ended at its start, and is started again)"));
                            self.at_start += 1;
                        }
                        self.start(target);
                        Some(Waits::Accepts { since })
                    }
                }
                waits => Some(waits),
            };
            match next {
                Some(waits) => drop(self.broken.insert(number, (fault, waits))),
                None if fault.kind == Kind::Delay && fault.delay <= SLIGHT => {}
                None => self.weather.mended(),
            }
        }
    }

    fn mend(&mut self, fault: &Fault, number: usize) -> Option<Waits> {
        let target = fault.target.as_str();
        match fault.kind {
            Kind::Kill | Kind::Wipe | Kind::Restore => return Some(self.start(target)),
            Kind::Fill => {
                if let Err(error) = self.stage.store.make_room() {
                    self.wrongs.push(format!("the harness itself: {error:#}"));
                }
                // It gave its store up when the disk was full, until it is started again: who cares for it does that.
                self.stage.kill(target);
                return Some(self.start(target));
            }
            Kind::Freeze => self.stage.signal(target, Signal::CONT),
            Kind::Cut | Kind::Silence | Kind::Delay => {
                for proxy in self.stage.edges(target, fault.from.as_deref()) {
                    proxy.heal(number);
                }
            }
            Kind::Stop => {}
        }
        self.mark(target);
        None
    }

    /// What was broken is not among `broken` any more.
    fn mark(&mut self, component: &str) {
        let others = !self.broken.is_empty();
        self.times.marks.push(Mark { component: component.to_owned(), at: Instant::now(), others });
    }

    fn start(&mut self, component: &str) -> Waits {
        if component == "nats" {
            self.panics_of_nats = self.stage.panics_of_nats();
        }
        if let Err(error) = self.stage.start_again(component) {
            self.wrongs.push(format!("the harness itself: {error:#}"));
        }
        Waits::Accepts { since: Instant::now() }
    }

    /// Nobody may end whom nobody ended: but for NATS, where its own log has a panic of its own more.
    fn look_for_the_dead(&mut self) {
        for component in self.stage.components() {
            if !self.is_broken(&component)
                && let Some(status) = self.stage.process(&component).ended()
            {
                let what = format!("{component} ended by itself ({status})");
                self.say(&what);
                if component == "nats" && self.stage.panics_of_nats() > self.panics_of_nats {
                    self.say("(its own panic)");
                } else {
                    self.wrongs.push(what);
                }
                // One fault more than were planned.
                self.times.begun.push(Instant::now());
                self.weather.breaks();
                let (at, no) = (self.times.began.elapsed(), Duration::ZERO);
                let fault = Fault { at, kind: Kind::Kill, target: component.clone(), from: None, lasts: no, delay: no };
                let waits = self.start(&component);
                self.broken.insert(usize::MAX - self.times.begun.len(), (fault, waits));
            }
        }
    }
}
