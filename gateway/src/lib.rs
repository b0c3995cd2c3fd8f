//! REST, GraphQL and WebSocket in front of the Trellis services.
//!
//! The gateway decodes, asks a service, and encodes. It holds no rule of the domain: who may do what and which values
//! are right is decided by the services, so that no rule stands twice.
//!
//! | Module | What lives there |
//! |---|---|
//! | [`router`] | every route on one page |
//! | [`limits`] | how often an address, a user, an account may be tried |
//! | [`edge`] | what every request passes: request id, trace, metrics, deadline, the one shape of errors |
//! | [`auth`] | who calls, and the gate in front of everything below an organization |
//! | [`body`], [`query`], [`params`] | strict decoding of what a client sends |
//! | [`rest`] | the handlers, one file per resource |
//! | [`json`] | the public objects, encoded once for REST and live events alike |
//! | [`graphql`] | the graph, over HTTP and WebSocket |
//! | [`live`], [`cursor`] | the WebSocket hub, and places in a project's order of events |
//! | [`clients`], [`people`] | the services that are asked |
//! | [`app`], [`serve`], [`config`] | wiring, listening, stopping |

pub mod answer;
pub mod app;
pub mod auth;
pub mod body;
pub mod client_address;
pub mod clients;
pub mod command;
pub mod conditional;
pub mod config;
pub mod cors;
pub mod cursor;
pub mod docs;
pub mod drain;
pub mod edge;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod graphql;
pub mod idempotency;
pub mod json;
pub mod limits;
pub mod live;
pub mod notifications;
pub mod params;
pub mod people;
pub mod problem;
pub mod protection;
pub mod query;
pub mod rest;
pub mod router;
pub mod serve;
pub mod well_known;
