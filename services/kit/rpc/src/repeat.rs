//! Which calls may be made a second time, and how often that may happen.
//!
//! A method's own description says what it is (`idempotency_level` in `proto/`); besides, a call with an idempotency
//! key is served once however often it is made.

use std::{
    collections::HashMap,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use http::{HeaderMap, Response, request::Parts};
use prost::Message as _;
use prost_types::{FileDescriptorSet, method_options::IdempotencyLevel};
use tonic::Status;

use crate::idempotency;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    Never,
    /// Where it is not known whether the first call was served. Then "in flight" may be the first one.
    WithKey,
    /// Where it is not known whether the first call was served.
    Idempotent,
    /// It changes nothing: also while the first call is still under way.
    Read,
}

/// By path: `/trellis.identity.v1.IdentityService/GetMe`.
static METHODS: LazyLock<HashMap<String, Repeat>> = LazyLock::new(methods);

impl Repeat {
    pub(crate) fn of(head: &Parts) -> Self {
        match METHODS.get(head.uri.path()) {
            Some(Self::Read) => Self::Read,
            // Also of a method that is idempotent: the first call may still have the key.
            _ if idempotency::has_key(&head.headers) => Self::WithKey,
            known => known.copied().unwrap_or(Self::Never),
        }
    }

    /// Whether an answer may tell of the very call that is repeated, which its server has not finished yet.
    pub(crate) fn is_in_flight(self, response: &Response<tonic::body::Body>) -> bool {
        self == Self::WithKey && status(response.headers()) == Some(tonic::Code::Aborted)
    }
}

fn status(headers: &HeaderMap) -> Option<tonic::Code> {
    Some(tonic::Code::from_bytes(headers.get(Status::GRPC_STATUS)?.as_bytes()))
}

fn methods() -> HashMap<String, Repeat> {
    // The descriptors are generated together with the code; without them nothing would be repeated.
    let files = FileDescriptorSet::decode(trellis_proto::DESCRIPTORS).unwrap_or_default().file;
    let mut methods = HashMap::new();
    for file in &files {
        for service in &file.service {
            for method in &service.method {
                let repeat = match method.options.as_ref().map(prost_types::MethodOptions::idempotency_level) {
                    Some(IdempotencyLevel::NoSideEffects) => Repeat::Read,
                    Some(IdempotencyLevel::Idempotent) => Repeat::Idempotent,
                    Some(IdempotencyLevel::IdempotencyUnknown) | None => continue,
                };
                methods.insert(format!("/{}.{}/{}", file.package(), service.name(), method.name()), repeat);
            }
        }
    }
    methods
}

/// Repeating never adds more than a tenth to what is asked of a service that is in trouble.
pub(crate) struct Budget(AtomicU32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(Self::MOST))
    }
}

impl Budget {
    const COST: u32 = 10;
    const MOST: u32 = 100 * Self::COST;

    pub(crate) fn earn(&self) {
        // Losing a race here loses one tenth of a repetition.
        let left = self.0.load(Ordering::Relaxed);
        if left < Self::MOST {
            self.0.store(left + 1, Ordering::Relaxed);
        }
    }

    pub(crate) fn spend(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(Self::COST)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, key: bool) -> Repeat {
        let mut request = tonic::Request::new(());
        if key {
            let (key, operation) = ("k".to_owned(), "POST /x".to_owned());
            crate::IdempotencyKey { key, operation, fingerprint: [0; 32] }.attach(&mut request);
        }
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.headers = request.into_parts().0.into_headers();
        head.uri = path.parse().unwrap_or_default();
        Repeat::of(&head)
    }

    #[test]
    fn what_a_method_says_of_itself_decides() {
        assert_eq!(of("/trellis.org.v1.OrgService/CheckAccess", false), Repeat::Read);
        assert_eq!(of("/trellis.project.v1.ProjectService/WatchTask", false), Repeat::Idempotent);
        assert_eq!(of("/trellis.project.v1.ProjectService/CreateTask", false), Repeat::Never);
        assert_eq!(of("/trellis.project.v1.ProjectService/CreateTask", true), Repeat::WithKey);
        assert_eq!(of("/trellis.project.v1.ProjectService/ReadNotification", false), Repeat::Idempotent);
        assert_eq!(of("/trellis.project.v1.ProjectService/ReadNotification", true), Repeat::WithKey);
        assert_eq!(of("/trellis.org.v1.OrgService/CheckAccess", true), Repeat::Read);
        assert_eq!(of("/nobody/Knows", false), Repeat::Never);
    }

    #[test]
    fn no_method_that_writes_says_that_it_does_not() {
        let reads = METHODS.iter().filter(|(_, repeat)| **repeat == Repeat::Read);
        for (path, _) in reads {
            let name = path.rsplit('/').next().unwrap_or_default();
            let begins = ["Get", "List", "BatchGet", "Check", "Has", "Follow", "ReadEvents", "ReadHeads"];
            assert!(begins.iter().any(|word| name.starts_with(word)), "{path}");
        }
        assert!(METHODS.len() > 30, "{METHODS:?}");
    }

    #[test]
    fn ten_answers_pay_for_one_repetition() {
        let budget = Budget::default();
        while budget.spend() {}
        for _ in 0..9 {
            budget.earn();
        }
        assert!(!budget.spend());
        budget.earn();
        assert!(budget.spend());
        assert!(!budget.spend());
    }
}
