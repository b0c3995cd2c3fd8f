//! The queries of the original system, to the letter.

use async_graphql::{Context, Object, Result};

use crate::graphql::{Viewer, types::User};

#[derive(Default)]
pub struct Original;

#[Object]
impl Original {
    /// Who is signed in.
    async fn me(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let _user = Viewer::of(ctx).user()?;
        Ok(None)
    }
}
