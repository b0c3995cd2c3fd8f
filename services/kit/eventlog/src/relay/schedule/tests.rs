//! Single decisions, and a simulated outbox for what must always hold.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn scope(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn rows(of: &[(i64, u128)]) -> Vec<Row<()>> {
    of.iter().map(|(id, number)| Row { id: *id, scope: scope(*number), message: () }).collect()
}

fn ids(rows: &[Row<()>]) -> Vec<i64> {
    rows.iter().map(|row| row.id).collect()
}

#[test]
fn one_row_of_each_scope_at_a_time() {
    let now = Instant::now();
    let mut schedule = Schedule::new();
    let first = schedule.offer(rows(&[(1, 1), (2, 1), (3, 2), (4, 1)]), now);
    assert_eq!(ids(&first), [1, 3]);
    assert_eq!(schedule.stored(scope(1)).map(|row| row.id), Some(2));
    assert_eq!(schedule.stored(scope(2)), None);
    assert_eq!(schedule.busy(now), [scope(1)]);
}

#[test]
fn rows_of_a_busy_scope_are_left_for_later() {
    let now = Instant::now();
    let mut schedule = Schedule::new();
    schedule.offer(rows(&[(1, 1)]), now);
    assert!(schedule.offer(rows(&[(1, 1), (2, 1)]), now).is_empty());
    assert_eq!(schedule.stored(scope(1)), None);
    assert_eq!(ids(&schedule.offer(rows(&[(1, 1), (2, 1)]), now)), [2]);
}

#[test]
fn a_busy_scope_takes_only_its_share() {
    let now = Instant::now();
    let mut schedule = Schedule::new();
    let many: Vec<_> = (1..=40).map(|id| (id, 1)).collect();
    schedule.offer(rows(&many), now);
    let mut published = 1;
    while schedule.stored(scope(1)).is_some() {
        published += 1;
    }
    assert_eq!(published, PER_SCOPE);
    assert_eq!(schedule.room(), CAPACITY);
}

#[test]
fn a_failure_makes_only_its_scope_rest_and_longer_each_time() {
    let now = Instant::now();
    let mut schedule = Schedule::new();
    let outbox = [(1, 1), (2, 1), (3, 2), (4, 2)];
    schedule.offer(rows(&outbox), now);
    schedule.failed(scope(1), now);
    assert_eq!(schedule.stored(scope(2)).map(|row| row.id), Some(4));
    assert!(schedule.offer(rows(&outbox), now).is_empty());
    let later = now + FIRST_REST;
    assert_eq!(ids(&schedule.offer(rows(&outbox), later)), [1]);
    schedule.failed(scope(1), later);
    assert!(schedule.offer(rows(&outbox), later + FIRST_REST).is_empty());
    schedule.wake_all();
    assert_eq!(ids(&schedule.offer(rows(&outbox), later)), [1]);
}

#[test]
fn what_is_acknowledged_is_not_published_again_before_it_is_deleted() {
    let now = Instant::now();
    let mut schedule = Schedule::new();
    schedule.offer(rows(&[(1, 1)]), now);
    schedule.stored(scope(1));
    assert!(schedule.offer(rows(&[(1, 1)]), now).is_empty());
    assert_eq!(schedule.acked(), [1]);
    schedule.deleted(&[1]);
    assert!(schedule.is_idle());
}

#[test]
fn an_answer_of_a_forgotten_row_changes_nothing() {
    let mut schedule = Schedule::<()>::new();
    assert_eq!(schedule.stored(scope(1)), None);
    schedule.failed(scope(1), Instant::now());
    assert!(schedule.is_idle());
    assert_eq!(schedule.room(), CAPACITY);
}

/// What happens to the relay, in any order.
#[derive(Debug, Clone)]
enum Step {
    Commit(u128),
    /// Two scopes' rows become visible in the other order than their ids.
    CommitCrossed(u128, u128),
    Exchange,
    Store(usize),
    Fail(usize),
    /// NATS stored it, but its answer was lost.
    LoseAnswer(usize),
    Wait(u64),
    LoseLeadership,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..5_u128).prop_map(Step::Commit),
        1 => (0..5_u128, 5..8_u128).prop_map(|(a, b)| Step::CommitCrossed(a, b)),
        5 => Just(Step::Exchange),
        6 => any::<usize>().prop_map(Step::Store),
        2 => any::<usize>().prop_map(Step::Fail),
        1 => any::<usize>().prop_map(Step::LoseAnswer),
        2 => (0..400_u64).prop_map(Step::Wait),
        1 => Just(Step::LoseLeadership),
    ]
}

/// An outbox, a NATS and a relay between them. `M` is the number within the scope.
struct World {
    now: Instant,
    next_id: i64,
    committed: BTreeMap<Uuid, i64>,
    /// Rows by id, and those that are not yet visible.
    outbox: BTreeMap<i64, Row<i64>>,
    hidden: Vec<Row<i64>>,
    schedule: Schedule<i64>,
    in_flight: Vec<Row<i64>>,
    /// What NATS stored of each scope, as a subscriber that drops what it knows would keep it.
    stored: BTreeMap<Uuid, i64>,
}

