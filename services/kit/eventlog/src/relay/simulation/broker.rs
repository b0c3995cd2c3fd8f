//! The broker as a process reaches it: what is sent is on its way by itself, may come late, twice or never, and so may
//! the answer.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::super::broker::ACK;
use super::super::publish::{Message, Outcome};
use super::super::sides::Broker;
use super::super::stream::Observed;
use super::planted::Planted;
use super::process::Held;
use super::world::{World, created};

/// How long a planted fault does not notice a new connection.
const UNNOTICED: Duration = Duration::from_millis(120);

#[derive(Clone)]
pub(super) struct SimBroker {
    pub(super) world: World,
    pub(super) process: usize,
    pub(super) life: u64,
}

impl Broker for SimBroker {
    fn connection(&self) -> Option<u64> {
        let state = self.world.lock();
        let seen = &state.processes[self.process];
        let unnoticed = state.planted == Planted::LateReconnect && seen.connected_at.elapsed() < UNNOTICED;
        let number = if state.planted == Planted::NoReconnect { 1 } else { seen.connections - u64::from(unnoticed) };
        seen.connected.then_some(number)
    }

    async fn publish(&self, _: String, message: Message) -> Outcome {
        Held::new(&self.world, self.process, self.life, self.published(message.event)).await
    }

    async fn make_room(&self) -> Result<u64, async_nats::Error> {
        let make_room = async {
            sleep(Duration::from_millis(1)).await;
            self.connection().ok_or("not connected")?;
            let mut state = self.world.lock();
            if state.chance.percent(50) {
                return Err("no room can be made".into());
            }
            // Nothing is removed: in the end everything must be there.
            state.full_until = Instant::now();
            Ok(1)
        };
        Held::new(&self.world, self.process, self.life, make_room).await
    }

    async fn look(&self, at: Option<u64>) -> Result<Observed, async_nats::Error> {
        let look = async {
            match timeout(ACK, self.looked(at)).await {
                Ok(found) => found,
                Err(_) => Err("no answer".into()),
            }
        };
        Held::new(&self.world, self.process, self.life, look).await
    }
}

/// Nobody else has an event of that scope in flight while this lives.
struct InFlight<'a>(&'a SimBroker, u64);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let Self(broker, scope) = self;
        broker.world.lock().processes[broker.process].in_flight.remove(scope);
    }
}

impl SimBroker {
    async fn published(&self, event: Uuid) -> Outcome {
        let (scope, _) = event.as_u64_pair();
        {
            let mut state = self.world.lock();
            let free = state.processes[self.process].in_flight.insert(scope) || state.planted == Planted::Unordered;
            state.must(free, || format!("two events of scope {scope} are in flight"));
        }
        let _in_flight = InFlight(self, scope);
        let (answer, answered) = oneshot::channel();
        let (broker, early) = (self.clone(), self.world.lock().planted == Planted::EarlyAck);
        tokio::spawn(async move { broker.on_its_way(event, answer).await });
        if early {
            return Outcome::Stored { seq: u64::MAX, again: true };
        }
        match timeout(ACK, answered).await {
            Ok(Ok(outcome)) => outcome,
            // Whoever sends no answer lets nobody know that he will not.
            Ok(Err(_)) => {
                sleep(ACK).await;
                Outcome::Failed("no acknowledgement".to_owned())
            }
            Err(_) => Outcome::Failed("no acknowledgement in time".to_owned()),
        }
    }

    /// From the client's buffer to the server and back.
    async fn on_its_way(&self, event: Uuid, answer: oneshot::Sender<Outcome>) {
        let Some(connection) = self.sent().await else { return };
        let (late, doubled) = {
            let mut state = self.world.lock();
            let lossy = state.lossy_until > Instant::now();
            let late = if lossy && state.chance.percent(20) {
                state.tell("a publish comes late");
                state.chance.millis(500..=5_000)
            } else {
                state.chance.choose(&[(5, 0), (3, 1), (1, 8)].map(|(often, ms)| (often, Duration::from_millis(ms))))
            };
            (late, state.chance.percent(if lossy { 20 } else { 2 }))
        };
        sleep(late).await;
        // What the kernel has taken still arrives when the process is gone, but not over a connection that is cut.
        let cut = self.world.lock().processes[self.process].connections != connection;
        if cut && self.world.lock().chance.percent(50) {
            return;
        }
        let outcome = self.arrives(event);
        if doubled {
            sleep(Duration::from_millis(3)).await;
            self.arrives(event);
        }
        let lost = {
            let mut state = self.world.lock();
            let lossy = state.lossy_until > Instant::now();
            let often = if lossy { 30 } else { 1 };
            let lost = state.processes[self.process].connections != connection || state.chance.percent(often);
            if lost {
                state.tell("no acknowledgement");
            }
            lost
        };
        if lost {
            return;
        }
        let back = self.world.lock().chance.choose(&[(6, 0), (3, 1), (1, 15)]);
        sleep(Duration::from_millis(back)).await;
        answer.send(outcome).ok();
    }

    /// The connection by which it leaves; `None` where it never does.
    async fn sent(&self) -> Option<u64> {
        loop {
            {
                let mut state = self.world.lock();
                if !state.lives(self.process, self.life) {
                    return None;
                }
                let (connected, number) =
                    (state.processes[self.process].connected, state.processes[self.process].connections);
                if connected {
                    return Some(number);
                }
                if state.chance.percent(2) {
                    return None;
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn arrives(&self, event: Uuid) -> Outcome {
        let mut state = self.world.lock();
        if state.stream.is_none() {
            return Outcome::NoStream;
        }
        if state.full_until > Instant::now() {
            return Outcome::Full;
        }
        let (seq, again) = state.store(event);
        Outcome::Stored { seq, again }
    }

    async fn looked(&self, at: Option<u64>) -> Result<Observed, async_nats::Error> {
        let connection = self.connection().ok_or("not connected")?;
        sleep(Duration::from_millis(1)).await;
        let observed = {
            let mut state = self.world.lock();
            let stream = state.made();
            let (stream, last) = (stream.created, stream.messages.len() as u64);
            Observed { created: created(stream), first_seq: 1, last_seq: last, event: None, last_event: None }
        };
        if self.world.lock().planted == Planted::NoLook {
            // Always the same, and all that is remembered too old to be asked for.
            return Ok(Observed {
                created: created(0),
                first_seq: u64::MAX,
                last_seq: u64::MAX,
                event: None,
                last_event: None,
            });
        }
        // The second question is one of its own.
        sleep(Duration::from_millis(1)).await;
        if self.connection() != Some(connection) {
            return Err("the connection was lost".into());
        }
        let state = self.world.lock();
        let messages = state.stream.as_ref().map(|stream| &stream.messages);
        let event_at = |seq: u64| messages?.get(usize::try_from(seq).ok()?.checked_sub(1)?).copied();
        let event = at.filter(|at| *at <= observed.last_seq).and_then(event_at);
        let last_event = event_at(observed.last_seq);
        Ok(Observed { event, last_event, ..observed })
    }
}
