//! The wire of one socket: frames are put together and written together, and never waited for without an end.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::{FutureExt, SinkExt, StreamExt, stream::FusedStream};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite;

use super::protocol::Ending;

/// How long a peer has to answer our close.
const FAREWELL: Duration = Duration::from_secs(2);

/// A socket after its upgrade.
pub struct Wire {
    socket: WebSocket,
    patience: Duration,
}

impl Wire {
    pub fn new(socket: WebSocket, patience: Duration) -> Self {
        Self { socket, patience }
    }

    /// The next message of the client. Safe to drop and ask again.
    pub async fn next(&mut self) -> Result<Message, Ending> {
        match self.socket.next().await {
            Some(Ok(message)) => Ok(message),
            Some(Err(error)) => Err(ending(error)),
            None => Err(Ending::Gone),
        }
    }

    /// Resolves when a message can be put. Safe to drop and ask again.
    pub async fn ready(&mut self) -> Result<(), Ending> {
        let mut ready = std::future::poll_fn(|context| self.socket.poll_ready_unpin(context));
        // Mostly it is, and then needs no timer.
        match (&mut ready).now_or_never() {
            Some(ready) => ready.map_err(|_| Ending::Gone),
            None => in_time(self.patience, ready).await,
        }
    }

    /// Puts a message beside the others; `ready` must have said so.
    pub fn put(&mut self, message: Message) -> Result<(), Ending> {
        self.socket.start_send_unpin(message).map_err(|_| Ending::Gone)
    }

    /// Writes what was put. Safe to drop and ask again.
    pub async fn flush(&mut self) -> Result<(), Ending> {
        in_time(self.patience, self.socket.flush()).await
    }

    pub async fn send(&mut self, message: Message) -> Result<(), Ending> {
        self.ready().await?;
        self.put(message)?;
        self.flush().await
    }

    /// Says why, by a code and a reason where somebody is there to hear it, and waits a moment for the answer, so that
    /// the connection's end does not overtake the words.
    pub async fn close(mut self, why: Option<(u16, impl Into<Utf8Bytes>)>) {
        let farewell = async {
            let Some((code, reason)) = why else {
                // The answer to the client's own close, where it sent one.
                let _ = self.socket.flush().await;
                return;
            };
            let frame = CloseFrame { code, reason: reason.into() };
            if self.socket.feed(Message::Close(Some(frame))).await.is_ok() && self.socket.flush().await.is_ok() {
                // After a read that failed nothing more can be read; the client may still be sending.
                if self.socket.is_terminated() {
                    sleep(FAREWELL / 2).await;
                }
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        };
        let _ = timeout(FAREWELL, farewell).await;
    }
}

async fn in_time(patience: Duration, write: impl Future<Output = Result<(), axum::Error>>) -> Result<(), Ending> {
    match timeout(patience, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Ending::Gone),
        Err(_) => Err(Ending::Slow),
    }
}

/// What a failed read says about the client.
fn ending(error: axum::Error) -> Ending {
    match error.into_inner().downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => Ending::TooLarge,
        Some(tungstenite::Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
            Ending::Gone
        }
        Some(tungstenite::Error::Protocol(_) | tungstenite::Error::Utf8(_)) => Ending::Protocol("not WebSocket"),
        _ => Ending::Gone,
    }
}
