//! Relay connections (GraphQL Cursor Connections Specification) over the pages of services.
