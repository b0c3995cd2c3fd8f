//! The audit log, as ADMINs read it. Each operation appends to it what it does itself.

use trellis_authn::Caller;

use super::{Ops, Page, bad_page, listed};
use crate::{
    domain::{AuditEntry, Cursor, PageRequest},
    error::Error,
    store::audit,
};

/// What the whole log may weigh at most; an entry may hold much more than a row of the other lists.
const HEAVIEST: usize = 24 * 1024 * 1024;

impl Ops {
    pub async fn list_audit(&self, caller: &Caller, org: &str, page: &PageRequest) -> Page<AuditEntry> {
        let (_, org_id) = self.admin(caller, org).await?;
        let window = page.newest_first().map_err(bad_page)?;
        let found = audit::list(&mut *self.log.connection().await?, org_id, window).await?;
        if found.iter().map(AuditEntry::weight).sum::<usize>() > HEAVIEST {
            return Err(Error::ListTooHeavy);
        }
        listed(window, found, |entry| Cursor { at: entry.occurred_at, id: entry.id })
    }
}
