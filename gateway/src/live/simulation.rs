//! The two state machines together, against everything that can happen to events on their way: lost, doubled,
//! overtaken; reads that fail, are cut short or answer late; heads that are old; sockets that are slow. Whatever the
//! order of things, every subscription sees exactly what it should, once and in order.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use proptest::{collection::vec, prelude::*};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    ring::{Entry, Ring},
    sequencer::{Bounds, Next, Sequencer},
    subscription::{Budget, Page, Place, Step, begin},
};
use crate::cursor::Cursor;

const SCOPE: Uuid = Uuid::from_u128(9);

/// One thing that happens. Numbers choose among what there is at that moment.
#[derive(Debug, Clone)]
enum Happening {
    /// Events are committed.
    Commit(u8),
    /// A message on its way arrives, arrives and stays on its way too, or is lost.
    Arrive(u8),
    Double(u8),
    Lose(u8),
    /// The database's head is asked for, and told later.
    AskHead,
    TellHead,
    /// The read that was begun is answered with at most so many events, as the database is now or as it was.
    Answer {
        most: u8,
    },
    LateAnswer,
    Fail,
    Wait(u16),
    Reconnect,
    Subscribe {
        back: u8,
        filter: Option<u8>,
    },
    /// A subscription takes at most so much.
    Take {
        which: u8,
        frames: u8,
        page: u8,
    },
    /// Retention deletes what is older than so many.
    Forget(u8),
    /// The database is made anew, with so many events.
    Anew(u8),
}

/// What happens every day.
fn usual() -> impl Strategy<Value = Happening> {
    use Happening::{
        Answer, Arrive, AskHead, Commit, Double, Fail, LateAnswer, Lose, Reconnect, Subscribe, Take, TellHead, Wait,
    };
    prop_oneof![
        6 => (1..6u8).prop_map(Commit),
        8 => any::<u8>().prop_map(Arrive),
        2 => any::<u8>().prop_map(Double),
        2 => any::<u8>().prop_map(Lose),
        1 => Just(AskHead),
        1 => Just(TellHead),
        6 => (0..9u8).prop_map(|most| Answer { most }),
        2 => Just(LateAnswer),
        2 => Just(Fail),
        4 => (0..300u16).prop_map(Wait),
        1 => Just(Reconnect),
        2 => (any::<u8>(), proptest::option::of(0..3u8)).prop_map(|(back, filter)| Subscribe { back, filter }),
        8 => (any::<u8>(), 0..5u8, 1..7u8).prop_map(|(which, frames, page)| Take { which, frames, page }),
    ]
}

/// What happens every day, and what hardly ever does.
fn anything() -> impl Strategy<Value = Happening> {
    prop_oneof![
        50 => usual(),
        1 => (0..20u8).prop_map(Happening::Forget),
        1 => (0..30u8).prop_map(Happening::Anew),
    ]
}

/// What a subscription was told.
#[derive(Debug)]
struct Told {
    /// Where the client was told that it stands.
    from: Cursor,
    seqs: Vec<u64>,
}

struct Subscriber {
    place: Place,
    /// One since the subscription and one more since each reset.
    told: Vec<Told>,
}

struct World {
    now: Instant,
    epoch: u128,
    head: u64,
    oldest: u64,
    on_the_way: VecDeque<(Uuid, u64)>,
    told_head: Option<(Uuid, u64)>,
    reading: Option<(u64, Bounds)>,
    sequencer: Sequencer<u64>,
    ring: Ring,
    subscribers: Vec<Subscriber>,
}

fn subject(seq: u64) -> Uuid {
    Uuid::from_u128(u128::from(seq % 3))
}

fn entry(epoch: Uuid, seq: u64) -> Arc<Entry> {
    Arc::new(Entry::new(Cursor { epoch, scope: SCOPE, seq }, Some(subject(seq)), 0, "{}".into()))
}

