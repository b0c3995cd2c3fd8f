//! What a client asks of its socket, and the answers: in order, with a few being worked on at once.

use std::{future::ready, sync::Arc};

use axum::extract::ws::Message;
use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::Instant;
use trellis_rpc::{Code, Problem};

use super::{
    frames::{self, RequestId},
    log::Opened,
    protocol::{Ending, Refused, Request},
    socket::Socket,
    subscriptions::Subscription,
    topic::Topic,
};
use crate::cursor::Cursor;

/// What a request comes to.
pub enum Answer {
    Opened(Opening, Result<Opened, Problem>),
    Unsubscribe { id: Option<RequestId>, topic: Topic, spelling: String },
}

/// A subscription that is being authorized.
pub struct Opening {
    id: Option<RequestId>,
    topic: Topic,
    spelling: String,
    after: Option<Cursor>,
    round: u64,
}

impl Socket {
    pub(super) fn hear(&mut self, message: Message) -> Result<(), Ending> {
        self.connection.heard();
        match message {
            Message::Text(text) => match Request::parse(&text) {
                Ok(request) => self.request(request),
                Err(Refused::Invalid { id, message }) => {
                    self.say(frames::error(id.as_deref(), Code::InvalidRequest, &message));
                    Ok(())
                }
                Err(Refused::NotJson) => Err(Ending::Protocol("not a JSON object")),
            },
            Message::Binary(_) => Err(Ending::Protocol("binary frame")),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(Ending::Gone),
        }
    }

    fn request(&mut self, request: Request) -> Result<(), Ending> {
        match request {
            Request::Ping { id } => self.say(frames::pong(id.as_deref())),
            Request::Auth { id, token } => {
                self.renew(&token)?;
                self.say(frames::authenticated(id.as_deref()));
            }
            Request::Unsubscribe { id, topic, spelling } => {
                self.answers.push_back(ready(Answer::Unsubscribe { id, topic, spelling }).boxed());
            }
            Request::Subscribe { id, topic, spelling, after } => {
                let opening = Opening { id, topic, spelling, after, round: self.round };
                self.answers.push_back(self.open(opening));
            }
        }
        Ok(())
    }

    fn open(&self, opening: Opening) -> BoxFuture<'static, Answer> {
        let refuse = |opening, problem| ready(Answer::Opened(opening, Err(problem))).boxed();
        if self.is_full() && !self.subscriptions.has(&opening.topic) {
            return refuse(opening, too_many());
        }
        if let Err(limited) = self.hub.rates.subscribe(self.user.id) {
            return refuse(opening, limited.into());
        }
        let (hub, user, request) = (self.hub.clone(), self.user.clone(), opening.topic.open());
        async move {
            let opened = hub.log.open(&user, &request, opening.after.is_some()).await;
            Answer::Opened(opening, opened)
        }
        .boxed()
    }

    fn is_full(&self) -> bool {
        self.subscriptions.len() >= self.hub.limits.subscriptions_per_socket
    }

    pub(super) fn answer(&mut self, answer: Answer) {
        match answer {
            Answer::Unsubscribe { id, topic, spelling } => {
                self.subscriptions.remove_topic(&topic);
                self.say(frames::unsubscribed(id.as_deref(), &spelling));
            }
            Answer::Opened(opening, Ok(opened)) => self.subscribe(opening, opened),
            Answer::Opened(opening, Err(problem)) => self.say(frames::problem(opening.id.as_deref(), &problem)),
        }
    }

    fn subscribe(&mut self, opening: Opening, opened: Opened) {
        let Opening { id, topic, spelling, after, round } = opening;
        let Opened { org_id, head, access_seq, .. } = opened;
        // The membership ended while the project service said yes.
        if org_id.is_some_and(|org_id| self.hub.memberships.overtaken(org_id, self.user.id, access_seq)) {
            return self.say(frames::problem(id.as_deref(), &Problem::not_found("organization")));
        }
        if self.is_full() && !self.subscriptions.has(&topic) {
            return self.say(frames::problem(id.as_deref(), &too_many()));
        }
        let slot = self.subscriptions.next_slot();
        let (reader, recovered) = self.hub.listen_to(&opened, after, slot, Arc::clone(self.subscriptions.mailbox()));
        self.say(frames::subscribed(id.as_deref(), &spelling, reader.place.at, recovered));
        let subscription = Subscription {
            topic,
            replaced: Vec::new(),
            spelling: spelling.into(),
            org_id,
            reader,
            live_from: head.seq,
            told_at: Instant::now(),
            replaying: false,
            paused: false,
        };
        self.subscriptions.insert(slot, subscription);
        if round != self.round {
            self.check(|known| known == slot);
        }
    }
}

fn too_many() -> Problem {
    Problem::new(Code::RateLimited, "This socket has too many subscriptions; use another one.")
}
