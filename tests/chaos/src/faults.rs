//! What is broken, when and for how long: decided by the seed before a run begins, so that the seed plays it again.

use std::{fmt, str::FromStr, time::Duration};

use anyhow::{Context as _, bail};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use trellis_local::environment::replica;

/// A window in which nothing is broken comes this often, and is this long: what must take effect within a second is
/// measured there.
const CALM_EVERY: Duration = Duration::from_secs(40);
const CALM_FIRST: Duration = Duration::from_secs(30);
const CALM: Duration = Duration::from_secs(8);
/// What was broken has this long to recover before a calm window.
const RECOVERS: Duration = Duration::from_secs(4);
/// Nothing is broken before that, and at the very end.
const MARGIN: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// SIGKILL, then started again.
    Kill,
    /// SIGSTOP for 5 s.
    Freeze,
    /// The signal that asks it to end, then started again.
    Stop,
    /// Connections are reset, and new ones refused.
    Cut,
    /// Connections stay, and nothing comes through.
    Silence,
    /// Everything comes later.
    Delay,
    /// NATS loses its store.
    Wipe,
    /// NATS gets an older copy of its store.
    Restore,
    /// The disk of NATS is full.
    Fill,
}

const KINDS: [(Kind, &str); 9] = [
    (Kind::Kill, "kill"),
    (Kind::Freeze, "freeze"),
    (Kind::Stop, "stop"),
    (Kind::Cut, "cut"),
    (Kind::Silence, "silence"),
    (Kind::Delay, "delay"),
    (Kind::Wipe, "wipe"),
    (Kind::Restore, "restore"),
    (Kind::Fill, "fill"),
];

/// All that can be broken, with how often: what holds most state, or is there only once, less often.
const MENU: &str = "kill:gateway*3,kill:identity,kill:org*2,kill:project*3,kill:postgres*2,kill:nats*2,\
    freeze:gateway*2,freeze:identity,freeze:org,freeze:project*3,freeze:postgres,freeze:nats,\
    stop:gateway*2,stop:identity,stop:org,stop:project*2,stop:postgres,stop:nats,\
    cut:gateway*2,cut:identity,cut:org,cut:project*2,cut:postgres*2,cut:nats*2,\
    silence:gateway*2,silence:identity,silence:org,silence:project*2,silence:postgres,silence:nats*2,\
    delay:gateway,delay:org*2,delay:project*2,delay:postgres,delay:nats,\
    wipe:nats*2,restore:nats*2,fill:nats*2";

/// One line of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub kind: Kind,
    /// `gateway`, `identity`, `org`, `project`, `postgres` or `nats`.
    pub target: String,
    pub weight: u32,
}

#[derive(Debug, Clone)]
pub struct Menu(pub Vec<Choice>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub at: Duration,
    pub kind: Kind,
    /// A component: `gateway-2`, `postgres`.
    pub target: String,
    /// Of faults of connections: only those from there.
    pub from: Option<String>,
    pub lasts: Duration,
    /// Of `Delay`.
    pub delay: Duration,
}

impl Kind {
    pub fn word(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, word)| word)
    }

    /// Whether it is done to connections and not to a process.
    pub fn is_of_connections(self) -> bool {
        matches!(self, Self::Cut | Self::Silence | Self::Delay)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind.word())?;
        if self.kind.is_of_connections() {
            write!(f, "{} → ", self.from.as_deref().unwrap_or("all"))?;
        }
        write!(f, "{}", self.target)?;
        match self.kind {
            Kind::Delay => write!(f, " by {:?} for {:?}", self.delay, self.lasts),
            Kind::Stop => Ok(()),
            _ => write!(f, " for {:?}", self.lasts),
        }
    }
}

impl fmt::Display for Menu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let choices = self.0.iter().map(|Choice { kind, target, weight }| format!("{}:{target}*{weight}", kind.word()));
        let choices: Vec<_> = choices.collect();
        f.write_str(if choices.is_empty() { "none".to_owned() } else { choices.join(",") }.as_str())
    }
}

impl Default for Menu {
    fn default() -> Self {
        MENU.parse().expect("the menu is right")
    }
}

impl FromStr for Menu {
    type Err = anyhow::Error;

    /// `kill:project*3,cut`: a kind alone is all of its targets, `none` is nothing.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut choices = Vec::new();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty() && *item != "none") {
            let (what, weight) = item.split_once('*').unwrap_or((item, "1"));
            let weight = weight.parse().with_context(|| format!("no weight: {item}"))?;
            let (word, target) = what.split_once(':').map_or((what, None), |(word, target)| (word, Some(target)));
            let Some((kind, _)) = KINDS.iter().find(|(_, known)| *known == word) else {
                bail!("no such fault: {item} (there are {})", KINDS.map(|(_, word)| word).join(", "));
            };
            match target {
                Some(target) if caller_kinds(target).is_none() => bail!("no such target: {item}"),
                Some(target) => choices.push(Choice { kind: *kind, target: target.to_owned(), weight }),
                None => choices.extend(
                    Self::default()
                        .0
                        .into_iter()
                        .filter(|choice| choice.kind == *kind)
                        .map(|choice| Choice { weight, ..choice }),
                ),
            }
        }
        Ok(Self(choices))
    }
}

