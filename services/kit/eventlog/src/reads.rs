//! The queue of readers before the pool: as many as it has connections.
//!
//! The pool's own queue counts the time that somebody has waited as time to make a connection in, too. When all
//! connections have to be made anew while a crowd waits (the database was away for some seconds), each who gets a turn
//! has only the rest of its time for it, gives up halfway, and no connection is ever made, however long the database
//! has been well. Here whoever comes to the pool finds no crowd there, and has nearly all of their time left.

use std::{sync::Arc, time::Duration};

use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::waits::Waits;

/// After so long whoever waits is told to come again. With the pool's 3 s it is what callers of reads wait at most.
const MAX_WAIT: Duration = Duration::from_secs(2);

pub(crate) struct Reads {
    places: Arc<Semaphore>,
}

/// A connection for reading, until it is dropped.
pub struct Connection {
    conn: PoolConnection<Postgres>,
    // After the connection: it is on its way back before the next reader looks for one.
    _place: OwnedSemaphorePermit,
}

impl Reads {
    pub(crate) fn of(pool: &PgPool) -> Self {
        metrics::describe_gauge!("trellis_reads_waiting", "Reads that wait for a database connection.");
        let places = usize::try_from(pool.options().get_max_connections()).unwrap_or(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)) }
    }

    /// In order of arrival.
    pub(crate) async fn enter(&self, pool: &PgPool) -> Result<Connection, sqlx::Error> {
        let place = if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            place
        } else {
            let _waiter = Waits::at("trellis_reads_waiting");
            let place = timeout(MAX_WAIT, Arc::clone(&self.places).acquire_owned()).await;
            place.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?
        };
        Ok(Connection { conn: pool.acquire().await?, _place: place })
    }
}

impl Connection {
    /// It does not go back to the pool.
    pub(crate) fn close_on_drop(&mut self) {
        self.conn.close_on_drop();
    }
}

impl std::ops::Deref for Connection {
    type Target = PgConnection;

    fn deref(&self) -> &Self::Target {
        &self.conn
    }
}

impl std::ops::DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.conn
    }
}
