//! The root fields that read.

mod organizations;
mod original;

use async_graphql::MergedObject;

pub use organizations::Organizations;
pub use original::Original;

/// What can be read.
#[derive(Default, MergedObject)]
pub struct Query(Original, Organizations);
