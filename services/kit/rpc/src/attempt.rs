//! One attempt at a call, and why it may have given no answer.

use std::error::Error;

use http::request::Parts;
use tokio::time::Instant;
use tonic::{TimeoutExpired, body::Body, transport};

use crate::{kept::KeptBody, repeat::Repeat};

/// One attempt at a call.
#[derive(Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) head: &'a Parts,
    pub(crate) deadline: Instant,
    pub(crate) repeat: Repeat,
    /// What it sends.
    pub(crate) kept: &'a KeptBody,
}

/// Why one endpoint gave no answer.
pub(crate) enum Failure {
    /// It certainly did not begin with the call; here is the body back.
    Unsent(Body),
    /// It may have got the call.
    Lost,
    Late,
}

pub(crate) fn is_timeout(error: &transport::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<TimeoutExpired>() {
            return true;
        }
        cause = error.source();
    }
    false
}
