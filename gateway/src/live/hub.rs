//! The live hub of one gateway: the feeds that its sockets need, and what all of them share.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use trellis_authn::{AccessError, Memberships, ServiceKey, Sessions, User};
use uuid::Uuid;

use super::{
    feed::Feed,
    follow::Follow,
    log::{Log, MOST_SCOPES, Opened},
    mailbox::{Mailbox, Slot},
    nats::Nats,
    reader::{Reader, Wanted},
    registry::Registry,
    subscription::{Page, Place, begin},
};
use crate::{app::Shutdown, clients::Clients, cursor::Cursor, limits::RateLimits, people::People};

/// How often it is looked whether sessions and memberships are still known, and whether NATS was away.
const LOOK: Duration = Duration::from_millis(250);
/// A feed is kept a little when its last listener leaves: he may be reconnecting.
const LINGER: Duration = Duration::from_secs(10);
/// Pages that are read at once, over all scopes.
const READS: usize = 16;
/// Accesses that are checked again at once, over all sockets.
const CHECKS: usize = 32;

/// Times and bounds; tests have shorter ones.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub subscriptions_per_socket: usize,
    pub sockets_per_user: usize,
    /// All together: those who are not signed in hear nothing, and need no socket.
    pub sockets_signed_out: usize,
    /// Without any other way, the token must come in the first frame within this.
    pub token_within: Duration,
    /// A write that does not finish within this ends the socket.
    pub write_within: Duration,
    /// How often a socket looks at its quiet topics and its peer.
    pub tick: Duration,
    /// A topic that was quiet for this long is told its position at the next tick.
    pub quiet: Duration,
    /// How often all heads are asked for.
    pub heads: Duration,
    /// Over how long sockets are closed when the gateway restarts.
    pub spread: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            subscriptions_per_socket: 500,
            sockets_per_user: 100,
            sockets_signed_out: 1000,
            token_within: Duration::from_secs(5),
            write_within: Duration::from_secs(10),
            tick: Duration::from_secs(15),
            quiet: Duration::from_secs(40),
            heads: Duration::from_secs(2),
            spread: Duration::from_secs(2),
        }
    }
}

/// What the hub is made of.
pub struct Sources {
    pub sessions: Arc<Sessions>,
    pub memberships: Arc<Memberships>,
    pub service_key: ServiceKey,
    pub clients: Clients,
    pub people: People,
    pub rates: Arc<RateLimits>,
    pub nats: Option<async_nats::Client>,
    pub shutdown: Shutdown,
}

/// The hub, cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

/// What sockets see of the hub.
pub struct Shared {
    pub sessions: Arc<Sessions>,
    pub memberships: Arc<Memberships>,
    pub log: Log,
    pub clients: Clients,
    pub limits: Limits,
    /// How often its users may ask.
    pub rates: Arc<RateLimits>,
    pub sockets: Arc<Registry>,
    /// True when sockets must go elsewhere: the gateway stops, or it cannot know who may listen.
    pub restart: watch::Receiver<bool>,
    /// Every socket holds a token of it.
    pub tasks: TaskTracker,
    people: People,
    nats: Option<Nats>,
    feeds: Mutex<HashMap<Uuid, Arc<Feed>>>,
    reads: Semaphore,
    checks: Semaphore,
    ended: CancellationToken,
}

impl Deref for Hub {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Hub {
    /// Starts what runs beside the sockets, until `shutdown.ended`.
    pub fn start(sources: Sources, limits: Limits) -> Self {
        let Sources { sessions, memberships, service_key, clients, people, rates, nats, shutdown } = sources;
        let Shutdown { closing, ended, tasks, .. } = shutdown;
        let (restart, must_restart) = watch::channel(false);
        let hub = Self(Arc::new(Shared {
            nats: nats.map(|client| Nats::start(client, ended.clone())),
            log: Log::new(clients.clone(), service_key),
            clients,
            sockets: Arc::default(),
            feeds: Mutex::default(),
            reads: Semaphore::new(READS),
            checks: Semaphore::new(CHECKS),
            restart: must_restart,
            sessions,
            memberships,
            limits,
            rates,
            tasks,
            people,
            ended: ended.clone(),
        }));
        // Before anything else happens, so that nothing is missed in between.
        let revoked = hub.sessions.revoked();
        hub.spawn(|hub| async move { hub.sockets.follow_sessions(&hub.sessions, revoked).await });
        hub.spawn(|hub| async move { hub.sockets.follow_memberships(&hub.memberships).await });
        hub.spawn(|hub| async move { hub.watch_restart(&closing, &restart).await });
        hub.spawn(|hub| async move { hub.ask_heads().await });
        hub
    }

    fn spawn<F: Future<Output = ()> + Send + 'static>(&self, task: impl FnOnce(Self) -> F) {
        tokio::spawn(self.ended.clone().run_until_cancelled_owned(task(self.clone())));
    }

