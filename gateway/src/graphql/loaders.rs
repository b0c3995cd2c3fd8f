//! What rows name, asked for all rows at once: one call for each kind of thing, however many rows an answer has.

use async_graphql::Context;

use super::Viewer;

/// The loaders of one operation, in its context.
pub struct Loaders {}

impl Loaders {
    pub fn new(_viewer: &Viewer) -> Self {
        Self {}
    }

    pub fn of<'a>(ctx: &Context<'a>) -> &'a Self {
        ctx.data_unchecked()
    }
}
