//! Listens to NATS itself, past the proxies: events of one scope are published in their order.
//!
//! An event may come again (its acknowledgement was lost), and all may come again from the start while new ones come
//! (the stream was lost); what must not happen is that one comes before the one that precedes it. What was published
//! while this listener was away is not known: the first new event after that may be any.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::StreamExt as _;
use prost::Message as _;
use trellis_proto::event::v1::Event;

/// What is known of a subject.
struct Highest {
    seq: u64,
    /// Nothing was missed since it came.
    sure: bool,
}

#[derive(Default)]
struct Seen {
    highest: HashMap<String, Highest>,
    messages: usize,
    wrongs: Vec<String>,
}

#[derive(Clone, Default)]
pub struct Observer(Arc<Mutex<Seen>>);

impl Observer {
    pub async fn start(url: &str) -> anyhow::Result<Self> {
        let observer = Self::default();
        let told = observer.clone();
        let client = async_nats::ConnectOptions::new()
            .event_callback(move |event| {
                let told = told.clone();
                async move {
                    if !matches!(event, async_nats::Event::Connected) {
                        told.lock().highest.values_mut().for_each(|highest| highest.sure = false);
                    }
                }
            })
            .connect(url)
            .await?;
        let mut messages = client.subscribe("trellis.>").await?;
        client.flush().await?;
        let heard = observer.clone();
        tokio::spawn(async move {
            let _client = client;
            while let Some(message) = messages.next().await {
                if let Ok(event) = Event::decode(message.payload.clone()) {
                    heard.lock().take(message.subject.as_str(), event.seq);
                }
            }
        });
        Ok(observer)
    }

    pub fn messages(&self) -> usize {
        self.lock().messages
    }

    pub fn wrongs(&self) -> Vec<String> {
        self.lock().wrongs.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn take(&mut self, subject: &str, seq: u64) {
        self.messages += 1;
        let Some(highest) = self.highest.get_mut(subject) else {
            self.highest.insert(subject.to_owned(), Highest { seq, sure: true });
            return;
        };
        if seq <= highest.seq {
            return;
        }
        if highest.sure && seq > highest.seq + 1 {
            self.wrongs.push(format!("{subject}: {seq} was published after {}", highest.seq));
        }
        *highest = Highest { seq, sure: true };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_may_come_again_but_not_before_its_time() {
        let mut seen = Seen::default();
        for seq in [5, 6, 6, 1, 2, 7] {
            seen.take("a", seq);
        }
        assert_eq!(seen.wrongs.len(), 0);
        seen.take("b", 1);
        seen.take("a", 9);
        seen.take("a", 8);
        assert_eq!(seen.wrongs, ["a: 9 was published after 7"]);
        seen.highest.get_mut("a").unwrap().sure = false;
        for seq in [3, 15, 4, 16] {
            seen.take("a", seq);
        }
        assert_eq!(seen.wrongs.len(), 1, "15 may have followed what was not heard");
        seen.take("a", 18);
        assert_eq!(seen.wrongs.len(), 2);
    }
}
