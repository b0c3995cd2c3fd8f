//! The root fields that write, by resource.

mod tasks;

use async_graphql::MergedObject;

pub use tasks::Tasks;

#[derive(Default, MergedObject)]
pub struct Mutation(Tasks);
