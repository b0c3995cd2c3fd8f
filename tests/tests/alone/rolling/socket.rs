//! A socket that comes back: wherever it may, with the cursor of the last event that it has heard.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_mins(1);
/// Before the next gateway is tried.
const PAUSE: Duration = Duration::from_millis(50);

pub struct Resuming {
    progress: Arc<Progress>,
    running: JoinHandle<Heard>,
}

#[derive(Default)]
struct Progress {
    subscribed: AtomicUsize,
    comments: AtomicUsize,
}

/// All that it was told.
#[derive(Default)]
pub struct Heard {
    pub comments: Vec<String>,
    /// With which codes it was closed.
    pub closes: BTreeSet<u16>,
    cursor: Option<String>,
}

impl Resuming {
    /// At first at gateway `first`.
    pub fn start(urls: Vec<String>, first: usize, token: String, topic: String, over: CancellationToken) -> Self {
        let progress = Arc::new(Progress::default());
        let counted = Arc::clone(&progress);
        let running = tokio::spawn(async move {
            let mut heard = Heard::default();
            let listening = async {
                for turn in first.. {
                    let url = &urls[turn % urls.len()];
                    if heard.listen(url, &token, &topic, &counted).await.is_none() {
                        sleep(PAUSE).await;
                    }
                }
            };
            over.run_until_cancelled(listening).await;
            heard
        });
        Self { progress, running }
    }

    pub async fn subscribed(&self) {
        until(|| self.progress.subscribed.load(Ordering::Relaxed) > 0, "a socket does not get through").await;
    }

    /// Waits until it has heard of so many comments.
    pub async fn heard(&self, comments: usize) {
        until(|| self.progress.comments.load(Ordering::Relaxed) >= comments, "a socket misses events").await;
    }

    pub async fn end(self) -> Heard {
        self.running.await.unwrap()
    }
}

impl Heard {
    /// Until the gateway closes it. `None`: there is nobody, or nobody who can say yes at the moment.
    async fn listen(&mut self, url: &str, token: &str, topic: &str, progress: &Progress) -> Option<()> {
        let mut request = format!("{}/api/v1/live", url.replacen("http", "ws", 1)).into_client_request().unwrap();
        let offered = format!("trellis.v1, bearer.{token}");
        request.headers_mut().insert("sec-websocket-protocol", offered.parse().unwrap());
        let (mut stream, _) = connect_async(request).await.ok()?;
        let mut subscribe = json!({"type": "subscribe", "id": 1, "topic": topic});
        if let Some(cursor) = &self.cursor {
            subscribe["after"] = cursor.as_str().into();
        }
        stream.send(Message::text(subscribe.to_string())).await.ok();
        loop {
            let message = timeout(PATIENCE, stream.next()).await.expect("a socket hears nothing for long");
            match message {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    if frame["code"] == "unavailable" {
                        return None;
                    }
                    self.note(&frame, progress);
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    self.closes.insert(frame.code.into());
                    return Some(());
                }
                Some(Ok(_)) => {}
                other => panic!("a socket ends without a word: {other:?}"),
            }
        }
    }

    fn note(&mut self, frame: &Value, progress: &Progress) {
        match frame["type"].as_str().unwrap_or_default() {
            "subscribed" => {
                let resumed = self.cursor.is_none() || frame["recovered"] == true;
                assert!(resumed, "what was missed cannot be had: {frame}");
                progress.subscribed.fetch_add(1, Ordering::Relaxed);
            }
            "event" if frame["event"]["kind"] == "comment.created" => {
                self.comments.push(frame["event"]["data"]["content"].as_str().unwrap().to_owned());
                progress.comments.fetch_add(1, Ordering::Relaxed);
            }
            "event" | "position" => {}
            _ => panic!("{frame}"),
        }
        if let Some(cursor) = frame["cursor"].as_str() {
            self.cursor = Some(cursor.to_owned());
        }
    }
}

async fn until(condition: impl Fn() -> bool, complaint: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{complaint}");
        sleep(Duration::from_millis(20)).await;
    }
}
