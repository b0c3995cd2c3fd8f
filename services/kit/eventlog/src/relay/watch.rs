//! When the stream is looked at, and whether the relay may publish: decisions without a clock or a connection.
//!
//! Connections to NATS are counted; only on the one on which the stream was found intact is anything published.

use std::time::Duration;

use tokio::time::Instant;

/// The stream is looked at this often, besides after every reconnect and everything odd.
const LOOK: Duration = Duration::from_secs(10);
/// After something odd; and looks are at least this far apart.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How often the log says what the relay waits for; at first it waits a moment, as processes start in any order.
const SAY: Duration = Duration::from_secs(5);
const SAY_FIRST: Duration = Duration::from_secs(1);
/// Between two times of making room: what was made first must have had time to show.
const MAKE_ROOM: Duration = Duration::from_secs(1);

pub(crate) struct StreamWatch {
    intact_on: Option<u64>,
    looking_on: Option<u64>,
    look_at: Instant,
    say_at: Instant,
    make_room_at: Instant,
}

impl StreamWatch {
    pub(crate) fn new(now: Instant) -> Self {
        Self { intact_on: None, looking_on: None, look_at: now, say_at: now + SAY_FIRST, make_room_at: now }
    }

    /// Whether the stream is known to be intact on this connection.
    pub(crate) fn may_publish(&self, connection: Option<u64>) -> bool {
        self.intact_on.is_some() && self.intact_on == connection
    }

    /// Whether to look now. Who looks tells what was found by [`Self::intact`], [`Self::unreachable`] or
    /// [`Self::given_up`].
    pub(crate) fn start_look(&mut self, connection: Option<u64>, now: Instant) -> bool {
        // A new connection is looked at without delay.
        let is_new = self.intact_on.is_some() && self.intact_on != connection;
        if self.looking_on.is_some() || connection.is_none() || !(is_new || now >= self.look_at) {
            return false;
        }
        self.looking_on = connection;
        self.look_at = now + LOOK;
        true
    }

    /// The stream was found intact, or is made so; gives whether publishing was held until now.
    pub(crate) fn intact(&mut self) -> bool {
        let held = self.intact_on != self.looking_on;
        self.intact_on = self.looking_on.take();
        held
    }

    /// The look failed.
    pub(crate) fn unreachable(&mut self, now: Instant) {
        self.intact_on = None;
        self.looking_on = None;
        self.look_at = now + LOOK_AGAIN;
    }

    /// Nobody looks any more.
    pub(crate) fn given_up(&mut self, now: Instant) {
        self.looking_on = None;
        self.look_at = now;
    }

    /// A publish failed: perhaps the stream is gone.
    pub(crate) fn doubt(&mut self, now: Instant) {
        self.look_at = self.look_at.min(now + LOOK_AGAIN);
    }

    /// The stream is not what it was: nothing is published before it was looked at.
    pub(crate) fn distrust(&mut self, now: Instant) {
        self.intact_on = None;
        self.look_at = self.look_at.min(now);
    }

    /// Whether it is time to make room in a stream that is full.
    pub(crate) fn should_make_room(&mut self, now: Instant) -> bool {
        is_due(&mut self.make_room_at, now, MAKE_ROOM)
    }

    /// Whether it is time to say that events wait.
    pub(crate) fn should_say(&mut self, now: Instant) -> bool {
        is_due(&mut self.say_at, now, SAY)
    }
}

/// Whether it is time; the next time is then so much later.
fn is_due(at: &mut Instant, now: Instant, pause: Duration) -> bool {
    let due = now >= *at;
    if due {
        *at = now + pause;
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intact_on(connection: u64, now: Instant) -> StreamWatch {
        let mut watch = StreamWatch::new(now);
        assert!(watch.start_look(Some(connection), now));
        assert!(watch.intact());
        watch
    }

    #[test]
    fn nothing_is_published_before_the_stream_was_looked_at() {
        let now = Instant::now();
        let mut watch = StreamWatch::new(now);
        assert!(!watch.may_publish(Some(1)));
        assert!(!watch.start_look(None, now));
        assert!(watch.start_look(Some(1), now));
        assert!(!watch.start_look(Some(1), now));
        assert!(!watch.may_publish(Some(1)));
        assert!(watch.intact());
        assert!(watch.may_publish(Some(1)));
        assert!(!watch.may_publish(None));
    }

    #[test]
    fn a_new_connection_is_looked_at_without_delay() {
        let now = Instant::now();
        let mut watch = intact_on(1, now);
        assert!(!watch.start_look(Some(1), now));
        assert!(!watch.may_publish(Some(2)));
        assert!(watch.start_look(Some(2), now));
        // The connection changed while it was looked at: what was found is of the one before.
        assert!(watch.intact());
        assert!(!watch.may_publish(Some(3)));
        assert!(watch.start_look(Some(3), now));
    }

    #[test]
    fn looking_now_and_then_does_not_hold_publishing() {
        let now = Instant::now();
        let mut watch = intact_on(1, now);
        let later = now + LOOK;
        assert!(watch.start_look(Some(1), later));
        assert!(watch.may_publish(Some(1)));
        assert!(!watch.intact());
    }

    #[test]
    fn doubt_looks_soon_and_distrust_holds() {
        let now = Instant::now();
        let mut watch = intact_on(1, now);
        watch.doubt(now);
        assert!(watch.may_publish(Some(1)));
        assert!(!watch.start_look(Some(1), now));
        assert!(watch.start_look(Some(1), now + LOOK_AGAIN));
        watch.unreachable(now + LOOK_AGAIN);
        assert!(!watch.may_publish(Some(1)));
        assert!(!watch.start_look(Some(1), now + LOOK_AGAIN));
        assert!(watch.start_look(Some(1), now + 2 * LOOK_AGAIN));
        watch.intact();
        watch.distrust(now + 2 * LOOK_AGAIN);
        assert!(!watch.may_publish(Some(1)));
        assert!(watch.start_look(Some(1), now + 2 * LOOK_AGAIN));
        watch.given_up(now + 2 * LOOK_AGAIN);
        assert!(watch.start_look(Some(1), now + 2 * LOOK_AGAIN));
    }

    #[test]
    fn it_is_said_now_and_then() {
        let now = Instant::now();
        let mut watch = StreamWatch::new(now);
        assert!(!watch.should_say(now));
        assert!(watch.should_say(now + SAY_FIRST));
        assert!(!watch.should_say(now + SAY_FIRST));
        assert!(watch.should_say(now + SAY_FIRST + SAY));
    }
}
