//! What an answer says of the limits that its request has spent: `RateLimit-Policy` and `RateLimit`, as
//! draft-ietf-httpapi-ratelimit-headers-10 has them.

use std::{cell::RefCell, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{RateLimits, cell::Cell, limited::seconds, table::Table};

pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Aliases of one operation may spend more than anyone wants to read.
const MOST: usize = 8;

tokio::task_local! {
    /// Of the request that is being handled; what sockets do has no answer to say it in.
    static NOTED: RefCell<Vec<(Arc<Table>, Arc<Cell>)>>;
}

/// The limits that a request has spent.
pub struct Standing(Vec<(Arc<Table>, Arc<Cell>)>);

/// Runs what handles a request, and takes note of what it spends.
pub async fn noted<F: Future>(handling: F) -> (F::Output, Standing) {
    let handling = async {
        let output = handling.await;
        (output, Standing(NOTED.with(RefCell::take)))
    };
    NOTED.scope(RefCell::default(), handling).await
}

pub(super) fn note(table: &Arc<Table>, cell: &Arc<Cell>) {
    // Outside of a request there is nobody to tell.
    let _ = NOTED.try_with(|noted| {
        let mut noted = noted.borrow_mut();
        if noted.len() < MOST && !noted.iter().any(|(_, known)| Arc::ptr_eq(known, cell)) {
            noted.push((Arc::clone(table), Arc::clone(cell)));
        }
    });
}

impl Standing {
    /// As it is now: what was given back counts no more.
    pub fn put_headers(&self, limits: &RateLimits, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        let now = limits.now();
        let (mut policies, mut left) = (Vec::new(), Vec::new());
        let mut spent: Vec<_> = self.0.iter().collect();
        // The narrowest first, in whichever order they were asked.
        spent.sort_by_key(|(table, _)| table.limit as usize);
        for (table, cell) in spent {
            let (name, quota) = (table.limit.as_str(), table.rate.burst());
            let window = seconds(Duration::from_nanos(table.rate.window()));
            let policy = format!("\"{name}\";q={quota};w={window}");
            if !policies.contains(&policy) {
                policies.push(policy);
            }
            let (remaining, next) = cell.left(now, table.pace);
            let next = if next.is_zero() { 0 } else { seconds(next) };
            left.push(format!("\"{name}\";r={remaining};t={next}"));
        }
        for (name, values) in [(RATE_LIMIT_POLICY, policies), (RATE_LIMIT, left)] {
            if let Ok(value) = HeaderValue::try_from(values.join(", ")) {
                headers.insert(name, value);
            }
        }
    }
}
