//! The two sides that the relay stands between, as it sees them: a database with the outbox, and a broker with the
//! stream. `outbox` and `broker` are the real ones; the simulation has its own.

use uuid::Uuid;

use super::publish::{Message, Outcome};
use super::schedule::Row;
use super::stream::{Observed, Remembered};

/// Where the outbox is.
pub(crate) trait Database: Send + Sync {
    type Outbox: Outbox;

    /// The service's word in subjects.
    fn context(&self) -> &'static str;

    /// Until this process has committed something; at once where it has meanwhile.
    fn committed(&self) -> impl Future<Output = ()> + Send;

    /// A session of its own, for the lock.
    fn connect(&self) -> impl Future<Output = Result<Self::Outbox, sqlx::Error>> + Send;
}

/// One session of the database. It ends when this is dropped, and the lock with it.
pub(crate) trait Outbox: Send {
    /// Takes the leader's lock where it is free; gives whether this session has it.
    fn try_lead(&mut self) -> impl Future<Output = Result<bool, sqlx::Error>> + Send;

    /// A sign of life; gives for how many seconds the oldest row waits.
    fn beat(&mut self) -> impl Future<Output = Result<f64, sqlx::Error>> + Send;

    /// Deletes what was acknowledged and reads what is there.
    fn exchange(
        &mut self,
        exchange: &Exchange<'_>,
    ) -> impl Future<Output = Result<Vec<Row<Message>>, sqlx::Error>> + Send;

    fn remembered(&mut self) -> impl Future<Output = Result<Option<Remembered>, sqlx::Error>> + Send;

    fn remember(&mut self, stream: &Remembered) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Notes that everything that the stream should hold is to be published again, and what the stream is now; gives how
    /// many scopes that are.
    fn lost(&mut self, stream: &Remembered) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;

    /// Puts the next few of what was noted into the outbox again, where few rows wait there; gives how many, `None` where
    /// nothing is left.
    fn queue_again(&mut self) -> impl Future<Output = Result<Option<u64>, sqlx::Error>> + Send;

    /// Says goodbye, so that the lock is free at once.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// What to tell the outbox, and what not to read from it.
pub(crate) struct Exchange<'a> {
    pub(crate) acked: &'a [i64],
    pub(crate) busy: &'a [Uuid],
    pub(crate) limit: usize,
    /// The highest number in the stream that was acknowledged.
    pub(crate) last: Option<&'a Remembered>,
}

/// Where the stream is. Each question has a time of its own, after which it has failed.
pub(crate) trait Broker: Clone + Send + Sync + 'static {
    /// Which connection there is now, counted from the first; none where there is none.
    fn connection(&self) -> Option<u64>;

    /// Publishes, and waits until it is stored.
    fn publish(&self, subject: String, message: Message) -> impl Future<Output = Outcome> + Send;

    /// Removes the older half of a stream that has no room; gives how many events that were.
    fn make_room(&self) -> impl Future<Output = Result<u64, async_nats::Error>> + Send;

    /// Makes the stream where there is none, and looks what it has at a number.
    fn look(&self, at: Option<u64>) -> impl Future<Output = Result<Observed, async_nats::Error>> + Send;
}
