//! What the sequencer does with one thing after another; `simulation` has everything at once.

use super::*;

const EPOCH: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

fn bounds(head: u64) -> Bounds {
    Bounds { epoch: EPOCH, head, oldest: 0 }
}

fn offer(sequencer: &mut Sequencer<u64>, now: Instant, seqs: &[u64]) {
    for &seq in seqs {
        sequencer.offer(now, EPOCH, seq, seq);
    }
}

#[test]
fn what_follows_is_handed_out_once_and_in_order() {
    let now = Instant::now();
    let mut sequencer = Sequencer::new(EPOCH, 3);
    offer(&mut sequencer, now, &[2, 3, 4, 4, 6, 5, 5]);
    assert_eq!(sequencer.take(now), [4, 5, 6]);
    assert_eq!(sequencer.next(now), Next::Rest);
    assert_eq!(sequencer.head(), 6);
}

#[test]
fn a_hole_is_read_after_a_moment() {
    let now = Instant::now();
    let mut sequencer = Sequencer::new(EPOCH, 0);
    offer(&mut sequencer, now, &[1, 3]);
    assert_eq!(sequencer.take(now), [1]);
    assert_eq!(sequencer.next(now), Next::At(now + PATIENCE));
    let later = now + PATIENCE;
    assert_eq!(sequencer.next(later), Next::Read { after: 1 });
    assert_eq!(sequencer.next(later), Next::Rest, "one read at a time");
    assert!(!sequencer.read(later, bounds(3), [(2, 2), (3, 3)]));
    assert_eq!(sequencer.take(later), [2, 3]);
    assert_eq!(sequencer.next(later), Next::Rest);
}

#[test]
fn a_hole_that_fills_itself_is_not_read() {
    let now = Instant::now();
    let mut sequencer = Sequencer::new(EPOCH, 0);
    offer(&mut sequencer, now, &[2, 1]);
    assert_eq!(sequencer.take(now), [1, 2]);
    assert_eq!(sequencer.next(now + PATIENCE), Next::Rest);
}

#[test]
fn a_lost_tail_is_found_by_the_head() {
    let now = Instant::now();
    let mut sequencer: Sequencer<u64> = Sequencer::new(EPOCH, 5);
    assert!(!sequencer.head_is(now, EPOCH, 7));
    assert_eq!(sequencer.next(now + PATIENCE), Next::Read { after: 5 });
}

#[test]
fn pages_are_read_on_without_patience() {
    let now = Instant::now();
    let mut sequencer = Sequencer::new(EPOCH, 0);
    sequencer.doubt();
    assert_eq!(sequencer.next(now), Next::Read { after: 0 });
    sequencer.read(now, bounds(4), [(1, 1), (2, 2)]);
    assert_eq!(sequencer.take(now), [1, 2]);
    assert_eq!(sequencer.next(now), Next::Read { after: 2 });
}

#[test]
fn failed_reads_are_tried_again_less_and_less_often() {
    let mut now = Instant::now();
    let mut sequencer: Sequencer<u64> = Sequencer::new(EPOCH, 0);
    sequencer.doubt();
    let mut pauses = Vec::new();
    for _ in 0..6 {
        assert_eq!(sequencer.next(now), Next::Read { after: 0 });
        sequencer.read_failed(now);
        let Next::At(then) = sequencer.next(now) else { panic!("does not wait") };
        pauses.push(then.duration_since(now).as_millis());
        now = then;
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1600, 2000]);
}

#[test]
fn an_answer_without_what_is_missed_is_not_asked_for_in_a_loop() {
    let now = Instant::now();
    let mut sequencer: Sequencer<u64> = Sequencer::new(EPOCH, 0);
    sequencer.head_is(now, EPOCH, 1);
    let now = now + PATIENCE;
    assert_eq!(sequencer.next(now), Next::Read { after: 0 });
    sequencer.read(now, bounds(1), []);
    assert_eq!(sequencer.next(now), Next::At(now + FIRST_BACKOFF));
}

#[test]
fn only_the_database_changes_the_epoch() {
    let now = Instant::now();
    let mut sequencer = Sequencer::new(EPOCH, 5);
    sequencer.offer(now, OTHER, 1, 1);
    assert_eq!(sequencer.take(now), [0; 0]);
    assert_eq!(sequencer.next(now), Next::Read { after: 5 });
    sequencer.offer(now, OTHER, 2, 2);
    assert!(!sequencer.read(now, bounds(5), []));
    assert_eq!(sequencer.next(now), Next::Rest, "asked once");
    assert!(sequencer.head_is(now, OTHER, 2));
    assert_eq!((sequencer.epoch(), sequencer.head()), (OTHER, 2));
}

#[test]
fn what_is_no_longer_kept_is_skipped_and_said() {
    let now = Instant::now();
    let mut sequencer = Sequencer::new(EPOCH, 5);
    sequencer.doubt();
    assert_eq!(sequencer.next(now), Next::Read { after: 5 });
    assert!(sequencer.read(now, Bounds { epoch: EPOCH, head: 12, oldest: 10 }, [(11, 11), (12, 12)]));
    assert_eq!(sequencer.head(), 10);
    assert_eq!(sequencer.take(now), [11, 12]);
}

#[test]
fn what_waits_behind_a_hole_is_bounded() {
    let now = Instant::now();
    let mut sequencer = Sequencer::new(EPOCH, 0);
    let many: Vec<u64> = (2..2000).collect();
    offer(&mut sequencer, now, &many);
    assert_eq!(sequencer.ahead.len(), MOST_AHEAD);
    offer(&mut sequencer, now, &[1]);
    assert_eq!(sequencer.take(now).len(), MOST_AHEAD);
    assert_eq!(sequencer.next(now + PATIENCE), Next::Read { after: MOST_AHEAD as u64 });
}
