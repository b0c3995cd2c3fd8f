//! What passes over one connection, as far as its end must know.

use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderValue, Response, StatusCode, header};

/// How HTTP/2 begins, and no request of HTTP/1.1.
const PREFACE: &[u8] = b"PRI * HTTP/2";

#[derive(Default)]
pub struct Traffic {
    /// It became a socket: what is written since is nobody's answer.
    upgraded: AtomicBool,
    /// It speaks HTTP/2, which tells the other side that no more requests are taken.
    multiplexed: AtomicBool,
    /// Some of a request has come whose head is not complete.
    begun: AtomicBool,
    /// The head is, and the answer is not: what comes now is the request's body.
    answering: AtomicBool,
}

impl Traffic {
    /// Bytes came in. `beginning` is how they begin that came since the last answer.
    pub fn came(&self, beginning: &[u8]) {
        self.begun.store(!self.answering.load(Ordering::Relaxed), Ordering::Relaxed);
        if beginning.starts_with(PREFACE) {
            self.multiplexed.store(true, Ordering::Relaxed);
        }
    }

    /// They were a request.
    pub fn asked(&self) {
        self.begun.store(false, Ordering::Relaxed);
        self.answering.store(true, Ordering::Relaxed);
    }

    /// It is answered; `last` where the process stops, which is how a client gets to know.
    pub fn answers<B>(&self, response: &mut Response<B>, last: bool) {
        self.answering.store(false, Ordering::Relaxed);
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.upgraded.store(true, Ordering::Relaxed);
        } else if last && !self.is_multiplexed() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }

    pub fn is_socket(&self) -> bool {
        self.upgraded.load(Ordering::Relaxed)
    }

    pub fn is_multiplexed(&self) -> bool {
        self.multiplexed.load(Ordering::Relaxed)
    }

    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }
}
