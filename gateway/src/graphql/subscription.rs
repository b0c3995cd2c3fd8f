//! Live events as subscriptions, from the hub that serves the sockets.

use async_graphql::Subscription;
use futures_util::Stream;

pub struct Subscription;

#[Subscription]
impl Subscription {
    /// Nothing yet.
    async fn nothing(&self) -> impl Stream<Item = bool> {
        futures_util::stream::empty()
    }
}
