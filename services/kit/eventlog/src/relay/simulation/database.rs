//! The database: sessions that take questions one after the other, do them even when nobody waits any more, and end
//! when they are silent.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::super::outbox::SILENCE;
use super::super::publish::Message;
use super::super::schedule::Row;
use super::super::sides::{Database, Exchange, Outbox};
use super::super::stream::Remembered;
use super::planted::Planted;
use super::world::{Queued, State, Undo, World, event, scope_id};

/// Events that are queued again at once, and how many rows may wait for that.
const PIECE: u64 = 3;
const FEW: usize = 6;

/// Does it, or says that a lock is not free yet.
type Question = Box<dyn FnMut(&mut State) -> bool + Send>;

pub(super) struct SimDatabase {
    pub(super) world: World,
    pub(super) process: usize,
}

pub(super) struct SimOutbox {
    world: World,
    session: u64,
    questions: mpsc::UnboundedSender<Question>,
    /// For the planted cursor.
    cursor: i64,
}

impl Database for SimDatabase {
    type Outbox = SimOutbox;

    fn context(&self) -> &'static str {
        "simulated"
    }

    async fn committed(&self) {
        let committed = self.world.lock().processes[self.process].committed.clone();
        committed.notified().await;
    }

    async fn connect(&self) -> Result<SimOutbox, sqlx::Error> {
        up(&self.world).await;
        let (session, ended) = {
            let mut state = self.world.lock();
            let session = state.next_session;
            state.next_session += 1;
            let ended = CancellationToken::new();
            state.sessions.insert(session, ended.clone());
            (session, ended)
        };
        let (questions, asked) = mpsc::unbounded_channel();
        let world = self.world.clone();
        tokio::spawn(async move {
            ended.run_until_cancelled(serve(&world, session, asked)).await;
            let mut state = world.lock();
            state.sessions.remove(&session);
            if state.leader == Some(session) {
                state.leader = None;
            }
        });
        Ok(SimOutbox { world: self.world.clone(), session, questions, cursor: 0 })
    }
}

async fn up(world: &World) {
    loop {
        let until = world.lock().database_until;
        if until <= Instant::now() {
            return;
        }
        sleep_until(until).await;
    }
}

async fn serve(world: &World, session: u64, mut asked: mpsc::UnboundedReceiver<Question>) {
    loop {
        match timeout(SILENCE, asked.recv()).await {
            Ok(Some(mut question)) => {
                up(world).await;
                let pause = world.lock().chance.choose(&[(6, 0), (3, 1), (1, 4)]);
                if pause > 0 {
                    sleep(Duration::from_millis(pause)).await;
                }
                while !done(world, session, &mut question) {
                    sleep(Duration::from_millis(1)).await;
                }
            }
            Ok(None) => return,
            Err(_) => return world.lock().tell("a session was silent for too long"),
        }
    }
}

/// Whether the question is done with; that of a session which has just ended is.
fn done(world: &World, session: u64, question: &mut Question) -> bool {
    let mut state = world.lock();
    !state.sessions.contains_key(&session) || question(&mut state)
}

impl SimOutbox {
    /// Asks; the answer may never come.
    async fn ask<T: Send + 'static>(
        &mut self,
        mut question: impl FnMut(&mut State) -> Option<T> + Send + 'static,
    ) -> Result<T, sqlx::Error> {
        let (is_deaf, arrives) = {
            let mut state = self.world.lock();
            let is_deaf = state.deaf.contains(&self.session);
            (is_deaf, !is_deaf || state.chance.percent(50))
        };
        let (answer, answered) = oneshot::channel();
        let mut answer = Some(answer);
        let question = Box::new(move |state: &mut State| match question(state) {
            Some(said) => {
                answer.take().and_then(|answer| answer.send(said).ok());
                true
            }
            None => false,
        });
        if arrives && self.questions.send(question).is_err() {
            return Err(gone());
        }
        if is_deaf {
            return std::future::pending().await;
        }
        answered.await.map_err(|_| gone())
    }
}

fn gone() -> sqlx::Error {
    sqlx::Error::Io(std::io::ErrorKind::BrokenPipe.into())
}

impl Outbox for SimOutbox {
    async fn try_lead(&mut self) -> Result<bool, sqlx::Error> {
        let session = self.session;
        self.ask(move |state| {
            if state.planted == Planted::NoLock {
                return Some(true);
            }
            if state.planted == Planted::ForgetsAgain && state.leader.is_none() {
                state.again.clear();
            }
            Some(*state.leader.get_or_insert(session) == session)
        })
        .await
    }

    async fn beat(&mut self) -> Result<f64, sqlx::Error> {
        self.ask(|_| Some(0.0)).await
    }

