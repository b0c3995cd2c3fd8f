//! The operations of one socket. Each is pulled by one response at a time, when the last one was written, and nobody
//! comes twice before the others that are ready.

use std::{collections::HashMap, future::pending, sync::Arc, time::Duration};

use async_graphql::{Response, Value};
use axum::extract::ws::Utf8Bytes;
use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{AbortHandle, Abortable, BoxStream, FuturesUnordered, abortable},
};
use trellis_rpc::with_deadline;

use super::message;

/// For a query, a mutation, or the beginning of a subscription.
const FIRST_WITHIN: Duration = Duration::from_secs(10);

type Responses = Abortable<BoxStream<'static, Response>>;

/// What an operation came to next.
struct Came {
    id: Arc<str>,
    response: Option<Response>,
    first: bool,
    responses: Responses,
}

#[derive(Default)]
pub struct Operations {
    by_id: HashMap<Arc<str>, AbortHandle>,
    pulled: FuturesUnordered<BoxFuture<'static, Came>>,
    starting: usize,
}

impl Operations {
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn has(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// How many have given nothing yet: queries and mutations that run, subscriptions that begin.
    pub fn starting(&self) -> usize {
        self.starting
    }

    /// Runs an operation under an id that is not in use.
    pub fn start(&mut self, id: &str, responses: BoxStream<'static, Response>) {
        let id: Arc<str> = id.into();
        let (responses, handle) = abortable(responses);
        self.by_id.insert(Arc::clone(&id), handle);
        self.starting += 1;
        self.pull(id, responses, true);
    }

    /// Ends an operation; nothing more is said of it.
    pub fn complete(&mut self, id: &str) {
        if let Some(handle) = self.by_id.remove(id) {
            handle.abort();
        }
    }

    /// What is to be said next. Safe to drop and ask again.
    pub async fn next(&mut self) -> Utf8Bytes {
        loop {
            let Some(came) = self.pulled.next().await else { return pending().await };
            if let Some(frame) = self.came(came) {
                return frame;
            }
        }
    }

    fn came(&mut self, came: Came) -> Option<Utf8Bytes> {
        let Came { id, response, first, responses } = came;
        self.starting -= usize::from(first);
        if responses.is_aborted() {
            return None;
        }
        let frame = match response {
            Some(response) if !is_end(&response) => {
                let frame = message::next(&id, &response);
                self.pull(id, responses, false);
                return Some(frame);
            }
            Some(response) => message::error(&id, &response.errors),
            None => message::complete(&id),
        };
        self.by_id.remove(&id);
        Some(frame)
    }

    fn pull(&mut self, id: Arc<str>, mut responses: Responses, first: bool) {
        let pulling = async move {
            let next = responses.next();
            // Later ones may take as long as it is quiet.
            let response = if first { with_deadline(FIRST_WITHIN, next).await } else { next.await };
            Came { id, response, first, responses }
        };
        self.pulled.push(pulling.boxed());
    }
}

/// Nothing was run, or a subscription's stream broke: no data, and no field below the root to blame.
fn is_end(response: &Response) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.len() <= 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use async_graphql::{PathSegment, ServerError, value};
    use futures_util::stream;
    use serde_json::json;

    use super::*;

    fn response(number: i32) -> Response {
        Response::new(value!({ "n": number }))
    }

    async fn next(operations: &mut Operations) -> serde_json::Value {
        serde_json::from_str(&operations.next().await).unwrap()
    }

    #[tokio::test]
    async fn each_gives_what_it_has_and_completes() {
        let mut operations = Operations::default();
        operations.start("a", stream::iter([response(1), response(2)]).boxed());
        assert_eq!((operations.starting(), operations.len()), (1, 1));
        assert_eq!(next(&mut operations).await, json!({"type": "next", "id": "a", "payload": {"data": {"n": 1}}}));
        assert_eq!(operations.starting(), 0);
        assert_eq!(next(&mut operations).await["payload"]["data"]["n"], 2);
        assert!(operations.has("a"));
        assert_eq!(next(&mut operations).await, json!({"type": "complete", "id": "a"}));
        assert!(!operations.has("a"));
        assert!(operations.next().now_or_never().is_none());
    }

    #[tokio::test]
    async fn nobody_comes_before_the_others_twice() {
        let mut operations = Operations::default();
        for id in ["a", "b", "c"] {
            operations.start(id, stream::repeat_with(|| response(0)).boxed());
        }
        let mut heard: HashMap<String, u32> = HashMap::new();
        for _ in 0..300 {
            let frame = next(&mut operations).await;
            *heard.entry(frame["id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        assert!(heard.values().all(|count| (90..=110).contains(count)), "{heard:?}");
    }

    #[tokio::test]
    async fn who_is_completed_says_nothing_more_and_leaves_the_id_free() {
        let mut operations = Operations::default();
        operations.start("a", stream::pending().boxed());
        operations.complete("a");
        operations.complete("never there");
        operations.start("a", stream::iter([response(7)]).boxed());
        assert_eq!(next(&mut operations).await["payload"]["data"]["n"], 7);
        assert_eq!(next(&mut operations).await["type"], "complete");
        assert_eq!(operations.starting(), 0);
    }

    #[tokio::test]
    async fn a_refusal_ends_and_an_error_within_an_event_does_not() {
        let mut operations = Operations::default();
        let refused = Response::from_errors(vec![ServerError::new("no such field", None)]);
        operations.start("a", stream::iter([refused]).boxed());
        let frame = next(&mut operations).await;
        assert_eq!(frame, json!({"type": "error", "id": "a", "payload": [{"message": "no such field"}]}));
        assert!(!operations.has("a"));
        assert!(operations.next().now_or_never().is_none(), "no `complete` after an `error`");

        let path = ["taskComments", "comment"].map(|name| PathSegment::Field(name.into()));
        let within = ServerError::new("not now", None).with_path(path.into());
        let partial = Response::from_errors(vec![within]);
        operations.start("b", stream::iter([partial, response(1)]).boxed());
        let frame = next(&mut operations).await;
        assert_eq!((&frame["type"], &frame["payload"]["data"]), (&json!("next"), &json!(null)));
        assert_eq!(next(&mut operations).await["payload"]["data"]["n"], 1);
    }
}
