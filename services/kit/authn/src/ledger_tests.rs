//! A yes never outlives a removal that was seen, and an older answer never replaces a newer: by examples, and by
//! whatever order of events proptest thinks of.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use trellis_proto::org::v1::Role;

use super::*;

const EPOCH: Uuid = Uuid::from_u128(1);

fn org(number: u8) -> Uuid {
    Uuid::from_u128(0x100 + u128::from(number))
}

fn user(number: u8) -> Uuid {
    Uuid::from_u128(0x200 + u128::from(number))
}

fn question(slug: u8, asker: u8) -> Question {
    Question { org: format!("org-{slug}"), user: user(asker) }
}

fn yes(number: u8, seq: u64) -> Access {
    Access { org_id: org(number), role: Role::Member, seq, epoch: EPOCH }
}

fn removed(number: u8, asker: u8, seq: u64) -> MembershipChange {
    MembershipChange::Removed { org_id: org(number), user_id: user(asker), seq }
}

fn ledger(head: u64) -> Ledger {
    let mut ledger = Ledger::new();
    ledger.reset(EPOCH, head);
    ledger
}

#[test]
fn a_yes_is_kept_for_five_seconds_from_the_question() {
    let (mut ledger, asked) = (ledger(7), Instant::now());
    let answered = asked + Duration::from_secs(1);
    assert_eq!(ledger.admit(&question(1, 1), yes(1, 7), asked, answered), Some(yes(1, 7)));
    assert_eq!(ledger.find(&question(1, 1), asked + Duration::from_millis(4999)), Some(yes(1, 7)));
    assert_eq!(ledger.find(&question(1, 1), asked + LIFETIME), None);
    assert_eq!(ledger.find(&question(1, 2), answered), None);
    assert_eq!(ledger.find(&question(2, 1), answered), None);
}

#[test]
fn a_change_ends_a_yes() {
    let now = Instant::now();
    for (change, ends) in [
        (removed(1, 1, 8), true),
        (removed(1, 2, 8), false),
        (removed(2, 1, 8), false),
        (MembershipChange::Changed { org_id: org(1), user_id: user(1), seq: 8 }, true),
        (MembershipChange::OrganizationChanged { org_id: org(1), seq: 8 }, true),
        (MembershipChange::OrganizationDeleted { org_id: org(1), seq: 8 }, true),
        (MembershipChange::OrganizationDeleted { org_id: org(2), seq: 8 }, false),
    ] {
        let mut ledger = ledger(7);
        ledger.admit(&question(1, 1), yes(1, 7), now, now).unwrap();
        ledger.apply(change, now);
        assert_eq!(ledger.find(&question(1, 1), now).is_none(), ends, "{change:?}");
        // An answer that was under way meanwhile.
        assert_eq!(ledger.admit(&question(1, 1), yes(1, 7), now, now).is_none(), ends, "{change:?}");
        // One that knows of it.
        assert_eq!(ledger.admit(&question(1, 1), yes(1, 8), now, now), Some(yes(1, 8)), "{change:?}");
    }
}

#[test]
fn a_later_answer_may_come_before_the_change_that_it_knows_of() {
    let (mut ledger, now) = (ledger(7), Instant::now());
    // Removed at 8, back at 9; the answer is faster than the feed.
    ledger.admit(&question(1, 1), yes(1, 9), now, now).unwrap();
    ledger.apply(removed(1, 1, 8), now);
    ledger.apply(MembershipChange::Changed { org_id: org(1), user_id: user(1), seq: 9 }, now);
    assert_eq!(ledger.find(&question(1, 1), now), Some(yes(1, 9)));
}

#[test]
fn an_older_answer_does_not_replace_a_newer_one() {
    let (mut ledger, now) = (ledger(7), Instant::now());
    let admin = Access { role: Role::Admin, ..yes(1, 9) };
    ledger.admit(&question(1, 1), admin, now, now).unwrap();
    assert_eq!(ledger.admit(&question(1, 1), yes(1, 8), now, now), Some(admin));
    assert_eq!(ledger.find(&question(1, 1), now), Some(admin));
    // The newer one is over; the older is not used instead.
    assert_eq!(ledger.admit(&question(1, 1), yes(1, 8), now + LIFETIME, now + LIFETIME), None);
}

