//! What may happen, and how often it does.

use std::time::Duration;

use trellis_seeds::Chance;

/// One thing that happens. Numbers choose among what there is at that moment.
#[derive(Debug, Clone)]
pub enum Happening {
    /// Events are committed.
    Commit(u64),
    /// A message on its way arrives, arrives and stays on its way too, or is lost.
    Arrive(usize),
    Double(usize),
    Lose(usize),
    /// The database's head is asked for, and told later.
    AskHead,
    TellHead,
    /// The read that was begun is answered with at most so many events, as the database is now or as it was.
    Answer {
        most: u64,
    },
    LateAnswer,
    Fail,
    Wait(Duration),
    Reconnect,
    /// A subscription is authorized, and told where the scope stands; it joins later.
    Open {
        back: u64,
        filter: Option<u64>,
    },
    Join,
    /// A subscription takes at most so much.
    Take {
        which: usize,
        frames: usize,
        page: u64,
    },
    /// Retention deletes what is older than so many.
    Forget(u64),
    /// The database is made anew, with so many events.
    Anew(u64),
}

/// What happens every day.
pub fn usual(chance: &mut Chance) -> Happening {
    let any = |chance: &mut Chance| chance.index(256);
    match chance.within(0..=46) {
        0..=5 => Happening::Commit(chance.within(1..=5)),
        6..=13 => Happening::Arrive(any(chance)),
        14..=15 => Happening::Double(any(chance)),
        16..=17 => Happening::Lose(any(chance)),
        18 => Happening::AskHead,
        19 => Happening::TellHead,
        20..=25 => Happening::Answer { most: chance.within(0..=8) },
        26..=27 => Happening::LateAnswer,
        28..=29 => Happening::Fail,
        30..=33 => Happening::Wait(chance.millis(0..=300)),
        34 => Happening::Reconnect,
        35..=36 => Happening::Open {
            // Some are far back, most are near.
            back: if chance.percent(20) { chance.within(0..=255) } else { chance.within(0..=9) },
            filter: chance.percent(60).then(|| chance.within(0..=2)),
        },
        37..=38 => Happening::Join,
        _ => Happening::Take { which: any(chance), frames: chance.index(5), page: chance.within(1..=6) },
    }
}

/// What happens every day, and what hardly ever does.
pub fn anything(chance: &mut Chance) -> Happening {
    match chance.within(0..=51) {
        0 => Happening::Forget(chance.within(0..=19)),
        1 => Happening::Anew(chance.within(0..=29)),
        _ => usual(chance),
    }
}
