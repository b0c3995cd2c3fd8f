//! Where canaries are looked for, and how.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use tokio::net::TcpListener;

use super::plants::Canaries;

/// Takes traces by OTLP and keeps every byte of them.
pub struct Collector {
    pub url: String,
    exported: Arc<Mutex<Vec<u8>>>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let exported: Arc<Mutex<Vec<u8>>> = Arc::default();
        let kept = Arc::clone(&exported);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let service = service_fn(move |request| keep(request, Arc::clone(&kept)));
                    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url, exported }
    }

    pub fn exported(&self) -> Vec<u8> {
        self.exported.lock().unwrap().clone()
    }
}

/// An empty answer, as gRPC has it: the status in the head.
async fn keep(request: Request<Incoming>, kept: Arc<Mutex<Vec<u8>>>) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Ok(body) = request.into_body().collect().await {
        kept.lock().unwrap().extend_from_slice(&body.to_bytes());
    }
    let answer = Response::builder().header("content-type", "application/grpc").header("grpc-status", "0");
    Ok(answer.body(Full::from(&[0; 5][..])).expect("an answer"))
}

/// What was told, and where.
#[derive(Default)]
pub struct Searched(Vec<(String, Vec<u8>)>);

/// A canary that was seen: which, where, and in which words.
pub struct Found(String);

impl Searched {
    pub fn add(&mut self, place: &str, told: impl Into<Vec<u8>>) {
        self.0.push((place.to_owned(), told.into()));
    }

    /// Whether these words stand there.
    #[track_caller]
    pub fn holds(&self, place: &str, words: &[&str]) {
        let (_, told) = self.0.iter().find(|(known, _)| known == place).expect("a place that was searched");
        for word in words {
            let about = String::from_utf8_lossy(&told[..told.len().min(4000)]);
            assert!(position(told, word.as_bytes()).is_some(), "{word} does not stand in {place}: {about}");
        }
    }

    pub fn find(&self, canaries: &Canaries) -> Vec<Found> {
        let mut found = Vec::new();
        for (place, told) in &self.0 {
            for (kind, spelling) in canaries.spellings() {
                if let Some(at) = position(told, spelling) {
                    let around = &told[at.saturating_sub(400)..told.len().min(at + spelling.len() + 100)];
                    found.push(Found(format!("{kind} in {place}: …{}…", String::from_utf8_lossy(around))));
                }
            }
        }
        found
    }
}

pub fn shown(found: &[Found]) -> String {
    found.iter().map(|Found(words)| words.as_str()).collect::<Vec<_>>().join("\n\n")
}

fn position(told: &[u8], word: &[u8]) -> Option<usize> {
    // Logs at the loudest level are megabytes: the first byte is looked for first.
    let first = *word.first()?;
    let mut from = 0;
    while let Some(at) = told[from..].iter().position(|&byte| byte == first).map(|at| from + at) {
        if told[at..].starts_with(word) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}
