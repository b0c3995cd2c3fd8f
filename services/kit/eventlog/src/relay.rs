//! Publishes the outbox to JetStream: one leader per database, in order within a scope, again until acknowledged.
//!
//! [`session`] holds the leader's lock and is its only way to the [`outbox`], [`schedule`] decides what is published
//! next, [`publish`] does it, [`stream`] notices what NATS lost, [`watch`] decides when to look, and [`term`] is the
//! loop that joins them for as long as the lock is held. NATS down or full: writes go on, rows wait.
//!
//! What a leader holds in memory is bounded by the schedule: 512 rows in all, 16 of one scope, one in flight of each.
//! [`sides`] is what all of it sees of PostgreSQL and NATS, so that `simulation` can put others in their place.

mod broker;
mod outbox;
mod publish;
mod schedule;
mod session;
mod settle;
mod sides;
#[cfg(test)]
mod simulation;
mod stream;
mod term;
mod watch;

use std::time::Duration;

use secrecy::SecretString;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::Log;
use crate::pool::Waiting;
use broker::JetStream;
use outbox::PgDatabase;
use session::Session;
use sides::{Broker, Database};
use term::{End, Term};

/// Between two tries of a candidate to become the leader.
const CANDIDACY: Duration = Duration::from_millis(500);

/// How the relay reaches its database and NATS.
pub struct RelayConfig {
    /// For the dedicated connection that holds the lock. A session of PostgreSQL itself: a pooler that shares
    /// sessions between clients cannot hold it.
    pub database_url: SecretString,
    pub nats: async_nats::Client,
}

pub struct Relay;

impl Relay {
    /// Runs until `shutdown`, then drains what the outbox holds (at most 5 s). Never fails: it waits and tries again.
    pub async fn run(log: Log, config: RelayConfig, shutdown: CancellationToken) {
        metrics::describe_gauge!("trellis_outbox_lag_seconds", "Age of the oldest event that is not yet published.");
        metrics::describe_gauge!("trellis_relay_leader", "1 where this process publishes the outbox.");
        metrics::describe_counter!("trellis_outbox_published_total", "Events that JetStream acknowledged.");
        metrics::describe_counter!("trellis_outbox_publish_failures_total", "Publishes without acknowledgement.");
        metrics::describe_counter!(
            "trellis_outbox_requeued_total",
            "Events queued again because the stream lost some."
        );
        let database = PgDatabase { log: &log, url: &config.database_url };
        relay(&database, &JetStream::new(config.nats), &shutdown).await;
    }
}

/// Stands, leads, and stands again, until the shutdown.
async fn relay<D: Database, B: Broker>(database: &D, broker: &B, shutdown: &CancellationToken) {
    let context = database.context();
    let mut waiting = Waiting::new();
    loop {
        follow(context);
        // A candidate has nothing to drain.
        let candidacy = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            candidacy = stand(database) => candidacy,
        };
        let end = match candidacy {
            Ok(session) => {
                tracing::info!(context, "leads: publishes the outbox");
                metrics::gauge!("trellis_relay_leader", "context" => context).set(1.0);
                Term::new(database, session, broker.clone()).run(shutdown).await
            }
            Err(error) => End::Lost(error),
        };
        match end {
            End::Shutdown => return follow(context),
            End::Lost(error) if waiting.should_say() => {
                tracing::warn!(context, %error, "the relay has no database session");
            }
            End::Lost(_) => {}
        }
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return follow(context),
            () = sleep(CANDIDACY) => {}
        }
    }
}

/// What a process that does not lead measures: the lag is the leader's to tell.
fn follow(context: &'static str) {
    metrics::gauge!("trellis_relay_leader", "context" => context).set(0.0);
    metrics::gauge!("trellis_outbox_lag_seconds", "context" => context).set(0.0);
}

/// Waits until nobody else leads.
async fn stand<D: Database>(database: &D) -> Result<Session<D::Outbox>, sqlx::Error> {
    let mut session = Session::connect(database).await?;
    while !session.try_lead().await? {
        sleep(CANDIDACY).await;
    }
    Ok(session)
}
