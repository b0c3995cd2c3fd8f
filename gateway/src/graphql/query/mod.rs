//! The root fields that read.

mod original;

use async_graphql::MergedObject;

pub use original::Original;

#[derive(Default, MergedObject)]
pub struct Query(Original);
