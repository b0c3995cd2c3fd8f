//! GraphQL: `/graphql`, over HTTP and, with `graphql-transport-ws`, over WebSocket.
//!
//! The operations of the system that Trellis replaces, to the letter, and a graph of everything that REST knows. A
//! resolver decodes, asks a service and encodes; who may do what is decided where REST has it decided.
//!
//! | Module | What lives there |
//! |---|---|
//! | [`schema`] | the schema, put together |
//! | [`query`], [`mutation`], [`subscription`] | the root fields, by resource |
//! | [`types`], [`scalars`], [`connection`] | what they give back |
//! | [`viewer`], [`loaders`] | who asks, and what is asked for many rows at once |
//! | [`refusal`], [`payload`] | how a refusal is told |

pub mod connection;
pub mod loaders;
pub mod mutation;
#[macro_use]
pub mod payload;
pub mod query;
pub mod refusal;
pub mod scalars;
pub mod schema;
pub mod subscription;
pub mod types;
pub mod viewer;

pub use refusal::Refusal;
pub use schema::{GraphQl, schema};
pub use viewer::Viewer;