#[test]
fn overtaken_means_a_later_removal() {
    let (mut ledger, now) = (ledger(0), Instant::now());
    ledger.apply(removed(1, 1, 5), now);
    ledger.apply(MembershipChange::Changed { org_id: org(1), user_id: user(1), seq: 6 }, now);
    ledger.apply(MembershipChange::Changed { org_id: org(2), user_id: user(1), seq: 7 }, now);
    ledger.apply(MembershipChange::OrganizationDeleted { org_id: org(3), seq: 8 }, now);
    assert!(ledger.removed_since(org(1), user(1), 4));
    assert!(!ledger.removed_since(org(1), user(1), 5));
    assert!(!ledger.removed_since(org(1), user(2), 4));
    assert!(!ledger.removed_since(org(2), user(1), 0));
    assert!(ledger.removed_since(org(3), user(1), 7));
    assert!(!ledger.removed_since(org(3), user(1), 8));
}

#[test]
fn what_was_forgotten_is_not_believed_either() {
    let now = Instant::now();
    // By time.
    let mut by_time = ledger(0);
    by_time.apply(removed(1, 1, 5), now);
    by_time.apply(removed(2, 2, 6), now + MEMORY + Duration::from_secs(1));
    assert_eq!(by_time.marks.len(), 1);
    let late = now + MEMORY + Duration::from_secs(2);
    assert_eq!(by_time.admit(&question(1, 1), yes(1, 4), late, late), None);
    assert_eq!(by_time.admit(&question(1, 1), yes(1, 6), late, late), Some(yes(1, 6)));
    // By number.
    let mut by_number = Ledger::limited(10);
    by_number.reset(EPOCH, 0);
    for seq in 1..=100 {
        by_number.apply(removed(1, u8::try_from(seq).unwrap(), seq), now);
    }
    assert_eq!((by_number.marks.len(), by_number.recent.len(), by_number.forgotten), (10, 10, 90));
    assert_eq!(by_number.admit(&question(1, 1), yes(1, 89), now, now), None);
}

#[test]
fn a_reset_forgets_every_answer() {
    let (mut ledger, now) = (ledger(7), Instant::now());
    ledger.admit(&question(1, 1), yes(1, 7), now, now).unwrap();
    ledger.reset(EPOCH, 9);
    assert_eq!(ledger.find(&question(1, 1), now), None);
    assert_eq!(ledger.admit(&question(1, 1), yes(1, 8), now, now), None);
    assert_eq!(ledger.place(), (Some(EPOCH), 9));
    // Numbers of another epoch say nothing here.
    let other = Access { epoch: Uuid::from_u128(2), ..yes(1, 99) };
    assert_eq!(ledger.admit(&question(1, 1), other, now, now), None);
    assert_eq!(ledger.admit(&question(1, 1), yes(1, 9), now, now), Some(yes(1, 9)));
}

#[test]
fn answers_take_bounded_room() {
    let (mut ledger, now) = (ledger(0), Instant::now());
    for number in 0..1000_u32 {
        let at = now + Duration::from_millis(10 * u64::from(number));
        let question = Question { org: format!("org-{number}"), user: user(1) };
        ledger.admit(&question, yes(1, 1), at, at).unwrap();
        // And the same one again and again.
        ledger.admit(&self::question(1, 1), yes(1, 1), at, at).unwrap();
    }
    assert!(ledger.answers.len() <= 501, "{}", ledger.answers.len());
    assert_eq!(ledger.answers.len(), ledger.order.len());
}

/// What may happen, in any order. Numbers are offsets to the true head of the feed.
#[derive(Debug, Clone)]
enum Event {
    /// Org commits a change; the feed will bring it.
    Commit {
        org: u8,
        user: u8,
        kind: u8,
    },
    /// The feed brings so many of what was committed.
    Heard {
        changes: usize,
    },
    /// Org answers yes, from a state so far back.
    Answered {
        org: u8,
        user: u8,
        back: u64,
        took: u64,
    },
    /// Someone asks.
    Asked {
        org: u8,
        user: u8,
    },
    Later {
        millis: u64,
    },
    Reset,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..2_u8, 0..2_u8, 0..4_u8).prop_map(|(org, user, kind)| Event::Commit { org, user, kind }),
        4 => (1..4_usize).prop_map(|changes| Event::Heard { changes }),
        6 => (0..2_u8, 0..2_u8, 0..4_u64, 0..3000_u64)
            .prop_map(|(org, user, back, took)| Event::Answered { org, user, back, took }),
        6 => (0..2_u8, 0..2_u8).prop_map(|(org, user)| Event::Asked { org, user }),
        3 => prop_oneof![0..1000_u64, 1000..70_000_u64].prop_map(|millis| Event::Later { millis }),
        1 => Just(Event::Reset),
    ]
}

