//! The socket of the system that Trellis replaces: the new comments of one task, and comments made by a frame.
//!
//! As for the others, the upgrade is accepted first, and whatever is wrong is then said by a close code.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::{
        Extension, Path, RawQuery, State,
        rejection::PathRejection,
        ws::{Message, Utf8Bytes, WebSocket},
    },
    response::Response,
};
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderMap, Method};
use secrecy::{ExposeSecret, SecretString};
use tracing::Instrument;
use trellis_authn::User;
use trellis_proto::project::v1::{CreateCommentRequest, GetTaskRequest};
use trellis_rpc::{Code, Problem, with_deadline};

use super::{
    connection::{Connection, Told},
    follow::or_never,
    hub::Hub,
    listening::{Heard, Listening},
    original_frames::{self as frames, Said},
    protocol::Ending,
    topic::Topic,
    upgrade::{Asked, asked},
    wire::Wire,
};
use crate::{auth, limits::Visitor, params::decoded};

/// Where it is opened; with a slash at the end, too.
pub const PATHS: [&str; 2] = ["/ws/tasks/{org}/{task_id}/comments/", "/ws/tasks/{org}/{task_id}/comments"];

/// For each question to a service.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Frames that are written together, where there are so many.
const TOGETHER: usize = 64;

/// Why it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Nothing is to be heard here, or no more.
    NoAccess,
    /// The services do not answer.
    Unavailable,
    Ended(Ending),
}

impl From<Ending> for Why {
    fn from(ending: Ending) -> Self {
        Self::Ended(ending)
    }
}

impl From<Problem> for Why {
    fn from(problem: Problem) -> Self {
        match problem.code {
            Code::Unauthenticated | Code::TokenExpired => Self::Ended(Ending::Token("the token is not valid")),
            Code::Unavailable | Code::Internal | Code::RateLimited => Self::Unavailable,
            _ => Self::NoAccess,
        }
    }
}

impl Why {
    fn close(self) -> Option<(u16, &'static str)> {
        match self {
            Self::NoAccess => Some((4003, "no access to this task")),
            Self::Unavailable => Some((1013, "try again later")),
            Self::Ended(Ending::Protocol(reason)) => Some((1002, reason)),
            Self::Ended(ending @ (Ending::Token(_) | Ending::Expired | Ending::SessionEnded)) => {
                ending.close().map(|(_, reason)| (4001, reason))
            }
            Self::Ended(ending) => ending.close(),
        }
    }
}

/// `GET /ws/tasks/{org}/{task_id}/comments/?token=…`
pub async fn upgrade(
    State(hub): State<Hub>,
    path: Result<Path<(String, String)>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    method: Method,
    visitor: Option<Extension<Visitor>>,
    request: Asked,
) -> Response {
    let request = match asked(&method, request) {
        Ok(request) => request,
        Err(answer) => return *answer,
    };
    let token = offered(query.as_deref(), &headers);
    // What is no text names nothing.
    let path = path.ok().map(|Path(path)| path);
    let Extension(visitor) = visitor.unwrap_or_default();
    let waited_for = hub.tasks.token();
    request.on_upgrade(move |socket| async move {
        let _waited_for = waited_for;
        Box::pin(serve(hub, socket, path, token, visitor)).await;
    })
}

/// The token in the query, or else in the header.
fn offered(query: Option<&str>, headers: &HeaderMap) -> Result<SecretString, Ending> {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let in_query = pairs.filter(|(name, _)| *name == "token").map(|(_, token)| token).find(|token| !token.is_empty());
    if let Some(token) = in_query {
        return decoded(token).map(Into::into).ok_or(Ending::Token("the token is not valid"));
    }
    match auth::presented(headers) {
        Ok(Some(token)) => Ok(token.into()),
        Ok(None) => Err(Ending::Token("a token is needed")),
        Err(_) => Err(Ending::Token("the Authorization header is not understood")),
    }
}

async fn serve(
    hub: Hub,
    socket: WebSocket,
    path: Option<(String, String)>,
    token: Result<SecretString, Ending>,
    visitor: Visitor,
) {
    let mut wire = Wire::new(socket, hub.limits.write_within);
    let why = match open(&hub, path, token, visitor).await {
        Ok(mut original) => {
            let Err(why) = original.run(&mut wire).await;
            tracing::debug!(user = %original.user.id, ?why, "a socket of the original's kind ends");
            why
        }
        Err(why) => why,
    };
    wire.close(why.close()).await;
}

