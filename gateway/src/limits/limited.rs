//! A refusal, in the words of each surface.

use std::time::Duration;

use trellis_rpc::Code;

use super::Limit;
use crate::{graphql::Refusal, problem};

/// Too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    pub limit: Limit,
    /// Until there is one to take.
    pub wait: Duration,
}

/// Whole seconds, rounded up, and never none.
pub fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_nanos().div_ceil(1_000_000_000)).unwrap_or(u32::MAX).max(1)
}

impl Limited {
    fn sentence(self) -> String {
        let what = match self.limit {
            Limit::Attempts => "Too many attempts at this account",
            Limit::SignIns => "Too many sign-ins from this address",
            Limit::Registrations => "Too many registrations from this address",
            Limit::Organizations => "Too many new organizations",
            Limit::Invitations => "Too many invitations",
            Limit::Requests => "Too many requests from this address",
            Limit::Sockets => "Too many sockets from this address",
            Limit::Subscriptions => "Too many subscriptions",
        };
        match seconds(self.wait) {
            1 => format!("{what}; try again in a second."),
            seconds => format!("{what}; try again in {seconds} seconds."),
        }
    }
}

impl From<Limited> for trellis_rpc::Problem {
    fn from(limited: Limited) -> Self {
        Self { retry_after_seconds: seconds(limited.wait), ..Self::new(Code::RateLimited, limited.sentence()) }
    }
}

impl From<Limited> for problem::Problem {
    fn from(limited: Limited) -> Self {
        trellis_rpc::Problem::from(limited).into()
    }
}

impl From<Limited> for Refusal {
    fn from(limited: Limited) -> Self {
        trellis_rpc::Problem::from(limited).into()
    }
}