fn change(number: u8, asker: u8, kind: u8, seq: u64) -> MembershipChange {
    let (org_id, user_id) = (org(number), user(asker));
    match kind {
        0 => removed(number, asker, seq),
        1 => MembershipChange::Changed { org_id, user_id, seq },
        2 => MembershipChange::OrganizationDeleted { org_id, seq },
        _ => MembershipChange::OrganizationChanged { org_id, seq },
    }
}

/// Whether the change is about this member.
fn concerns(change: MembershipChange, number: u8, asker: u8) -> bool {
    match change {
        MembershipChange::Changed { org_id, user_id, .. } | MembershipChange::Removed { org_id, user_id, .. } => {
            org_id == org(number) && user_id == user(asker)
        }
        MembershipChange::OrganizationChanged { org_id, .. } | MembershipChange::OrganizationDeleted { org_id, .. } => {
            org_id == org(number)
        }
        MembershipChange::Reset => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a model that never forgets anything.
    #[test]
    fn a_yes_never_outlives_what_was_heard(events in prop::collection::vec(event(), 1..120), limit in 1..20_usize) {
        let mut now = Instant::now();
        let mut ledger = Ledger::limited(limit);
        ledger.reset(EPOCH, 0);
        // Committed changes, the one with number n at n - 1, and how many of them the feed brought.
        let mut committed: Vec<MembershipChange> = Vec::new();
        let mut heard = 0;
        // Per question: the number of the newest yes given, and when each was asked for.
        let mut given: HashMap<Question, (u64, Instant)> = HashMap::new();

        for event in events {
            let (member, access) = match event {
                Event::Commit { org, user, kind } => {
                    let seq = committed.len() as u64 + 1;
                    committed.push(change(org, user, kind, seq));
                    continue;
                }
                Event::Heard { changes } => {
                    for _ in 0..changes.min(committed.len() - heard) {
                        ledger.apply(committed[heard], now);
                        heard += 1;
                        ledger.advance(heard as u64);
                    }
                    continue;
                }
                Event::Later { millis } => {
                    now += Duration::from_millis(millis);
                    continue;
                }
                Event::Reset => {
                    heard = committed.len();
                    ledger.reset(EPOCH, heard as u64);
                    given.clear();
                    continue;
                }
                Event::Answered { org, user, back, took } => {
                    let seq = (committed.len() as u64).saturating_sub(back);
                    let asked = now;
                    now += Duration::from_millis(took);
                    let question = question(org, user);
                    let admitted = ledger.admit(&question, yes(org, seq), asked, now);
                    if admitted.is_some_and(|access| access.seq == seq) {
                        let newest = given.entry(question).or_insert((seq, asked));
                        if seq >= newest.0 || now >= newest.1 + LIFETIME {
                            *newest = (seq, asked);
                        }
                    }
                    // The newest possible answer is always good, so asking again comes to an end.
                    if back == 0 {
                        prop_assert!(admitted.is_some());
                    }
                    ((org, user), admitted)
                }
                Event::Asked { org, user } => {
                    let access = ledger.find(&question(org, user), now);
                    if access.is_some() {
                        let (newest, asked) = given[&question(org, user)];
                        prop_assert_eq!(access.unwrap().seq, newest);
                        prop_assert!(now < asked + LIFETIME);
                    }
                    ((org, user), access)
                }
            };
            let Some(access) = access else { continue };
            for (index, change) in committed[..heard].iter().enumerate() {
                if concerns(*change, member.0, member.1) {
                    prop_assert!(access.seq > index as u64, "{access:?} outlives {change:?}");
                }
            }
            if let Some((newest, asked)) = given.get(&question(member.0, member.1)) {
                prop_assert!(access.seq >= *newest || now >= *asked + LIFETIME, "{access:?} is older than what was said before");
            }
        }
        prop_assert!(ledger.recent.len() <= limit && ledger.marks.len() <= limit);
    }
}
