//! Where the graph begins that goes beyond the original.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use crate::graphql::{loaders::Loaders, types::Organization};

#[derive(Default)]
pub struct Organizations;

#[Object(name = "OrganizationQueries")]
impl Organizations {
    /// An organization that one is a member of, and all that is in it.
    async fn organization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization's slug.")] slug: String,
    ) -> Result<Option<Arc<Organization>>> {
        Ok(Some(Loaders::of(ctx).organization(&slug.into()).await?))
    }
}
