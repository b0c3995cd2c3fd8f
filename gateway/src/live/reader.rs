//! A place at a feed: what moves over its ring, and over the pages that are read where that begins later.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    feed::{Attachment, Feed},
    ring::Entry,
    subscription::{Budget, Page, Place, Step},
};

/// Where somebody listens, and how far he has heard.
pub struct Reader {
    pub place: Place,
    pub attachment: Attachment,
    /// The ring must have come this far before anything is taken: what the log says up to there may forget what is in
    /// the ring still. 0 where nothing can be forgotten.
    pub not_before: u64,
}

/// A page that somebody needs.
pub struct Wanted {
    pub feed: Arc<Feed>,
    pub epoch: Uuid,
    pub after: u64,
}

impl Reader {
    /// Takes what the ring has.
    pub fn follow(&mut self, budget: &mut Budget, out: &mut Vec<Arc<Entry>>) -> Step {
        self.attachment.looking();
        let (place, not_before) = (&mut self.place, self.not_before);
        let step = self.attachment.feed.with_ring(|ring| {
            // The feed was told of the log's head, and wakes who listens when it has it.
            let behind = ring.epoch() == place.at.epoch && ring.head() < not_before;
            if behind { Step::Rest } else { place.follow(ring, budget, out) }
        });
        self.hide(out);
        step
    }

    /// Takes what a page has that was read for it. At `Rest` and `Reset` it goes on with the ring.
    pub fn replay(&mut self, page: &Page, budget: &mut Budget, out: &mut Vec<Arc<Entry>>) -> Step {
        let step = self.place.replay(page, budget, out);
        self.hide(out);
        if step == Step::Reset {
            let place = &mut self.place;
            self.attachment.feed.with_ring(|ring| place.reset(ring));
        }
        step
    }

    /// Takes away what is no longer to be shown. Of a page, too: it may have been read before.
    fn hide(&self, out: &mut Vec<Arc<Entry>>) {
        let forgotten = &self.attachment.feed.forgotten;
        out.retain(|entry| !forgotten.hides(entry));
    }

    /// The page to read at `Step::Read`.
    pub fn wanted(&self) -> Wanted {
        let feed = Arc::clone(&self.attachment.feed);
        Wanted { feed, epoch: self.place.at.epoch, after: self.place.at.seq }
    }
}
