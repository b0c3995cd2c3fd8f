//! Makes the notifications of one event: who has a reason to be told of it, is a member and wants it.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use trellis_eventlog::Log;
use uuid::Uuid;

use super::{
    ground::{Ground, Grounds},
    happened::Happened,
    tell::{Teller, Told},
};
use crate::{
    domain::{News, OrganizationRef, Reason, Task, TaskRef, excerpt, mentions},
    error::Error,
    people::People,
    store::{
        notifications,
        org_feed::{self, Fence},
        preferences, tasks, undigested, watchers,
    },
};

/// Users who are told of one event at the same time.
const AT_ONCE: usize = 4;
/// How often memberships may change while an event is told, until it is left for later.
const TRIES: usize = 5;

/// Makes notifications. Cheap to clone.
#[derive(Clone)]
pub struct Deriver {
    log: Log,
    people: People,
    teller: Teller,
}

impl Deriver {
    pub fn new(log: Log, people: People, teller: Teller) -> Self {
        Self { log, people, teller }
    }

    /// Tells everybody, each once: doing it again finds what was done. False: not yet, memberships are changing.
    pub async fn tell(&self, grounds: &Grounds<'_>, org_id: Uuid, happened: &Happened) -> Result<bool, Error> {
        for _ in 0..TRIES {
            let told = match grounds.of(org_id).await? {
                Some(ground) => self.tell_on(&ground, org_id, happened).await?,
                None => Told::Yes,
            };
            if told == Told::Yes && self.take_back(org_id, happened.event_id).await? == Told::Yes {
                return Ok(true);
            }
            grounds.give_up(org_id).await;
        }
        Ok(false)
    }

    async fn tell_on(&self, ground: &Ground, org_id: Uuid, happened: &Happened) -> Result<Told, Error> {
        let Some((task, followers)) = self.task(org_id, happened).await? else {
            return Ok(Told::Yes);
        };
        let mut reasons: BTreeMap<Uuid, Vec<Reason>> = BTreeMap::new();
        let mut add = |users: &mut dyn Iterator<Item = Uuid>, reason| {
            for user in users {
                reasons.entry(user).or_default().push(reason);
            }
        };
        add(&mut happened.assignee.into_iter(), Reason::Assigned);
        if undigested::may_mention(&happened.text) && happened.text != happened.before {
            let known = ground.known(&self.people).await?;
            let before = mentions(&happened.before, known);
            add(&mut mentions(&happened.text, known).difference(&before).copied(), Reason::Mentioned);
        }
        add(&mut followers.into_iter(), Reason::Commented);
        reasons.retain(|user, _| Some(*user) != happened.actor && ground.roster.members.contains(user));

        let chosen = self.choose(reasons).await?;
        let news = News {
            event_id: happened.event_id,
            actor: happened.actor,
            organization: OrganizationRef {
                id: org_id,
                slug: ground.roster.slug.clone(),
                name: ground.roster.name.clone(),
            },
            task: Some(task),
            comment: happened.comment,
            excerpt: excerpt(&happened.text),
            role: None,
        };
        let told: Vec<Told> = stream::iter(chosen)
            .map(|(user, reason)| self.teller.tell(user, reason, &news, &ground.fence))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(if told.contains(&Told::Moved) { Told::Moved } else { Told::Yes })
    }

    /// The task, and who follows it where that matters. `None`: it is gone, and nobody is told of comments on it.
    async fn task(&self, org_id: Uuid, happened: &Happened) -> Result<Option<(TaskRef, Vec<Uuid>)>, Error> {
        if let Some(task) = &happened.task_then {
            return Ok(Some((task.clone(), Vec::new())));
        }
        let mut reader = self.log.reader(org_id).await?;
        let Some(task) = tasks::current(&mut reader, org_id, happened.task).await? else {
            return Ok(None);
        };
        let mut followers = Vec::new();
        if let Some((at, seq)) = happened.new_comment {
            followers = watchers::followers(&mut reader, org_id, task.id, at, seq).await?;
        }
        Ok(Some((task_ref(&task), followers)))
    }

    /// Of each user's reasons the first that the user wants to be told for.
    async fn choose(&self, reasons: BTreeMap<Uuid, Vec<Reason>>) -> Result<Vec<(Uuid, Reason)>, Error> {
        if reasons.is_empty() {
            return Ok(Vec::new());
        }
        let users: Vec<Uuid> = reasons.keys().copied().collect();
        let wanted = preferences::of(&mut *self.log.pool().acquire().await?, &users).await?;
        let chosen = reasons.into_iter().filter_map(|(user, mut reasons)| {
            let preferences = wanted.get(&user).copied().unwrap_or_default();
            reasons.sort_unstable();
            reasons.into_iter().find(|reason| preferences.want(*reason)).map(|reason| (user, reason))
        });
        Ok(chosen.collect())
    }

    /// Whoever was told and is no member any more was removed in between, and the removal may have been acted upon before
    /// there was anything to forget.
    async fn take_back(&self, org_id: Uuid, event_id: Uuid) -> Result<Told, Error> {
        let (told, place) = {
            let mut conn = self.log.pool().acquire().await?;
            (notifications::told(&mut conn, event_id).await?, org_feed::place(&mut conn).await?)
        };
        if told.is_empty() {
            return Ok(Told::Yes);
        }
        // The place was read before: who is no member now was told by nobody who knew better.
        let roster = self.people.among(org_id, &told).await?;
        for user in told {
            let member = roster.as_ref().is_some_and(|roster| roster.members.contains(&user));
            if !member && self.teller.forget(user, org_id, &Fence::at(&place)).await? == Told::Moved {
                return Ok(Told::Moved);
            }
        }
        Ok(Told::Yes)
    }
}

fn task_ref(task: &Task) -> TaskRef {
    TaskRef { id: task.id, task_id: task.task_id().to_string(), title: task.title.clone() }
}
