//! What hyper refuses before anything of ours sees it (a head that is no HTTP, or too large) it answers with a bare
//! status. Here such an answer gets the one shape of errors on its way out.
//!
//! It is told from ours by what it lacks: every answer of ours carries its request's id.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

use crate::{
    edge::{self, REQUEST_ID},
    graphql,
    problem::{CONTENT_TYPE, Problem},
    protection::protect,
};

use super::traffic::Traffic;

/// A refusal of hyper's is shorter.
const LONGEST_BARE: usize = 256;
/// Enough of a request to see whether it is for GraphQL.
const BEGINNING: usize = 32;
/// A refused client may still be sending: it reads its answer only if it is let finish. So long, and so much.
const LINGER: Duration = Duration::from_secs(2);
const MOST_LEFT: usize = 4 * 1024 * 1024;

/// A connection.
pub struct Refusals<S> {
    stream: S,
    traffic: Arc<Traffic>,
    /// How what was read since the last write begins.
    beginning: Vec<u8>,
    /// What is still to be written of a refusal, and whether there was one.
    refusal: Vec<u8>,
    written: usize,
    linger: Option<Linger>,
}

struct Linger {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<S> Refusals<S> {
    /// Whoever sees requests and answers tells `traffic` of them.
    pub fn new(stream: S, traffic: Arc<Traffic>) -> Self {
        let beginning = Vec::with_capacity(BEGINNING);
        Self { stream, traffic, beginning, refusal: Vec::new(), written: 0, linger: None }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Refusals<S> {
    /// Takes a bare refusal in the place of the stream.
    fn take(&mut self, bytes: &[u8]) -> bool {
        if self.traffic.is_socket() {
            return false;
        }
        let Some(status) = bare(bytes) else { return false };
        self.refusal = shaped(status, for_graphql(&self.beginning), date(bytes));
        self.written = 0;
        true
    }

    fn poll_refusal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.refusal.len() {
            let wrote = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.refusal[self.written..]))?;
            if wrote == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += wrote;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads on for a while after a refusal: closing with bytes unread would take the answer from the client again.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { stream, linger, .. } = self;
        let linger =
            linger.get_or_insert_with(|| Linger { until: Box::pin(tokio::time::sleep(LINGER)), left: MOST_LEFT });
        let mut bytes = [0; 4096];
        while linger.left > 0 && linger.until.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    linger.left = linger.left.saturating_sub(buffer.filled().len());
                }
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Refusals<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let room = BEGINNING.saturating_sub(self.beginning.len());
        let read = &buffer.filled()[before..];
        let came = !read.is_empty();
        self.beginning.extend_from_slice(&read[..read.len().min(room)]);
        if came {
            self.traffic.came(&self.beginning);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Refusals<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_refusal(cx))?;
        if self.take(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        self.beginning.clear();
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [bytes] = slices {
            return self.poll_write(cx, bytes);
        }
        ready!(self.poll_refusal(cx))?;
        self.beginning.clear();
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(cx))?;
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        if !self.refusal.is_empty() {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}

/// The status of a refusal that nobody gave a body.
fn bare(head: &[u8]) -> Option<StatusCode> {
    let line = head.strip_prefix(b"HTTP/1.1 ").or_else(|| head.strip_prefix(b"HTTP/1.0 "))?;
    if head.len() > LONGEST_BARE {
        return None;
    }
    let status = StatusCode::from_bytes(line.get(..3)?).ok().filter(StatusCode::is_client_error)?;
    let head = std::str::from_utf8(head).ok()?.strip_suffix("\r\n\r\n")?;
    let has = |name: &str| head.lines().any(|line| line.split_once(':').is_some_and(|(known, _)| known == name));
    let bare = !head.contains("\r\n\r\n") && head.contains("content-length: 0") && !has(REQUEST_ID.as_str());
    bare.then_some(status)
}

fn date(head: &[u8]) -> Option<HeaderValue> {
    let date = head.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"date: "))?;
    HeaderValue::from_bytes(date.trim_ascii()).ok()
}

/// Heads that make no sense mostly still say for whom they are.
fn for_graphql(beginning: &[u8]) -> bool {
    let target = beginning.trim_ascii_start().split(|&byte| byte == b' ').nth(1).unwrap_or_default();
    let path = target.split(|&byte| byte == b'?').next().unwrap_or_default();
    graphql::http::PATHS.iter().any(|known| known.as_bytes() == path)
}

fn shaped(status: StatusCode, for_graphql: bool, date: Option<HeaderValue>) -> Vec<u8> {
    let status = match status {
        // Addresses count as heads, here as at the edge.
        StatusCode::URI_TOO_LONG => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        other => other,
    };
    let problem = Problem::status(status);
    let mut headers = HeaderMap::new();
    let id = edge::request_id(&headers);
    problem.put_headers(&mut headers);
    protect(&mut headers, false);
    let (kind, body) = if for_graphql {
        (graphql::accept::Media::of(&headers).content_type(), graphql::http::refusal(&problem))
    } else {
        (CONTENT_TYPE, problem.body(id.to_str().unwrap_or_default()))
    };
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(REQUEST_ID, id);
    headers.extend(date.map(|date| (header::DATE, date)));
    edge::count("OTHER", edge::UNMATCHED, status);

    let reason = status.canonical_reason().unwrap_or_default();
    let mut answer = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in &headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            answer.extend_from_slice(part);
        }
    }
    answer.extend_from_slice(b"\r\n");
    answer.extend_from_slice(&body);
    answer
}

#[cfg(test)]
#[path = "refusals_tests.rs"]
mod tests;