async fn open(
    hub: &Hub,
    path: Option<(String, String)>,
    token: Result<SecretString, Ending>,
    visitor: Visitor,
) -> Result<Original, Why> {
    let user = hub.sessions.verify(token?.expose_secret()).map_err(Ending::from)?;
    let connection = Connection::open(hub, Some(&user))?;
    let (org, task_id) = path.ok_or(Why::NoAccess)?;
    let task_id = task_id.to_ascii_uppercase();
    let topic = Topic::Task { org: org.clone(), task_id: task_id.clone() };
    let listening = hub.listen(&user, topic, None).await?;
    // A topic outlives its task. Asked in this order, a deletion in between is heard.
    let request = GetTaskRequest { org: org.clone(), task_id: task_id.clone() };
    let asking = hub.clients.read(&hub.clients.project, &user, request, |mut project, request| async move {
        project.get_task(request).await
    });
    with_deadline(ANSWER_WITHIN, asking).await.map_err(|status| Problem::from(&status))?;
    Ok(Original { hub: hub.clone(), user, org, task_id, connection, listening, visitor, making: None })
}

/// An open socket.
struct Original {
    hub: Hub,
    user: User,
    org: String,
    /// In capitals, as it is shown.
    task_id: String,
    connection: Connection,
    listening: Listening,
    /// Where its client is, as the edge saw it.
    visitor: Visitor,
    /// The comment that is being made; the next frame is not read before it is answered.
    making: Option<BoxFuture<'static, Option<Utf8Bytes>>>,
}

impl Original {
    async fn run(&mut self, wire: &mut Wire) -> Result<Infallible, Why> {
        wire.send(Message::Text(frames::welcome(&self.task_id))).await?;
        loop {
            let idle = self.making.is_none();
            // Rights first, and then nobody before anybody else.
            tokio::select! {
                biased;
                told = self.connection.next() => {
                    if told? == (Told::Tick { ping: true }) {
                        wire.send(Message::Ping(bytes::Bytes::new())).await?;
                    }
                }
                answer = or_never(&mut self.making) => {
                    if let Some(frame) = answer {
                        wire.send(Message::Text(frame)).await?;
                    }
                }
                either = async { tokio::select! {
                    heard = self.listening.next() => Ok(heard),
                    message = wire.next(), if idle => Err(message),
                } } => match either {
                    Ok(heard) => self.hear(heard, wire).await?,
                    Err(message) => self.answer(message?, wire).await?,
                },
            }
        }
    }

    /// Writes what has happened, and whatever else is there already.
    async fn hear(&mut self, heard: Heard, wire: &mut Wire) -> Result<(), Why> {
        let mut heard = Some(heard);
        let mut room = TOGETHER;
        while let Some(now) = heard {
            match now {
                Heard::Lost => return Err(Why::NoAccess),
                Heard::Event(entry) => {
                    if let Some(frame) = frames::comment(&entry) {
                        wire.ready().await?;
                        wire.put(Message::Text(frame))?;
                    } else if frames::is_end(&entry) {
                        wire.flush().await?;
                        return Err(Why::NoAccess);
                    }
                }
                // What was missed cannot be had, and the original had no word for that.
                Heard::Begun { recovered: false, .. } => return Err(Ending::Restart.into()),
                Heard::Begun { .. } | Heard::Position(_) => {}
            }
            room -= 1;
            heard = if room > 0 { self.listening.next().now_or_never() } else { None };
        }
        Ok(wire.flush().await?)
    }

    async fn answer(&mut self, message: Message, wire: &mut Wire) -> Result<(), Why> {
        self.connection.heard();
        let frame = match message {
            Message::Text(text) => match Said::parse(&text) {
                Said::Ping => frames::pong(),
                Said::Blank => frames::blank(),
                Said::Nonsense => frames::nonsense(),
                // A comment is a request, whatever it comes by.
                Said::Comment(content) => match self.hub.rates.request(self.visitor.0) {
                    Ok(()) => {
                        self.making = Some(self.make(content));
                        return Ok(());
                    }
                    Err(limited) => frames::refused(limited.into()),
                },
            },
            Message::Binary(_) => frames::nonsense(),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(Ending::Gone.into()),
        };
        Ok(wire.send(Message::Text(frame)).await?)
    }

    /// Makes a comment, to the end even where the client hangs up meanwhile. It comes back as an event.
    fn make(&self, content: String) -> BoxFuture<'static, Option<Utf8Bytes>> {
        let message = CreateCommentRequest { org: self.org.clone(), task_id: self.task_id.clone(), content };
        let request = self.user.request(message);
        let mut project = self.hub.clients.project.clone();
        let making = with_deadline(ANSWER_WITHIN, async move { project.create_comment(request).await });
        let span = tracing::info_span!("live.comment", otel.kind = "server");
        let making = self.hub.tasks.spawn(making.instrument(span));
        async move {
            match making.await {
                Ok(Ok(_)) => None,
                Ok(Err(status)) => Some(frames::refused(Problem::from(&status))),
                Err(_) => Some(frames::nonsense()),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
#[path = "original_tests.rs"]
mod tests;