    async fn exchange(&mut self, exchange: &Exchange<'_>) -> Result<Vec<Row<Message>>, sqlx::Error> {
        let (acked, busy, limit) = (exchange.acked.to_vec(), exchange.busy.to_vec(), exchange.limit);
        let (last, session, mut cursor) = (exchange.last.cloned(), self.session, self.cursor);
        let (rows, cursor) = self
            .ask(move |state| {
                state.must_lead(session);
                for id in &acked {
                    state.delete(*id);
                }
                state.advance(last.as_ref());
                let planted = state.planted;
                let free = state.outbox.iter().filter(|(id, row)| {
                    row.visible
                        && !busy.contains(&id_of(row, planted))
                        && (planted != Planted::PastACursor || **id > cursor)
                });
                let rows: Vec<_> = free.take(limit).map(|(id, row)| read(*id, row, planted)).collect();
                cursor = rows.last().map_or(cursor, |row| row.id);
                Some((rows, cursor))
            })
            .await?;
        self.cursor = cursor;
        Ok(rows)
    }

    async fn remembered(&mut self) -> Result<Option<Remembered>, sqlx::Error> {
        self.ask(|state| Some(state.remembered.clone())).await
    }

    async fn remember(&mut self, stream: &Remembered) -> Result<(), sqlx::Error> {
        let (stream, session) = (stream.clone(), self.session);
        self.ask(move |state| {
            state.must_lead(session);
            let before = state.remembered.replace(stream.clone());
            state.undo.push(Undo::Remembered(before));
            Some(())
        })
        .await
    }

    async fn lost(&mut self, stream: &Remembered) -> Result<u64, sqlx::Error> {
        let (stream, session) = (stream.clone(), self.session);
        self.ask(move |state| {
            state.must_lead(session);
            state.undo.push(Undo::Again(state.again.clone()));
            for (scope, head) in state.heads.clone() {
                state.again.insert(scope, 1..=head);
            }
            let before = state.remembered.replace(stream.clone());
            state.undo.push(Undo::Remembered(before));
            Some(state.again.len() as u64)
        })
        .await
    }

    async fn queue_again(&mut self) -> Result<Option<u64>, sqlx::Error> {
        let session = self.session;
        self.ask(move |state| {
            state.must_lead(session);
            Some(state.queue_again())
        })
        .await
    }

    async fn close(self) {}
}

/// As the schedule sees it: a scope is what is published one after the other.
fn id_of(row: &Queued, planted: Planted) -> Uuid {
    if planted == Planted::Unordered { event(row.scope, row.seq) } else { scope_id(row.scope) }
}

fn read(id: i64, row: &Queued, planted: Planted) -> Row<Message> {
    let message = Message {
        event: event(row.scope, row.seq),
        kind: String::new(),
        traceparent: String::new(),
        body: bytes::Bytes::new(),
    };
    Row { id, scope: id_of(row, planted), message }
}

impl State {
    fn delete(&mut self, id: i64) {
        let Some(row) = self.outbox.remove(&id) else { return };
        let stored = self.ever_stored.contains(&event(row.scope, row.seq));
        self.must(stored, || format!("deleted before it was stored: {row:?}"));
        self.undo.push(Undo::Gone(id, row));
    }

    fn advance(&mut self, last: Option<&Remembered>) {
        if let (Some(last), Some(known)) = (last, &mut self.remembered)
            && known.last_seq < last.last_seq
        {
            let before = known.clone();
            known.last_seq = last.last_seq;
            known.last_event = last.last_event;
            self.undo.push(Undo::Remembered(Some(before)));
        }
    }

    fn queue_again(&mut self) -> Option<u64> {
        let (scope, seqs) = self.again.iter().next().map(|(scope, seqs)| (*scope, seqs.clone()))?;
        if self.outbox.len() >= FEW {
            return Some(0);
        }
        self.undo.push(Undo::Again(self.again.clone()));
        let piece = *seqs.start()..=(*seqs.end()).min(seqs.start() + PIECE - 1);
        let rows = piece.clone().count() as u64;
        if rows < PIECE {
            self.again.remove(&scope);
        } else {
            self.again.insert(scope, piece.end() + 1..=*seqs.end());
        }
        for seq in piece.filter(|seq| self.planted != Planted::RequeueSome || seq < seqs.end()) {
            let id = self.next_id;
            self.next_id += 1;
            self.outbox.insert(id, Queued { scope, seq, visible: true });
            self.undo.push(Undo::Queued(id));
        }
        self.tell("queued again");
        Some(rows)
    }

    fn must_lead(&mut self, session: u64) {
        let leads = self.leader == Some(session);
        self.must(leads, || "who does not lead is at the outbox".to_owned());
    }
}