impl World {
    fn new() -> Self {
        let epoch = Uuid::from_u128(1);
        Self {
            now: Instant::now(),
            epoch: 1,
            head: 5,
            oldest: 0,
            on_the_way: VecDeque::new(),
            told_head: None,
            reading: None,
            sequencer: Sequencer::new(epoch, 5),
            ring: Ring::new(epoch, 5),
            subscribers: Vec::new(),
        }
    }

    fn epoch(&self) -> Uuid {
        Uuid::from_u128(self.epoch)
    }

    fn bounds(&self) -> Bounds {
        Bounds { epoch: self.epoch(), head: self.head, oldest: self.oldest }
    }

    fn happen(&mut self, happening: &Happening) {
        match *happening {
            Happening::Commit(count) => {
                for _ in 0..count {
                    self.head += 1;
                    self.on_the_way.push_back((self.epoch(), self.head));
                }
            }
            Happening::Arrive(which) => self.arrive(which, false),
            Happening::Double(which) => self.arrive(which, true),
            Happening::Lose(which) => {
                if !self.on_the_way.is_empty() {
                    self.on_the_way.remove(usize::from(which) % self.on_the_way.len());
                }
            }
            Happening::AskHead => self.told_head = Some((self.epoch(), self.head)),
            Happening::TellHead => {
                if let Some((epoch, head)) = self.told_head.take()
                    && self.sequencer.head_is(self.now, epoch, head)
                {
                    self.restart();
                }
            }
            Happening::Answer { most } => self.answer(self.bounds(), most.into()),
            Happening::LateAnswer => {
                if let Some((_, then)) = self.reading {
                    self.answer(then, 200);
                }
            }
            Happening::Fail => {
                if self.reading.take().is_some() {
                    self.sequencer.read_failed(self.now);
                }
            }
            Happening::Wait(millis) => self.now += Duration::from_millis(millis.into()),
            Happening::Reconnect => self.sequencer.doubt(),
            Happening::Subscribe { back, filter } => self.subscribe(back, filter),
            Happening::Take { which, frames, page } => {
                if !self.subscribers.is_empty() {
                    let which = usize::from(which) % self.subscribers.len();
                    self.take(which, Budget { frames: frames.into(), bytes: 1 << 20 }, page.into());
                }
            }
            Happening::Forget(keep) => self.oldest = self.oldest.max(self.head.saturating_sub(keep.into())),
            Happening::Anew(head) => {
                self.epoch += 1;
                self.head = head.into();
                self.oldest = 0;
            }
        }
        self.step();
    }

    /// What the feed's task does after anything happened.
    fn step(&mut self) {
        for seq in self.sequencer.take(self.now) {
            self.ring.push(entry(self.sequencer.epoch(), seq));
        }
        if let Next::Read { after } = self.sequencer.next(self.now) {
            assert!(self.reading.is_none(), "one read at a time");
            self.reading = Some((after, self.bounds()));
        }
    }

    fn arrive(&mut self, which: u8, again: bool) {
        if self.on_the_way.is_empty() {
            return;
        }
        // Mostly in order: what is chosen is near the front.
        let which = usize::from(which % 4) % self.on_the_way.len();
        let (epoch, seq) = self.on_the_way[which];
        if !again {
            self.on_the_way.remove(which);
        }
        self.sequencer.offer(self.now, epoch, seq, seq);
    }

    fn answer(&mut self, bounds: Bounds, most: u64) {
        let Some((after, _)) = self.reading.take() else { return };
        let first = after.max(bounds.oldest) + 1;
        let seqs: Vec<u64> = (first..=bounds.head).take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
        if self.sequencer.read(self.now, bounds, seqs.into_iter().map(|seq| (seq, seq))) {
            self.restart();
        }
    }

    fn restart(&mut self) {
        self.ring = Ring::new(self.sequencer.epoch(), self.sequencer.head());
    }

