//! What the matrix is made of: operations in rows, attacks in columns, and what must come of each pair.
//!
//! A row says who may do an operation and how it is sent; everything else follows. Each row has a victim of its own,
//! so all attacks run at once against one snapshot of the databases, and whatever changed in them names its row.

use std::{fmt, future::Future, sync::Arc};

use futures_util::{StreamExt as _, future::BoxFuture, stream};

use crate::{
    attackers::Attack,
    snapshot::Snapshot,
    world::{Credentials, Names, Victim, World},
};

/// Rows that are attacked at once. enough for two cores, and few enough that nobody answers "unavailable".
pub const AT_ONCE: usize = 4;
/// Victims that are prepared at once: each writes much, and a busy machine has few connections to its databases.
const PREPARED_AT_ONCE: usize = 4;

/// Who may do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Whoever asks; why nothing is lost by that.
    Nobody(&'static str),
    /// Any signed-in user, for himself.
    User,
    /// Any signed-in user, about something that is his alone: to others it is not there. Done by the victim's ADMIN.
    Own,
    /// The user whom an invitation names. To others it is not there.
    Invitee,
    /// A member of the organization.
    Member,
    /// Who wrote it (the victim's ADMIN): other members see it, and are forbidden.
    Author,
    Admin,
    /// One of these processes, on its own account.
    Process(&'static [&'static str]),
}

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Unauthenticated,
    Forbidden,
    NotFound,
    Other(String),
}

/// An answer, as the matrix judges it.
#[derive(Debug, Clone)]
pub struct Answer {
    pub outcome: Outcome,
    /// All that the asker is shown, without what differs in any two answers (request id, time of day): foreign and
    /// absent must not differ in it. Names of the request may stand in it: the matrix takes them out.
    pub seen: String,
}

/// One request of one row.
#[derive(Clone)]
pub struct Call {
    pub world: Arc<World>,
    /// The token as it is; `None`: not signed in.
    pub token: Option<String>,
    /// "Bearer", or "Service" where a process calls on its own account (gRPC alone).
    pub scheme: &'static str,
    /// Whose ids the request names: the victim's, or made-up ones of the same shape.
    pub names: Names,
}

impl Call {
    /// The value of an `Authorization` header.
    pub fn authorization(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("{} {token}", self.scheme))
    }
}

/// One operation of one surface.
pub struct Row {
    /// As its surface's own description names it: "GET /api/v1/me", "query.task", "trellis.org.v1.OrgService/Join".
    pub name: String,
    pub needs: Needs,
    /// Processes that may do it on their own account, beside the users of `needs`.
    pub processes: &'static [&'static str],
    pub send: Box<dyn Fn(Call) -> BoxFuture<'static, Answer> + Send + Sync>,
}

impl Row {
    pub fn new<F>(name: impl Into<String>, needs: Needs, send: impl Fn(Call) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let send = Box::new(move |call| -> BoxFuture<'static, Answer> { Box::pin(send(call)) });
        Self { name: name.into(), needs, processes: &[], send }
    }

    /// These processes may do it on their own account, too.
    #[must_use]
    pub fn or_process(self, processes: &'static [&'static str]) -> Self {
        Self { processes, ..self }
    }

    /// Sends it with these credentials and names.
    pub async fn ask(&self, world: &Arc<World>, who: Credentials, names: &Names) -> Answer {
        (self.send)(Call { world: Arc::clone(world), token: who.token, scheme: who.scheme, names: names.clone() }).await
    }

    /// Everything that one attacker tries on this row; gives what is wrong.
    pub async fn attack(&self, world: &Arc<World>, victim: &Victim, attack: Attack, wanted: &Outcome) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut complain = |what: String| wrong.push(format!("{} × {attack:?}: {what}", self.name));
        let foreign = self.ask(world, world.credentials(attack, victim, self), &victim.names).await;
        if foreign.outcome != *wanted {
            complain(format!("wanted {wanted:?}, got {:?}: {}", foreign.outcome, short(&foreign.seen)));
        }
        // A member may know what is there, although he may not touch it.
        if attack != Attack::MemberForAdmin {
            let absent = Names::absent();
            let nothing = self.ask(world, world.credentials(attack, victim, self), &absent).await;
            let (foreign, nothing) = (victim.names.hide(&foreign.seen), absent.hide(&nothing.seen));
            if foreign != nothing {
                complain(format!(
                    "what is foreign and what is absent differ:\n    {}\n    {}",
                    short(&foreign),
                    short(&nothing)
                ));
            }
        }
        wrong
    }

    /// Who may, does it, and succeeds: else the refusals of this row would prove nothing. Done once; the proxies see
    /// meanwhile which calls it needs, so rows do it in turn.
    pub async fn control(&self, world: &Arc<World>, victim: &Victim) -> Option<String> {
        if world.calls_of(&self.name).is_some() {
            return None;
        }
        world.proxies.forget_seen();
        let answer = self.ask(world, world.who_may(victim, self), &victim.names).await;
        if answer.outcome != Outcome::Success {
            let seen = short(&answer.seen);
            return Some(format!("{}: who may do it cannot: {:?}: {seen}", self.name, answer.outcome));
        }
        world.note_calls_of(&self.name);
        None
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.name, self.needs)
    }
}

/// So much of an answer as a person wants to read.
fn short(text: &str) -> String {
    text.chars().take(600).collect()
}

/// How much was tried, for people to read.
pub struct Tried {
    rows: usize,
    attacks: usize,
}

impl fmt::Debug for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows, {} attacks", self.rows, self.attacks)
    }
}

/// Attacks all rows, then lets those who may do everything. Panics with the list of all that is wrong.
pub async fn run(world: &Arc<World>, rows: &[Row]) -> Tried {
    let mut wrong = Vec::new();
    let victims: Vec<Victim> =
        stream::iter(rows).map(|row| world.victim(row.needs)).buffered(PREPARED_AT_ONCE).collect().await;

    let before = Snapshot::take(world).await;
    let mut attacks = Vec::new();
    for (row, victim) in rows.iter().zip(&victims) {
        attacks.extend(row.attacks().into_iter().map(|(attack, wanted)| (row, victim, attack, wanted)));
    }
    let tried = Tried { rows: rows.len(), attacks: attacks.len() };
    let mut findings = stream::iter(attacks)
        .map(|(row, victim, attack, wanted)| async move { row.attack(world, victim, attack, &wanted).await })
        .buffered(AT_ONCE);
    while let Some(found) = findings.next().await {
        wrong.extend(found);
    }
    drop(findings);
    let after = Snapshot::take(world).await;
    for change in before.changes(&after) {
        let whose = rows.iter().zip(&victims).find(|(_, victim)| victim.is_in(&change));
        let row = whose.map_or("no row's victim", |(row, _)| &row.name);
        wrong.push(format!("{row}: refused, and yet written: {change}"));
    }

    for (row, victim) in rows.iter().zip(&victims) {
        wrong.extend(row.control(world, victim).await);
    }
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
    tried
}