    /// Listens to a topic that was just opened: after `after` where that can be had, which is said, else from its head.
    pub fn listen_to(
        &self,
        opened: &Opened,
        after: Option<Cursor>,
        slot: Slot,
        mailbox: Arc<Mailbox>,
    ) -> (Reader, bool) {
        let head = opened.head;
        let (at, recovered) = begin(after, head, opened.oldest);
        let place = Place { at, filter: opened.subject };
        let mut feeds = self.feeds();
        let feed = feeds.entry(head.scope).or_insert_with(|| {
            metrics::gauge!("live_scopes").increment(1.0);
            let (feed, heads) = Feed::new(head, self.ended.child_token());
            let (log, people, nats) = (self.log.clone(), self.people.clone(), self.nats.clone());
            tokio::spawn(Follow { feed: Arc::clone(&feed), heads, log, people, nats }.run());
            feed
        });
        feed.head_is(head.epoch, head.seq);
        let not_before = if opened.org_id.is_none() { head.seq } else { 0 };
        (Reader { place, attachment: feed.attach(slot, mailbox), not_before }, recovered)
    }

    /// A page for a listener whom the ring no longer helps. Tries until there is one.
    pub async fn page(&self, wanted: Wanted) -> Arc<Page> {
        let Wanted { feed, epoch, after } = wanted;
        let mut pause = Duration::from_millis(200);
        loop {
            let answer = {
                let _permit = self.reads.acquire().await;
                feed.page(epoch, after, &self.log, &self.people).await
            };
            match answer {
                Ok(page) => return page,
                Err(error) => tracing::debug!(scope = %feed.scope, %error, "a page cannot be read; trying again"),
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// The id of the organization with that slug, if the user is a member. Asks until somebody knows.
    pub async fn membership(&self, user: &User, org: &str) -> Option<Uuid> {
        loop {
            let answer = {
                let _permit = self.checks.acquire().await;
                self.memberships.check(user, org).await
            };
            match answer {
                Ok(access) => return Some(access.org_id),
                Err(AccessError::NotFound) => return None,
                Err(AccessError::Unavailable) => sleep(LOOK).await,
            }
        }
    }

    fn feeds(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Feed>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks where all scopes stand, every now and then and after NATS was away: this finds what nothing came after.
    async fn ask_heads(&self) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut connections = self.nats.as_ref().map(Nats::connections);
        let mut due = Instant::now() + self.limits.heads;
        loop {
            look.tick().await;
            let now_connections = self.nats.as_ref().map(Nats::connections);
            let reconnected = now_connections != connections;
            connections = now_connections;
            if let Some(nats) = &self.nats
                && reconnected
            {
                // What was sent on the old connection is done with when this comes back on the new one.
                let _ = tokio::time::timeout(LOOK, nats.round_trip()).await;
            }
            if reconnected || Instant::now() >= due {
                due = Instant::now() + self.limits.heads;
                self.heads_of_all().await;
                self.drop_idle();
            }
        }
    }

    async fn heads_of_all(&self) {
        let feeds: Vec<Arc<Feed>> = self.feeds().values().cloned().collect();
        for some in feeds.chunks(MOST_SCOPES) {
            let scopes: Vec<Uuid> = some.iter().map(|feed| feed.scope).collect();
            match self.log.heads(&scopes).await {
                Ok((epoch, heads)) => {
                    for feed in some {
                        if let Some(head) = heads.get(&feed.scope) {
                            feed.head_is(epoch, *head);
                        }
                    }
                }
                Err(error) => tracing::debug!(%error, "heads cannot be asked for; trying again"),
            }
        }
    }

    fn drop_idle(&self) {
        let now = Instant::now();
        self.feeds().retain(|_, feed| {
            feed.tidy(now);
            // Nobody can attach meanwhile: that takes the same lock.
            let idle = feed.idle_since().is_some_and(|since| now.duration_since(since) >= LINGER);
            if idle {
                feed.stop.cancel();
                metrics::gauge!("live_scopes").decrement(1.0);
            }
            !idle
        });
    }

    /// Sockets go elsewhere when the gateway stops, and when sessions or memberships are not known any more.
    async fn watch_restart(&self, closing: &CancellationToken, restart: &watch::Sender<bool>) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // At the start nothing is known yet. Who comes then waits for his answers; it is no reason to send anybody away.
        let mut once_known = false;
        loop {
            tokio::select! {
                _ = look.tick() => {}
                () = closing.cancelled(), if !*restart.borrow() => {}
            }
            let known = self.sessions.fresh() && self.memberships.fresh();
            once_known |= known;
            let lost = once_known && !known;
            let must = closing.is_cancelled() || lost;
            let changed = restart.send_if_modified(|before| std::mem::replace(before, must) != must);
            if changed && lost {
                tracing::warn!("sessions or memberships are not known any more; sockets are closed");
            }
        }
    }
}