impl World {
    fn new() -> Self {
        Self {
            now: Instant::now(),
            next_id: 1,
            committed: BTreeMap::new(),
            outbox: BTreeMap::new(),
            hidden: Vec::new(),
            schedule: Schedule::new(),
            in_flight: Vec::new(),
            stored: BTreeMap::new(),
        }
    }

    fn row(&mut self, scope: Uuid) -> Row<i64> {
        let seq = self.committed.entry(scope).or_default();
        *seq += 1;
        let row = Row { id: self.next_id, scope, message: *seq };
        self.next_id += 1;
        row
    }

    fn publish(&mut self, row: Row<i64>) {
        assert!(self.in_flight.iter().all(|other| other.scope != row.scope), "two in flight of one scope");
        assert!(self.outbox.contains_key(&row.id), "published a row that is gone");
        self.in_flight.push(row);
    }

    fn store(&mut self, row: &Row<i64>) {
        let last = self.stored.entry(row.scope).or_default();
        assert!(row.message <= *last + 1, "a subscriber sees a hole: {} after {last}", row.message);
        *last = row.message.max(*last);
    }

    fn exchange(&mut self, limit: usize) {
        let acked = self.schedule.acked();
        for id in &acked {
            let row = self.outbox.remove(id).expect("deleted twice");
            assert!(self.stored.get(&row.scope).is_some_and(|last| *last >= row.message), "deleted before stored");
        }
        self.schedule.deleted(&acked);
        let busy = self.schedule.busy(self.now);
        let read = self.outbox.values().filter(|row| !busy.contains(&row.scope));
        let rows = read.take(limit.min(self.schedule.room())).cloned().collect();
        for row in self.schedule.offer(rows, self.now) {
            self.publish(row);
        }
    }

    fn settle(&mut self, which: usize, stored: bool, answered: bool) {
        if self.in_flight.is_empty() {
            return;
        }
        let row = self.in_flight.remove(which % self.in_flight.len());
        if stored {
            self.store(&row);
        }
        if stored && answered {
            if let Some(next) = self.schedule.stored(row.scope) {
                self.publish(next);
            }
        } else {
            self.schedule.failed(row.scope, self.now);
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Commit(number) => {
                // A scope's rows become visible in order: its lock is held until the commit.
                if self.hidden.iter().all(|row| row.scope != scope(number)) {
                    let row = self.row(scope(number));
                    self.outbox.insert(row.id, row);
                }
            }
            Step::CommitCrossed(early, late) => {
                self.outbox.extend(self.hidden.drain(..).map(|row| (row.id, row)));
                let row = self.row(scope(early));
                self.hidden.push(row);
                let row = self.row(scope(late));
                self.outbox.insert(row.id, row);
            }
            Step::Exchange => self.exchange(8),
            Step::Store(which) => self.settle(which, true, true),
            Step::Fail(which) => self.settle(which, false, true),
            Step::LoseAnswer(which) => self.settle(which, true, false),
            Step::Wait(millis) => self.now += Duration::from_millis(millis),
            Step::LoseLeadership => {
                self.schedule = Schedule::new();
                self.in_flight.clear();
            }
        }
    }
}

proptest! {
    #[test]
    fn in_order_without_loss_whatever_happens(steps in proptest::collection::vec(step(), 0..300)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        // Then all goes well, and everything arrives.
        world.outbox.extend(std::mem::take(&mut world.hidden).into_iter().map(|row| (row.id, row)));
        while !world.outbox.is_empty() {
            world.now += FIRST_REST * 32;
            world.exchange(8);
            while !world.in_flight.is_empty() {
                world.settle(0, true, true);
            }
        }
        prop_assert_eq!(&world.stored, &world.committed);
        world.exchange(8);
        prop_assert!(world.schedule.is_idle());
        prop_assert_eq!(world.schedule.room(), CAPACITY);
    }

    #[test]
    fn a_failing_scope_stands_in_nobodys_way(good in 1..40_usize, bad in 1..40_usize) {
        let mut world = World::new();
        for _ in 0..bad {
            world.step(&Step::Commit(1));
        }
        for _ in 0..good {
            world.step(&Step::Commit(2));
        }
        // Scope 1 always fails, and its rows come first; time hardly passes.
        for _ in 0..2 * (good + 1) {
            world.exchange(8);
            while let Some(row) = world.in_flight.first() {
                let ok = row.scope == scope(2);
                world.settle(0, ok, ok);
            }
            world.now += Duration::from_millis(1);
        }
        prop_assert_eq!(world.stored.get(&scope(2)).copied(), i64::try_from(good).ok());
        prop_assert_eq!(world.stored.get(&scope(1)), None);
    }
}