    fn subscribe(&mut self, back: u8, filter: Option<u8>) {
        let head = Cursor { epoch: self.epoch(), scope: SCOPE, seq: self.head };
        let after = self.head.checked_sub(back.into()).map(|seq| Cursor { seq, ..head });
        let (at, recovered) = begin(after, head, self.oldest);
        assert_eq!(recovered, after.is_none_or(|after| after.seq >= self.oldest));
        let filter = filter.map(|subject| Uuid::from_u128(subject.into()));
        let told = vec![Told { from: at, seqs: Vec::new() }];
        self.subscribers.push(Subscriber { place: Place { at, filter }, told });
        // The hub tells the feed what it heard.
        if self.sequencer.head_is(self.now, head.epoch, head.seq) {
            self.restart();
        }
    }

    fn take(&mut self, which: usize, mut budget: Budget, page: u64) {
        let bounds = self.bounds();
        let subscriber = &mut self.subscribers[which];
        let mut out = Vec::new();
        let mut step = subscriber.place.follow(&self.ring, &mut budget, &mut out);
        if let Step::Read { after } = step {
            let first = after.max(bounds.oldest) + 1;
            let last = bounds.head.min(after + page);
            let entries =
                if first == after + 1 { (first..=last).map(|seq| entry(bounds.epoch, seq)).collect() } else { vec![] };
            let read = Page { epoch: bounds.epoch, after, entries, oldest: bounds.oldest };
            step = subscriber.place.replay(&read, &mut budget, &mut out);
            if step == Step::Reset {
                subscriber.place.reset(&self.ring);
            }
        }
        let told = subscriber.told.last_mut().expect("a subscription begins with being told");
        for entry in out {
            assert_eq!(entry.at.epoch, told.from.epoch);
            told.seqs.push(entry.at.seq);
        }
        if step == Step::Reset {
            subscriber.told.push(Told { from: subscriber.place.at, seqs: Vec::new() });
        }
    }

    /// Nothing is lost any more, and everybody has time.
    fn settle(&mut self) {
        for _ in 0..2000 {
            self.now += Duration::from_millis(100);
            if self.sequencer.head_is(self.now, self.epoch(), self.head) {
                self.restart();
            }
            self.step();
            self.answer(self.bounds(), 50);
            self.step();
            for which in 0..self.subscribers.len() {
                self.take(which, Budget { frames: 100, bytes: 1 << 20 }, 40);
            }
            let done = |place: &Place| place.at.epoch == self.epoch() && place.at.seq == self.head;
            if self.ring.head() == self.head && self.subscribers.iter().all(|known| done(&known.place)) {
                return;
            }
        }
        panic!("does not settle: the ring is at {} of {}", self.ring.head(), self.head);
    }

    fn check(&self) {
        for Subscriber { place, told } in &self.subscribers {
            let (last, before) = told.split_last().expect("a subscription begins with being told");
            let belongs = |seq: &u64| place.filter.is_none_or(|filter| subject(*seq) == filter);
            let expected: Vec<u64> = (last.from.seq + 1..=self.head).filter(belongs).collect();
            assert_eq!(last.seqs, expected, "everything since the last frame that told a position");
            for Told { from, seqs } in before {
                // Until a reset: no event left out.
                let expected = (from.seq + 1..).filter(belongs).take(seqs.len());
                assert!(expected.eq(seqs.iter().copied()), "{seqs:?} after {from:?}");
            }
        }
    }
}

fn run(happenings: &[Happening]) -> World {
    let mut world = World::new();
    world.subscribe(255, None);
    world.subscribe(3, None);
    world.subscribe(3, Some(1));
    for happening in happenings {
        world.happen(happening);
    }
    world.settle();
    world.check();
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn every_subscription_sees_everything_once_and_in_order(happenings in vec(usual(), 0..300)) {
        let world = run(&happenings);
        for subscriber in &world.subscribers {
            prop_assert_eq!(subscriber.told.len(), 1, "nothing was lost, so nobody is told to begin anew");
        }
    }

    #[test]
    fn what_cannot_be_had_any_more_is_said_and_nothing_else_is_left_out(happenings in vec(anything(), 0..300)) {
        run(&happenings);
    }
}
