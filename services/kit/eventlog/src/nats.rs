//! Reaching NATS as every process does: noticing soon that it is gone, and coming back soon.

use std::time::Duration;

use async_nats::{Client, ConnectError, ConnectOptions, Event};

/// A dead connection is noticed after about three of these (the client's own default takes minutes).
const PING: Duration = Duration::from_secs(2);
/// Messages of one subscription that wait for who subscribed (the client's own default is 65,536). More are dropped, and
/// whoever needs them reads them from the database, as after any other loss.
const UNHEARD: usize = 1024;
/// The longest pause between two tries to connect again.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// A client that connects in the background for as long as it takes: an error is only a URL that is none.
pub async fn connect_nats(url: &str) -> Result<Client, ConnectError> {
    ConnectOptions::new()
        .name(crate::pool::process_name())
        .retry_on_initial_connect()
        .connection_timeout(Duration::from_secs(2))
        .request_timeout(Some(Duration::from_secs(2)))
        .ping_interval(PING)
        .subscription_capacity(UNHEARD)
        .reconnect_delay_callback(|attempt| {
            let doubled = Duration::from_millis(20) * 2_u32.pow(u32::try_from(attempt.min(6)).unwrap_or(6));
            doubled.min(MAX_PAUSE)
        })
        .event_callback(|event| async move {
            match event {
                Event::Connected => tracing::info!("connected to NATS"),
                Event::Disconnected => tracing::warn!("lost the connection to NATS"),
                event => tracing::debug!(%event, "NATS"),
            }
        })
        .connect(url)
        .await
}
