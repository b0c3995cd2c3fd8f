//! GraphQL: `/graphql`, over HTTP and, with `graphql-transport-ws`, over WebSocket.
//!
//! The operations of the system that Trellis replaces, to the letter, and a graph of everything that REST knows. A
//! resolver decodes, asks a service and encodes; who may do what is decided where REST has it decided.
//!
//! | Module | What lives there |
//! |---|---|
//! | [`http`], [`accept`], `asked`, `graphiql` | the address: what a request asks for, in which type it is answered, and a page |
//! | [`execute`], `rules`, `variables` | an operation, from a request to a response |
//! | `limits`, `tokens`, `inline` | what is judged of it before any work |
//! | [`schema`] | the schema, put together |
//! | [`query`], [`mutation`], [`subscription`] | the root fields, by resource |
//! | [`types`], [`scalars`], [`connection`] | what they give back |
//! | [`viewer`], [`loaders`] | who asks, and what is asked for many rows at once |
//! | [`refusal`], [`payload`] | how a refusal is told |

pub mod accept;
mod asked;
pub mod connection;
pub mod execute;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod graphiql;
pub mod http;
mod inline;
mod limits;
pub mod loaders;
mod merge;
pub mod mutation;
pub mod nulls;
#[macro_use]
pub mod payload;
pub mod query;
pub mod refusal;
mod rules;
pub mod scalars;
pub mod schema;
mod shape;
pub mod socket;
pub mod subscription;
mod tokens;
pub mod types;
mod usages;
mod variables;
pub mod viewer;

pub use refusal::Refusal;
pub use schema::{GraphQl, schema};
pub use viewer::Viewer;