/// Who connects to a component of that kind.
fn caller_kinds(target: &str) -> Option<&'static [&'static str]> {
    Some(match target {
        "gateway" => &["client"],
        "identity" => &["gateway", "org", "project"],
        "org" => &["gateway", "identity", "project"],
        "project" => &["gateway"],
        "postgres" => &["identity", "org", "project"],
        "nats" => &["gateway", "identity", "org", "project"],
        _ => return None,
    })
}

/// The faults of a run of that length. The same for the same seed, menu and number of replicas.
pub fn plan(seed: u64, length: Duration, menu: &Menu, replicas: usize) -> Vec<Fault> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut faults = Vec::new();
    let total: u32 = menu.0.iter().map(|choice| choice.weight).sum();
    if total == 0 {
        return faults;
    }
    let mut at = MARGIN;
    loop {
        at += Duration::from_millis(random.random_range(2_000..6_000));
        let choice = choose(&mut random, menu, total);
        let mut fault = draw(&mut random, choice, replicas);
        at = after_calm(at, fault.lasts);
        if at + fault.lasts + MARGIN > length {
            return faults;
        }
        fault.at = at;
        faults.push(fault);
    }
}

/// The beginning of a fault that must neither begin in a calm window nor reach into one.
fn after_calm(at: Duration, lasts: Duration) -> Duration {
    let mut calm = CALM_FIRST;
    while calm + CALM < at {
        calm += CALM_EVERY;
    }
    if at + lasts + RECOVERS > calm { calm + CALM } else { at }
}

fn choose<'a>(random: &mut StdRng, menu: &'a Menu, total: u32) -> &'a Choice {
    let mut drawn = random.random_range(0..total);
    for choice in &menu.0 {
        if drawn < choice.weight {
            return choice;
        }
        drawn -= choice.weight;
    }
    unreachable!("the weights add up to the total")
}

fn draw(random: &mut StdRng, choice: &Choice, replicas: usize) -> Fault {
    let one_of = |random: &mut StdRng, kind: &str| match kind {
        "client" | "postgres" | "nats" => kind.to_owned(),
        kind => replica(kind, random.random_range(0..replicas)),
    };
    let target = one_of(random, &choice.target);
    let callers = caller_kinds(&choice.target).unwrap_or_default();
    let caller = callers[random.random_range(0..callers.len())];
    let caller = one_of(random, caller);
    let from = (choice.kind.is_of_connections() && random.random_bool(0.5)).then_some(caller);
    let lasts = match choice.kind {
        Kind::Freeze => 5_000,
        Kind::Kill | Kind::Wipe | Kind::Restore => random.random_range(200..2_000),
        Kind::Stop => 0,
        Kind::Cut => random.random_range(0..2_000),
        Kind::Silence => random.random_range(2_000..4_000),
        Kind::Delay => random.random_range(3_000..6_000),
        Kind::Fill => random.random_range(3_000..5_000),
    };
    let delay = Duration::from_millis(random.random_range(20..400));
    Fault { at: Duration::ZERO, kind: choice.kind, target, from, lasts: Duration::from_millis(lasts), delay }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_mins(30);

    #[test]
    fn a_seed_is_a_plan() {
        let menu = Menu::default();
        assert_eq!(plan(7, LENGTH, &menu, 2), plan(7, LENGTH, &menu, 2));
        assert_ne!(plan(7, LENGTH, &menu, 2), plan(8, LENGTH, &menu, 2));
    }

    #[test]
    fn faults_come_in_order_every_few_seconds_and_leave_calm_windows() {
        for seed in 0..50 {
            let faults = plan(seed, LENGTH, &Menu::default(), 2);
            assert!(faults.len() > 250, "{}", faults.len());
            for fault in &faults {
                assert!(fault.at + fault.lasts < LENGTH);
                let since_first = fault.at.checked_sub(CALM_FIRST);
                let within =
                    since_first.is_some_and(|since| since.as_millis() % CALM_EVERY.as_millis() < CALM.as_millis());
                assert!(!within, "{fault} at {:?}", fault.at);
            }
            assert!(faults.is_sorted_by_key(|fault| fault.at));
        }
    }

    #[test]
    fn everything_on_the_menu_happens() {
        let mut wanted: Vec<_> = Menu::default().0.into_iter().map(|choice| (choice.kind, choice.target)).collect();
        for seed in 0..20 {
            for fault in plan(seed, LENGTH, &Menu::default(), 2) {
                let target = fault.target.trim_end_matches("-2");
                wanted.retain(|(kind, of)| (*kind, of.as_str()) != (fault.kind, target));
            }
        }
        assert_eq!(wanted, []);
    }

    #[test]
    fn a_menu_may_be_chosen() {
        let menu: Menu = "kill:project*3, cut:nats".parse().unwrap();
        assert_eq!(menu.0.len(), 2);
        assert_eq!((menu.0[0].weight, menu.0[1].target.as_str()), (3, "nats"));
        assert_eq!("cut".parse::<Menu>().unwrap().0.len(), 6);
        assert!("none".parse::<Menu>().unwrap().0.is_empty());
        assert!("burn:nats".parse::<Menu>().is_err() && "kill:dns".parse::<Menu>().is_err());
        assert_eq!(plan(1, LENGTH, &"none".parse().unwrap(), 2), []);
    }
}
